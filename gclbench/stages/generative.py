"""The generative module: G with E_str, D, their optimisers, and L_gan (GCL+ Eq. 1-6).

Work is shared without changing a gradient: views that one network sees are decoded or judged in
one batch (every normalisation of G is per sample, D has none), and D's real term and R1, which the
official code recomputes for every fake kind, are computed once and counted that many times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gclbench.datasets.base import Dataset
from gclbench.evaluation.preprocess import structure_to_network
from gclbench.kernels.mixing import mix
from gclbench.losses.gan import (
    adversarial_discriminator,
    adversarial_generator,
    l1_to_target,
    r1_penalty,
)
from gclbench.networks.build import build_discriminator, build_generator
from gclbench.networks.id_encoder import IdOutput
from gclbench.stages.context import StageContext
from gclbench.stages.frames import apply_to_frames
from gclbench.stages.loop import descend
from gclbench.stages.supervised import set_lr

Encode = Callable[[Tensor], IdOutput]


@dataclass(frozen=True)
class Mixing:
    """One draw of D-Mixup: partner (B,) and lambda*."""

    partner: Tensor
    lam: float

    def of_frames(self, frames: int) -> Mixing:
        """The same draw for the B * T frames of tracklets: frame t meets the partner's frame t."""
        places = torch.arange(frames, device=self.partner.device)
        return Mixing((self.partner[:, None] * frames + places).flatten(), self.lam)


@dataclass(frozen=True)
class GeneratedViews:
    """What one forward pass makes of a batch; images (B, 3, H, W) in network range.

    `new_id`, `cycle_id`: E_id of x'_new and x''_ori; `original_id`: of x'_ori (D-03 `code`).
    """

    identity: IdOutput
    original: Tensor
    new: Tensor
    cycle: Tensor
    mixed: Tensor | None
    new_id: IdOutput
    cycle_id: IdOutput
    original_id: IdOutput | None

    @property
    def fakes(self) -> list[Tensor]:
        kinds = [self.original, self.new, self.cycle]
        return kinds if self.mixed is None else [*kinds, self.mixed]


def guide_of(view: Any) -> str:
    """ "mesh" or "gray": where a structural view finds s_ori and s_new (see its `guide`)."""
    return getattr(view, "guide", "mesh")


