"""Stage 3 once more, plainly: see `plain_gan`. Every contrastive loss is a loop over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from plain_gan import Plain, PlainGan, Sgd, l1, numbers, pixels, slopes, unit
from torch import Tensor

from gclbench.augmentations.d_mixup import DMixup
from gclbench.augmentations.f_mixup import FMixup
from gclbench.augmentations.mixup import Mixup
from gclbench.augmentations.multi import Multi
from gclbench.augmentations.oracle_rotation import OracleRotation
from gclbench.losses.view_invariance import sample_negative_mask, sample_positives
from gclbench.networks.build import build_discriminator, build_generator
from gclbench.pseudolabels.jaccard_dbscan import pseudo_labels

VIEWS = {"l_vi", "l_vi_prime", "l_vi_dprime"}
MIXES = {"mixup": Mixup, "f_mixup": FMixup, "d_mixup": DMixup}
GENERATED = ("rotation", "mesh_switch", "gray_switch")


class PlainJoint(Plain):
    """Stage 3: gcl.md 3 to 7, one batch at a time."""

    stage = "joint"

    def __init__(self, context: Any, dataset: Any, memory: Tensor) -> None:
        super().__init__(context, dataset)
        self.joint = self.settings.joint
        names = [choice.name for choice in self.joint.augmentations]
        self.view = names[0]
        self.mixing = names[1] if len(names) > 1 else ""
        self.memory = memory.double().clone()
        self.optimizer = Sgd(
            self.encoder, self.joint.lr, self.joint.momentum, self.joint.weight_decay
        )
        self.gan = self._gan() if self.view in GENERATED else None
        self.encoder.train()

    def _gan(self) -> PlainGan:
        generator = build_generator(self.settings, self.encoder.channels)
        discriminator = build_discriminator(self.settings)
        generator.load_state_dict(self.file("gan", "generator.pt"))
        discriminator.load_state_dict(self.file("gan", "discriminator.pt"))
        return PlainGan(
            self.settings, generator.double(), discriminator.double(), self.joint.gan_lr
        )

    def frames(self) -> int:
        if self.dataset.train.starts is None:
            return 1
        return int(getattr(self.settings.data.video, f"{self.dataset.role}_frames"))

    def batches(self, epoch: int) -> list[Tensor]:
        told = self.joint.pseudo_labels.model_dump(exclude={"method"})
        labels = pseudo_labels(self.memory.float().numpy(), **told).labels
        self.labels = torch.from_numpy(labels)
        clusters = range(int(labels.max()) + 1)
        self.prototypes = [self.memory[self.labels == c].mean(dim=0) for c in clusters]
        late = epoch >= self.joint.lr_decay_epoch
        self.optimizer.lr = self.joint.lr * (self.joint.lr_decay if late else 1)
        if self.gan is not None:
            self.gan.set_lr(self.joint.gan_lr * (self.joint.gan_lr_decay if late else 1))
        self.view_stream, self.mix_stream = self.stream("view", epoch), self.stream("mix", epoch)
        self.frame_stream = self.stream("frames", epoch)
        self.positives = self.stream("positives", epoch)
        self.negatives = self.stream("negatives", epoch)
        known = torch.nonzero(self.labels >= 0)[:, 0]
        order = known[torch.randperm(len(known), generator=self.stream("order", epoch))]
        size = self.joint.batch_size
        return [order[k : k + size] for k in range(0, len(order) - size + 1, size)]

    def of_generated(self, images: Tensor) -> Any:
        """E_id of images that are not real ones: whether its running statistics move is told."""
        if self.joint.batch_norm_updates == "all":
            return self.encoder(images, self.frames())
        kept = {name: value.clone() for name, value in self.encoder.named_buffers()}
        out = self.encoder(images, self.frames())
        for name, value in self.encoder.named_buffers():
            value.data.copy_(kept[name])
        return out

    def step(self, batch: Tensor) -> dict[str, float]:
        self.before = self.memory.clone()
        partner, lam = None, 1.0
        if self.mixing:
            chance = MIXES[self.mixing](self.joint.mix_alpha).sample(len(batch), self.mix_stream)
            partner, lam = chance.partner, chance.lam
        rows, x = self.real(batch)
        make = self._plain if self.gan is None else self._generated
        f, g, f_mix, generative = make(batch, rows, x, partner, lam)
        contrast = self._contrast(batch, f, g, f_mix, partner, lam)
        total = sum(
            (self.joint.lambda_vi if name in VIEWS else self.joint.lambda_mix) * value
            for name, value in contrast.items()
        )
        if self.gan is not None:
            total = total + self.gan.total(generative)
        if self.gan is None:
            self.optimizer.step(*slopes(total, self.encoder))
        else:
            of_e, of_g = slopes(total, self.encoder, self.gan.generator)
            self.gan.optimizers["g"].step(of_g)
            self.optimizer.step(of_e)
        for place, row in enumerate(batch):
            beta = self.joint.memory_momentum
            mixed = beta * self.before[row] + (1 - beta) * unit(f[place].detach())
            self.memory[row] = unit(mixed)
        return numbers({"loss": total, **contrast, **generative})

    def _generated(
        self, batch: Tensor, rows: Tensor, x: Tensor, partner: Tensor | None, lam: float
    ) -> Any:
        s_ori, s_new = self.structures(self.view, rows, x)
        real = self.encoder(x, self.frames())
        ori, new = self.gan.draw(real.f_id, s_ori), self.gan.draw(real.f_id, s_new)
        code = self.settings.gan.recon_feature_pair == "code"
        of_ori = self.of_generated(ori) if code else None  # the code's order: it comes first
        of_new = self.of_generated(new)
        cycle = self.gan.draw(of_new.f_id, s_ori)
        of_cycle = self.of_generated(cycle)
        fakes, f_mix = [ori, new, cycle], None
        if self.mixing == "d_mixup":
            blend = lam * real.f_id + (1 - lam) * real.f_id[self.partner_frames(partner)]
            fakes.append(self.gan.draw(blend, s_ori))
            f_mix = self.of_generated(fakes[-1]).embedding
        elif self.mixing:
            f_mix = self._mixed(x, real, partner, lam)
        loss_d = self.gan.step_d(x, fakes)
        losses = {
            "recon_x": l1(ori, x),
            "recon_x_cyc": l1(cycle, x),
            "recon_f": l1((of_ori or of_new).f_id, real.f_id),
            "recon_f_cyc": l1(of_cycle.f_id, real.f_id),
            "adv": self.gan.adversarial(fakes),
            "loss_d": loss_d,
        }
        return real.embedding, of_new.embedding, f_mix, losses

    def _plain(
        self, batch: Tensor, rows: Tensor, x: Tensor, partner: Tensor | None, lam: float
    ) -> Any:
        new = self._transformed(batch, rows, x)
        real, of_new = self.encoder(x, self.frames()), self.of_generated(new)
        f_mix = self._mixed(new, real, partner, lam) if self.mixing else None
        return real.embedding, of_new.embedding, f_mix, {}

    def _transformed(self, batch: Tensor, rows: Tensor, x: Tensor) -> Tensor:
        """Every frame of a sample meets the sample's own draw."""
        t = self.frames()
        if self.view == "none":
            return x
        if self.view == "oracle_rotation":
            angles = self.settings.gan.angles
            turn = OracleRotation(angles=angles).sample(len(batch), self.view_stream).index
            views = self.dataset.oracle_views()
            chosen = zip(rows.tolist(), self.each_frame(turn).tolist(), strict=True)
            return pixels(np.stack([views[row, angle] for row, angle in chosen]))
        chance = Multi().sample(len(batch), self.view_stream, *x.shape[-2:])
        shown = [Multi().apply(x[k::t], chance) for k in range(t)]
        return torch.stack(shown, dim=1).flatten(0, 1)

    def _mixed(self, images: Tensor, real: Any, partner: Tensor, lam: float) -> Tensor:
        others = self.partner_frames(partner)
        if self.mixing == "mixup":
            return self.of_generated(lam * images + (1 - lam) * images[others]).embedding
        if self.joint.f_mixup_layer == "embedding":
            return lam * real.embedding + (1 - lam) * real.embedding[partner]
        blend = (lam * real.f_id + (1 - lam) * real.f_id[others]).mean(dim=(2, 3))
        pooled = torch.stack([part.mean(dim=0) for part in blend.split(self.frames())])
        kept = {name: value.clone() for name, value in self.encoder.feat_bn.named_buffers()}
        out = self.encoder.embed(pooled)
        if self.joint.batch_norm_updates == "real":
            for name, value in self.encoder.feat_bn.named_buffers():
                value.data.copy_(kept[name])
        return out

    def _contrast(
        self,
        batch: Tensor,
        f: Tensor,
        g: Tensor,
        f_mix: Tensor | None,
        partner: Tensor | None,
        lam: float,
    ) -> dict[str, Tensor]:
        """Eq. 8 to 14 over `self.before`: the memory as it was when the step began."""
        labels, joint = self.labels, self.joint
        found: dict[str, list[Tensor]] = {choice.name: [] for choice in joint.losses}
        if VIEWS & found.keys():
            positives = sample_positives(
                labels, batch, self.positives, exclude_self=joint.exclude_self_positive
            )
            admitted = sample_negative_mask(labels, labels[batch], joint.negatives, self.negatives)
        for b, row in enumerate(batch.tolist()):
            target = int(labels[row])
            if VIEWS & found.keys():
                p, k = self.before[positives[b]], self.before[admitted[b]]
                terms = self._view_terms(f[b], g[b], p, k, self.before[row])
                for name in VIEWS & found.keys():
                    found[name].append(terms[name])
            if "l_proto" in found:
                logits = self._logits(f[b])
                found["l_proto"].append(-torch.log(torch.softmax(logits, 0)[target]))
            if "l_mix" in found:
                other = int(labels[batch[partner[b]]])
                found["l_mix"].append(self._mix_term(f_mix[b], target, other, lam))
        return {name: torch.stack(rows).mean() for name, rows in found.items()}

    def _view_terms(
        self, f: Tensor, g: Tensor, p: Tensor, negatives: Tensor, own: Tensor
    ) -> dict[str, Tensor]:
        tau, f, g = self.joint.temperature, unit(f), unit(g)
        away = torch.exp(negatives @ g / tau).sum()
        prime = f if self.joint.l_vi_prime_positive == "paper" else own
        pairs = {"l_vi": f @ p, "l_vi_prime": g @ prime, "l_vi_dprime": g @ p}
        return {n: torch.log(1 + away / torch.exp(s / tau)) for n, s in pairs.items()}

    def _logits(self, feature: Tensor) -> Tensor:
        if self.joint.prototype_features == "unit":
            feature = unit(feature)
        return torch.stack([feature @ p for p in self.prototypes])

    def _mix_term(self, mixed: Tensor, own: int, other: int, lam: float) -> Tensor:
        logits = self._logits(mixed)
        if self.joint.l_mix_form == "code":
            scores = torch.log(torch.softmax(logits, 0))
            return -(lam * scores[own] + (1 - lam) * scores[other])
        aim = lam * self.prototypes[own] + (1 - lam) * self.prototypes[other]
        feature = unit(mixed) if self.joint.prototype_features == "unit" else mixed
        rest = [logits[c] for c in range(len(logits)) if c not in (own, other)]
        away = sum((torch.exp(value) for value in rest), torch.zeros((), dtype=torch.float64))
        return torch.log(1 + away / torch.exp(feature @ aim))
