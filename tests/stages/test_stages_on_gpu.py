"""Every training stage takes its steps on a CUDA device; run with `tox -e gpu`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from gclbench.registry import REGISTRY

ROWS = {
    "multi": ["multi", "mixup"],
    "rotation": ["rotation", "f_mixup"],
    "full": ["rotation", "d_mixup"],
    "oracle": ["oracle_rotation", "mixup"],
}
CASES = [
    ("source", ("pretrain",), {}),
    ("warmup", ("pretrain",), {}),
    ("warmup", ("pretrain", "source"), {}),
    ("gan", ("warmup",), {}),
    *[("joint", ("warmup", "gan"), {"augmentations": names}) for names in ROWS.values()],
    ("joint", ("warmup", "gan"), {"negatives": 3}),
]


@pytest.mark.gpu
@pytest.mark.parametrize("live", [False, True])
def test_scl_trains_on_a_gpu(bench: Any, tiny: Any, live: bool) -> None:
    small = {"epochs": 2, "batch_size": 4, "positives": 2, "init_epochs": 1}
    settings = tiny(warmup={"method": "scl", "scl": {**small, "update_in_backward": live}})
    context = bench.context("warmup", settings, parents=bench.parents("pretrain"))
    REGISTRY.lookup("stages", "warmup").component(replace(context, device=torch.device("cuda")))
    state = torch.load(context.folder / "encoder.pt", weights_only=True)
    assert all(torch.isfinite(value.float()).all() for value in state.values())


@pytest.mark.gpu
@pytest.mark.parametrize(("stage", "parents", "joint"), CASES)
def test_a_stage_trains_on_a_gpu(
    bench: Any, tiny: Any, dataset: Any, stage: str, parents: tuple[str, ...], joint: Any
) -> None:
    datasets = {"target": dataset, "source": dataset}
    context = bench.context(
        stage, tiny(joint=joint), parents=bench.parents(*parents), datasets=datasets
    )
    REGISTRY.lookup("stages", stage).component(replace(context, device=torch.device("cuda")))
    state = torch.load(context.folder / "encoder.pt", weights_only=True)
    assert all(torch.isfinite(value.float()).all() for value in state.values())
