"""Arrays out of SMPL's pickles, whose makers' packages are not here and whose code is not run.

Nothing in a pickle becomes an object of NumPy, SciPy or chumpy while it is read: shells stand for
them, and arrays are made of the shells' plain parts, each checked before it is used. Compiled code
thus never sees an index, a shape or a type that a file made up.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A regressor of joints has 24 x 6,890 values.
_MOST_VALUES = 1 << 26
_MOST_DEPTH = 20
_TYPE = re.compile(r"[<>=|]?(?P<kind>[biuf])(?P<size>[1248])")


class DamagedPickleError(ValueError):
    """What stands in a pickle cannot be an array; the message says what it is."""


class _Shell:
    """Stands for an object: keeps the state that the pickle gives it."""

    def __init__(self, *given: Any) -> None:
        self.given = given
        self.state: Any = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def fields(self) -> dict[str, Any]:
        return self.state if isinstance(self.state, dict) else {}


class _Type(_Shell):
    """numpy.dtype(text, ...), whose state holds the order of bytes."""

    def found(self) -> np.dtype[Any]:
        """Return a plain type of numbers. Raises DamagedPickleError for any other."""
        text = self.given[0] if self.given else None
        match = _TYPE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise DamagedPickleError(f"values of the type {str(text)[:20]!r}, not numbers")
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        if order not in ("<", ">", "=", "|"):
            raise DamagedPickleError("an unknown order of bytes")
        order = "=" if order == "|" else order
        try:
            return np.dtype(f"{order}{match['kind']}{match['size']}")
        except TypeError as error:  # 1-byte floats
            raise DamagedPickleError(str(error)) from error


class _Array(_Shell):
    """An array: its state is (version, shape, type, Fortran's order, bytes)."""

    def found(self) -> NDArray[Any]:
        state = self.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise DamagedPickleError("an array without shape and bytes")
        shape, kind, fortran, data = state[-4:]
        if not isinstance(kind, _Type):
            raise DamagedPickleError("an array without a type")
        dtype, data = kind.found(), _as_bytes(data)
        sizes = _sizes(shape)
        if math.prod(sizes) * dtype.itemsize != len(data):
            raise DamagedPickleError(f"{len(data)} bytes for an array of shape {sizes}")
        if not data:
            return np.zeros(sizes, dtype)
        return np.frombuffer(data, dtype).reshape(sizes, order="F" if fortran is True else "C")


class _Sparse(_Shell):
    """A sparse matrix; `lines` are its compressed axis, -1 for pairs of coordinates."""

    lines = -1

    def found(self) -> NDArray[Any]:
        fields = self.fields()
        sizes = _sizes(fields.get("_shape", fields.get("shape")))
        if len(sizes) != 2:
            raise DamagedPickleError(f"a sparse matrix of shape {sizes}")
        values = plain(fields.get("data"))
        rows, columns = self._places(fields, sizes)
        if not isinstance(values, np.ndarray) or values.shape != rows.shape:
            raise DamagedPickleError("a sparse matrix whose values do not fit their places")
        for places, size in ((rows, sizes[0]), (columns, sizes[1])):
            if len(places) and not 0 <= places.min() <= places.max() < size:
                raise DamagedPickleError(f"a sparse matrix with places beyond its shape {sizes}")
        dense = np.zeros(sizes)
        np.add.at(dense, (rows, columns), values)
        return dense

    def _places(
        self, fields: dict[str, Any], sizes: tuple[int, ...]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of every value."""
        if self.lines < 0:
            pair = fields.get("coords") or (fields.get("row"), fields.get("col"))
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise DamagedPickleError("a sparse matrix without coordinates")
            rows, columns = _whole(pair[0]), _whole(pair[1])
            if rows.shape != columns.shape:
                raise DamagedPickleError("a sparse matrix with more rows than columns")
            return rows, columns
        ends, others = _whole(fields.get("indptr")), _whole(fields.get("indices"))
        lengths = np.diff(ends)
        if len(ends) != sizes[self.lines] + 1 or ends[0] != 0 or (lengths < 0).any():
            raise DamagedPickleError("a sparse matrix whose lines do not follow each other")
        if ends[-1] != len(others):
            raise DamagedPickleError("a sparse matrix whose lines do not fit its places")
        lines = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        return (lines, others) if self.lines == 0 else (others, lines)


class _ByRows(_Sparse):
    lines = 0


class _ByColumns(_Sparse):
    lines = 1


class _Chumpy(_Shell):
    """Any object of chumpy: an array (`x`), or a choice of another (`a`, `idxs`)."""

    def found(self, depth: int) -> Any:
        fields = self.fields()
        if "x" in fields:
            return plain(fields["x"], depth + 1)
        if "a" not in fields or "idxs" not in fields:
            raise DamagedPickleError("a chumpy object of an unknown kind")
        values = np.asarray(plain(fields["a"], depth + 1)).ravel()
        places = _whole(fields["idxs"])
        if len(places) and not -len(values) <= places.min() <= places.max() < len(values):
            raise DamagedPickleError("a choice of values that are not there")
        shape = fields.get("preferred_shape")
        chosen = values[places]
        return chosen if shape is None else chosen.reshape(_sizes(shape))


def plain(value: Any, depth: int = 0) -> Any:
    """Return the array that a shell stands for; other values as they are.

    Raises DamagedPickleError.
    """
    if depth > _MOST_DEPTH:
        raise DamagedPickleError("an object that holds itself")
    if isinstance(value, _Chumpy):
        return value.found(depth)
    return value.found() if isinstance(value, _Array | _Sparse) else value


def load(data: bytes) -> Any:
    """Return what a pickle holds; pass its values to `plain`.

    Only arrays, sparse matrices and chumpy objects are known, as shells: a pickle that asks for
    any other name raises before that is called. Raises nearly anything for damaged bytes.
    """
    for operation, argument, _ in pickletools.genops(data):
        # The unpickler makes a list as long as the largest number by which something is kept.
        if "PUT" in operation.name and isinstance(argument, int) and argument > len(data):
            raise pickle.UnpicklingError("the pickle keeps more than it holds")
    return _Unpickler(io.BytesIO(data), encoding="latin1").load()


def _sizes(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, Sequence) or isinstance(shape, str | bytes):
        raise DamagedPickleError("an array without a shape")
    if len(shape) > 4 or not all(type(size) is int and size >= 0 for size in shape):
        raise DamagedPickleError(f"an array of shape {str(shape)[:40]}")
    if math.prod(shape) > _MOST_VALUES:
        raise DamagedPickleError(f"an array of {math.prod(shape)} values")
    return tuple(shape)


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, str):  # Python 2 wrote bytes so
        return data.encode("latin1", "replace")
    if not isinstance(data, bytes | bytearray):
        raise DamagedPickleError("an array of objects")
    return bytes(data)


def _whole(value: Any) -> NDArray[np.int64]:
    array = np.asarray(plain(value))
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DamagedPickleError("places that are no whole numbers")
    return array.astype(np.int64)


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _scalar(kind: Any = None, data: Any = b"") -> _Array:
    found = _Array()
    found.state = ((), kind, False, data)
    return found


def _frombuffer(data: Any, kind: Any, shape: Any, order: Any = "C") -> _Array:
    found = _Array()
    found.state = (shape, kind, order == "F", data)
    return found


def _latin_bytes(text: str, encoding: str) -> bytes:
    # Protocol 2 pickles of bytes arrive as a call of codecs.encode with latin1 and nothing else.
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"the pickle asks for the encoding {encoding}")
    return text.encode("latin1")


def _no_bytes(*given: Any) -> bytes:
    # How old protocols write an empty one; a number would ask for so much memory.
    if given:
        raise pickle.UnpicklingError("the pickle asks for bytes of its own making")
    return b""


def _reconstructor(cls: type, base: type, state: Any) -> Any:
    """The copyreg helper of old pickles, for shells only."""
    if base is not object or state is not None:
        raise pickle.UnpicklingError("the pickle rebuilds an object from another base")
    if isinstance(cls, type) and issubclass(cls, _Shell):
        return cls()
    raise pickle.UnpicklingError(f"the pickle rebuilds a {getattr(cls, '__name__', cls)}")


def _known() -> dict[tuple[str, str], Any]:
    table: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Type,
        ("_codecs", "encode"): _latin_bytes,
        ("copy_reg", "_reconstructor"): _reconstructor,
        ("copyreg", "_reconstructor"): _reconstructor,
    }
    for module in ("builtins", "__builtin__"):
        table |= {(module, "set"): set, (module, "object"): object}
        table[module, "bytes"] = _no_bytes
    for module in ("numpy.core", "numpy._core"):
        table[f"{module}.multiarray", "_reconstruct"] = _reconstruct
        table[f"{module}.multiarray", "scalar"] = _scalar
        table[f"{module}.numeric", "_frombuffer"] = _frombuffer
    for kind, shell in (("csc", _ByColumns), ("csr", _ByRows), ("coo", _Sparse)):
        for name in (f"{kind}_matrix", f"{kind}_array"):
            for module in (f"scipy.sparse.{kind}", f"scipy.sparse._{kind}", "scipy.sparse"):
                table[module, name] = shell
    return table


class _Unpickler(pickle.Unpickler):
    """Gives shells for known names; refuses every other."""

    _table = _known()

    def find_class(self, module: str, name: str) -> Any:
        if module == "chumpy" or module.startswith("chumpy."):
            return _Chumpy
        if (module, name) not in self._table:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}")
        return self._table[module, name]
