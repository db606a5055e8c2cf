"""Whether tensors of a file can be weights: floating-point, dense, and finite as float32."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from gclbench.errors import CheckpointError


def unsound(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors with a value that is NaN or infinite, or a variance below 0.

    Values count as what they become in a network of float32: 1e300 is infinite.
    """
    return [name for name, value in tensors.items() if not _sound(name, value)]


def _sound(name: str, value: Tensor) -> bool:
    if not (_dense(value) and value.is_floating_point()) or value.numel() == 0:
        return True  # `check_kind` says what is wrong with it
    plain = _stored(value.detach()).float()
    low = plain.min().item() if name.endswith("running_var") else 0.0
    return bool(torch.isfinite(plain).all()) and low >= 0


def _dense(value: Tensor) -> bool:
    return value.layout == torch.strided and not (
        value.is_quantized or value.is_meta or value.is_nested
    )


def _stored(value: Tensor) -> Tensor:
    """The numbers of a tensor; those of its storage where a view says them again and again.

    One number expanded to a million million is four bytes in a file, and should stay so.
    """
    storage = value.untyped_storage()
    if value.numel() * value.element_size() <= storage.nbytes():
        return value
    return torch.empty(0, dtype=value.dtype).set_(storage)


def refuse_unsound(tensors: Mapping[str, Tensor], file: Path, remedy: str) -> None:
    """Raise CheckpointError that counts and names the tensors that `unsound` finds."""
    found = unsound(tensors)
    if found:
        raise CheckpointError(
            f"{file}: {len(found)} of {len(tensors)} tensors hold values that are not finite (NaN "
            f"or infinity) or a variance below 0, first '{found[0]}'.",
            remedy,
        )


def check_kind(name: str, value: Tensor, own: Tensor, file: Path) -> None:
    """Raise CheckpointError unless a tensor of a file can be copied into a network's own."""
    what = ""
    if not _dense(value):
        what = "is quantised, sparse or empty"
    elif own.is_floating_point() and not value.is_floating_point():
        what = f"holds {str(value.dtype).removeprefix('torch.')}, not real numbers"
    if what:
        raise CheckpointError(
            f"{file}: '{name}' {what}.", "Save the weights as they were trained, in float32."
        )


def precisions(tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the floating-point types other than float32, for example ("float16",)."""
    kinds = {value.dtype for value in tensors.values() if value.is_floating_point()}
    return tuple(sorted(str(kind).removeprefix("torch.") for kind in kinds - {torch.float32}))