class Guides:
    """Where the structure of a dataset's images comes from, as a view augmentation asks.

    "mesh": their gray projections; "gray": the images themselves (mean of the normalised colours).
    """

    def __init__(self, view: Any, dataset: Dataset) -> None:
        self.view = view
        self.projections = dataset.projections() if guide_of(view) == "mesh" else None

    def structures(
        self, images: Tensor, rows: Tensor, draws: torch.Generator, frames: int = 1
    ) -> tuple[Tensor, Tensor]:
        """s_ori and s_new (F, 1, H, W) of normalised images (F, 3, H, W), rows `rows` (F,).

        The images are F / frames tracklets, each of which is turned (or meets a partner) as one.
        """
        chance = self.view.sample(len(rows) // frames, draws)
        if self.projections is None:
            choices = images.mean(dim=1, keepdim=True)
            return choices, apply_to_frames(self.view, choices, chance, frames)
        if not hasattr(self.view, "pick"):
            choices = structure_to_network(self.projections[rows.numpy()], images.device)
            return choices[:, :1], apply_to_frames(self.view, choices, chance, frames)
        # Of eight projections two are wanted: the others are not even read.
        sample, angle = self.view.pick(chance)
        others = rows.unflatten(0, (-1, frames))[sample].flatten().numpy()
        turned = self.projections[others, angle.repeat_interleave(frames).numpy(), None]
        own = self.projections[rows.numpy(), :1]
        device = images.device
        return structure_to_network(own, device), structure_to_network(turned, device)


class GenerativeModule(nn.Module):
    """G (with E_str and the AdaIN MLPs) and D, built from settings; see `views` and the losses."""

    def __init__(self, context: StageContext, id_channels: int) -> None:
        super().__init__()
        settings = context.settings
        self.settings = settings.gan
        stream = context.torch_generator
        self.generator = build_generator(settings, id_channels, stream("generator"))
        self.discriminator = build_discriminator(settings, stream("discriminator"))
        self.to(context.device)

    def build_optimizers(self, lr: float) -> None:
        """Adam for G (with E_str and MLPs) and for D, each its own (specs: section 7)."""
        self.optimizer_g = self._adam(self.generator, lr)
        self.optimizer_d = self._adam(self.discriminator, lr)

    def set_lr(self, factor: float) -> None:
        """Set both rates to `factor` times their initial ones."""
        set_lr(self.optimizer_g, factor)
        set_lr(self.optimizer_d, factor)

    def _adam(self, module: nn.Module, lr: float) -> torch.optim.Adam:
        betas = (float(self.settings.beta1), float(self.settings.beta2))
        group = [{"params": list(module.parameters()), "lr": lr, "initial_lr": lr}]
        return torch.optim.Adam(group, betas=betas, weight_decay=self.settings.weight_decay)

    def views(
        self,
        images: Tensor,
        own_structure: Tensor,
        new_structure: Tensor,
        encode: Encode,
        encode_generated: Encode,
        mixing: Mixing | None,
    ) -> GeneratedViews:
        """Encode, rotate, mix and cycle a batch.

        images (B, 3, H, W); structures (B, 1, H, W). `encode` sees the real images,
        `encode_generated` the generated ones. Nothing is detached between E_id, G and E_id (specs:
        section 3).
        """
        identity = encode(images)
        structure = self.generator.structure(torch.cat([own_structure, new_structure]))
        own, new = structure.chunk(2)
        ids, structures = [identity.f_id, identity.f_id], [own, new]
        if mixing is not None:
            ids.append(mix(identity.f_id, mixing.partner, mixing.lam))
            structures.append(own)
        decoded = self.generator.decode(torch.cat(ids), torch.cat(structures)).chunk(len(ids))
        # E_id's running statistics see what it is given in this order; the code has x'_ori first.
        code = self.settings.recon_feature_pair == "code"
        original_id = encode_generated(decoded[0]) if code else None
        new_id = encode_generated(decoded[1])
        cycle = self.generator.decode(new_id.f_id, own)
        return GeneratedViews(
            identity=identity,
            original=decoded[0],
            new=decoded[1],
            cycle=cycle,
            mixed=decoded[2] if mixing is not None else None,
            new_id=new_id,
            cycle_id=encode_generated(cycle),
            original_id=original_id,
        )

    def discriminator_step(self, images: Tensor, fakes: list[Tensor]) -> Tensor:
        """One step of D on detached fakes; returns its loss summed over scales and fake kinds."""
        self.discriminator.requires_grad_(True)
        real_images = images.detach().requires_grad_(True)
        real = self.discriminator(real_images)
        fake = self.discriminator(torch.cat([view.detach() for view in fakes]))
        loss = adversarial_discriminator(real, fake, self.settings.adversarial)
        if self.settings.r1_weight > 0:
            penalty = r1_penalty(real, real_images, self.settings.adversarial)
            loss = loss + self.settings.r1_weight * penalty
        loss = len(fakes) * loss
        descend(self.optimizer_d, loss)
        return loss.detach()

    def losses(self, images: Tensor, views: GeneratedViews) -> dict[str, Tensor]:
        """The parts of L_gan that reach G (and E_id), unweighted: Eq. 1-5."""
        self.discriminator.requires_grad_(False)
        judged = self.discriminator(torch.cat(views.fakes))
        first = views.new_id if views.original_id is None else views.original_id
        target = views.identity.f_id
        return {
            "recon_x": l1_to_target(views.original, images),
            "recon_x_cyc": l1_to_target(views.cycle, images),
            "recon_f": l1_to_target(first.f_id, target),
            "recon_f_cyc": l1_to_target(views.cycle_id.f_id, target),
            "adv": len(views.fakes) * adversarial_generator(judged, self.settings.adversarial),
        }

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """Eq. 6: lambda_recon (L_img + L_feat) + L_adv + L_adv_mix."""
        recon = sum(
            (losses[name] for name in losses if name.startswith("recon")), torch.tensor(0.0)
        )
        return self.settings.lambda_recon * recon + self.settings.lambda_adv * losses["adv"]

    def training_state(self) -> dict[str, Any]:
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
        }

    def load_training_state(self, state: dict[str, Any]) -> None:
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer_g.load_state_dict(state["optimizer_g"])
        self.optimizer_d.load_state_dict(state["optimizer_d"])
