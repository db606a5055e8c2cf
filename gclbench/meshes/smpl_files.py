"""Read official SMPL files (`.npz`, `.pkl`) without chumpy and without running a pickle's code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from gclbench.errors import DataMissingError, GclbenchError

JOINTS, SHAPES = 24, 10
KEYS = ("v_template", "f", "weights", "J_regressor", "shapedirs", "posedirs", "kintree_table")
_REMEDY = (
    "Get the SMPL model (for example basicModel_neutral_lbs_10_207_0_v1.0.0.pkl) from its authors."
)


class _Chumpy:
    """Stands for any chumpy object: keeps its state, computes nothing."""

    def __init__(self, *_: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def value(self) -> np.ndarray:
        """The array of a chumpy `Ch` (`x`) or of a `Select` (`a`, `idxs`, `preferred_shape`)."""
        if "x" in self.state:
            return np.asarray(_plain(self.state["x"]))
        if "a" in self.state and "idxs" in self.state:
            flat = np.asarray(_plain(self.state["a"])).ravel()[np.asarray(self.state["idxs"])]
            shape = self.state.get("preferred_shape")
            return flat.reshape(shape) if shape is not None else flat
        raise GclbenchError("the SMPL pickle holds a chumpy object of an unknown kind.", _REMEDY)


def _latin_bytes(text: str, encoding: str) -> bytes:
    # Protocol 2 pickles of bytes arrive as a call of codecs.encode with latin1 and nothing else.
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"the pickle asks for the encoding {encoding}")
    return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
    from numpy import _core as core

    arrays: Any = core.multiarray
    table: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin_bytes,
        ("builtins", "set"): set,
        ("__builtin__", "set"): set,
        ("__builtin__", "object"): object,
        ("builtins", "object"): object,
        ("copy_reg", "_reconstructor"): _reconstructor,
        ("copyreg", "_reconstructor"): _reconstructor,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        table[module, "_reconstruct"] = arrays._reconstruct
        table[module, "scalar"] = arrays.scalar
    for kind in ("csc", "csr", "coo"):
        name = f"{kind}_matrix"
        for module in (f"scipy.sparse.{kind}", f"scipy.sparse._{kind}", "scipy.sparse"):
            table[module, name] = getattr(sparse, name)
    return table


def _reconstructor(cls: type, base: type, state: Any) -> Any:
    """The copyreg helper for old-style pickles, for chumpy objects and sparse matrices only."""
    if base is not object or state is not None:
        raise pickle.UnpicklingError("the pickle rebuilds an object from another base")
    if cls is _Chumpy:
        return _Chumpy()
    if isinstance(cls, type) and issubclass(cls, sparse.spmatrix):
        return object.__new__(cls)
    raise pickle.UnpicklingError(f"the pickle rebuilds a {getattr(cls, '__name__', cls)}")


class _Unpickler(pickle.Unpickler):
    """Loads arrays, sparse matrices and chumpy shells; refuses every other name."""

    _table = _allowed()

    def find_class(self, module: str, name: str) -> Any:
        if module == "chumpy" or module.startswith("chumpy."):
            return _Chumpy
        if (module, name) not in self._table:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}")
        return self._table[module, name]


def read_smpl(path: str) -> dict[str, Any]:
    """Return the arrays of an SMPL model file by name (see KEYS).

    Raises DataMissingError when the file is absent, GclbenchError when it is no SMPL model or its
    pickle asks for anything but numpy arrays, scipy sparse matrices and chumpy arrays.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataMissingError(f"there is no body model {file}.", _REMEDY)
    data = _read_npz(file) if file.suffix == ".npz" else _read_pickle(file)
    missing = [key for key in KEYS if key not in data]
    if missing:
        raise GclbenchError(
            f"{file} is not an SMPL model: it has no {', '.join(missing)}.", _REMEDY
        )
    model: dict[str, Any] = {key: _numbers(file, key, data[key]) for key in KEYS}
    joints, shapes = model["weights"].shape[-1], model["shapedirs"].shape[-1]
    if joints != JOINTS or shapes < SHAPES:
        raise GclbenchError(
            f"{file} has {joints} joints and {shapes} shape directions; SMPL has {JOINTS} and at "
            f"least {SHAPES}.",
            _REMEDY,
        )
    _check_shapes(file, model)
    return model


def _numbers(file: Path, key: str, value: Any) -> np.ndarray:
    """An entry as an array of finite numbers with at least two axes; raises GclbenchError."""
    try:
        array = np.asarray(_plain(value))
    except GclbenchError:
        raise
    except Exception as error:  # chumpy objects that point at themselves, or past their end
        raise GclbenchError(f"{key} of {file} cannot be read ({error}).", _REMEDY) from error
    if array.dtype.kind not in "iuf" or array.ndim < 2 or not np.isfinite(array).all():
        raise GclbenchError(f"{key} of {file} is no table of finite numbers.", _REMEDY)
    return array


def _check_shapes(file: Path, model: dict[str, Any]) -> None:
    """Raise GclbenchError for arrays that do not fit each other: renderers trust the faces."""
    count, shapes = len(model["v_template"]), model["shapedirs"].shape[-1]
    expected = {
        "v_template": (count, 3),
        "f": (len(model["f"]), 3),
        "weights": (count, JOINTS),
        "J_regressor": (JOINTS, count),
        "shapedirs": (count, 3, shapes),
        "posedirs": (count, 3, 9 * (JOINTS - 1)),
        "kintree_table": (2, JOINTS),
    }
    for key, shape in expected.items():
        if model[key].shape != shape:
            raise GclbenchError(
                f"{key} of {file} has shape {model[key].shape}, not {shape}.", _REMEDY
            )
    parents = model["kintree_table"][0, 1:].astype(np.int64)
    if (parents < 0).any() or (parents >= np.arange(1, JOINTS)).any():
        raise GclbenchError(f"kintree_table of {file} is no tree of joints.", _REMEDY)
    if not len(model["f"]) or model["f"].min() < 0 or model["f"].max() >= count:
        raise GclbenchError(f"{file} has faces beyond its {count} vertices.", _REMEDY)


def _read_npz(file: Path) -> dict[str, Any]:
    try:
        with np.load(file, allow_pickle=False) as data:
            return {key: data[key] for key in KEYS if key in data}
    except Exception as error:  # a damaged npz, or no npz at all, raises many things
        raise GclbenchError(f"{file} cannot be read ({error}).", _REMEDY) from error


def _read_pickle(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            data = _Unpickler(handle, encoding="latin1").load()
    except GclbenchError:
        raise
    except Exception as error:
        # Damaged pickles raise nearly anything; nothing of theirs has run.
        raise GclbenchError(f"{file} is refused: {error}.", _REMEDY) from error
    if not isinstance(data, dict):
        raise GclbenchError(f"{file} holds a {type(data).__name__}, not an SMPL model.", _REMEDY)
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, _Chumpy):
        return value.value()
    if sparse.issparse(value):
        return np.asarray(value.todense())
    return value
