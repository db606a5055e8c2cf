"""Stage 1, MMT: two networks and their averages, whose labels meet which answers, resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gclbench.evaluation.preprocess import to_network
from gclbench.losses.triplet import soft_triplet_losses, softmax_triplet_losses
from gclbench.stages import mmt
from gclbench.stages.loop import train
from gclbench.stages.mmt import MmtTraining, follow

Tiny = Callable[..., Any]
SMALL = {"epochs": 3, "iterations": 2, "batch_size": 8, "images_per_person": 2, "lr": 0.01}
CLUSTERS = {"k1": 4, "k2": 2, "rho": 0.05, "min_samples": 2}


def settings_of(tiny: Tiny, **changes: Any) -> Any:
    return tiny(warmup={"method": "mmt", "mmt": {**SMALL, **CLUSTERS, **changes}})


def make(bench: Any, tiny: Tiny, **changes: Any) -> MmtTraining:
    training = bench.warmup(settings_of(tiny, **changes))
    assert isinstance(training, MmtTraining)
    return training


def encoders(training: MmtTraining) -> list[Any]:
    return [learner.encoder for learner in (*training.teachers, *training.students)]


def test_the_second_network_has_the_same_trunk_and_a_head_of_its_own(
    bench: Any, tiny: Tiny, weights: Callable[[Any], Any]
) -> None:
    training = make(bench, tiny)
    one, two = (weights(teacher.encoder) for teacher in training.teachers)
    differ = {name for name in one if not torch.equal(one[name], two[name])}
    assert "feat.weight" in differ
    assert all(name.startswith("feat") for name in differ)
    for teacher, student in zip(training.teachers, training.students, strict=True):
        theirs, own = weights(teacher.encoder), weights(student.encoder)
        assert all(torch.equal(theirs[name], own[name]) for name in own)


def test_the_new_head_is_fitted_to_the_training_images(bench: Any, tiny: Tiny) -> None:
    second = make(bench, tiny).teachers[1].encoder.eval()
    with torch.no_grad():
        f = second(to_network(bench.dataset.images("train"))).embedding
    assert torch.allclose(f.mean(dim=0), torch.zeros(f.shape[1]), atol=1e-4)
    assert torch.allclose(f.std(dim=0), torch.ones(f.shape[1]), atol=1e-2)


def test_classifiers_start_from_the_centres_of_their_own_networks_features(
    bench: Any, tiny: Tiny
) -> None:
    training = make(bench, tiny)
    training.begin_epoch(0)
    for teacher, student in zip(training.teachers, training.students, strict=True):
        rows = training._features(teacher)
        for cluster, centre in enumerate(teacher.centres):
            mean = rows[training.labels == cluster].mean(dim=0)
            assert torch.allclose(centre, F.normalize(mean, dim=0), atol=1e-5)
        assert torch.equal(teacher.centres, student.centres)
        assert teacher.centres is not student.centres
    assert not torch.equal(training.teachers[0].centres, training.teachers[1].centres)


def test_each_student_learns_from_the_other_ones_teacher(bench: Any, tiny: Tiny) -> None:
    changes = {"soft_ce_weight": 0.3, "soft_triplet_weight": 0.6, "label_smoothing": 0.2}
    training = make(bench, tiny, **changes)
    rng = torch.Generator().manual_seed(0)
    x1, x2, m1, m2 = (torch.randn(6, 5, generator=rng) for _ in range(4))
    p1, p2, q1, q2 = (torch.randn(6, 3, generator=rng) for _ in range(4))
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    found = training._losses([(x1, p1), (x2, p2)], [(m1, q1), (m2, q2)], labels)

    def hard(logits: Any) -> Any:
        target = 0.8 * F.one_hot(labels, 3) + 0.2 / 3
        return -(target * logits.log_softmax(1)).sum(1).mean()

    def soft(logits: Any, teacher: Any) -> Any:
        return -(teacher.softmax(1) * logits.log_softmax(1)).sum(1).mean()

    triplet = [softmax_triplet_losses(x, labels).mean() for x in (x1, x2)]
    judged = soft_triplet_losses(x1, m2, labels).mean()
    judged = judged + soft_triplet_losses(x2, m1, labels).mean()
    expected = {
        "ce": 0.7 * (hard(p1) + hard(p2)),
        "triplet": 0.4 * (triplet[0] + triplet[1]),
        "soft_ce": 0.3 * (soft(p1, q2) + soft(p2, q1)),
        "soft_triplet": 0.6 * judged,
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), rel=1e-5)


def test_a_teacher_follows_parameters_and_leaves_buffers() -> None:
    teacher, student = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        teacher.weight.copy_(torch.tensor([1.0, 2.0]))
        student.weight.copy_(torch.tensor([5.0, 0.0]))
        student.running_mean.fill_(9.0)
    follow(teacher, student, 0.75)
    assert teacher.weight.tolist() == [2.0, 1.5]
    assert teacher.running_mean.tolist() == [0.0, 0.0]


def test_teachers_average_evenly_until_their_momentum_is_reached(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    momenta: list[float] = []
    monkeypatch.setattr(mmt, "follow", lambda teacher, student, m: momenta.append(m))
    training = make(bench, tiny, teacher_momentum=0.7)
    for epoch in range(3):
        for batch in training.begin_epoch(epoch):
            training.step(batch)
    each = momenta[::2]
    assert momenta[1::2] == each
    assert each == pytest.approx([0, 1 / 2, 2 / 3, 0.7, 0.7, 0.7])


def test_teachers_learn_by_averaging_alone(
    bench: Any, tiny: Tiny, weights: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mmt, "follow", lambda *rest: None)
    training = make(bench, tiny)
    before = [weights(teacher.encoder) for teacher in training.teachers]
    for batch in training.begin_epoch(0):
        training.step(batch)
    for old, teacher in zip(before, training.teachers, strict=True):
        changed = {n for n, v in weights(teacher.encoder).items() if not torch.equal(v, old[n])}
        assert changed
        assert all("running" in name or "num_batches" in name for name in changed)


def test_the_two_networks_see_views_of_their_own(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make(bench, tiny)
    batch = training.begin_epoch(0)[0]
    seen: list[Any] = []
    for learner in (*training.students, *training.teachers):
        learner.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    training.step(batch)
    one, two, same_one, same_two = seen
    assert one is same_one
    assert two is same_two
    assert not torch.equal(one, two)


def test_the_radius_is_found_once(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    assert training.eps is None
    training.begin_epoch(0)
    first = training.eps
    for batch in training.begin_epoch(1):
        training.step(batch)
    training.begin_epoch(2)
    assert training.eps == first
    assert len(bench.values("clusters")) == len(bench.values("outliers")) == 3


def test_without_a_cluster_an_epoch_has_no_batch(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny, min_samples=999)
    assert list(training.begin_epoch(0)) == []
    train(training, training.context)
    assert bench.values("clusters")[-1] == 0


def test_the_reported_loss_is_the_sum_of_its_parts(bench: Any, tiny: Tiny) -> None:
    training = make(bench, tiny)
    losses = training.step(training.begin_epoch(0)[0])
    total = losses.pop("loss").item()
    assert total == pytest.approx(sum(value.item() for value in losses.values()), rel=1e-5)
    assert all(torch.isfinite(value) for value in losses.values())


def test_a_sources_images_are_not_used(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    source = replace(bench.dataset, seed=7)
    alone, beside = bench.alone_and_beside(settings_of(tiny), source)
    assert moved(weights(alone.teachers[0].encoder), beside.teachers[0].encoder) == []


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    honest, blind = bench.honest_and_blind(settings_of(tiny))
    assert 1 < len(honest.labels.unique()) < len(honest.labels)
    for one, other in zip(encoders(honest), encoders(blind), strict=True):
        assert moved(weights(one), other) == []


@pytest.mark.parametrize("done", [1, 2])
def test_a_killed_run_ends_with_the_same_bits(
    bench: Any,
    tiny: Tiny,
    done: int,
    moved: Callable[..., list[str]],
    weights: Callable[[Any], Any],
) -> None:
    whole, resumed = bench.whole_and_resumed(settings_of(tiny), done)
    assert resumed.eps == whole.eps
    for one, other in zip(encoders(whole), encoders(resumed), strict=True):
        assert moved(weights(one), other) == []


def test_one_seed_gives_one_result_and_another_another(
    bench: Any, tiny: Tiny, moved: Callable[..., list[str]], weights: Callable[[Any], Any]
) -> None:
    runs = bench.of_seeds(settings_of(tiny, epochs=1), 0, 0, 1)
    one, same, other = (run.teachers[0].encoder for run in runs)
    assert moved(weights(one), same) == []
    assert "feat.weight" in moved(weights(one), other)


def test_the_stage_leaves_teacher_one(bench: Any, tiny: Tiny) -> None:
    _, state = bench.stage_result(settings_of(tiny))
    teacher = bench.warmed(settings_of(tiny), folder="again").teachers[0].encoder.state_dict()
    assert state.keys() == teacher.keys()
    assert all(torch.equal(state[name], teacher[name]) for name in state)
