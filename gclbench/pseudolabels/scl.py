"""Whom SCL compares an image with: its nearest neighbours attract, the next ones repel (scl.md 3).

Camera numbers are used, identity labels are not. All arrays are (batch, N), never (N, N).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError


@dataclass(frozen=True)
class Distances:
    """d(i, j) between a batch and all rows of the global and the local memory.

    d = lambda_g |v_g - G_j|^2 + (1 - lambda_g) mean over stripes |v_s - S_sj|^2
        + lambda_c [cam(i) = cam(j)]

    Both squared distances lie in [0, 4], all vectors having length 1. The last term is the
    "cross-camera encouragement": it makes neighbours of the own camera look farther away.
    """

    lambda_g: float
    lambda_c: float

    def __call__(
        self,
        features: Tensor,
        stripes: Tensor,
        bank: Tensor,
        stripe_bank: Tensor,
        same_camera: Tensor,
    ) -> Tensor:
        """Return d (B, N).

        Shapes    features (B, E) against bank (N, E); stripes (B, S, D) against stripe_bank (N, S,
                  D); same_camera (B, N) bool.
        Raises    ShapeError.
        """
        if features.shape[1:] != bank.shape[1:] or stripes.shape[1:] != stripe_bank.shape[1:]:
            raise ShapeError(
                f"features {tuple(features.shape)} and {tuple(stripes.shape)} do not fit the "
                f"memories {tuple(bank.shape)} and {tuple(stripe_bank.shape)}."
            )
        # |x - y|^2 = 2 - 2 x.y for unit vectors, and the mean over stripes is one product too.
        parts = stripes.shape[1]
        close = self.lambda_g * (features @ bank.T)
        close += (1 - self.lambda_g) / parts * (stripes.flatten(1) @ stripe_bank.flatten(1).T)
        return (2 - 2 * close).clamp_(min=0) + self.lambda_c * same_camera


def select(distances: Tensor, own: Tensor, positives: int, negatives: int) -> Tensor:
    """Return candidates (B, 1 + positives + negatives): self, nearest others, next nearest.

    distances (B, N) float32 without negative entries, own (B,) the rows of the batch itself. The
    order is ascending, equal distances by row number. `negatives` is what N leaves at most.
    """
    negatives = negatives_left(distances.shape[1], positives, negatives)
    # The bits of a non-negative float order like the float: distance and row fit one unique
    # integer, so that top-k has no ties left to break at will.
    keys = (distances.float() + 0.0).view(torch.int32).to(torch.int64) << 32
    keys += torch.arange(distances.shape[1], device=distances.device)
    keys.scatter_(1, own[:, None], -1)
    wanted = 1 + positives + negatives
    found = torch.topk(keys, wanted, dim=1, largest=False, sorted=True).values
    return torch.cat([own[:, None], found[:, 1:] & 0xFFFFFFFF], dim=1)


def draw(own: Tensor, size: int, negatives: int, rng: torch.Generator) -> Tensor:
    """Return candidates (B, 1 + negatives) of the first epochs: self, then others at random.

    One permutation of the `size` rows serves the whole batch: each takes its first `negatives`
    entries, leaving itself out. `negatives` is what the size leaves at most.
    """
    negatives = negatives_left(size, 0, negatives)
    order = torch.randperm(size, generator=rng).to(own.device)[: negatives + 1]
    others = order[:negatives].expand(len(own), -1)
    others = torch.where(others == own[:, None], order[negatives], others)
    return torch.cat([own[:, None], others], dim=1)


def negatives_left(size: int, positives: int, negatives: int) -> int:
    """Return min(negatives, size - positives - 1). Raises UsageError where none is left."""
    left = min(negatives, size - positives - 1)
    if left < 1:
        raise UsageError(
            f"{size} training images leave no negative beside {positives} positives.",
            "Lower warmup.scl.positives.",
        )
    return left
