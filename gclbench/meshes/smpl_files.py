"""Read official SMPL files (`.npz`, `.pkl`) without chumpy and without running a pickle's code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gclbench.errors import DataMissingError
from gclbench.file_errors import reading
from gclbench.meshes import smpl_pickles
from gclbench.meshes.npz import load_arrays
from gclbench.user_paths import user_path

JOINTS, SHAPES = 24, 10
KEYS = ("v_template", "f", "weights", "J_regressor", "shapedirs", "posedirs", "kintree_table")
_REMEDY = (
    "Get the SMPL model (for example basicModel_neutral_lbs_10_207_0_v1.0.0.pkl) from its authors."
)


def read_smpl(path: str) -> dict[str, Any]:
    """Return the arrays of an SMPL model file by name (see KEYS).

    Which of the two it is follows from its name or its bytes. Raises DataMissingError when the
    file is absent or closed, is no SMPL model, or a pickle that asks for anything but numpy
    arrays, scipy sparse matrices and chumpy arrays.
    """
    file = user_path(path)
    if not file.is_file():
        raise DataMissingError(f"there is no body model {file}.", _REMEDY)
    with reading("the body model", file, _REMEDY), file.open("rb") as handle:
        start = handle.read(4)
    if not start:
        raise DataMissingError(f"{file} is empty.", _REMEDY)
    packed = file.suffix.lower() == ".npz" or start.startswith(b"PK")
    data = _read_npz(file) if packed else _read_pickle(file)
    missing = [key for key in KEYS if key not in data]
    if missing:
        raise DataMissingError(
            f"{file} is not an SMPL model: it has no {', '.join(missing)}.", _REMEDY
        )
    model: dict[str, Any] = {key: _numbers(file, key, data[key]) for key in KEYS}
    joints, shapes = model["weights"].shape[-1], model["shapedirs"].shape[-1]
    if joints != JOINTS or shapes < SHAPES:
        raise DataMissingError(
            f"{file} has {joints} joints and {shapes} shape directions; SMPL has {JOINTS} and at "
            f"least {SHAPES}.",
            _REMEDY,
        )
    _check_shapes(file, model)
    return model


def _numbers(file: Path, key: str, value: Any) -> np.ndarray:
    """An entry as a table of numbers that single precision holds; raises DataMissingError."""
    try:
        array = np.asarray(smpl_pickles.plain(value))
    except Exception as error:  # lists in lists, objects that point at themselves
        raise DataMissingError(f"{key} of {file} cannot be read ({error}).", _REMEDY) from error
    with np.errstate(over="ignore"):
        fits = (
            array.dtype.kind in "iuf"
            and array.ndim >= 2
            and np.isfinite(array.astype(np.float32)).all()
        )
    if not fits:
        raise DataMissingError(f"{key} of {file} is no table of finite numbers.", _REMEDY)
    return array


def _check_shapes(file: Path, model: dict[str, Any]) -> None:
    """Raise DataMissingError for arrays that do not fit each other: renderers trust the faces."""
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
            raise DataMissingError(
                f"{key} of {file} has shape {model[key].shape}, not {shape}.", _REMEDY
            )
    for key in ("f", "kintree_table"):
        if (model[key] != np.floor(model[key])).any():
            raise DataMissingError(f"{key} of {file} holds no whole numbers.", _REMEDY)
    parents = model["kintree_table"][0, 1:]
    if (parents < 0).any() or (parents >= np.arange(1, JOINTS)).any():
        raise DataMissingError(f"kintree_table of {file} is no tree of joints.", _REMEDY)
    if not len(model["f"]) or model["f"].min() < 0 or model["f"].max() >= count:
        raise DataMissingError(f"{file} has faces beyond its {count} vertices.", _REMEDY)


def _read_npz(file: Path) -> dict[str, Any]:
    try:
        return dict(load_arrays(file, KEYS))
    except Exception as error:  # a damaged npz, or no npz at all, raises many things
        raise DataMissingError(f"{file} cannot be read ({error}).", _REMEDY) from error


def _read_pickle(file: Path) -> dict[str, Any]:
    try:
        data = smpl_pickles.load(file.read_bytes())
    except Exception as error:
        # Damaged pickles raise nearly anything; nothing of theirs has run.
        raise DataMissingError(f"{file} is refused: {error}.", _REMEDY) from error
    if not isinstance(data, dict):
        raise DataMissingError(
            f"{file} holds a {type(data).__name__}, not an SMPL model.", _REMEDY
        )
    return data
