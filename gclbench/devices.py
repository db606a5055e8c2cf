"""The device that networks run on, by the word of a request; torch is loaded on use."""

from __future__ import annotations

import os
import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from gclbench.errors import DeviceMissingError, UsageError

if TYPE_CHECKING:
    import torch

_GPU_FILE = "/dev/nvidiactl"
_WORDS = "Use auto, cpu, cuda or cuda:N."
_WORD = re.compile(r"auto|(?:cpu|cuda)(?::(?P<number>0|[1-9][0-9]{0,8}))?")


def read_device(name: str) -> str:
    """Return a device's word as it stands; torch is not asked whether there is such a device.

    Raises UsageError for a word that is none, other kinds of torch's (mps, xpu, meta) among them.
    """
    if _WORD.fullmatch(name) is None:
        known = f"device={name} is not known" if name else "device= names no device"
        raise UsageError(f"{known}: networks run on the processor or on CUDA GPUs.", _WORDS)
    return name


def choose_device(name: str) -> torch.device:
    """`auto` takes a GPU when there is one.

    Raises UsageError for a word that is none, DeviceMissingError for a device that is not there.
    """
    import torch

    read_device(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cpu:"):
        raise DeviceMissingError(f"device={name}: the processor has no number.", "Use device=cpu.")
    if name.startswith("cuda"):
        _check_gpu(name)
    return torch.device(name)


def check_device(name: str) -> None:
    """Raise as `choose_device` does; `auto` and `cpu` are there without asking torch."""
    if name not in ("auto", "cpu"):
        choose_device(name)


def device_name(name: str) -> str:
    """What a record calls the device: "cpu", or the GPU's name; "" for one that is not there."""
    import torch

    try:
        device = choose_device(name)
    except (DeviceMissingError, UsageError):
        return ""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def expects_gpu(name: str) -> bool:
    """Whether a request is likely to run on a GPU; a guess without torch, for estimates alone."""
    if name != "auto":
        return name.startswith("cuda")
    try:
        built_for = version("torch")
    except PackageNotFoundError:
        return False
    return "+cpu" not in built_for and os.path.exists(_GPU_FILE)


def _check_gpu(name: str) -> None:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise DeviceMissingError(
            f"device={name}: torch finds no GPU.", "Use device=cpu or device=auto."
        )
    if int(name.partition(":")[2] or 0) < count:
        return
    there = "there is 1 GPU" if count == 1 else f"there are {count} GPUs"
    last = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
    raise DeviceMissingError(
        f"device={name}: {there}.", f"Use {last}, or see CUDA_VISIBLE_DEVICES."
    )
