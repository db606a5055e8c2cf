"""Everything that a warm-up saves is needed, and it is all that is needed, after a kill."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import pytest
import torch

from gclbench.errors import GclbenchError
from gclbench.plan import Checkpoints
from gclbench.stages import buc
from gclbench.stages.loop import scalars
from gclbench.stages.pretrain import load_encoder
from gclbench.stages.supervised import SupervisedTraining

Tiny = Callable[..., Any]
GROUPS = {"k1": 4, "k2": 2, "rho": 0.05, "min_samples": 2}
TRIPLETS = {"batch_images": 4, "instances": 2, "lr": 0.01}
BANKS = ("memory", "bank", "mixture", "table", "optimizers")


@dataclass(frozen=True)
class Case:
    """A method, its settings, and after how many epochs it is killed."""

    method: str
    after: int
    section: Mapping[str, Any] = field(default_factory=dict)
    source: bool = False
    tracklets: bool = False
    saved: str = ""  # entries, for the reader and against one that goes unnoticed


SELF_PACED = {
    "epochs": 3, "iterations": 4, "batch_size": 8, "k1": 5, "k2": 2, "eps": 0.5, "eps_gap": 0.2,
    "min_samples": 2, "independence_share": 0.6, "lr": 0.01,
}  # fmt: skip
CENTRES = {
    "epochs": 3, "iterations": 3, "batch_size": 8, "k1": 4, "k2": 2, "min_samples": 2, "lr": 0.01,
}  # fmt: skip
ACT = {
    **GROUPS, **TRIPLETS, "iterations": 2, "epochs": 2, "udap_iterations": 2, "udap_epochs": 2,
    "udap_batch_images": 8, "udap_lr": 0.01,
}  # fmt: skip
SCL = {"epochs": 3, "positives": 2, "negatives": 9, "init_epochs": 1, "frames": 2, "lr": 0.01}
MMCL = {"epochs": 3, "batch_size": 6, "single_label_epochs": 1, "threshold": 0.3, "least_rank": 2}
ECN = {"epochs": 3, "batch_size": 5, "neighbours_from_epoch": 2, "memory_momentum_step": 0.2}
BUC = {
    "merge_fraction": 0.2,
    "first_epochs": 2,
    "later_epochs_images": 2,
    "later_epochs_tracklets": 2,
    "lr": 0.02,
}
SSG = {**GROUPS, **TRIPLETS, "iterations": 2, "epochs": 2}
MMT = {
    **GROUPS, "epochs": 3, "iterations": 3, "batch_size": 8, "images_per_person": 2, "lr": 0.01,
}  # fmt: skip
JVTC = {"epochs": 4, "global_from_epoch": 2, "joint_from_epoch": 4, "refresh_every_epochs": 2}
CASES = {
    "jvtc": Case("jvtc", 2, JVTC, saved="encoder optimizer bank.rows labels"),
    "jvtc, source": Case(
        "jvtc", 2, JVTC, source=True, saved="encoder optimizer bank.rows labels classifier"
    ),
    "mmcl": Case("mmcl", 1, MMCL, saved="encoder optimizer memory.rows"),
    "scl": Case(
        "scl", 1, SCL, saved="encoder heads optimizer memory.rows memory.stripes mixture.rows"
    ),
    "scl, tracklets": Case(
        "scl",
        2,
        SCL,
        tracklets=True,
        saved="encoder heads optimizer memory.rows memory.stripes mixture.rows",
    ),
    "ecn": Case("ecn", 1, ECN, saved="encoder optimizer bank.rows"),
    "ecn, source": Case(
        "ecn", 1, ECN, source=True, saved="encoder optimizer bank.rows classifier"
    ),
    "spcl": Case("spcl", 1, SELF_PACED, saved="encoder optimizer bank.rows limit"),
    "cluster_contrast": Case("cluster_contrast", 1, CENTRES, saved="encoder optimizer"),
    # In the first step of three; between the good second step and a worse third one.
    "buc": Case(
        "buc", 5, BUC, saved="encoder optimizer table.rows labels kept kept_step best"
    ),
    "buc, tracklets": Case(
        "buc",
        5,
        BUC,
        tracklets=True,
        saved="encoder optimizer table.rows labels kept kept_step best",
    ),
    "act, in UDAP": Case(
        "act", 1, ACT, source=True, saved="encoder optimizers.udap labels inliers eps"
    ),
    "act, in co-teaching": Case(
        "act",
        5,
        ACT,
        source=True,
        saved="encoder co optimizers.main optimizers.co labels inliers eps",
    ),
    "ssg": Case("ssg", 1, SSG, saved="encoder optimizer labels eps"),
    "mmt": Case("mmt", 1, MMT, saved="encoder second student second_student eps"),
    "supervised": Case("supervised", 1, saved="encoder classifier optimizer"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """BUC's steps by their number of clusters: the second one is the best, the third the worst."""
    score = {26: 0.1, 21: 0.5, 16: 0.2, 11: 0.3}
    monkeypatch.setattr(
        buc, "silhouette", lambda features, labels: score[int(torch.as_tensor(labels).max()) + 1]
    )


