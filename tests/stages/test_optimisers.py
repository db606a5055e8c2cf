"""What every method of stage 1 is optimised with by default, against the numbers of its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from gclbench.schema import Settings
from gclbench.stages import pretrain

Tiny = Callable[..., Any]
HEAD = {"feat.weight", "feat.bias", "feat_bn.weight", "feat_bn.bias"}


@dataclass(frozen=True)
class Sgd:
    """Rates of (trunk, head and whatever is new) by epoch from 0; one group: all at one rate."""

    rates: dict[int, tuple[float, ...]]
    weight_decay: float
    nesterov: bool = True
    momentum: float = 0.9


@dataclass(frozen=True)
class Adam:
    """Rate of all parameters by epoch from 0; moments 0.9 and 0.999, 1e-8 beside the root."""

    rates: dict[int, float]
    weight_decay: float


# Source of each row: where its numbers stand.
METHODS: dict[str, Sgd | Adam] = {
    # jvtc.md 4: epochs count from 1, a tenth at 40 and 80
    "jvtc": Sgd(
        {0: (0.01, 0.1), 38: (0.01, 0.1), 39: (1e-3, 0.01), 78: (1e-3, 0.01), 79: (1e-4, 1e-3)},
        5e-4,
    ),
    # mmcl.md 4 (its `base` has 0.1 of 0.1): epochs count from 0, a tenth at 40
    "mmcl": Sgd({0: (0.01, 0.1), 39: (0.01, 0.1), 40: (1e-3, 0.01)}, 5e-4),
    # docs/baselines/ecn.md, `main.py` of the code: a tenth after 40 epochs
    "ecn": Sgd({0: (0.01, 0.1), 39: (0.01, 0.1), 40: (1e-3, 0.01)}, 5e-4),
    # scl.md 5, `configs/test.yml`: all parts alike, a step at epoch 200 counted from 1
    "scl": Sgd({0: (1e-3, 1e-3), 49: (1e-3, 1e-3), 198: (1e-3,) * 2, 199: (1e-4, 1e-4)}, 5e-4),
    # buc.md 4: the first step's 20 epochs, a tenth from 16 on
    "buc": Sgd({0: (0.01, 0.1), 15: (0.01, 0.1), 16: (1e-3, 0.01), 19: (1e-3, 0.01)}, 5e-4),
    # docs/baselines/ssg.md, `selftraining.py`: plain momentum, no schedule
    "ssg": Sgd({0: (6e-5,), 2099: (6e-5,)}, 5e-4, nesterov=False),
    # docs/baselines/spcl.md and cluster_contrast.md: a tenth every 20 epochs
    "spcl": Adam({0: 3.5e-4, 19: 3.5e-4, 20: 3.5e-5, 39: 3.5e-5, 40: 3.5e-6}, 5e-4),
    "cluster_contrast": Adam({0: 3.5e-4, 19: 3.5e-4, 20: 3.5e-5, 39: 3.5e-5, 40: 3.5e-6}, 5e-4),
    # docs/baselines/mmt.md: no schedule
    "mmt": Adam({0: 3.5e-4, 39: 3.5e-4}, 5e-4),
}


def by_default(tiny: Tiny, method: str, **section: Any) -> Settings:
    """A tiny world and network; of stage 1 nothing is set but the method and `section`."""
    raw = tiny().model_dump()
    for name in ("pretrain", "source"):
        del raw[name]
    raw["warmup"] = {"method": method, method: section} if section else {"method": method}
    return Settings.model_validate(raw)


def check(optimizer: torch.optim.Optimizer, wanted: Sgd | Adam) -> None:
    """Kind and numbers, in every group. Whatever is not named is off."""
    assert type(optimizer) is (torch.optim.SGD if isinstance(wanted, Sgd) else torch.optim.Adam)
    for group in optimizer.param_groups:
        assert group["weight_decay"] == wanted.weight_decay
        assert group["maximize"] is False
        if isinstance(wanted, Sgd):
            asked = (group["momentum"], group["nesterov"], group["dampening"])
            assert asked == (wanted.momentum, wanted.nesterov, 0)
        else:
            asked = (group["betas"], group["eps"], group["amsgrad"])
            assert asked == ((0.9, 0.999), 1e-8, False)


def check_groups(training: Any, wanted: Sgd | Adam) -> None:
    """Two groups: the trunk, and the head with whatever is new. One: all, bias and norms too."""
    groups = [{id(p) for p in group["params"]} for group in training.optimizer.param_groups]
    if hasattr(training, "students"):
        parameters = [p for student in training.students for p in student.parameters()]
        assert groups == [{id(p) for p in parameters}]
        return
    named = dict(training.encoder.named_parameters())
    head = {id(p) for name, p in named.items() if name in HEAD}
    if len(groups) == 2:
        assert groups[0] == {id(p) for p in named.values()} - head
        assert head <= groups[1]
        assert not groups[0] & groups[1]
    else:
        assert groups == [{id(p) for p in named.values()}]
    assert len(groups) == (len(wanted.rates[0]) if isinstance(wanted, Sgd) else 1)


@pytest.mark.parametrize("method", METHODS)
def test_numbers_and_schedule_are_those_of_the_source(bench: Any, tiny: Tiny, method: str) -> None:
    # On so few images MMT finds no cluster, hence no classifier, by its own neighbourhoods.
    clusters = {"k1": 4, "k2": 2, "rho": 0.05, "min_samples": 2} if method == "mmt" else {}
    training = bench.warmup(by_default(tiny, method, **clusters))
    wanted = METHODS[method]
    for epoch, rates in wanted.rates.items():
        training.begin_epoch(epoch)
        check(training.optimizer, wanted)
        found = [group["lr"] for group in training.optimizer.param_groups]
        expected = rates if isinstance(rates, tuple) else (rates,)
        assert found == pytest.approx(expected, rel=1e-9, abs=0)
    check_groups(training, wanted)


@pytest.mark.parametrize("method", ["jvtc", "ecn"])
def test_a_sources_classifier_learns_as_fast_as_the_head(
    bench: Any, tiny: Tiny, method: str
) -> None:
    training = bench.warmup(by_default(tiny, method), source=True)
    check(training.optimizer, METHODS[method])
    new = {id(p) for p in training.optimizer.param_groups[1]["params"]}
    assert {id(p) for p in training.source.classifier.parameters()} <= new


def test_buc_starts_every_later_step_anew_at_a_tenth(bench: Any, tiny: Tiny) -> None:
    """buc.md 4: 0.01 (trunk 0.001), constant, a fresh optimiser."""
    training = bench.warmup(by_default(tiny, "buc", merge_fraction=0.2))
    first = training.optimizer
    for step, epoch in ((1, 20), (2, 22)):
        training._begin_step(step)
        training.begin_epoch(epoch)
        check(training.optimizer, Sgd({}, 5e-4))
        rates = [group["lr"] for group in training.optimizer.param_groups]
        assert rates == pytest.approx((1e-3, 0.01), rel=1e-9)
        assert training.optimizer is not first
        check_groups(training, Sgd({0: (1e-3, 0.01)}, 5e-4))


def test_the_heads_of_scl_are_learnt_too(bench: Any, tiny: Tiny) -> None:
    training = bench.warmup(by_default(tiny, "scl"))
    new = {id(p) for p in training.optimizer.param_groups[1]["params"]}
    assert {id(p) for p in training.heads.parameters()} <= new


def test_act_has_three_optimisers_without_decay_or_schedule(bench: Any, tiny: Tiny) -> None:
    """act.md 4 and 4.1: UDAP's SGD with momentum, then an Adam for either network."""
    training = bench.warmup(by_default(tiny, "act"), source=True)
    for epoch in (0, 30 * 70 - 1, 30 * 70, 30 * 70 + 10 * 30 - 1):
        training.begin_epoch(epoch)
        check(training.optimizers["udap"], Sgd({}, 0, nesterov=False))
        for name in ("main", "co"):
            check(training.optimizers[name], Adam({}, 0))
        for name, optimizer in training.optimizers.items():
            network = training.co if name == "co" else training.encoder
            (group,) = optimizer.param_groups
            assert group["lr"] == 6e-5
            assert [id(p) for p in group["params"]] == [id(p) for p in network.parameters()]


@pytest.mark.parametrize(
    "stage, rates",
    [
        ("source", (0.01, 0.1)),  # jvtc.md 4 for the source branch; the cosine is ours
        ("pretrain", (0.05, 0.05)),  # ours: the rendered people in ImageNet's place
    ],
)
def test_the_labelled_start_has_one_optimiser(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, stage: str, rates: Any
) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(pretrain, "train", lambda training, context: kept.append(training))
    context = bench.context(
        stage,
        by_default(tiny, "jvtc"),
        parents=bench.parents("pretrain") if stage == "source" else {},
        datasets={stage: bench.dataset},
    )
    (pretrain.source if stage == "source" else pretrain.pretrain)(context)
    (training,) = kept
    check(training.optimizer, Sgd({}, 5e-4))
    check_groups(training, Sgd({0: rates}, 5e-4))
    half, epochs = [rate / 2 for rate in rates], training.epochs
    for epoch, expected in ((0, rates), (epochs // 2, half)):
        training.begin_epoch(epoch)
        found = [group["lr"] for group in training.optimizer.param_groups]
        assert found == pytest.approx(expected, rel=1e-6)
