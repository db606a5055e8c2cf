"""The Market-1501 single-query protocol over a dataset's query and gallery.

Tracklets are ranked the same way, one vector each, of all frames; records then name the protocol
after the role. "mars" is the official one, whose gallery holds the queries too (never a match of
their own: same identity, same camera).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gclbench.evaluation.features import extract_features
from gclbench.evaluation.invariance import FactorScores, factor_scores
from gclbench.kernels.ranking import evaluate_ranking
from gclbench.kernels.ranking_result import RankingResult
from gclbench.schema.settings import EvaluateSettings

PROTOCOL = "market1501_single_query"
NEAREST = 50  # gallery rows that are kept of each query's list


class Labelled(Protocol):
    """Identities and cameras of one split in the order of its samples; see `ImageTable`."""

    @property
    def pids(self) -> NDArray[np.int64]: ...

    @property
    def cams(self) -> NDArray[np.int64]: ...

    @property
    def paths(self) -> tuple[str, ...]: ...

    @property
    def starts(self) -> NDArray[np.int64] | None: ...


class Retrieval(Protocol):
    """What evaluation asks of a dataset."""

    @property
    def role(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def query(self) -> Labelled: ...

    @property
    def gallery(self) -> Labelled: ...

    def images(self, split: Any) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class EvaluationResult:
    """Retrieval quality of one encoder on one dataset.

    `mAP`, `mINP`, `R1`, `R5`, `R10` are percentages 0-100; `ranking` has fractions, and of each
    query its AP and first 50 gallery rows.
    """

    mAP: float
    mINP: float
    R1: float
    R5: float
    R10: float
    ranking: RankingResult
    valid_queries: int
    skipped_queries: int
    gallery_size: int
    feature_dim: int
    average_precision: str
    dataset: str
    fingerprint: str
    protocol: str = PROTOCOL

    @property
    def ap(self) -> NDArray[np.float64]:
        """AP of each query (Q,), 0-1; NaN where it has no match and is skipped."""
        return self.ranking.ap

    def per_query(self) -> dict[str, Any]:
        """Arrays (Q,) or (Q, 50) by name, what is kept of each query: see `RankingResult`."""
        ranking = self.ranking
        return {
            "ap": ranking.ap,
            "inp": ranking.inp,
            "first_match": ranking.first_match.astype(np.int32),
            "nearest": ranking.nearest.astype(np.int32),
            "nearest_distances": ranking.nearest_distances.astype(np.float32),
        }

    def metrics(self) -> dict[str, float]:
        """Return the percentages by the names that tables use."""
        return {name: float(getattr(self, name)) for name in ("mAP", "R1", "R5", "R10", "mINP")}

    def describe(self) -> dict[str, Any]:
        """Return what a record must say beside the numbers (plain values, ready for JSON)."""
        return {
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "protocol": self.protocol,
            "average_precision": self.average_precision,
            "distance": "squared_euclidean_of_unit_features",
            "reranking": False,
            "camera_time": False,
            "valid_queries": self.valid_queries,
            "skipped_queries": self.skipped_queries,
            "gallery_size": self.gallery_size,
            "feature_dim": self.feature_dim,
            **self.metrics(),
        }


def evaluate(
    encoder: nn.Module,
    dataset: Retrieval,
    settings: EvaluateSettings,
    device: str | torch.device = "cpu",
) -> EvaluationResult:
    """Encode query and gallery, rank, and score.

    By look alone; for `settings.camera_time` see `evaluate_with_camera_time`.

    Source    Zheng et al., ICCV 2015: items of the query's identity and camera are left out, junk
              (pid -1) too, distractors (pid 0) stay; a query without a match is skipped. No
              re-ranking, no camera or time information, ties by gallery order.
    Raises    what `extract_features` and `evaluate_ranking` raise.
    """
    query, gallery = _features(encoder, dataset, settings, device)
    ranking = rank(query, gallery, dataset, settings)
    return result_of(ranking, dataset, settings, len(gallery), query.shape[1])


def rank(
    query: Tensor, gallery: Tensor, dataset: Retrieval, settings: EvaluateSettings
) -> RankingResult:
    """Rank unit rows (Q, E) and (G, E) of the dataset's query and gallery by their distance."""
    return evaluate_ranking(
        query,
        gallery,
        dataset.query.pids,
        dataset.query.cams,
        dataset.gallery.pids,
        dataset.gallery.cams,
        average_precision=settings.average_precision,
        nearest=NEAREST,
    )


def evaluate_factors(
    encoder: nn.Module,
    dataset: Any,
    settings: EvaluateSettings,
    device: str | torch.device = "cpu",
) -> dict[str, FactorScores]:
    """APs by true factor, under the same protocol as `evaluate`; the dataset knows its factors.

    They are the encoder's own, by look alone, also where cameras and times take part in the score.
    """
    probe, others = _features(encoder, dataset, settings, device)
    query, gallery = dataset.query, dataset.gallery
    same = query.pids[:, None] == gallery.pids[None, :]
    ignored = (same & (query.cams[:, None] == gallery.cams[None, :])) | (gallery.pids < 0)[None, :]
    distances = (2 - 2 * probe.double() @ others.double().T).numpy()
    return factor_scores(
        distances, dataset.factors("query"), dataset.factors("gallery"), same, ignored
    )


def _features(
    encoder: nn.Module,
    dataset: Retrieval,
    settings: EvaluateSettings,
    device: str | torch.device,
) -> tuple[Tensor, Tensor]:
    """Unit rows of query and gallery."""
    query, gallery = (
        features_of(encoder, dataset, split, settings, device) for split in ("query", "gallery")
    )
    return query, gallery


def features_of(
    encoder: nn.Module,
    dataset: Retrieval,
    split: str,
    settings: EvaluateSettings,
    device: str | torch.device,
) -> Tensor:
    """Return unit rows (N, E) of the samples of a split."""
    starts = getattr(dataset, split).starts
    return extract_features(encoder, dataset.images(split), settings.batch_size, device, starts)


def _protocol(dataset: Retrieval) -> str:
    if dataset.query.starts is None:
        return PROTOCOL
    inside = set(dataset.query.paths) <= set(dataset.gallery.paths)
    return "mars_without_queries" if dataset.role == "mars" and not inside else dataset.role


def result_of(
    ranking: RankingResult,
    dataset: Retrieval,
    settings: EvaluateSettings,
    gallery_size: int,
    feature_dim: int,
) -> EvaluationResult:
    """Say what a ranking is worth, in percent, and how it came about."""
    valid = int(ranking.valid.sum())
    return EvaluationResult(
        **ranking.percentages(),
        ranking=ranking,
        valid_queries=valid,
        skipped_queries=len(ranking.valid) - valid,
        gallery_size=gallery_size,
        feature_dim=feature_dim,
        average_precision=settings.average_precision,
        dataset=dataset.label,
        fingerprint=dataset.fingerprint,
        protocol=_protocol(dataset),
    )
