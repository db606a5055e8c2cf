"""State of an artifact: what is the file's fault, and what is the machine's."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gclbench.errors import CheckpointError, DataMissingError, DeviceError
from gclbench.weight_files.own import on_device, read_own

AGAIN = "Delete the folder and run the same command again."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save({"weight": torch.arange(3.0), "epoch": 2}, tmp_path / "encoder.pt")
    return tmp_path / "encoder.pt"


def _raises(error: BaseException) -> Callable[..., Any]:
    def load(*given: object, **more: object) -> None:
        raise error

    return load


def test_state_comes_back_as_it_was_saved(file: Path) -> None:
    state = read_own(file, AGAIN)
    assert torch.equal(state["weight"], torch.tensor([0.0, 1.0, 2.0]))
    assert state["epoch"] == 2


def test_a_damaged_or_missing_file_names_the_way_out(file: Path) -> None:
    whole = file.read_bytes()
    for kept in (0, 1, 200, len(whole) // 2, len(whole) - 30):
        file.write_bytes(whole[:kept])
        with pytest.raises(CheckpointError, match=f"missing or damaged. {AGAIN}"):
            read_own(file, AGAIN)
    file.unlink()
    with pytest.raises(CheckpointError, match=f"missing or damaged. {AGAIN}"):
        read_own(file, AGAIN)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MemoryError(), DeviceError, "no memory left"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            DeviceError,
            "no memory left",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            DataMissingError,
            "permission denied",
        ),
        (OSError(errno.EIO, "Input/output"), DataMissingError, "disk cannot be read"),
        (OSError(errno.EMFILE, "Too many open files"), DataMissingError, "too many files"),
    ],
)
def test_what_the_machine_refuses_is_never_called_damaged(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    kind: type[Exception],
    said: str,
) -> None:
    monkeypatch.setattr(torch, "load", _raises(error))
    with pytest.raises(kind, match=said) as found:
        read_own(file, AGAIN)
    assert "amaged" not in str(found.value)
    assert "Delete" not in str(found.value)
    assert "Nothing is lost" in str(found.value)


def test_state_goes_to_the_device_with_all_that_is_nested_in_it() -> None:
    state = {
        "a": torch.ones(2),
        "b": [torch.ones(1), {"c": (torch.ones(1), "text", 3)}],
        "n": None,
    }
    moved = on_device(state, torch.device("meta"), "encoder.pt")
    assert moved["a"].is_meta
    assert moved["b"][0].is_meta
    assert moved["b"][1]["c"][0].is_meta
    assert moved["b"][1]["c"][1:] == ("text", 3)
    assert moved["n"] is None
    assert on_device(state, torch.device("cpu"), "encoder.pt") is state


def test_a_device_that_fails_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"a": torch.ones(2)}
    monkeypatch.setattr(
        torch.Tensor, "to", _raises(torch.OutOfMemoryError("CUDA out of memory.\nTried to"))
    )
    with pytest.raises(DeviceError, match=r"encoder\.pt cannot be put on cuda:0 \(CUDA out of"):
        on_device(state, torch.device("cuda:0"), "encoder.pt")
