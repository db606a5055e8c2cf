"""k-reciprocal re-ranking of query-gallery lists (Zhong et al., CVPR 2017) in linear memory.

Source    specs: evaluation.md 6. Over queries and gallery together, D is the squared distance
          divided by its column's largest, transposed; J is the Jaccard distance of weights exp(-D)
          on classic neighbourhoods (k1 + 1 entries, self first), expanded over k2 neighbours.
          The new distance of a query and a gallery item is (1 - mix) J + mix D.
Not so    in OpenUnReID and fast-reid, which mix J with the distance as it is: their 0.3 means
          something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.products import products
from gclbench.kernels.similarity import finite_rows
from gclbench.kernels.sparse import SparseDistances

Floats = NDArray[np.float32]
_BLOCK_BYTES = 1 << 27


def reranked_blocks(
    query: Any,
    gallery: Any,
    k1: int = 20,
    k2: int = 6,
    mix: float = 0.3,
    block: int = 512,
) -> Iterator[Floats]:
    """Return the rows of the re-ranked distances, `block` queries at a time.

    Use       `ranking.evaluate_distances(reranked_blocks(query, gallery), ...)`.
    Shapes    query (Q, D), gallery (G, D) torch or NumPy, unit rows (not normalised here)
              -> float32 arrays (b, G), values 0-1; b is less than `block` where that many rows
              take 128 MB.
    Limits    k1 >= 1, 1 <= k2 <= k1 + 1 (a larger k2 acts as k1 + 1); mix 0-1: 0 is J alone, 1 is
              D alone, which orders a list as the distances do.
    Memory    a copy of the features, sparse J, two blocks; never (Q + G)^2, never Q x G.
    Raises    ShapeError; UsageError for settings out of their limits, an empty query or gallery,
              NaN or infinity. All before the first block.
    """
    if not 0 <= mix <= 1:
        raise UsageError(f"mix is {mix}, it must lie between 0 and 1.")
    if block < 1:
        raise UsageError(f"block is {block}, it must be at least 1.")
    together = _joined(query, gallery)
    jaccard = jaccard_distances(together, k1, k2, neighbours="classic")
    rows = min(block, max(1, _BLOCK_BYTES // (4 * len(together))))
    return _mixed_blocks(together, jaccard, len(query), mix, rows)


def _joined(query: Any, gallery: Any) -> Tensor:
    q, g = torch.as_tensor(query).detach(), torch.as_tensor(gallery).detach()
    if q.ndim != 2 or g.ndim != 2 or q.shape[1] != g.shape[1]:
        raise ShapeError(
            f"features are {tuple(q.shape)} and {tuple(g.shape)}, not (Q, D), (G, D)."
        )
    if len(q) == 0 or len(g) == 0:
        raise UsageError(f"{len(q)} queries, {len(g)} gallery items: neither may be empty.")
    return finite_rows(torch.cat([q.to(g.device, torch.float32), g.to(torch.float32)]))


def _mixed_blocks(
    together: Tensor, jaccard: SparseDistances, queries: int, mix: float, rows: int
) -> Iterator[Floats]:
    for start in range(0, queries, rows):
        stop = min(start + rows, queries)
        mixed = _jaccard_rows(jaccard, start, stop, queries)
        relative = _relative_distances(together, start, stop)[:, queries:]
        mixed *= 1 - mix
        relative *= mix
        mixed += relative
        yield mixed


def _relative_distances(together: Tensor, start: int, stop: int) -> Floats:
    """D of some rows: a column's largest is its row's, since squared distances are symmetric."""
    squared = products(together[start:stop], together).mul_(-2).add_(2).clamp_(min=0)
    squared /= squared.max(dim=1, keepdim=True).values.clamp_(min=1e-12)
    return squared.cpu().numpy()


def _jaccard_rows(jaccard: SparseDistances, start: int, stop: int, queries: int) -> Floats:
    """J of some queries to the gallery: every such pair lies in the stored upper triangle."""
    block = np.ones((stop - start, jaccard.n - queries), dtype=np.float32)
    stored = slice(jaccard.indptr[start], jaccard.indptr[stop])
    rows = np.repeat(np.arange(stop - start), np.diff(jaccard.indptr[start : stop + 1]))
    columns, values = jaccard.indices[stored], jaccard.values[stored]
    far = columns >= queries
    block[rows[far], columns[far] - queries] = values[far]
    return block
