"""Triplet losses over a batch, on plain Euclidean distances (specs: act.md 4 and 4.1; MMT).

A batch holds rows of any length, not normalised, and one label a row.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gclbench.errors import ShapeError

# Under the root, so that its slope stays finite; the distance of a row to itself is then 1e-6.
_SQUARED_FLOOR = 1e-12


def batch_hard_losses(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Each row's farthest positive against its nearest negative.

    Value     l_a = max(0, margin + max_{y_p = y_a} |a - p| - min_{y_n != y_a} |a - n|).
              A row counts among its own positives: alone of its label, it has |a - p| = 1e-6.
              Without any negative l_a is 0 (the public code stops there).
    Source    Hermans et al., 2017, as ACT's official code has it: no normalisation, no mean.
    Shapes    features (B, D), labels (B,) -> (B,).
    Gradient  reaches the rows of both distances.
    Raises    ShapeError.
    """
    distances, same = _pairs(features, labels)
    farthest = distances.masked_fill(~same, 0).max(dim=1).values
    return F.relu(margin + farthest - _nearest_negatives(distances, same))


def positive_pair_losses(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Every pair of one label against the nearest negative of its first row.

    Value     l_ab = max(0, margin + |a - b| - min_{y_n != y_a} |a - n|) of all a < b, y_a = y_b,
              by a, then b; 0 where there is no negative.
    Source    the "semi" variant of UDAP's official code.
    Shapes    features (B, D), labels (B,) -> (P,); P is 0 where no label occurs twice.
    Raises    ShapeError.
    """
    distances, same = _pairs(features, labels)
    first, second = same.triu(1).nonzero(as_tuple=True)
    negatives = _nearest_negatives(distances, same)
    return F.relu(margin + distances[first, second] - negatives[first])


def _pairs(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Distances of all rows and which share a label, both (B, B)."""
    if features.ndim != 2 or not len(features) or labels.shape != features.shape[:1]:
        raise ShapeError(
            f"features are {tuple(features.shape)} and labels {tuple(labels.shape)}, "
            "not (B, D) and (B,) with B > 0."
        )
    lengths = (features * features).sum(dim=1)
    squared = lengths[:, None] + lengths[None, :] - 2 * features @ features.T
    own = torch.eye(len(features), dtype=torch.bool, device=features.device)
    # Rounding leaves a row away from itself, by more than the floor: the diagonal is set.
    distances = squared.masked_fill(own, 0).clamp(min=_SQUARED_FLOOR).sqrt()
    return distances, labels[:, None] == labels[None, :]


def _nearest_negatives(distances: Tensor, same: Tensor) -> Tensor:
    return distances.masked_fill(same, torch.inf).min(dim=1).values


def softmax_triplet_losses(features: Tensor, labels: Tensor) -> Tensor:
    """Each row's farthest positive against its nearest negative, without a margin.

    Value     l_a = -log(exp(n_a) / (exp(p_a) + exp(n_a))), p_a and n_a the distances of
              `batch_hard_losses`; 0 without any negative.
    Source    MMT (Ge et al., ICLR 2020): its softmax-triplet loss with the hard label 1.
    Shapes    features (B, D), labels (B,) -> (B,).
    Raises    ShapeError.
    """
    gap, usable = _gaps(*_pairs(features, labels))[:2]
    return F.softplus(-gap) * usable


def soft_triplet_losses(features: Tensor, reference: Tensor, labels: Tensor) -> Tensor:
    """The same triplets, judged as the rows of another network judge them.

    Value     -t_a log s_a - (1 - t_a) log(1 - s_a), s_a = exp(n_a) / (exp(p_a) + exp(n_a)); t_a is
              the same of `reference` for the triplet that is hardest in `features`. 0 without any
              negative.
    Source    MMT (Ge et al., ICLR 2020): its soft softmax-triplet loss, as the public code has it.
    Shapes    features (B, D), reference (B, E), labels (B,) -> (B,).
    Gradient  reaches features, never the reference.
    Raises    ShapeError.
    """
    if len(reference) != len(features):
        raise ShapeError(f"{len(features)} rows are compared with {len(reference)}.")
    gap, usable, positives, negatives = _gaps(*_pairs(features, labels))
    with torch.no_grad():
        distances, _ = _pairs(reference, labels)
        judged = _picked(distances, negatives) - _picked(distances, positives)
    return F.binary_cross_entropy_with_logits(gap, judged.sigmoid(), reduction="none") * usable


def _gaps(distances: Tensor, same: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """n_a - p_a (0 where there is no negative) and where that is not so; p's and n's columns."""
    farthest, positives = distances.masked_fill(~same, 0).max(dim=1)
    nearest, negatives = distances.masked_fill(same, torch.inf).min(dim=1)
    usable = ~same.all(dim=1)
    # Chosen before it is used: 0 times the infinity of a missing negative would be no number.
    gap = torch.where(usable, nearest, farthest) - farthest
    return gap, usable, positives, negatives


def _picked(distances: Tensor, columns: Tensor) -> Tensor:
    return distances.gather(1, columns[:, None])[:, 0]
