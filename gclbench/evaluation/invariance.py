"""Retrieval as a function of what differs between two images: only the world can tell.

For a query, the gallery images of its identity are split by how far they differ from it in one
factor. AP is then taken with the true matches of one such bin alone (the others are left out of
the ranking, everybody else's images stay), so bins can be compared: an encoder that is invariant
to the factor ranks the far bin as well as the near one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError

Floats = NDArray[np.float64]
VIEW_EDGES_DEG = (45.0, 90.0, 135.0)


class TrueFactors(Protocol):
    """See `gclbench.datasets.synthetic.factors.Factors`."""

    @property
    def yaw_deg(self) -> Floats: ...

    @property
    def light(self) -> Floats: ...

    @property
    def pose(self) -> Floats: ...

    @property
    def clothes(self) -> Floats: ...


@dataclass(frozen=True)
class FactorScores:
    """AP (Q, B) by bin of one factor, NaN where a query has no true match in it.

    `edges` (B - 1,) separate the bins, in `unit`.
    """

    ap: Floats
    edges: Floats
    unit: str


def factor_scores(
    distances: Floats,
    query: TrueFactors,
    gallery: TrueFactors,
    match: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
) -> dict[str, FactorScores]:
    """Return scores for "viewpoint", "light", "pose" and "clothing".

    Shapes    distances, match and ignored (Q, G): ascending is nearer; true matches; images that
              take no part (same camera, junk).
    AP        the step rule, whatever `evaluate.average_precision` says.
    Bins      a value on an edge belongs to the farther bin.
              viewpoint: 45 degrees each; light and pose: thirds of all true pairs; clothing:
              thirds of the queries by how much the nearest other person of the gallery is dressed
              like them (first bin: most alike), with all true matches in each.
    Raises    ShapeError.
    """
    expected = (len(query.yaw_deg), len(gallery.yaw_deg))
    if not distances.shape == match.shape == ignored.shape == expected:
        shapes = f"{distances.shape}, {match.shape} and {ignored.shape}"
        raise ShapeError(f"distances, match and ignored are {shapes}, expected {expected}.")
    match = match & ~ignored
    orders = np.argsort(distances, axis=1, kind="stable")
    scores: dict[str, FactorScores] = {}
    for name, (gap, unit) in _gaps(query, gallery).items():
        edges = np.array(VIEW_EDGES_DEG) if name == "viewpoint" else _thirds(gap[match])
        bins = np.digitize(gap, edges)
        scores[name] = FactorScores(
            _by_bin(orders, match, ignored, bins, len(edges) + 1), edges, unit
        )
    scores["clothing"] = _by_clothing(orders, query, gallery, match, ignored)
    return scores


def _gaps(query: TrueFactors, gallery: TrueFactors) -> Mapping[str, tuple[Floats, str]]:
    turn = np.abs(query.yaw_deg[:, None] - gallery.yaw_deg[None, :]) % 360.0
    # By query: Q x G x 23 x 3 numbers would be 29 GB for a gallery of Market-1501's size.
    joints = np.stack(
        [np.linalg.norm(gallery.pose - pose, axis=-1).mean(axis=-1) for pose in query.pose]
    )
    return {
        "viewpoint": (np.minimum(turn, 360.0 - turn), "degrees"),
        "light": (
            np.abs(query.light[:, None] - gallery.light[None, :]),
            "log of the ratio of brightness",
        ),
        "pose": (
            np.rad2deg(joints),
            "degrees, mean over joints",
        ),
    }


def _thirds(values: Floats) -> Floats:
    return np.quantile(values, [1 / 3, 2 / 3]) if len(values) else np.zeros(2)


def _by_clothing(
    orders: NDArray[np.int64],
    query: TrueFactors,
    gallery: TrueFactors,
    match: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
) -> FactorScores:
    other = np.stack([np.linalg.norm(gallery.clothes - worn, axis=-1) for worn in query.clothes])
    other[match | ignored] = np.inf
    nearest = other.min(axis=1)
    edges = _thirds(nearest[np.isfinite(nearest)])
    bins = np.repeat(np.digitize(nearest, edges)[:, None], match.shape[1], axis=1)
    return FactorScores(
        _by_bin(orders, match, ignored, bins, len(edges) + 1),
        edges,
        "distance of mean RGB colours",
    )


def _by_bin(
    orders: NDArray[np.int64],
    match: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    bins: NDArray[np.int64],
    count: int,
) -> Floats:
    ap = np.full((len(orders), count), np.nan)
    for q, order in enumerate(orders):
        for b in range(count):
            wanted = match[q] & (bins[q] == b)
            kept = ~ignored[q] & (wanted | ~match[q])
            ap[q, b] = average_precision(wanted[order][kept[order]])
    return ap


def average_precision(hits: NDArray[np.bool_]) -> float:
    """Mean precision at the hits of a ranked list (L,), best first; NaN without a hit."""
    places = np.flatnonzero(hits)
    if len(places) == 0:
        return float("nan")
    return float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))
