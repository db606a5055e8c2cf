"""What a retrieval list is worth, as plain arrays and as the percentages of tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import UsageError

RANKS = (1, 5, 10)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RankingResult:
    """What a retrieval list is worth; per-query arrays keep the order of the queries.

    `cmc[r - 1]` is the share of valid queries whose first match is among the first r kept items,
    for r = 1 .. min(max_rank, gallery size). `ap`, `inp` are NaN and `first_match` is 0 for a
    skipped query. `nearest` (Q, T) holds the first T kept gallery rows of each query, in order,
    and `nearest_distances` how far they are; behind a list's end stand -1 and infinity.
    """

    mAP: float
    mINP: float
    cmc: Floats
    ap: Floats
    inp: Floats
    first_match: Ints
    valid: NDArray[np.bool_]
    nearest: Ints
    nearest_distances: Floats

    def rank(self, r: int) -> float:
        """CMC at rank r (1-based); a gallery shorter than r answers with its last value."""
        if r < 1:
            raise UsageError(f"rank {r} is not a rank.", "Ranks start at 1.")
        return float(self.cmc[min(r, len(self.cmc)) - 1])

    def percentages(self) -> dict[str, float]:
        """Return mAP, R1, R5, R10 and mINP, 0-100, by the names that tables use."""
        ranks = {f"R{r}": 100 * self.rank(r) for r in RANKS}
        return {"mAP": 100 * self.mAP, **ranks, "mINP": 100 * self.mINP}
