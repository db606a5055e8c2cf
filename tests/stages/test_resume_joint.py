"""Everything that stages 2 and 3 save is needed, and it is all that is needed, after a kill."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

import pytest
import torch

from gclbench.errors import GclbenchError
from gclbench.plan import Checkpoints
from gclbench.stages.gan_warmup import GanTraining
from gclbench.stages.joint import JointTraining
from gclbench.stages.loop import scalars

# beta1 > 0, or Adam's first moment would not be needed.
ADAM = {"beta1": 0.5, "lr": 0.01, "batch_size": 13, "epochs": 2}
SGD = {"gan_lr": 0.01, "lr": 0.01, "batch_size": 8, "lr_decay_epoch": 1}
MODULES = {"encoder", "generator", "discriminator"}


@pytest.fixture
def make(bench: Any, tiny: Any, quarter: Any) -> Callable[[str], Any]:
    bench.dataset = quarter(bench.dataset)

    def training(kind: str) -> Any:
        joint = {**SGD, "losses": ["l_vi", "l_proto", "l_mix"]}
        joint["augmentations"] = ["multi", "mixup"] if kind == "plain" else ["rotation", "d_mixup"]
        settings = tiny(gan=ADAM, joint=joint, data={"height_px": 32, "width_px": 16})
        stage = "gan" if kind == "gan" else "joint"
        parents = bench.parents("warmup", "gan")
        context = bench.context(stage, settings, parents=parents)
        return GanTraining(context) if kind == "gan" else JointTraining(context)

    return training


def walked(training: Any) -> Iterator[Any]:
    """The second epoch: what every step says, and what is left."""
    for batch in training.begin_epoch(1):
        yield scalars(training.step(batch))
    yield training.end_epoch(1)
    yield getattr(training, "history", None)
    yield [value.tolist() for value in tensors(training.state_dict())]


def tensors(state: Any) -> Iterator[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list):
        for value in state.values() if isinstance(state, dict) else state:
            yield from tensors(value)


def parts(state: dict[str, Any], at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every entry; in networks the first weight and the last statistic, of moments the first."""
    for name, value in state.items():
        place = (*at, name)
        yield place
        if name in MODULES:
            statistics = [key for key in value if "running" in key]
            yield from ((*place, key) for key in [next(iter(value)), *statistics[-1:]])
        elif str(name).startswith("optimizer"):
            yield from ((*place, "state", 0, moment) for moment in value["state"][0])
        elif isinstance(value, dict):
            yield from parts(value, place)


def changed(state: dict[str, Any], place: tuple[Any, ...], *, drop: bool) -> dict[str, Any]:
    """The state without one entry, or with all of its numbers a little larger."""
    new = copy.deepcopy(state)
    inside = new
    for name in place[:-1]:
        inside = inside[name]
    if drop:
        del inside[place[-1]]
    else:
        inside[place[-1]] = larger(inside[place[-1]])
    return new


def larger(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: larger(inside) for name, inside in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(larger(inside) for inside in value)
    if isinstance(value, torch.Tensor):
        return 1.25 * value + 0.01 if value.is_floating_point() else value + 3
    return value if isinstance(value, bool | str) or value is None else 2 * value + 1


def refused_or_other(training: Any, state: dict[str, Any], expected: list[Any]) -> bool:
    try:
        training.load_state_dict(copy.deepcopy(state))
        return any(one != other for one, other in zip_longest(walked(training), expected))
    except (KeyError, RuntimeError, ValueError, TypeError, GclbenchError):
        return True


@pytest.mark.parametrize("kind", ["gan", "plain", "generated"])
def test_what_is_saved_is_needed_and_enough(make: Any, bench: Any, kind: str) -> None:
    whole = make(kind)
    for batch in whole.begin_epoch(0):
        whole.step(batch)
    Checkpoints(bench.home / "kept").save(1, whole.state_dict())
    found = Checkpoints(bench.home / "kept").latest()
    assert found is not None
    state, expected = found[1], list(walked(whole))
    assert not refused_or_other(make(kind), state, expected)
    for place in parts(state):
        for drop in (True, False):
            other = changed(state, place, drop=drop)
            assert refused_or_other(make(kind), other, expected), f"{place} is read by nobody"
