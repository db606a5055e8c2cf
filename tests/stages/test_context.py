"""What a stage finds of its parents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gclbench.errors import CheckpointError, DeviceError
from gclbench.stages.context import StageContext


def make_context(parent: Path) -> StageContext:
    nothing: dict[str, Any] = dict.fromkeys(StageContext.__dataclass_fields__)
    context = StageContext(**{**nothing, "stage": "joint", "parents": {"warmup": parent}})
    return replace(context, device=torch.device("cpu"), seed=3)


def test_a_parents_state_is_loaded(tmp_path: Path) -> None:
    torch.save({"weight": torch.arange(3)}, tmp_path / "encoder.pt")
    assert torch.equal(
        make_context(tmp_path).load("warmup", "encoder.pt")["weight"], torch.arange(3)
    )


@pytest.mark.parametrize("keep_bytes", [0, 100])
def test_a_truncated_parent_names_the_folder_to_delete(tmp_path: Path, keep_bytes: int) -> None:
    path = tmp_path / "encoder.pt"
    torch.save({"weight": torch.arange(1000)}, path)
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(CheckpointError, match="Delete the folder"):
        make_context(tmp_path).load("warmup", "encoder.pt")


def test_a_missing_parent_file_is_the_same_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"encoder\.pt cannot be read"):
        make_context(tmp_path).load("warmup", "encoder.pt")


def test_a_parent_that_the_device_refuses_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"weight": torch.arange(3)}, tmp_path / "encoder.pt")
    context = replace(make_context(tmp_path), device=torch.device("cuda:9"))

    def refuse(*given: object, **more: object) -> None:
        raise RuntimeError("CUDA error: invalid device ordinal")

    monkeypatch.setattr(torch.Tensor, "to", refuse)
    with pytest.raises(DeviceError, match="invalid device ordinal") as found:
        context.load("warmup", "encoder.pt")
    assert "Delete" not in str(found.value)


def test_streams_are_named_by_seed_stage_and_purpose() -> None:
    context = make_context(Path())
    others = [replace(context, seed=4), replace(context, stage="gan")]

    def first_draws(each: StageContext, *names: str | int) -> list[float]:
        return [
            torch.rand(1, generator=each.torch_generator(*names)).item(),
            float(each.numpy_generator(*names).random()),
        ]

    assert first_draws(context, "a", 0) == first_draws(context, "a", 0)
    draws = [first_draws(context, *names) for names in (("a",), ("b",), ("a", 0), ("a", 1))]
    draws += [first_draws(each, "a") for each in others]
    assert len({number for pair in draws for number in pair}) == 2 * len(draws)
