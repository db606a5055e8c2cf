"""SCL's mixture memory: every update pulls a row half-way to a feature, in a given order."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.memory.bank import _Bank


class MixtureBank(_Bank):
    """Rows M (N, D), zero at first; M_j <- normalise((M_j + u) / 2).

    Source    Pang et al., arXiv 2010.07608, and its code (scl.md 2). A row's first update leaves
              normalise(u); a feature longer than 1 weighs more than the row it meets.
    """

    def __init__(self, size: int, dim: int, device: torch.device | str = "cpu") -> None:
        super().__init__(torch.zeros(size, dim, device=device))

    def update(self, rows: Tensor, features: Tensor) -> None:
        """Pull `rows` (M,) to features (M, D), one after the other as they stand.

        A row may occur several times, which is not the same as its features' mean. What is done
        at once are the first occurrences of all rows, then the second ones, and so on.
        """
        rows, fresh = self._checked(rows, features, 0.5)
        for turn in _turns(rows):
            chosen = rows[turn]
            self._rows[chosen] = F.normalize((self._rows[chosen] + fresh[turn]) / 2, dim=1)


def _turns(rows: Tensor) -> Iterator[Tensor]:
    """Yield positions of `rows` (M,): of all first occurrences, of all second ones, ..."""
    ordered, order = torch.sort(rows, stable=True)
    place = torch.arange(len(rows), device=rows.device)
    first = torch.searchsorted(ordered, ordered)
    occurrence = place - first
    for turn in range(int(occurrence.max()) + 1 if len(rows) else 0):
        yield order[occurrence == turn]
