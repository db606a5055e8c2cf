"""Arrays of npz files from strangers: no pickled objects, nothing that unpacks beyond measure."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Up to so many bytes any npz may unpack to; beyond, so many times its own size.
FREE_BYTES, RATIO = 1 << 28, 100


def load_arrays(file: Path, keys: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return those of the arrays `keys` that an npz holds.

    Raises nearly anything for a file that is damaged, or no npz: callers say what it should be.
    """
    wanted = list(keys)
    if not file.is_file():  # a pipe would never end
        raise FileNotFoundError(f"there is no file {file}")
    with zipfile.ZipFile(file) as packed:
        names = {f"{key}.npy" for key in wanted}
        total = sum(info.file_size for info in packed.infolist() if info.filename in names)
    if total > max(FREE_BYTES, RATIO * file.stat().st_size):
        raise ValueError(f"it would unpack to {total} bytes")
    with np.load(file, allow_pickle=False) as data:
        return {key: data[key] for key in wanted if key in data}
