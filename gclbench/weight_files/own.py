"""Read what a stage wrote: plain state of an artifact, and whose fault it is where that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gclbench.errors import CheckpointError, DataMissingError, DeviceError
from gclbench.file_errors import reason
from gclbench.weight_files.reading import REFUSALS, UNREADABLE

# What torch's allocator of the processor says; it raises a plain RuntimeError.
_NO_MEMORY = ("DefaultCPUAllocator", "not enough memory", "can't allocate memory")


def read_own(path: Path, again: str) -> dict[str, Any]:
    """Return the state that a stage saved, on the processor; nothing in the file is run.

    Raises CheckpointError with the remedy `again` for a file that is missing or damaged. Not at
    fault is the file where memory ran out (DeviceError) or the system refused to read it
    (DataMissingError): what was trained is then kept.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise _fault(path, error, again) from error
    return state


def on_device(state: Any, device: torch.device, what: str) -> Any:
    """Return nested state with its tensors on a device. Raises DeviceError where that fails."""
    if device.type == "cpu":
        return state
    try:
        return _moved(state, device)
    except RuntimeError as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeviceError(
            f"{what} cannot be put on {device} ({why}).",
            "Nothing is lost: free the device's memory, or take another (device=cpu).",
        ) from error


def _moved(state: Any, device: torch.device) -> Any:
    if isinstance(state, Tensor):
        return state.to(device)
    if isinstance(state, dict):
        return type(state)((key, _moved(value, device)) for key, value in state.items())
    if isinstance(state, list | tuple):
        return type(state)(_moved(value, device) for value in state)
    return state


def _fault(path: Path, error: BaseException, again: str) -> Exception:
    if isinstance(error, MemoryError) or any(text in str(error) for text in _NO_MEMORY):
        return DeviceError(
            f"there is no memory left to read {path}.", "Nothing is lost: free memory, run again."
        )
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return DataMissingError(
            f"{path} cannot be read ({reason(error)}).",
            "Nothing is lost: see to the disk, run again.",
        )
    return CheckpointError(f"{path} cannot be read: it is missing or damaged.", again)
