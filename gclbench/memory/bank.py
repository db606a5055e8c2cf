"""Memory banks: one row per training sample (or cluster), refreshed when training visits it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import CheckpointError, ShapeError, UsageError


class _Bank:
    """Rows (N, D) that are refreshed in place, without gradient."""

    def __init__(self, rows: Tensor) -> None:
        if rows.ndim != 2 or not len(rows):
            raise ShapeError(f"rows are {tuple(rows.shape)}, not (N, D) with N > 0.")
        self._rows = rows.detach().clone()

    @property
    def rows(self) -> Tensor:
        """The current rows (N, D), without gradient. Not to be written to.

        The next update changes what it returned: a loss must not keep it for its backward pass
        (`kernels.contrast.bank_logsumexp` does not; autograd raises where one does).
        """
        return self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def state_dict(self) -> dict[str, Tensor]:
        return {"rows": self._rows.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the rows of `state_dict`, bit for bit. Raises CheckpointError for another shape."""
        rows = state.get("rows")
        if rows is None or rows.shape != self._rows.shape:
            found = "none" if rows is None else str(tuple(rows.shape))
            raise CheckpointError(
                f"the memory bank has rows of shape {tuple(self._rows.shape)}, the state {found}."
            )
        self._rows = rows.detach().to(self._rows).clone()

    def _checked(self, indices: Tensor, features: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        if features.shape != (len(indices), self._rows.shape[1]):
            raise ShapeError(
                f"features are {tuple(features.shape)}, expected "
                f"({len(indices)}, {self._rows.shape[1]})."
            )
        if not 0 <= weight <= 1:
            raise UsageError(f"momentum is {weight}, it must lie between 0 and 1.")
        if bool((indices < 0).any()) or bool((indices >= len(self._rows)).any()):
            raise UsageError(f"an index lies outside the bank's {len(self._rows)} rows.")
        return indices.to(self._rows.device), features.detach().to(self._rows)


class MemoryBank(_Bank):
    """GCL's bank M of unit rows: M_i <- normalise(beta M_i + (1 - beta) f_i).

    Source    GCL+ (arXiv 2301.00725), Eq. (7). Differs as the public code does (D-11): refreshed
              at every iteration and normalised again.
    Expects   features (N, D) and later rows of length 1.
    """

    def __init__(self, features: Tensor) -> None:
        super().__init__(features)
        if not torch.allclose(self._rows.norm(dim=1), self._rows.new_ones(len(self)), atol=1e-3):
            raise UsageError("a bank row does not have length 1.", "Normalise the features first.")

    def update(self, indices: Tensor, unit_features: Tensor, momentum: float) -> None:
        """Refresh rows `indices` (B,) with unit features (B, D).

        `momentum` is the weight of the OLD row. An index that occurs twice keeps one of its two
        results.
        """
        indices, fresh = self._checked(indices, unit_features, momentum)
        mixed = momentum * self._rows[indices] + (1 - momentum) * fresh
        self._rows[indices] = F.normalize(mixed, dim=1)


class JvtcBank(_Bank):
    """JVTC's bank: uniform at first, not normalised, the old row's weight grows by epoch.

    Source    jvtc.md 3.2: m = min(momentum_step * epoch, momentum_max), B_i <- m B_i + (1 - m)
              w_i.
    """

    def __init__(
        self, size: int, dim: int, rng: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(torch.rand(size, dim, generator=rng).to(device))

    def update(
        self,
        indices: Tensor,
        unit_features: Tensor,
        *,
        epoch: int,
        momentum_step: float = 0.01,
        momentum_max: float = 0.8,
    ) -> None:
        """Refresh rows `indices` (M,) with unit features (M, D); epochs count from 1."""
        weight = min(momentum_step * epoch, momentum_max)
        indices, fresh = self._checked(indices, unit_features, weight)
        self._rows[indices] = weight * self._rows[indices] + (1 - weight) * fresh


class LookUpTable(_Bank):
    """BUC's table V: one row per cluster, zero at first, V_y <- normalise((V_y + x) / 2).

    Source    Lin et al., AAAI 2019, and its code (buc.md 3.1); x as it is, dropout included.
    """

    def __init__(self, clusters: int, dim: int, device: torch.device | str = "cpu") -> None:
        super().__init__(torch.zeros(clusters, dim, device=device))

    def update(self, clusters: Tensor, features: Tensor) -> None:
        """Refresh rows `clusters` (B,) with features (B, D), one after the other.

        Several features of one cluster are taken in the order of the batch, which is not the same
        as their mean.
        """
        clusters, fresh = self._checked(clusters, features, 0.5)
        for cluster, feature in zip(clusters.tolist(), fresh, strict=True):
            self._rows[cluster] = F.normalize((self._rows[cluster] + feature) / 2, dim=0)
