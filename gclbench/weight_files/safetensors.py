"""The safetensors format: a JSON header, then plain bytes.

Source    https://github.com/huggingface/safetensors, "Format": the header's length as a
          little-endian 64-bit number, the header, the data.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_MOST_HEADER = 100_000_000  # the format's own limit
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as one does: a length that fits, then a JSON object."""
    with path.open("rb") as file:
        head = file.read(9)
    size = int.from_bytes(head[:8], "little")
    return head[8:] == b"{" and 2 <= size <= min(_MOST_HEADER, path.stat().st_size - 8)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return name -> tensor. Raises ValueError for a header that does not fit the bytes."""
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8:start]).decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("a header that is no object")
    data = memoryview(content)[start:]
    return {
        name: _tensor(name, about, data)
        for name, about in header.items()
        if name != "__metadata__"
    }


def _tensor(name: str, about: Any, data: memoryview) -> Tensor:
    try:
        dtype, shape = _TYPES[about["dtype"]], [int(size) for size in about["shape"]]
        first, last = (int(place) for place in about["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a header that says nothing readable of {name!r}") from error
    numbers = 1
    for size in shape:
        numbers *= size
    fits = 0 <= first <= last <= len(data) and last - first == numbers * dtype.itemsize
    if not fits or any(size < 0 for size in shape):
        raise ValueError(f"a header that does not fit the bytes of {name!r}")
    if numbers == 0:
        return torch.empty(shape, dtype=dtype)
    # A copy: tensors need an address that their type divides, which offsets do not promise.
    flat = torch.frombuffer(bytearray(data[first:last]), dtype=dtype)
    return flat.reshape(shape)
