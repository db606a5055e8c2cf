"""Stage 1, Cluster Contrast: a memory of clusters, made anew each epoch; its updates; resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gclbench.plan import Checkpoints
from gclbench.registry import REGISTRY
from gclbench.stages.cluster_contrast import ClusterContrastTraining
from gclbench.stages.loop import scalars, train
from gclbench.stages.pretrain import load_encoder
from gclbench.stages.warmup import warmup

Tiny = Callable[..., Any]
SMALL: dict[str, Any] = {
    "epochs": 2, "iterations": 3, "batch_size": 8, "images_per_person": 4,
    "k1": 4, "k2": 2, "min_samples": 2,
}  # fmt: skip


def make(
    bench: Any, tiny: Tiny, *, parent: str = "pretrain", folder: str = "own", **section: Any
) -> ClusterContrastTraining:
    settings = tiny(warmup={"method": "cluster_contrast", "cluster_contrast": SMALL | section})
    datasets = {"target": bench.dataset, "source": bench.dataset}
    made = bench.context(
        "warmup", settings, parents=bench.parents(parent), datasets=datasets, folder=folder
    )
    return ClusterContrastTraining(made, load_encoder(made, parent))


def one_epoch(training: ClusterContrastTraining, epoch: int = 0) -> list[float]:
    return [scalars(training.step(b))["loss"] for b in training.begin_epoch(epoch)]


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


@pytest.mark.parametrize("parent", ["pretrain", "source"])
def test_a_checkpoint_gives_the_same_next_epoch(
    bench: Any, tiny: Tiny, parent: str, moved: Any, weights: Any
) -> None:
    training = make(bench, tiny, parent=parent)
    one_epoch(training)
    Checkpoints(bench.home / "kept").save(1, training.state_dict())
    losses = one_epoch(training, 1)
    other = make(bench, tiny, parent=parent, folder="other")
    found = Checkpoints(bench.home / "kept").latest()
    assert found is not None
    other.load_state_dict(found[1])
    assert one_epoch(other, 1) == losses
    assert moved(weights(training.encoder), other.encoder) == []
    assert torch.equal(training.bank.rows, other.bank.rows)


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Any, weights: Any
) -> None:
    honest = make(bench, tiny, folder="honest")
    train(honest, honest.context)
    bench.dataset = bench.dataset.relabelled()
    blind = make(bench, tiny, folder="blind")
    train(blind, blind.context)
    assert moved(weights(honest.encoder), blind.encoder) == []


def test_without_a_cluster_an_epoch_has_no_batch(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, eps=0.01, min_samples=9)
    assert one_epoch(training) == []
    assert training.end_epoch(0)["clusters"] == 0


def test_the_stage_runs_it_and_leaves_an_encoder(bench: Any, tiny: Tiny) -> None:
    settings = tiny(warmup={"method": "cluster_contrast", "cluster_contrast": SMALL})
    context = bench.context("warmup", settings, parents=bench.parents("pretrain"))
    assert warmup(context) == {}
    state = torch.load(context.folder / "encoder.pt", weights_only=True)
    start = load_encoder(context, "pretrain").state_dict()
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])
    found = REGISTRY.lookup("warmups", "cluster_contrast").component
    assert found is ClusterContrastTraining
