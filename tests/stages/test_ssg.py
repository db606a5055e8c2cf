"""Stage 1, SSG: halves of a body, three groupings, whose labels which rows learn, resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from gclbench.errors import UsageError
from gclbench.losses.triplet import positive_pair_losses
from gclbench.networks.id_encoder import IdOutput
from gclbench.schema.self_training_warmups import SsgSettings
from gclbench.stages import ssg
from gclbench.stages.ssg import SsgTraining, averages, ssg_losses

Tiny = Callable[..., Any]
SMALL = {"iterations": 2, "epochs": 2, "batch_images": 4, "instances": 2, "lr": 0.01}
CLUSTERS = {"k1": 4, "k2": 2, "rho": 0.05, "min_samples": 2}


def settings_of(tiny: Tiny, **changes: Any) -> Any:
    return tiny(warmup={"method": "ssg", "ssg": {**SMALL, **CLUSTERS, **changes}})


def make(bench: Any, tiny: Tiny, **changes: Any) -> SsgTraining:
    training = bench.warmup(settings_of(tiny, **changes))
    assert isinstance(training, SsgTraining)
    return training


def random_output(rows: int = 6) -> IdOutput:
    rng = torch.Generator().manual_seed(0)
    f_id = torch.randn(rows, 5, 4, 1, generator=rng)
    embedding, pooled = (torch.randn(rows, 5, generator=rng) for _ in range(2))
    return IdOutput(f_id, embedding, pooled)


def test_halves_are_the_means_of_the_upper_and_the_lower_parts() -> None:
    output = random_output()
    whole, upper, lower = averages(output)
    assert whole is output.pooled
    assert torch.allclose(upper, (output.f_id[:, :, 0, 0] + output.f_id[:, :, 1, 0]) / 2)
    assert torch.allclose(lower, (output.f_id[:, :, 2, 0] + output.f_id[:, :, 3, 0]) / 2)


def test_every_view_learns_the_labels_of_its_own_grouping() -> None:
    output = random_output()
    labels = torch.tensor([[0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1], [5, 5, 5, 3, 3, 3]])
    losses = ssg_losses(output, labels, 0.5)
    _, upper, lower = averages(output)
    expected = {
        "embedding": (F.relu(output.embedding), labels[0]),
        "whole": (output.pooled, labels[0]),
        "upper": (upper, labels[1]),
        "lower": (lower, labels[2]),
    }
    assert losses.keys() == expected.keys()
    for name, (rows, own) in expected.items():
        value = positive_pair_losses(rows, own, 0.5).mean().item()
        assert losses[name].item() == pytest.approx(value, rel=1e-6)
        assert value > 0


def test_a_grouping_without_a_pair_in_the_batch_costs_nothing() -> None:
    output = random_output()
    output.f_id.requires_grad_()
    labels = torch.tensor([[0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5], [0] * 6])
    losses = ssg_losses(output, labels, 0.5)
    assert losses["upper"].item() == losses["lower"].item() == 0
    torch.stack(list(losses.values())).sum().backward()
    assert torch.isfinite(output.f_id.grad).all()


def test_an_odd_number_of_parts_is_refused(bench: Any, tiny: Tiny) -> None:
    settings = tiny(
        warmup=settings_of(tiny).model_dump()["warmup"], network={"id_encoder.parts": 3}
    )
    with pytest.raises(UsageError, match="3 parts"):
        bench.warmup(settings)


def test_a_batch_needs_two_people() -> None:
    for images in (6, 4):
        with pytest.raises(ValidationError, match="multiple of instances"):
            SsgSettings(batch_images=images, instances=4)


def test_groupings_are_made_anew_when_an_iteration_begins(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, radii = ssg.kept_radius_labels, list[Any]()

    def noted(rows: Any, eps: Any, **rest: Any) -> Any:
        radii.append(eps)
        return real(rows, eps, **rest)

    monkeypatch.setattr(ssg, "kept_radius_labels", noted)
    training = make(bench, tiny)
    assert training.epochs == 4
    counts = []
    for epoch in range(4):
        for batch in training.begin_epoch(epoch):
            training.step(batch)
        counts.append(len(radii))
    assert counts == [3, 3, 6, 6]
    assert radii[:3] == [None] * 3
    assert radii[3:] == training.eps
    assert len(bench.values("clusters_upper")) == 2


def test_each_grouping_clusters_its_own_rows(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, given = ssg.kept_radius_labels, list[Any]()

    def noted(rows: Any, eps: Any, **rest: Any) -> Any:
        given.append(rows)
        return real(rows, eps, **rest)

    monkeypatch.setattr(ssg, "kept_radius_labels", noted)
    training = make(bench, tiny)
    training.begin_epoch(0)
    training.encoder.eval()
    with torch.no_grad():
        output = training.encoder(ssg.to_network(bench.dataset.images("train")))
    for rows, expected in zip(given, averages(output), strict=True):
        assert torch.allclose(rows, expected, atol=1e-5)
        assert (rows.norm(dim=1) - 1).abs().max() > 0.1  # as they come, not of length 1


def test_an_image_that_any_grouping_leaves_out_is_not_trained_on(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    training.begin_epoch(0)
    training.labels[:, ::5] = torch.tensor([[0], [-1], [0]])
    drawn = torch.cat(list(training.begin_epoch(1)))
    assert len(drawn)
    assert not (drawn % 5 == 0).any()
    assert (training.labels[:, drawn] >= 0).all()
    for pair in drawn.split(2):
        assert len(training.labels[0, pair].unique()) == 1


def test_the_reported_loss_is_the_sum_of_its_parts(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    losses = training.step(training.begin_epoch(0)[0])
    total = losses.pop("loss").item()
    assert sorted(losses) == ["embedding", "lower", "upper", "whole"]
    assert total == pytest.approx(sum(value.item() for value in losses.values()), rel=1e-5)


def test_without_a_cluster_an_epoch_has_no_batch(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, min_samples=999)
    assert list(training.begin_epoch(0)) == []


def test_a_sources_images_are_not_used(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    source = replace(bench.dataset, seed=7)
    alone, beside = bench.alone_and_beside(settings_of(tiny), source)
    assert moved(weights(alone.encoder), beside.encoder) == []


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    honest, blind = bench.honest_and_blind(settings_of(tiny))
    assert 1 < len(honest.labels[0].unique()) < honest.labels.shape[1]
    assert moved(weights(honest.encoder), blind.encoder) == []


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_killed_run_ends_with_the_same_bits(
    bench: Any,
    tiny: Tiny,
    done: int,
    moved: Callable[..., list[str]],
    weights: Callable[[Any], Any],
) -> None:
    whole, resumed = bench.whole_and_resumed(settings_of(tiny), done)
    assert moved(weights(whole.encoder), resumed.encoder) == []
    assert torch.equal(whole.labels, resumed.labels)


def test_one_seed_gives_one_result_and_another_another(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    runs = bench.of_seeds(settings_of(tiny), 0, 0, 1)
    one, same, other = (run.encoder for run in runs)
    assert moved(weights(one), same) == []
    assert "feat.weight" in moved(weights(one), other)


def test_the_stage_leaves_a_trained_encoder(bench: Any, tiny: Tiny) -> None:
    start, state = bench.stage_result(settings_of(tiny), "source")
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])
