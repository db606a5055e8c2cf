"""A small rendered world as files, for tests of what looks at people."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.load import load_dataset
from gclbench.schema.settings import DataSettings, MeshSettings, WorldSettings


@pytest.fixture
def small_world() -> Callable[[Path], tuple[list[Path], np.ndarray]]:
    """Give what renders 320 training images of 64x32: files and true poses (N, 72)."""

    def make(cache: Path) -> tuple[list[Path], np.ndarray]:
        sizes = WorldSettings(
            people_train=40, people_test=4, images_per_person=8, distractor_people=0
        )
        raster = MeshSettings(renderer="raster")
        data = DataSettings(height_px=64, width_px=32, world=sizes, mesh=raster)
        dataset = load_dataset("market1501", data, cache)
        with np.load(dataset.root / "parameters.npz") as truth:
            pose = truth["train_pose"].astype(float)
        return [dataset.root / path for path in dataset.train.paths], pose

    return make


@pytest.fixture
def write_giant() -> Callable[[Path, tuple[str, ...]], None]:
    """Give what writes an npz of some bytes whose arrays say that they hold petabytes."""

    def write(file: Path, keys: tuple[str, ...]) -> None:
        header = io.BytesIO()
        said = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
        np.lib.format.write_array_header_1_0(header, said)
        with zipfile.ZipFile(file, "w") as archive:
            for key in keys:
                archive.writestr(f"{key}.npy", header.getvalue())

    return write
