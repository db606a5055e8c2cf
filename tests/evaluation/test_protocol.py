from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gclbench.evaluation import evaluate, from_network
from gclbench.schema.settings import EvaluateSettings

# evaluation.md, oracle E1: gallery distances of three queries.
G_PIDS = np.array([1, 1, 2, 0, 1, -1, 2, 1])
G_CAMS = np.array([1, 2, 2, 3, 3, 2, 3, 2])
Q_PIDS, Q_CAMS = np.array([1, 2, 3]), np.array([1, 2, 1])
DISTANCES = np.array(
    [
        [0.10, 0.50, 0.20, 0.30, 0.15, 0.05, 0.70, 0.60],
        [0.35, 0.55, 0.02, 0.15, 0.65, 0.25, 0.45, 0.75],
        [0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80],
    ]
)


class Toy:
    """Every picture is one gray value: its row in the table of embeddings."""

    label = "toy"
    fingerprint = "f" * 64
    query = SimpleNamespace(pids=Q_PIDS, cams=Q_CAMS, starts=None)
    gallery = SimpleNamespace(pids=G_PIDS, cams=G_CAMS, starts=None)

    def images(self, split: str) -> np.ndarray:
        values = np.arange(3) if split == "query" else np.arange(3, 11)
        return np.repeat(values.astype(np.uint8), 12).reshape(-1, 2, 2, 3)


class Lookup(nn.Module):
    """Answers with embeddings whose pairwise distances order as the oracle's."""

    def __init__(self) -> None:
        super().__init__()
        queries = torch.eye(4)[:3]
        toward = torch.tensor(1 - DISTANCES.T, dtype=torch.float32) * 0.5
        rest = (1 - toward.square().sum(1, keepdim=True)).sqrt()
        self.register_buffer("table", 7 * torch.cat([queries, torch.cat([toward, rest], 1)]))

    def forward(self, images: Tensor) -> SimpleNamespace:
        return SimpleNamespace(embedding=self.table[from_network(images)[:, 0, 0, 0].tolist()])


def test_market_protocol_gives_the_worked_example() -> None:
    result = evaluate(Lookup(), Toy(), EvaluateSettings(batch_size=3))
    assert result.mAP == pytest.approx(51.6667, abs=1e-3)
    assert (result.R1, result.R5, result.R10) == (50.0, 100.0, 100.0)
    assert result.mINP == pytest.approx(46.6667, abs=1e-3)
    assert result.ap[:2] == pytest.approx([0.7, 1 / 3])
    assert np.isnan(result.ap[2])
    kept = result.per_query()
    assert kept["first_match"].tolist() == [1, 3, 0]
    assert kept["inp"][:2] == pytest.approx([3 / 5, 1 / 3])
    # Without the query's own camera's image of it and without junk; -1 behind the end.
    assert kept["nearest"][0].tolist() == [4, 2, 3, 1, 7, 6, -1, -1]
    assert np.isinf(kept["nearest_distances"][0][kept["nearest"][0] < 0]).all()
    assert (result.valid_queries, result.skipped_queries) == (2, 1)
    assert (result.gallery_size, result.feature_dim) == (8, 4)


def test_trapezoid_average_precision_is_selectable() -> None:
    result = evaluate(Lookup(), Toy(), EvaluateSettings(average_precision="trapezoid"))
    assert result.mAP == pytest.approx(41.1111, abs=1e-3)


def test_record_is_plain_and_says_how_the_numbers_came_about() -> None:
    result = evaluate(Lookup(), Toy(), EvaluateSettings())
    record = json.loads(json.dumps(result.describe()))
    assert record["protocol"] == "market1501_single_query"
    assert record["average_precision"] == "step"
    assert record["reranking"] is False
    assert record["skipped_queries"] == 1
    assert record["dataset"] == "toy"
    assert record["mAP"] == result.metrics()["mAP"] == result.mAP
