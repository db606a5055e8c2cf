"""Stage 1, Cluster Contrast: a memory of clusters, made anew each epoch; its updates; resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gclbench.stages.cluster_contrast import ClusterContrastTraining

Tiny = Callable[..., Any]
SMALL: dict[str, Any] = {
    "epochs": 2, "iterations": 3, "batch_size": 8, "images_per_person": 4,
    "k1": 4, "k2": 2, "min_samples": 2,
}  # fmt: skip


def of(tiny: Tiny, **section: Any) -> Any:
    return tiny(warmup={"method": "cluster_contrast", "cluster_contrast": SMALL | section})


def make(
    bench: Any, tiny: Tiny, *, source: bool = False, **section: Any
) -> ClusterContrastTraining:
    training = bench.warmup(of(tiny, **section), source=source)
    assert isinstance(training, ClusterContrastTraining)
    return training


def test_defaults_are_the_public_codes(tiny: Tiny) -> None:
    used = tiny(warmup={}).warmup.cluster_contrast
    assert (used.eps, used.k1, used.k2, used.min_samples) == (0.6, 30, 6, 4)
    assert (used.temperature, used.momentum, used.update) == (0.05, 0.1, "each")
    assert (used.batch_size, used.images_per_person, used.iterations) == (256, 16, 200)


def test_the_memory_starts_at_the_clusters_mean_test_features(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    unit = training.unit_features(training.images)
    training.begin_epoch(0)
    assert len(training.bank) == training.quality["clusters"] > 1
    for cluster, row in enumerate(training.bank.rows):
        expected = F.normalize(unit[training.labels == cluster].mean(0), dim=0)
        assert torch.allclose(row, expected, atol=1e-6)


def test_only_clustered_images_are_visited(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, iterations=20, min_samples=4)
    batches = training.begin_epoch(0)
    assert training.quality["outliers"] > 0
    visited = torch.cat(list(batches)).unique()
    assert bool((training.labels[visited] >= 0).all())


@pytest.mark.parametrize("update", ["each", "hard", "mean"])
def test_a_cluster_learns_from_its_images_as_asked(bench: Any, tiny: Tiny, update: str) -> None:
    training = make(bench, tiny, update=update, momentum=0.3)
    batch = training.begin_epoch(0)[0]
    rows, seen = training.bank.rows.clone(), []
    original = training.embed

    def spy(*args: Any) -> torch.Tensor:
        seen.append(original(*args))
        return seen[-1]

    training.embed = spy  # type: ignore[method-assign]
    loss = training.step(batch)["loss"].item()
    unit, clusters = F.normalize(seen[0].detach(), dim=1), training.labels[batch]
    assert loss == pytest.approx(float(F.cross_entropy(unit @ rows.T / 0.05, clusters)), rel=1e-4)
    for cluster in clusters.unique().tolist():
        own = unit[clusters == cluster]
        if update == "hard":
            own = own[(own @ rows[cluster]).argmin()][None]
        elif update == "mean":
            own = F.normalize(own.mean(0, keepdim=True), dim=1)
        for x in own:
            rows[cluster] = F.normalize(0.3 * rows[cluster] + 0.7 * x, dim=0)
    assert torch.allclose(training.bank.rows, rows, atol=1e-5)


@pytest.mark.parametrize("source", [False, True])
def test_a_checkpoint_gives_the_same_next_epoch(
    bench: Any, tiny: Tiny, source: bool, moved: Any, weights: Any
) -> None:
    one, losses, other, again = bench.second_epochs(of(tiny), source=source)
    assert losses == again != []
    assert moved(weights(one.encoder), other.encoder) == []
    assert torch.equal(one.bank.rows, other.bank.rows)


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Any, weights: Any
) -> None:
    honest, blind = bench.honest_and_blind(of(tiny))
    assert moved(weights(honest.encoder), blind.encoder) == []


def test_without_a_cluster_an_epoch_has_no_batch(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, eps=0.01, min_samples=9)
    assert bench.run_epoch(training) == []
    assert training.end_epoch(0)["clusters"] == 0


def test_the_stage_runs_it_and_leaves_an_encoder(bench: Any, tiny: Tiny) -> None:
    start, state = bench.stage_result(of(tiny))
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])
