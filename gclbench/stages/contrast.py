"""The contrastive module of one batch: Rotation (Eq. 8-10) and Mixup Contrast (Eq. 12, 14)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gclbench.losses.mix import MixTerms
from gclbench.losses.prototype import PrototypeTerms
from gclbench.losses.view_invariance import (
    ViewTerms,
    negatives_logsumexp,
    sample_negative_mask,
    sample_positives,
)
from gclbench.registry import REGISTRY
from gclbench.schema.settings import JointSettings
from gclbench.stages.generative import Mixing

VIEW_LOSSES = ("l_vi", "l_vi_prime", "l_vi_dprime")


@dataclass(frozen=True)
class EpochLabels:
    """Pseudo labels of an epoch: `labels` (N,), -1 for outliers; `prototypes` (C, D), Eq. 11."""

    labels: Tensor
    prototypes: Tensor


@dataclass(frozen=True)
class BatchViews:
    """Embeddings of a batch, (B, D) each and not normalised; `mixed` with its draw, if any."""

    indices: Tensor
    view: Tensor
    generated: Tensor
    mixed: Tensor | None
    mixing: Mixing | None


def contrastive_losses(
    views: BatchViews,
    epoch: EpochLabels,
    bank: Tensor,
    settings: JointSettings,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Every loss that `settings.losses` names, unweighted; bank (N, D) gets no gradient."""
    losses: dict[str, Tensor] = {}
    names = [name for name in settings.losses if name in VIEW_LOSSES]
    if names:
        terms = _view_terms(views, epoch, bank, settings, generator)
        losses |= {name: REGISTRY.lookup("losses", name).component(terms) for name in names}
    unit = settings.prototype_features == "unit"
    targets = epoch.labels[views.indices]
    if "l_proto" in settings.losses:
        proto = PrototypeTerms(views.view, epoch.prototypes, targets, unit)
        losses["l_proto"] = REGISTRY.lookup("losses", "l_proto").component(proto)
    if "l_mix" in settings.losses and views.mixed is not None and views.mixing is not None:
        mixed = MixTerms(
            mixed=views.mixed,
            prototypes=epoch.prototypes,
            targets=targets,
            partner_targets=targets[views.mixing.partner],
            lam=views.mixing.lam,
            form=settings.l_mix_form,
            unit=unit,
        )
        losses["l_mix"] = REGISTRY.lookup("losses", "l_mix").component(mixed)
    return losses


def _view_terms(
    views: BatchViews,
    epoch: EpochLabels,
    bank: Tensor,
    settings: JointSettings,
    generator: torch.Generator,
) -> ViewTerms:
    positives = sample_positives(
        epoch.labels, views.indices, generator, exclude_self=settings.exclude_self_positive
    )
    mask = sample_negative_mask(
        epoch.labels, epoch.labels[views.indices], settings.negatives, generator
    )
    return ViewTerms(
        view=views.view,
        generated=views.generated,
        positive=bank[positives],
        own_row=bank[views.indices],
        negative_lse=negatives_logsumexp(views.generated, bank, mask, settings.temperature),
        temperature=settings.temperature,
        prime_positive=settings.l_vi_prime_positive,
    )


def weighted_total(losses: dict[str, Tensor], settings: JointSettings) -> Tensor:
    """Eq. 15: lambda_vi (L_vi + L'_vi + L''_vi) + lambda_mix (L_proto + L_mix)."""
    weights = dict.fromkeys(VIEW_LOSSES, settings.lambda_vi)
    return torch.stack(
        [weights.get(name, settings.lambda_mix) * value for name, value in losses.items()]
    ).sum()