def made(case: Case, place: Any, tiny: Tiny) -> Any:
    """The case's training, not begun."""
    if case.method == "supervised":
        context = place.context("source", parents=place.parents("pretrain"))
        return SupervisedTraining(
            context,
            load_encoder(context, "pretrain"),
            place.dataset,
            epochs=3, batch_size=6, lr=0.01, factor=3.0, weight_decay=0.01,
        )  # fmt: skip
    own = case.section if case.method == "jvtc" else {case.method: dict(case.section)}
    return place.warmup(tiny(warmup={"method": case.method, **own}), source=case.source)


def walked(training: Any, first: int, logged: list[Any]) -> Iterator[Any]:
    """Train from an epoch on: what steps, epochs and logs say, and at last what is left."""
    encoder = training.teachers[0].encoder if hasattr(training, "teachers") else training.encoder
    for epoch in range(first, training.epochs):
        logged.clear()
        for batch in training.begin_epoch(epoch):
            yield scalars(training.step(batch))
        yield training.end_epoch(epoch)
        yield list(logged)
    yield {name: value.tolist() for name, value in encoder.state_dict().items()}


def paths(state: Mapping[str, Any]) -> Iterator[str]:
    """What a state holds, "memory.rows" for the parts of a memory."""
    for name, value in state.items():
        yield from (f"{name}.{part}" for part in value) if name in BANKS else (name,)


def without(state: Mapping[str, Any], path: str) -> dict[str, Any]:
    name, _, part = path.partition(".")
    if not part:
        return {key: value for key, value in state.items() if key != name}
    return {**state, name: {key: value for key, value in state[name].items() if key != part}}


def as_at_first(state: Mapping[str, Any], path: str, first: Mapping[str, Any]) -> Any:
    """The state with one entry as it was before training; None where there was none."""
    name, _, part = path.partition(".")
    if name not in first or (part and part not in first[name]):
        return None
    return {**state, name: {**state[name], part: first[name][part]} if part else first[name]}


def refused_or_other(training: Any, state: Any, after: int, expected: Any, log: Any) -> bool:
    """Whether a training cannot go on from a state, or goes on in another way."""
    try:
        training.load_state_dict(copy.deepcopy(state))
        found = walked(training, after, log)
        return any(one != other for one, other in zip_longest(found, expected))
    except (KeyError, RuntimeError, ValueError, GclbenchError):
        return True


@pytest.mark.parametrize("name", CASES)
def test_what_is_saved_is_needed_and_enough(bench: Any, video: Any, tiny: Tiny, name: str) -> None:
    case = CASES[name]
    place = video if case.tracklets else bench
    whole = made(case, place, tiny)
    first = copy.deepcopy(whole.state_dict())
    for epoch in range(case.after):
        place.run_epoch(whole, epoch)
        whole.end_epoch(epoch)
    folder = Checkpoints(place.home / "kept")
    folder.save(case.after, whole.state_dict())
    expected = list(walked(whole, case.after, place.logged))
    state = folder.latest()[1]  # type: ignore[index]
    assert list(paths(state)) == case.saved.split()

    def another(from_state: Any) -> bool:
        training = made(case, place, tiny)
        return refused_or_other(training, from_state, case.after, expected, place.logged)

    assert not another(state)
    for path in case.saved.split():
        assert another(without(state, path)), f"{path} was saved for nothing"
        past = as_at_first(state, path, first)
        assert past is None or another(past), f"{path} is as in the beginning, and nothing differs"
