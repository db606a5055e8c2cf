"""The evaluation stage: numbers, files, queries without a match."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gclbench.errors import ImpossibleResultError
from gclbench.evaluation.protocol import evaluate
from gclbench.stages import evaluate as module
from gclbench.stages.evaluate import evaluate_stage
from gclbench.stages.pretrain import load_encoder


@pytest.mark.parametrize("parent", ["pretrain", "source", "warmup", "joint"])
def test_metrics_are_those_of_the_parents_encoder(bench: Any, parent: str) -> None:
    context = bench.context("evaluate", parents=bench.parents(parent))
    metrics = evaluate_stage(context)
    encoder = load_encoder(context, parent)
    expected = evaluate(encoder, bench.dataset, context.settings.evaluate)
    assert {name: metrics[name] for name in expected.metrics()} == expected.metrics()
    assert 0 < metrics["mAP"] <= 100


def test_the_ap_of_every_query_is_kept_and_skipped_ones_are_nan(bench: Any) -> None:
    context = bench.context("evaluate", parents=bench.parents("warmup"))
    metrics = evaluate_stage(context)
    with np.load(context.folder / "per_query.npz") as arrays:
        ap, pids = arrays["ap"], arrays["pids"]
    assert pids.tolist() == bench.dataset.query.pids.tolist()
    missing = ~np.isin(pids, bench.dataset.gallery.pids)
    assert missing.sum() == metrics["skipped_queries"] == 1
    assert np.isnan(ap).tolist() == missing.tolist()
    assert 100 * np.nanmean(ap) == pytest.approx(metrics["mAP"])


def test_the_protocol_is_written_beside_the_numbers(bench: Any) -> None:
    context = bench.context("evaluate", parents=bench.parents("warmup"))
    metrics = evaluate_stage(context)
    described = json.loads((context.folder / "evaluation.json").read_text())
    assert described["dataset"] == "fake"
    assert described["protocol"] == "market1501_single_query"
    assert described["reranking"] is False
    assert described["mAP"] == metrics["mAP"]
    assert described["valid_queries"] == metrics["valid_queries"]


def test_evaluation_follows_its_settings(bench: Any, tiny: Any) -> None:
    parents = bench.parents("warmup")
    step, trapezoid = (
        evaluate_stage(
            bench.context("evaluate", tiny(evaluate={"average_precision": rule}), parents=parents)
        )["mAP"]
        for rule in ("step", "trapezoid")
    )
    assert step != trapezoid


def test_cameras_and_times_take_part_when_asked_and_the_visual_score_stays(
    bench: Any, tiny: Any
) -> None:
    parents = bench.parents("warmup")
    alone = evaluate_stage(bench.context("evaluate", parents=parents))
    settings = tiny(evaluate={"camera_time": True, "camera_time_model.rho": 0.1})
    context = bench.context("evaluate", settings, parents=parents, folder="timed")
    metrics = evaluate_stage(context)
    assert metrics["visual_mAP"] == alone["mAP"]
    assert set(metrics) == set(alone) | {f"visual_{n}" for n in ("mAP", "R1", "R5", "R10", "mINP")}
    described = json.loads((context.folder / "evaluation.json").read_text())
    assert (described["camera_time"], described["mAP"]) == (True, metrics["mAP"])
    assert described["checkpoint"] == "last epoch"
    with np.load(context.folder / "per_query.npz") as arrays:
        assert 100 * np.nanmean(arrays["ap"]) == pytest.approx(metrics["mAP"])
        assert 100 * np.nanmean(arrays["visual_ap"]) == pytest.approx(alone["mAP"])


@pytest.mark.parametrize(
    "change,line",
    [
        ({"mAP": 112.3}, "mAP is 112.3"),
        ({"R1": 100.0, "R5": 50.0}, "R1 100.0 is above R5 50.0"),
        ({"ap": np.array([1.5, np.nan])}, "the AP of a query is 1.5"),
        ({"ap": np.array([0.5, np.nan]), "mAP": 60.0}, "but the mean AP of the queries is 50.0"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_any_is_written(
    bench: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], line: str
) -> None:
    def wrong(*words: Any) -> Any:
        right = evaluate(*words)
        ranking = replace(right.ranking, ap=change.get("ap", right.ap))
        return replace(right, ranking=ranking, **{n: v for n, v in change.items() if n != "ap"})

    monkeypatch.setattr(module, "evaluate", wrong)
    context = bench.context("evaluate", parents=bench.parents("warmup"))
    with pytest.raises(ImpossibleResultError, match=line):
        evaluate_stage(context)
    assert list(context.folder.iterdir()) == []


def test_numbers_of_the_visual_ranking_are_refused_too(
    bench: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = module.evaluate_with_camera_time

    def wrong(*words: Any) -> Any:
        both = timed(*words)
        ranking = replace(both.visual.ranking, ap=both.visual.ap / 2)
        return replace(both, visual=replace(both.visual, ranking=ranking))

    monkeypatch.setattr(module, "evaluate_with_camera_time", wrong)
    settings = tiny(evaluate={"camera_time": True, "camera_time_model.rho": 0.1})
    context = bench.context("evaluate", settings, parents=bench.parents("warmup"))
    with pytest.raises(ImpossibleResultError, match=r"visual_mAP is .* but the mean AP"):
        evaluate_stage(context)
