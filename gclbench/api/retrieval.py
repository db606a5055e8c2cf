"""The kernels for anybody's features: evaluate, jaccard, dbscan and rerank.

Rows are normalised here, so that any encoder's features may be given as they are. NumPy arrays and
torch tensors are taken, on the CPU or a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from gclbench.kernels.ranking_result import RankingResult
    from gclbench.kernels.sparse import SparseDistances

_SHORT = 1e-12  # what is not divided by, when rows are normalised


@dataclass(frozen=True)
class Evaluation:
    """What a retrieval is worth: percentages 0-100 as in tables, per-query fractions in `ranking`.

    Prints as one line.
    """

    mAP: float
    R1: float
    R5: float
    R10: float
    mINP: float
    ranking: RankingResult

    def metrics(self) -> dict[str, float]:
        """Return the percentages by the names that tables use."""
        return self.ranking.percentages()

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.1f}" for name, value in self.metrics().items())


def evaluate(
    query: Any,
    gallery: Any,
    query_ids: Any,
    gallery_ids: Any,
    query_cams: Any,
    gallery_cams: Any,
    *,
    average_precision: Literal["step", "trapezoid", "grouped"] = "step",
    nearest: int = 50,
) -> Evaluation:
    """Return mAP, CMC and mINP of features under the Market-1501 single-query protocol.

    Source    Zheng et al., ICCV 2015: gallery items of the query's identity and camera are left
              out, and junk (id -1); distractors (id 0) stay; a query without a match is skipped.
    Shapes    query (Q, D), gallery (G, D) of any length; ids and cameras (Q,), (G,) whole numbers.
              The first `nearest` gallery rows of each query are in `ranking.nearest`.
    Ties      go by gallery index; by `average_precision="grouped"` they are one place, as in
              scikit-learn's average precision.
    Raises    ShapeError; UsageError for numbers that are not finite, rows that are zero, or no
              query with a match.
    """
    from gclbench.kernels.ranking import evaluate_ranking

    ranking = evaluate_ranking(
        _unit(query),
        _unit(gallery),
        query_ids,
        query_cams,
        gallery_ids,
        gallery_cams,
        average_precision=average_precision,
        nearest=nearest,
    )
    return Evaluation(**ranking.percentages(), ranking=ranking)


def jaccard(
    features: Any, *, k1: int = 20, k2: int = 6, neighbours: Literal["faiss", "classic"] = "faiss"
) -> SparseDistances:
    """Return the k-reciprocal Jaccard distance of all pairs, kept sparse; `.dense()` is (N, N).

    Source    Zhong et al., CVPR 2017; `neighbours` as in `kernels.jaccard.jaccard_distances`.
    Shapes    features (N, D) of any length.
    Raises    ShapeError, UsageError.
    """
    from gclbench.kernels.jaccard import jaccard_distances

    return jaccard_distances(_unit(features), k1, k2, neighbours)


def dbscan(distance: Any, *, eps: float, min_samples: int = 4) -> NDArray[np.int64]:
    """Return each point's cluster, -1 for an outlier, from `jaccard` or a symmetric (N, N) matrix.

    Labels as scikit-learn gives them for the dense matrix. In a matrix, entries of 1 and more are
    never neighbours: eps must lie below 1 there. Raises ShapeError, UsageError.
    """
    from gclbench.errors import UsageError
    from gclbench.kernels.dbscan import dbscan as cluster
    from gclbench.kernels.sparse import SparseDistances

    if isinstance(distance, SparseDistances):
        return cluster(distance, eps, min_samples)
    if not eps < 1:
        raise UsageError(f"eps is {eps}, it must lie below 1.", "Divide all distances first.")
    return cluster(SparseDistances.from_dense(distance), eps, min_samples)


def rerank(
    query: Any, gallery: Any, *, k1: int = 20, k2: int = 6, mix: float = 0.3
) -> NDArray[np.float32]:
    """Return re-ranked distances (Q, G): (1 - mix) J + mix D (Zhong et al., CVPR 2017).

    For large sets see `kernels.reranking.reranked_blocks`, which never holds Q x G numbers.
    Raises ShapeError, UsageError.
    """
    import numpy as np

    from gclbench.kernels.reranking import reranked_blocks

    return np.concatenate(list(reranked_blocks(_unit(query), _unit(gallery), k1, k2, mix)))


def _unit(features: Any) -> torch.Tensor:
    """Rows of length 1. Raises UsageError for rows that are zero: they have no direction."""
    import torch

    from gclbench.errors import UsageError

    rows = torch.as_tensor(features).detach()
    rows = rows if rows.is_floating_point() else rows.float()
    lengths = torch.linalg.vector_norm(rows, dim=-1, dtype=torch.float64)
    short = torch.nonzero(lengths < _SHORT).flatten().tolist()
    if short:
        shown = ", ".join(map(str, short[:5])) + (", ..." if len(short) > 5 else "")
        raise UsageError(
            f"{len(short)} of {len(rows)} features are zero (row {shown}): they have no cosine.",
            "Leave those rows out, or see why their images gave nothing.",
        )
    return torch.nn.functional.normalize(rows, dim=-1)
