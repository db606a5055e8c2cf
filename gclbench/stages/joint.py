"""Stage 3: joint training with memory, pseudo labels, contrast and L_gan (GCL+, Eq. 16).

On tracklets a step sees T frames of each (`data.video`), and generates frame by frame, all frames
of a tracklet turned by one angle; see `stages.frames`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gclbench.errors import UsageError
from gclbench.evaluation.features import extract_features
from gclbench.evaluation.preprocess import to_network
from gclbench.evaluation.protocol import evaluate
from gclbench.kernels.mixing import mix
from gclbench.kernels.quality import label_quality
from gclbench.losses.prototype import prototypes
from gclbench.memory.bank import MemoryBank
from gclbench.networks.id_encoder import IdOutput
from gclbench.pseudolabels.base import Labelling, Unlabelled
from gclbench.registry import REGISTRY, register
from gclbench.samplers.base import Pool
from gclbench.schema.settings import EvaluateSettings
from gclbench.stages.context import StageContext
from gclbench.stages.contrast import (
    BatchViews,
    Draws,
    EpochLabels,
    contrastive_losses,
    weighted_total,
)
from gclbench.stages.frames import apply_to_frames, frames_of, rows_of
from gclbench.stages.generative import GenerativeModule, Guides, Mixing
from gclbench.stages.idle import too_few, unclustered
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder
from gclbench.stages.supervised import set_lr
from gclbench.stages.view_and_mix import build_augmentations

# Memory initialisation and the per-epoch curve do not follow `evaluate.*`, so that those settings
# never retrain a model.
PROTOCOL = EvaluateSettings()


class JointTraining:
    """E_id (and, for generated views, G and D) against a memory bank and its pseudo labels."""

    def __init__(self, context: StageContext) -> None:
        self.context, self.settings = context, context.settings.joint
        self.epochs = self.settings.epochs
        self.device = context.device
        self.target = context.datasets["target"]
        self.images = self.target.images("train")
        self.frames = frames_of(
            self.target, context.settings.data.video.step_frames(self.target.role)
        )
        self.view, self.mixing = build_augmentations(context.settings)
        self.encoder = load_encoder(context, "warmup")
        self.optimizer = torch.optim.SGD(
            [
                {
                    "params": list(self.encoder.parameters()),
                    "lr": self.settings.lr,
                    "initial_lr": self.settings.lr,
                }
            ],
            momentum=self.settings.momentum,
            nesterov=self.settings.momentum > 0,
            weight_decay=self.settings.weight_decay,
        )
        self.generative = self._generative()
        self.guides = Guides(self.view, self.target) if self.generative is not None else None
        self.oracle = self.target.oracle_views() if self.view.space == "oracle" else None
        unit = extract_features(
            self.encoder,
            self.images,
            PROTOCOL.batch_size,
            self.device,
            self.target.train.starts,
        )
        self.memory = MemoryBank(torch.as_tensor(unit, device=self.device))

    def _generative(self) -> GenerativeModule | None:
        spaces = {self.view.space, self.mixing.space if self.mixing is not None else ""}
        if not spaces & {"structure", "identity"}:
            return None
        module = GenerativeModule(self.context, self.encoder.channels)
        module.generator.load_state_dict(self.context.load("gan", "generator.pt"))
        module.discriminator.load_state_dict(self.context.load("gan", "discriminator.pt"))
        module.build_optimizers(self.settings.gan_lr)
        return module

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        """Label the memory; only labelled samples are visited, outliers are negatives (D-14)."""
        found = self._label(epoch)
        labels = torch.from_numpy(found.labels).to(self.device)
        self.labels = EpochLabels(labels, prototypes(self.memory.rows, labels))
        self.quality = self._label_quality(found)
        factor = self.settings.lr_decay if epoch >= self.settings.lr_decay_epoch else 1.0
        set_lr(self.optimizer, factor)
        if self.generative is not None:
            decayed = epoch >= self.settings.lr_decay_epoch
            self.generative.set_lr(self.settings.gan_lr_decay if decayed else 1.0)
        self.encoder.train()
        # One stream for each purpose, so that a row that also mixes meets the same turns,
        # positives and negatives as one that does not.
        stream = self.context.torch_generator
        self.mixes, self.turns = stream("mix", epoch), stream("view", epoch)
        self.frame_draws = stream("frames", epoch)
        self.draws = Draws(stream("positives", epoch), stream("negatives", epoch))
        pool = Pool(found.labels, self.target.train.cams, self.settings.batch_size)
        batches: Sequence[Tensor] = REGISTRY.bound(self.settings.sampler)(
            pool, stream("order", epoch)
        )
        return batches

    def why_idle(self) -> str:
        """Why the epoch has no batch; see `stages.idle`."""
        labels, size = self.labels.labels, self.settings.batch_size
        if self.settings.sampler.name == "shuffled":
            if size > len(labels):
                return too_few("joint.batch_size", size, len(labels), "training samples")
            return unclustered(labels, f"{size} samples (joint.batch_size)")
        return unclustered(labels, f"more, by joint.sampler={self.settings.sampler}")

    def _label(self, epoch: int) -> Labelling:
        """Ask `joint.pseudo_labels.method` what the memory's rows are."""
        settings = self.settings.pseudo_labels
        known = Unlabelled(
            rows=self.memory.rows.cpu().numpy(),
            cams=self.target.train.cams,
            frames=self.target.train.frames,
            epoch=epoch,
            rng=self.context.torch_generator("pseudo_labels", epoch),
            settings=settings.model_dump(exclude={"method"}),
        )
        found: Labelling = REGISTRY.bound(settings.method)(known)
        return found

    def _label_quality(self, found: Labelling) -> dict[str, float]:
        """How well the labels that an epoch trains on agree with the true identities."""
        return {**label_quality(self.target.train.pids, found.labels), **found.figures}

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        rows = rows_of(self.target, batch, self.frames, self.frame_draws)
        images = to_network(self.images[rows.numpy()]).to(self.device)
        indices = batch.to(self.device)
        mixing = self._draw_mixing(len(batch))
        if self.generative is not None:
            views, losses = self._generated_views(images, rows, indices, mixing)
        else:
            views, losses = self._plain_views(images, rows, indices, mixing), {}
        contrast = contrastive_losses(
            views, self.labels, self.memory.rows, self.settings, self.draws
        )
        unit = F.normalize(views.view.detach())
        self.memory.update(indices, unit, self.settings.memory_momentum)
        total = weighted_total(contrast, self.settings)
        if self.generative is not None:
            total = total + self.generative.total(losses)
        self._backward(total)
        return {"loss": total, **contrast, **losses}

    def _backward(self, total: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        if self.generative is not None:
            self.generative.optimizer_g.zero_grad(set_to_none=True)
        total.backward()
        if self.generative is not None:
            self.generative.optimizer_g.step()
        self.optimizer.step()

    def _draw_mixing(self, batch_size: int) -> Mixing | None:
        if self.mixing is None:
            return None
        chance = self.mixing.sample(batch_size, self.mixes)
        return Mixing(chance.partner.to(self.device), chance.lam)

    def _generated_pass(self) -> AbstractContextManager[None]:
        """Around each pass of E_id over anything but real images (`joint.batch_norm_updates`)."""
        if self.settings.batch_norm_updates == "all":
            return nullcontext()
        return self.encoder.fixed_statistics()

    def _encode(self, images: Tensor) -> IdOutput:
        output: IdOutput = self.encoder(images, self.frames)
        return output

    def _encode_generated(self, images: Tensor) -> IdOutput:
        with self._generated_pass():
            return self._encode(images)

    def _generated_views(
        self, images: Tensor, rows: Tensor, indices: Tensor, mixing: Mixing | None
    ) -> tuple[BatchViews, dict[str, Tensor]]:
        """Views by G; D takes its step on them before G's losses are formed (specs: section 7)."""
        generative = self.generative
        if generative is None or self.guides is None:
            raise UsageError("this row has no generator.", "Add rotation to joint.augmentations.")
        own, new = self.guides.structures(images, rows, self.turns, self.frames)
        identity_mix = None
        if mixing is not None and self.mixing is not None and self.mixing.space == "identity":
            identity_mix = mixing.of_frames(self.frames)
        made = generative.views(
            images,
            own,
            new,
            self._encode,
            self._encode_generated,
            identity_mix,
        )
        mixed = None
        if made.mixed is not None:
            mixed = self._encode_generated(made.mixed).embedding
        elif mixing is not None:
            mixed = self._mix_without_generator(images, made.identity, mixing)
        loss_d = generative.discriminator_step(images, made.fakes)
        losses = generative.losses(images, made)
        views = BatchViews(indices, made.identity.embedding, made.new_id.embedding, mixed, mixing)
        return views, {**losses, "loss_d": loss_d}

    def _plain_views(
        self, images: Tensor, rows: Tensor, indices: Tensor, mixing: Mixing | None
    ) -> BatchViews:
        """Views by image transforms or, for the oracle, by the world's own renderer."""
        if self.oracle is not None:
            choices = torch.stack([to_network(views) for views in self.oracle[rows.numpy()]]).to(
                self.device
            )
            chance = self.view.sample(len(indices), self.turns)
            new = apply_to_frames(self.view, choices, chance, self.frames)
        else:
            height_px, width_px = images.shape[-2:]
            chance = self.view.sample(len(indices), self.turns, height_px, width_px)
            new = apply_to_frames(self.view, images, chance, self.frames)
        output = self._encode(images)
        generated = self._encode_generated(new)
        mixed = None
        if mixing is not None:
            mixed = self._mix_without_generator(new, output, mixing)
        return BatchViews(indices, output.embedding, generated.embedding, mixed, mixing)

    def _mix_without_generator(
        self, images: Tensor, output: IdOutput, mixing: Mixing
    ) -> Tensor | None:
        """f'_mix of Mixup (pixels) or F-Mixup (the layer that `joint.f_mixup_layer` names)."""
        if self.mixing is None:
            return None
        if self.mixing.space == "image":
            partner = mixing.of_frames(self.frames).partner
            return self._encode_generated(mix(images, partner, mixing.lam)).embedding
        if self.settings.f_mixup_layer == "embedding":
            return mix(output.embedding, mixing.partner, mixing.lam)
        partner = mixing.of_frames(self.frames).partner
        pooled = mix(output.f_id, partner, mixing.lam).mean(dim=(2, 3))
        if self.frames > 1:
            pooled = pooled.unflatten(0, (-1, self.frames)).mean(dim=1)
        with self._generated_pass():
            embedded: Tensor = self.encoder.embed(pooled)
        return embedded

    def end_epoch(self, epoch: int) -> dict[str, float]:
        every = self.settings.evaluate_every
        if every == 0 or (epoch + 1) % every:
            return self.quality
        result = evaluate(self.encoder, self.target, PROTOCOL, self.device)
        return {**self.quality, "mAP": result.mAP, "R1": result.R1}

    def state_dict(self) -> dict[str, Any]:
        state = {
            "encoder": self.encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": self.memory.state_dict(),
        }
        if self.generative is not None:
            state["generative"] = self.generative.training_state()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.memory.load_state_dict(state["memory"])
        if self.generative is not None:
            self.generative.load_training_state(state["generative"])


@register("stages", "joint", revision=4)
def joint(context: StageContext) -> dict[str, float]:
    """Stage 3: train E_id with the contrastive losses, jointly with G and D where needed."""
    training = JointTraining(context)
    train(training, context)
    torch.save(training.encoder.state_dict(), context.folder / "encoder.pt")
    if training.generative is not None:
        torch.save(training.generative.generator.state_dict(), context.folder / "generator.pt")
    return {}
