"""The contrastive module of one batch: Rotation (Eq. 8-10) and Mixup Contrast (Eq. 12, 14).

A loss says by the type of its one argument what it reads: `ViewTerms` (weighted by lambda_vi),
`PrototypeTerms` or `MixTerms` (by lambda_mix). A registered loss of one's own joins by doing so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_type_hints

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.kernels.contrast import bank_logsumexp
from gclbench.losses.mix import MixTerms
from gclbench.losses.prototype import PrototypeTerms
from gclbench.losses.view_invariance import (
    ViewTerms,
    sample_negative_mask,
    sample_positives,
)
from gclbench.registry import REGISTRY
from gclbench.schema.settings import JointSettings
from gclbench.stages.generative import Mixing


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


@dataclass(frozen=True)
class Draws:
    """Where the epoch's positives and negatives come from: a stream each, whatever a row mixes."""

    positives: torch.Generator
    negatives: torch.Generator


def terms_type(loss: str) -> type[Any]:
    """Return ViewTerms, PrototypeTerms or MixTerms: what a registered loss reads.

    Raises UnknownNameError; UsageError for a loss whose argument is none of these.
    """
    component = REGISTRY.lookup("losses", loss).component
    unread = ("return", "parameters")
    hints = [hint for name, hint in get_type_hints(component).items() if name not in unread]
    if len(hints) != 1 or hints[0] not in (ViewTerms, PrototypeTerms, MixTerms):
        raise UsageError(
            f"the loss {loss} does not say what it reads.",
            "Annotate its first argument as ViewTerms, PrototypeTerms or MixTerms; only "
            "`parameters` may stand beside it.",
        )
    return hints[0]  # type: ignore[no-any-return]


def contrastive_losses(
    views: BatchViews,
    epoch: EpochLabels,
    bank: Tensor,
    settings: JointSettings,
    draws: Draws,
) -> dict[str, Tensor]:
    """Every loss that `settings.losses` names, unweighted; bank (N, D) gets no gradient."""
    wanted = {loss: terms_type(loss.name) for loss in settings.losses}
    terms: dict[type[Any], Any] = {}
    if ViewTerms in wanted.values():
        terms[ViewTerms] = _view_terms(views, epoch, bank, settings, draws)
    unit = settings.prototype_features == "unit"
    targets = epoch.labels[views.indices]
    terms[PrototypeTerms] = PrototypeTerms(views.view, epoch.prototypes, targets, unit)
    if views.mixed is not None and views.mixing is not None:
        terms[MixTerms] = MixTerms(
            mixed=views.mixed,
            prototypes=epoch.prototypes,
            targets=targets,
            partner_targets=targets[views.mixing.partner],
            lam=views.mixing.lam,
            form=settings.l_mix_form,
            unit=unit,
        )
    return {loss.name: REGISTRY.bound(loss)(terms[kind]) for loss, kind in wanted.items()}


def _view_terms(
    views: BatchViews,
    epoch: EpochLabels,
    bank: Tensor,
    settings: JointSettings,
    draws: Draws,
) -> ViewTerms:
    positives = sample_positives(
        epoch.labels, views.indices, draws.positives, exclude_self=settings.exclude_self_positive
    )
    mask = sample_negative_mask(
        epoch.labels, epoch.labels[views.indices], settings.negatives, draws.negatives
    ).to(bank.device)
    return ViewTerms(
        view=views.view,
        generated=views.generated,
        positive=bank[positives],
        own_row=bank[views.indices],
        # The bank's rows have length 1: no need of a normalised copy of them all.
        negative_lse=bank_logsumexp(
            F.normalize(views.generated, dim=-1), bank, mask, settings.temperature
        ),
        temperature=settings.temperature,
        prime_positive=settings.l_vi_prime_positive,
    )


def weighted_total(losses: dict[str, Tensor], settings: JointSettings) -> Tensor:
    """Eq. 15: lambda_vi (L_vi + L'_vi + L''_vi) + lambda_mix (L_proto + L_mix)."""
    weights = {
        name: settings.lambda_vi if terms_type(name) is ViewTerms else settings.lambda_mix
        for name in losses
    }
    return torch.stack([weights[name] * value for name, value in losses.items()]).sum()
