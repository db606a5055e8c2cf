"""Twins written out: the real layout, read back as real data would be, never named as real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.export import BODIES, export_twin
from gclbench.datasets.fingerprint import is_rendered
from gclbench.datasets.load import load_dataset
from gclbench.datasets.origin import MARKER, made_name
from gclbench.errors import UnknownNameError, UsageError
from gclbench.schema.settings import DataSettings, MeshSettings, WorldSettings

WORLD = WorldSettings(people_train=4, people_test=4, images_per_person=4, distractor_people=2)
DATA = DataSettings(height_px=32, width_px=16, world=WORLD)
ROLES = ("market1501", "dukemtmc_reid", "msmt17", "mars", "dukemtmc_videoreid")


def reading(root: Path) -> DataSettings:
    return DATA.model_copy(update={"root": str(root)})


@pytest.mark.parametrize("role", ROLES)
def test_a_twin_on_disk_is_read_as_the_real_dataset_is(tmp_path: Path, role: str) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    export_twin(role, DATA, out)
    read, twin = load_dataset(role, reading(out), cache), load_dataset(role, DATA, cache)
    for split in ("train", "query", "gallery"):
        one, other = read.table(split), twin.table(split)  # type: ignore[arg-type]
        assert one.paths == other.paths
        np.testing.assert_array_equal(one.spans, other.spans)
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(read.images(split), twin.images(split))  # type: ignore[arg-type]
    assert read.root == out
    assert not read.synthetic
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "out"]


@pytest.mark.parametrize("role", ROLES)
def test_its_name_says_that_it_is_rendered(tmp_path: Path, role: str) -> None:
    world = export_twin(role, DATA, tmp_path / "out")
    read = load_dataset(role, reading(tmp_path / "out"), tmp_path / "cache")
    assert world.spec.name == read.label == made_name(tmp_path / "out") == f"synthetic_{role}"
    assert read.verify(strict=True) == []
    assert is_rendered(role, reading(tmp_path / "out"))
    assert is_rendered(role, DATA)
    (tmp_path / "out" / MARKER).unlink()
    assert not is_rendered(role, reading(tmp_path / "out"))


@pytest.mark.parametrize("role", ["mars", "dukemtmc_videoreid", "msmt17"])
def test_its_bodies_are_those_of_its_images(tmp_path: Path, role: str) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    export_twin(role, DATA, out)
    params = MeshSettings(source="params", root=str(out / BODIES), renderer="raster")
    oracle = MeshSettings(source="oracle", noise_deg=0.0, renderer="raster")
    read = load_dataset(role, reading(out).model_copy(update={"mesh": params}), cache)
    twin = load_dataset(role, DATA.model_copy(update={"mesh": oracle}), cache)
    close = np.abs(read.projections().astype(int) - twin.projections()) <= 1
    assert close.mean() > 0.999


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(UsageError, match=r"not empty.*out="):
            export_twin("mars", DATA, tmp_path / name)
    (tmp_path / "empty").mkdir()
    export_twin("market1501", DATA, tmp_path / "empty")
    assert (tmp_path / "empty" / MARKER).is_file()


def test_an_unknown_role_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="market1501"):
        export_twin("market", DATA, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", '{"name": ""}'])
def test_a_marker_that_says_nothing_is_none(tmp_path: Path, content: str) -> None:
    assert made_name(tmp_path) is None
    (tmp_path / MARKER).write_text(content)
    assert made_name(tmp_path) is None
