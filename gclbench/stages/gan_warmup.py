"""Stage 2: E_id frozen; E_str, G and D learn with L_gan (GCL+ section 4.2).

G works on frames, and no embedding of a tracklet is asked for here: of a tracklet, each visit sees
one frame, drawn anew. An epoch is a pass over the samples, as long for tracklets as for images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from gclbench.augmentations.d_mixup import DMixup
from gclbench.errors import UsageError
from gclbench.evaluation.preprocess import to_network
from gclbench.networks.checkpoints import load_generator_checkpoint
from gclbench.registry import REGISTRY, register
from gclbench.schema.choice import AugmentationChoice
from gclbench.schema.settings import GanSettings
from gclbench.stages.context import StageContext
from gclbench.stages.frames import rows_of
from gclbench.stages.generative import GenerativeModule, Guides, Mixing
from gclbench.stages.idle import too_few
from gclbench.stages.loop import descend, shuffled_batches, train
from gclbench.stages.pretrain import load_encoder
from gclbench.user_paths import user_path

# Later reconstruction losses are compared with those of this iteration (means over a window).
REFERENCE_ITERATION, WINDOW = 100, 20


class GanTraining:
    """E_str, G and D on the target's images and projections; E_id in eval mode, never stepped."""

    def __init__(self, context: StageContext) -> None:
        self.context, self.settings = context, context.settings.gan
        self.epochs = self.settings.epochs
        self.encoder = load_encoder(context, "warmup").eval().requires_grad_(False)
        self.module = GenerativeModule(context, self.encoder.channels)
        self.module.build_optimizers(self.settings.lr)
        self.target = context.datasets["target"]
        self.images = self.target.images("train")
        self.guides = Guides(_structure_view(self.settings), self.target)
        self.d_mixup = DMixup(alpha=self.settings.mix_alpha)
        self.history: dict[str, list[float]] = {"recon_x": [], "recon_f": []}
        self._load_files()

    def _load_files(self) -> None:
        """Take G and D from files, where they are named, and train nothing."""
        files = self.settings.checkpoint
        if files.generator is None or files.discriminator is None:
            return
        pairs = (
            (self.module.generator, files.generator),
            (self.module.discriminator, files.discriminator),
        )
        for network, path in pairs:
            report = load_generator_checkpoint(network, user_path(path))
            self.context.notice(f"{path}: {len(report.matched)} tensors taken, nothing trained.")
        self.epochs = 0

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        decayed = 0 < self.settings.lr_decay_epoch <= epoch
        self.module.set_lr(self.settings.lr_decay if decayed else 1.0)
        self.turns = self.context.torch_generator("view", epoch)
        self.mixes = self.context.torch_generator("mix", epoch)
        self.frames = self.context.torch_generator("frames", epoch)
        order = self.context.torch_generator("order", epoch)
        samples = torch.arange(len(self.target.train))
        return shuffled_batches(samples, self.settings.batch_size, order)

    def why_idle(self) -> str:
        count = len(self.target.train)
        return too_few("gan.batch_size", self.settings.batch_size, count, "training samples")

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        device = self.context.device
        rows = rows_of(self.target, batch, 1, self.frames)
        images = to_network(self.images[rows.numpy()]).to(device)
        own, new = self.guides.structures(images, rows, self.turns)
        views = self.module.views(
            images, own, new, self.encoder, self.encoder, self._mixing(len(batch), device)
        )
        loss_d = self.module.discriminator_step(images, views.fakes)
        losses = self.module.losses(images, views)
        total = self.module.total(losses)
        descend(self.module.optimizer_g, total)
        for name, values in self.history.items():
            values.append(float(losses[name].detach()))
        return {"loss": total, "loss_d": loss_d, **losses}

    def _mixing(self, batch_size: int, device: torch.device) -> Mixing | None:
        if not self.settings.adversarial_mix:
            return None
        chance = self.d_mixup.sample(batch_size, self.mixes)
        return Mixing(chance.partner.to(device), chance.lam)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def reconstruction_ratios(self) -> dict[str, float]:
        """recon_x and recon_f at the end over those at iteration 100 (means of 20 iterations)."""
        result = {}
        for name, values in self.history.items():
            early = values[max(REFERENCE_ITERATION - WINDOW, 0) : REFERENCE_ITERATION]
            late = values[-WINDOW:]
            if early:
                result[f"{name}_at_100"] = sum(early) / len(early)
                result[f"{name}_end"] = sum(late) / len(late)
                result[f"{name}_ratio"] = result[f"{name}_end"] / result[f"{name}_at_100"]
        return result

    def state_dict(self) -> dict[str, Any]:
        return {**self.module.training_state(), "history": self.history}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_training_state(state)
        self.history = {name: list(values) for name, values in state["history"].items()}


def _structure_view(settings: GanSettings) -> Any:
    """The augmentation that gives s_new. Raises UnknownNameError, UsageError for another kind."""
    choice = settings.view or AugmentationChoice(name="rotation")
    component = REGISTRY.lookup("augmentations", choice.name).component
    if component.space != "structure":
        raise UsageError(
            f"gan.view={choice.name} gives no structure to generate from.",
            "Take rotation, mesh_switch or gray_switch.",
        )
    known = {field.name for field in fields(component)}
    return REGISTRY.bound(choice)(**({"angles": settings.angles} if "angles" in known else {}))


@register("stages", "gan", revision=3)
def gan_warmup(context: StageContext) -> dict[str, float]:
    """Stage 2: warm up E_str, G and D with L_gan while E_id stays frozen; or take files."""
    training = GanTraining(context)
    train(training, context)
    torch.save(training.encoder.state_dict(), context.folder / "encoder.pt")
    torch.save(training.module.generator.state_dict(), context.folder / "generator.pt")
    torch.save(training.module.discriminator.state_dict(), context.folder / "discriminator.pt")
    return training.reconstruction_ratios()
