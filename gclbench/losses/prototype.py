"""L_proto: classify a real view among the cluster prototypes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.registry import register


@dataclass(frozen=True)
class PrototypeTerms:
    """features (B, D) raw embeddings, prototypes (C, D), targets (B,) clusters in 0..C-1.

    `unit`: compare the L2-normalised embedding instead of the raw one (D-18).
    """

    features: Tensor
    prototypes: Tensor
    targets: Tensor
    unit: bool = False


def prototypes(bank: Tensor, labels: Tensor) -> Tensor:
    """Return each cluster's mean bank row, NOT normalised again (D-17).

    Source    GCL+ (arXiv 2301.00725), Eq. (11).
    Shapes    bank (N, D), labels (N,) int64 with -1 for outliers (left out) -> (C, D), C = largest
              + 1.
    Raises    ShapeError; UsageError when a cluster number is skipped.
    """
    if labels.shape != bank.shape[:1]:
        raise ShapeError(f"labels have shape {tuple(labels.shape)}, expected ({len(bank)},).")
    kept = labels >= 0
    labels = labels[kept].to(bank.device)
    clusters = int(labels.max()) + 1 if len(labels) else 0
    counts = torch.bincount(labels, minlength=clusters)
    if bool((counts == 0).any()):
        raise UsageError("cluster numbers must run from 0 without a gap.")
    sums = bank.new_zeros(clusters, bank.shape[1])
    sums.index_add_(0, labels, bank.detach()[kept.to(bank.device)])
    return sums / counts[:, None].to(bank.dtype)


@register("losses", "l_proto", revision=1)
def l_proto(terms: PrototypeTerms) -> Tensor:
    """L_proto: cross-entropy of f.p_c over the cluster prototypes (Eq. 12).

    Temperature 1, batch mean; with `unit` the embedding is normalised, the prototypes never are.

    Gradient reaches the features, never the prototypes.
    """
    logits = prototype_logits(terms.features, terms.prototypes, terms.unit)
    return F.cross_entropy(logits, terms.targets)


def prototype_logits(features: Tensor, prototypes: Tensor, unit: bool) -> Tensor:
    """Return f.p_c: features (B, D), prototypes (C, D) held constant -> (B, C)."""
    if features.ndim != 2 or features.shape[-1] != prototypes.shape[-1]:
        raise ShapeError(
            f"features are {tuple(features.shape)} and prototypes {tuple(prototypes.shape)}, "
            "not (B, D) and (C, D)."
        )
    rows = F.normalize(features, dim=-1) if unit else features
    return rows @ prototypes.detach().T
