"""NumPy numbers beside weights, let through by stand-ins: NumPy itself builds nothing from a file.

Codes keep their best rank-1 as one. A dtype that a stranger wrote can hold flags that make NumPy
read memory that is not there; the stand-ins know the plain number types and nothing else.
"""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

_CODES = {
    "b1": "?",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}


class _Dtype:
    """What `numpy.dtype` is taken for: the name of a number type and the order of its bytes."""

    def __init__(self, code: object = "", *_: object) -> None:
        self.code = str(code)
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.order = str(state[1])


def _scalar(dtype: object, content: object = b"") -> float | int | bool:
    """What `numpy.core.multiarray.scalar` is taken for. Raises ValueError for no plain number."""
    if not isinstance(dtype, _Dtype) or dtype.code not in _CODES:
        code = getattr(dtype, "code", type(dtype).__name__)
        raise ValueError(f"a NumPy number (numpy.dtype {code!r})")
    data = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(data, bytes):
        raise ValueError(f"a NumPy number (made of {type(content).__name__})")
    (number,) = struct.unpack(dtype.order + _CODES[dtype.code], data)
    return number  # type: ignore[no-any-return]


def numpy_numbers() -> AbstractContextManager[Any]:
    """Within the block torch's restricted reader takes NumPy numbers for plain ones."""
    serialization: Any = torch.serialization
    if not hasattr(serialization, "safe_globals"):  # torch 2.4
        return nullcontext()
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    allowed: AbstractContextManager[Any] = serialization.safe_globals(
        [(_Dtype, "numpy.dtype"), *((_scalar, f"{module}.scalar") for module in modules)]
    )
    return allowed
