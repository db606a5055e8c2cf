"""The device that networks run on, by the word of a request; torch is loaded on use."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from gclbench.errors import UsageError

if TYPE_CHECKING:
    import torch

_GPU_FILE = "/dev/nvidiactl"


def choose_device(name: str) -> torch.device:
    """`auto` takes a GPU when there is one. Raises UsageError for a device that is not there."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"device={name} is not known.", "Use auto, cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device={name}: torch finds no GPU.", "Use device=cpu or device=auto.")
    return device


def check_device(name: str) -> None:
    """Raise as `choose_device` does; `auto` and `cpu` are there without asking torch."""
    if name not in ("auto", "cpu"):
        choose_device(name)


def device_name(name: str) -> str:
    """What a record calls the device: "cpu", or the GPU's name; "" for one that is not there."""
    import torch

    try:
        device = choose_device(name)
    except UsageError:
        return ""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def expects_gpu(name: str) -> bool:
    """Whether a request is likely to run on a GPU; a guess without torch, for estimates alone."""
    if name != "auto":
        return name not in ("", "cpu")
    try:
        built_for = version("torch")
    except PackageNotFoundError:
        return False
    return "+cpu" not in built_for and os.path.exists(_GPU_FILE)
