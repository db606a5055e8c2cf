"""A tiny question for each compiled kernel, with the plain answer beside it.

Before a kernel is used for the first time with arguments of some types, it answers its question
with arguments of the very same types: the code that is about to run is the code that is asked.
The questions stand in `gclbench.kernels.questions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import types

from gclbench.errors import KernelError
from gclbench.kernels.questions import QUESTIONS, Question

PACKAGE = "gclbench.kernels."
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6  # answers are exact up to the rounding of float32


def prove(kernel: Any, result: Any) -> None:
    """Ask a kernel's compiled code, numba's `result`, in its own types. Raises KernelError.

    A function of another package, or one that is only called by kernels, has no question.
    """
    question = QUESTIONS.get(name_of(kernel.py_func))
    if question is None:
        return
    kinds = result.signature.args
    given = [cast(value, kind) for value, kind in zip(question.arguments, kinds, strict=True)]
    fault = wrong(result.entry_point(*given), given, question)
    if fault:
        raise KernelError(
            f"the compiled kernel {name_of(kernel.py_func)} is wrong: {fault}. Its code came from "
            f"{kernel.stats.cache_path} or was compiled just now.",
            "Run `gclbench doctor --sweep all`, then the same command again.",
        )


def wrong(answer: Any, arguments: Sequence[Any], question: Question) -> str:
    """'' for the right answer, else what is wrong with it or with what `arguments` hold now."""
    if not _same(answer, question.returns):
        return f"it returned {answer!r}, not {question.returns!r}"
    for place, expected in question.writes.items():
        if not _same(arguments[place], expected):
            return f"argument {place} became {arguments[place]!r}, not {expected!r}"
    return ""


def name_of(function: Callable[..., Any]) -> str:
    """A kernel's name in this table, for example 'jaccard._overlaps'; '' outside the package."""
    module = function.__module__ or ""
    inside = module.startswith(PACKAGE)
    return f"{module.removeprefix(PACKAGE)}.{function.__name__}" if inside else ""


def cast(value: Any, kind: Any) -> Any:
    """A plain value as numba's type `kind` asks: element type, layout, may it be written."""
    if isinstance(kind, types.Array):
        array = np.array(value, dtype=np.dtype(str(kind.dtype)))
        if kind.layout == "A":
            array = np.repeat(array, 2, axis=-1)[..., ::2]
        elif kind.layout == "F":
            array = np.asfortranarray(array)
        array.flags.writeable = kind.mutable
        return array
    if isinstance(kind, types.BaseTuple):
        return tuple(cast(part, of) for part, of in zip(value, kind, strict=True))
    if isinstance(kind, types.Boolean):
        return bool(value)
    plain = float if isinstance(kind, types.Float) else int
    return plain(value) if str(kind) in ("float64", "int64") else np.dtype(str(kind)).type(value)


def _same(found: Any, expected: Any) -> bool:
    if expected is None:
        return found is None
    if isinstance(expected, tuple):
        return len(found) == len(expected) and all(map(_same, found, expected))
    one, other = np.asarray(found), np.asarray(expected)
    if one.shape != other.shape:
        return False
    if other.dtype.kind in "bi":
        return bool(np.array_equal(one, other))
    return bool(np.allclose(one, other, _RELATIVE, _ABSOLUTE, equal_nan=True))
