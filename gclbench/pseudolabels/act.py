"""ACT's pseudo labels: Jaccard distance plus distance from the source, DBSCAN, outliers placed.

Source    act.md 3.1 and 3.2: D_ij = (1 - l) J_ij + l (w_i + w_j). J is the Jaccard distance of
          classic neighbourhoods, w_i says how far target i lies from its nearest source image.
          ACT takes both on unit rows, UDAP, which comes before it, on averages as they are
          (act.md 4.1): there w is nearly one number for all.
Differs   Squared distances below J are not floored at 1e-5 and J is no float16: both only move
          it by rounding.
Memory    Two points that share no weight have J = 1, hence D >= 1 - l: only the other pairs are
          stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.dbscan import OUTLIER, dbscan, rho_count
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.products import products
from gclbench.kernels.raw_rows import least_distances, raw_jaccard_distances
from gclbench.kernels.similarity import finite_rows, pair_products
from gclbench.kernels.sparse import SparseDistances

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_BLOCK = 256
_NEAREST_FLOOR = 1e-5
_SCALE_GUARD = 1e-3


@dataclass(frozen=True)
class ActLabels:
    """labels (N,) int64: the cluster, of an outlier that of the nearest inlier.

    inliers (N,) bool; eps as used; how many clusters. Without any inlier all labels are -1.
    """

    labels: Ints
    inliers: NDArray[np.bool_]
    eps: float
    clusters: int


def act_labels(
    target_rows: Any,
    source_rows: Any,
    *,
    eps: float | None = None,
    k1: int = 20,
    k2: int = 6,
    rho: float = 1.6e-3,
    min_samples: int = 4,
    source_weight: float = 0.1,
    unit: bool = True,
) -> ActLabels:
    """Cluster rows (N, D) of the target, given those of the source (M, D).

    unit      rows are of length 1, as ACT takes them; False: of any length, as UDAP does. Which
              inlier is nearest to an outlier is always asked at unit length.
    eps       None: by the rho rule on these distances; else the one to keep (ACT: the first
              iteration's).
    Raises    ShapeError; UsageError, also for an eps that reaches pairs without common neighbours
              (nearly everything would be one cluster; see `ActDistances.least_apart`).
    """
    target, source = finite_rows(target_rows).cpu(), finite_rows(source_rows).cpu()
    distances = act_distances(target, source, k1=k1, k2=k2, source_weight=source_weight, unit=unit)
    used = distances.eps(rho) if eps is None else eps
    labels = distances.clusters(used, min_samples)
    inliers = labels != OUTLIER
    rows = target if unit else F.normalize(target)
    return ActLabels(nearest_inlier(rows, labels), inliers, used, int(labels.max()) + 1)


@dataclass(frozen=True)
class ActDistances:
    """D of the pairs i < j of `jaccard` in `values`, float32; of any other pair 1 - l + l W_ij.

    `apart` (N,) float64 is w, `source_weight` l.
    """

    jaccard: SparseDistances
    values: Floats
    apart: NDArray[np.float64]
    source_weight: float

    @property
    def least_apart(self) -> np.float32:
        """No pair without common neighbours is nearer than this, in (0, 1]."""
        weight = self.source_weight
        least = np.sort(self.apart)[:2].sum() if len(self.apart) > 1 else 0.0
        return np.float32(min(1 - weight + weight * least, 1.0))

    def rows(self, start: int, stop: int) -> Floats:
        """Return D[start:stop, j] of the pairs j > i, (stop - start, N); elsewhere 0."""
        graph = self.jaccard
        far = self.apart[start:stop, None] + self.apart[None, :]
        block = (1 - self.source_weight + self.source_weight * far).astype(np.float32)
        for i in range(start, stop):
            span = slice(graph.indptr[i], graph.indptr[i + 1])
            block[i - start, graph.indices[span]] = self.values[span]
        return np.triu(block, k=start + 1)

    def eps(self, rho: float) -> float:
        """Return the mean of the n smallest non-zero D_ij, i < j, n = max(1, round(rho * count)).

        0 where all are zero.
        """
        if not rho > 0:
            raise UsageError(f"rho is {rho}, it must be above 0.")
        n, stored = self.jaccard.n, self.values[self.values > 0].astype(np.float64)
        count = n * (n - 1) // 2 - int((self.values == 0).sum())
        if count == 0:
            return 0.0
        wanted = rho_count(count, rho)
        if wanted <= len(stored):
            least = np.partition(stored, wanted - 1)[:wanted]
            if least.max() <= self.least_apart:
                return float(least.mean())
        return float(self._smallest_of_all(wanted).mean())

    def clusters(self, eps: float, min_samples: int) -> Ints:
        """Return DBSCAN's labels, -1 for an outlier, as scikit-learn on the dense float32 D."""
        if not eps >= 0 or np.float32(eps) >= self.least_apart:
            raise UsageError(
                f"eps is {eps:.4f}, it must be at least 0 and below {self.least_apart:.4g}: "
                "images without common neighbours would be one cluster.",
                "Lower warmup.act.rho, or raise warmup.act.k1.",
            )
        graph = self.jaccard
        stored = SparseDistances(graph.indptr, graph.indices, self.values, graph.n)
        return dbscan(stored, eps, min_samples)

    def _smallest_of_all(self, wanted: int) -> NDArray[np.float64]:
        least = np.empty(0)
        for start, stop in _blocks(self.jaccard.n):
            block = self.rows(start, stop)
            least = np.concatenate([least, block[block > 0].astype(np.float64)])
            if len(least) > wanted:
                least = np.partition(least, wanted - 1)[:wanted]
        return least


def act_distances(
    target: Tensor, source: Tensor, *, k1: int, k2: int, source_weight: float, unit: bool = True
) -> ActDistances:
    """Return D of all pairs of target rows (N, D), sparse; source rows (M, D); see `act_labels`.

    Raises UsageError for a `source_weight` outside [0, 1) or k1, k2 < 1.
    """
    if not 0 <= source_weight < 1:
        raise UsageError(f"source_weight is {source_weight}, it must be at least 0 and below 1.")
    apart = distance_from_source(target, source, unit=unit)
    if unit:
        jaccard = jaccard_distances(target, k1, k2, "classic")
    else:
        jaccard = raw_jaccard_distances(target, k1, k2)
    rows = np.repeat(np.arange(jaccard.n), np.diff(jaccard.indptr))
    far = apart[rows] + apart[jaccard.indices]
    values = (1 - source_weight) * jaccard.values.astype(np.float64) + source_weight * far
    return ActDistances(jaccard, values.astype(np.float32), apart, source_weight)


def distance_from_source(
    target: Tensor, source: Tensor, *, unit: bool = True
) -> NDArray[np.float64]:
    """Return w (N,), in [0, 1): how far each target row lies from the source, scaled.

    u_i = min_j (1 - exp(-d_ij)), d the squared distance of the rows, at least 1e-5;
    w = u / (max u + 1e-3). Rows of the target (N, D), of the source (M, D). Raises ShapeError.
    """
    if target.ndim != 2 or source.ndim != 2 or target.shape[1] != source.shape[1]:
        raise ShapeError(
            f"target rows are {tuple(target.shape)}, source rows {tuple(source.shape)}; "
            "both must be (N, D) with one D."
        )
    squared = _unit_distances(target, source) if unit else least_distances(target, source)
    apart = -np.expm1(-np.maximum(squared, _NEAREST_FLOOR))
    return np.asarray(apart / (apart.max() + _SCALE_GUARD))


def _unit_distances(target: Tensor, source: Tensor) -> NDArray[np.float64]:
    nearest = [products(part, source).max(dim=1).values for part in target.split(_BLOCK)]
    return 2 - 2 * np.concatenate([part.numpy() for part in nearest]).astype(np.float64)


def nearest_inlier(rows: Tensor, labels: Ints) -> Ints:
    """Give each outlier (-1) the label of the inlier image with the largest x.y; ties by index.

    rows (N, D) of unit length, labels (N,) -> (N,). Without an inlier the labels stay.
    """
    outliers, inliers = np.flatnonzero(labels == OUTLIER), np.flatnonzero(labels != OUTLIER)
    full = labels.copy()
    if len(inliers) == 0:
        return full
    near = rows[inliers]
    # Float32 scores differ between libraries by at most this: they only name candidates.
    doubt = (rows.shape[1] + 8) * 2.0**-22
    for start, stop in _blocks(len(outliers)):
        part = outliers[start:stop]
        scores = products(rows[part], near)
        chosen = (scores >= scores.max(dim=1, keepdim=True).values - doubt).numpy()
        row, column = np.nonzero(chosen)
        exact = pair_products(rows, part[row], inliers[column])
        order = np.lexsort((column, -exact, row))
        first = order[np.unique(row[order], return_index=True)[1]]
        full[part[row[first]]] = labels[inliers[column[first]]]
    return full


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, _BLOCK):
        yield start, min(start + _BLOCK, count)
