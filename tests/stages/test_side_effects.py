"""What a stage leaves behind beside its artifact: nothing.

Nodes of one process follow one another: chance, modes, data and parents must be for the next one
what they were for the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.registry import REGISTRY
from gclbench.stages.gan_warmup import GanTraining
from gclbench.stages.joint import JointTraining

Tiny = Callable[..., Any]
PARENTS = {
    "pretrain": (),
    "source": ("pretrain",),
    "warmup": ("pretrain",),
    "gan": ("warmup",),
    "joint": ("warmup", "gan"),
    "evaluate": ("joint",),
}


@pytest.fixture
def context(bench: Any, tiny: Tiny, quarter: Any) -> Callable[..., Any]:
    bench.dataset = quarter(bench.dataset)

    def make(stage: str, **joint: Any) -> Any:
        values = {"epochs": 1, "batch_size": 8, "evaluate_every": 1, **joint}
        settings = tiny(
            joint=values,
            gan={"batch_size": 13},
            pretrain={"epochs": 1},
            source={"epochs": 1},
            warmup={"epochs": 1},
            evaluate={"camera_time": True, "camera_time_model.rho": 0.1},
            data={"height_px": 32, "width_px": 16},
        )
        role = stage if stage in ("pretrain", "source") else "target"
        return bench.context(
            stage, settings, parents=bench.parents(*PARENTS[stage]), datasets={role: bench.dataset}
        )

    return make


def surroundings(context: Any) -> dict[str, Any]:
    """Chance, switches and numbers of the process; the bytes of data and parents."""
    (dataset,) = context.datasets.values()
    held = [dataset.whole.pixels[name].tobytes() for name in ("train", "query", "gallery")]
    held += [table.pids.tobytes() for table in (dataset.train, dataset.query, dataset.gallery)]
    files = [path for folder in context.parents.values() for path in sorted(folder.iterdir())]
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": repr(np.random.get_state(legacy=False)),
        "gradients": torch.is_grad_enabled(),
        "type": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "data": hashlib.sha256(b"".join(held)).hexdigest(),
        "parents": [(str(path), path.read_bytes()) for path in files],
    }


@pytest.mark.parametrize("stage", PARENTS)
def test_a_stage_leaves_the_process_its_data_and_its_parents_as_they_were(
    context: Any, stage: str
) -> None:
    given = context(stage)
    before = surroundings(given)
    REGISTRY.lookup("stages", stage).component(given)
    after = surroundings(given)
    assert [name for name in before if before[name] != after[name]] == []


def test_the_curve_leaves_e_id_in_train_mode_and_all_of_it_learning(context: Any) -> None:
    training = JointTraining(context("joint"))
    modes = [(part.training, name) for name, part in training.encoder.named_modules()]
    for batch in training.begin_epoch(0)[:1]:
        training.step(batch)
    statistics = {name: value.clone() for name, value in training.encoder.named_buffers()}
    training.end_epoch(0)
    assert all(part.training for part in training.encoder.modules())
    assert all(p.requires_grad for p in training.encoder.parameters())
    assert all(p.requires_grad for p in training.generative.generator.parameters())
    assert len(modes) == len(list(training.encoder.modules()))
    for name, value in training.encoder.named_buffers():
        assert torch.equal(value, statistics[name]), name


@pytest.mark.parametrize("updates", ["all", "real"])
def test_norms_of_e_id_keep_their_momentum_and_their_statistics(
    context: Any, updates: str
) -> None:
    training = JointTraining(context("joint", batch_norm_updates=updates))
    norms = [part for part in training.encoder.modules() if hasattr(part, "running_mean")]
    training.step(training.begin_epoch(0)[0])
    assert len(norms) > 10
    assert {(norm.momentum, norm.track_running_stats, norm.training) for norm in norms} == {
        (0.1, True, True)
    }


def test_d_learns_in_every_step_although_gs_losses_hold_it_still(context: Any) -> None:
    training = GanTraining(context("gan"))
    seen = []
    for batch in training.begin_epoch(0)[:2]:
        before = [p.detach().clone() for p in training.module.discriminator.parameters()]
        training.step(batch)
        after = training.module.discriminator.parameters()
        seen.append(sum(float((a - b).abs().sum()) for a, b in zip(after, before, strict=True)))
    assert all(moved > 0 for moved in seen)
    assert len(seen) == 2
