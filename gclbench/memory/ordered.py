"""A bank whose rows meet the images of a batch one after the other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.memory.bank import _Bank


class OrderedBank(_Bank):
    """Rows of length 1 (or 0, where nothing was seen yet): r <- normalise(m r + (1 - m) x).

    Source    the memories of SpCL, Cluster Contrast and ECN in their public codes: a batch is
              walked through in its order, so a row that several images belong to is changed
              several times and the last image weighs most.
    """

    @classmethod
    def empty(cls, size: int, dim: int, device: torch.device | str = "cpu") -> OrderedBank:
        """A bank that has seen nothing: zero rows."""
        return cls(torch.zeros(size, dim, device=device))

    def update(self, indices: Tensor, features: Tensor, momentum: float) -> None:
        """Refresh rows `indices` (B,) with features (B, D) in the order of the batch.

        `momentum` is the weight of the OLD row. Every first occurrence of a row is treated at
        once, then every second one, and so on, which gives what a loop over the batch gives.
        """
        indices, fresh = self._checked(indices, features, momentum)
        turns = occurrences(indices)
        for turn in range(int(turns.max()) + 1 if len(turns) else 0):
            now = turns == turn
            rows = indices[now]
            mixed = momentum * self._rows[rows] + (1 - momentum) * fresh[now]
            self._rows[rows] = F.normalize(mixed, dim=1)


def occurrences(values: Tensor) -> Tensor:
    """How often each value stood before in the tensor: (B,) int64 -> (B,) int64."""
    ordered, order = torch.sort(values, stable=True)
    places = torch.arange(len(values), device=values.device)
    starts = torch.ones_like(ordered, dtype=torch.bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    first = torch.cummax(torch.where(starts, places, 0), dim=0).values
    counts = torch.empty_like(places)
    counts[order] = places - first
    return counts


def hardest(indices: Tensor, features: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Of every row's images in a batch, the one least like the row.

    Source    Cluster Contrast, the momentum update by the hardest query.
    Shapes    indices (B,) rows' numbers, features (B, D), rows (N, D) -> numbers (M,) ascending,
              features (M, D). Equally like: the first in the batch.
    """
    likeness = (features * rows[indices]).sum(dim=1)
    order = torch.sort(likeness, stable=True).indices
    order = order[torch.sort(indices[order], stable=True).indices]
    chosen = order[occurrences(indices[order]) == 0]
    return indices[chosen], features[chosen]


def means(indices: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of every row's images in a batch, normalised: -> numbers (M,), features (M, D)."""
    if len(indices) != len(features):
        raise UsageError(f"{len(indices)} row numbers came with {len(features)} features.")
    numbers, groups = torch.unique(indices, return_inverse=True)
    sums = features.new_zeros(len(numbers), features.shape[1]).index_add_(0, groups, features)
    return numbers, F.normalize(sums, dim=1)
