"""Folders and files that may not be read: one line that names the path, and a fault of a check."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gclbench.datasets.check import Check, check_folder
from gclbench.datasets.fingerprint import dataset_fingerprint, reader_of
from gclbench.datasets.load import load_dataset
from gclbench.errors import DataMissingError
from gclbench.meshes.unpack import open_archive
from gclbench.pictures import open_rgb
from gclbench.schema.settings import DataSettings
from gclbench.testing.layouts import write_duke_video, write_market, write_mars, write_msmt17
from gclbench.user_text import read_user_text

NOBODY = 65_534
COPIES: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "market1501": (write_market, "query", "bounding_box_test/0000_c1s2_000010_01.jpg"),
    "msmt17": (write_msmt17, "mask_train_v2/0000", "list_val.txt"),
    "mars": (write_mars, "bbox_test/0002", "info/query_IDX.mat"),
    "dukemtmc_videoreid": (write_duke_video, "train/0001/0002", ""),
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Nobody may read `path` while this lasts; root, who may all, is somebody else meanwhile."""
    mode = path.stat().st_mode
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        path.chmod(mode)


def look(role: str, root: Path) -> Check:
    return check_folder(reader_of(role, DataSettings()), root, deep=True)


def fingerprint(role: str, root: Path) -> str:
    return dataset_fingerprint(role, DataSettings(root=str(root)), meshes=False)


@pytest.mark.parametrize("role", COPIES)
@pytest.mark.parametrize("what", ["root", "folder", "file"])
def test_what_may_not_be_read_is_a_fault_that_names_it(place: Path, role: str, what: str) -> None:
    write, folder, file = COPIES[role]
    root = write(place / "reid")
    first = next(iter(sorted(root.rglob("*.jpg")))).relative_to(root).as_posix()
    victim = {"root": root, "folder": root / folder, "file": root / (file or first)}[what]
    look(role, root), fingerprint(role, root)  # all is imported as long as it can be
    with closed(victim):
        found = look(role, root)
        said = [" ".join((each.text, *each.examples)) for each in found.faults]
        with pytest.raises(DataMissingError) as caught:
            fingerprint(role, root)
    assert any(str(victim) in line and "ermission denied" in line for line in said)
    assert str(victim) in str(caught.value)
    assert "ermission denied" in str(caught.value)


def test_an_image_that_may_not_be_read_is_named_where_it_is_decoded(place: Path) -> None:
    root = write_market(place / "reid")
    data = DataSettings(root=str(root), height_px=8, width_px=4)
    (place / "cache").mkdir(mode=0o777)
    (place / "cache").chmod(0o777)
    dataset = load_dataset("market1501", data, place / "cache")
    victim = root / dataset.query.paths[0]
    with closed(victim), pytest.raises(DataMissingError, match=rf"{victim}.*permission denied"):
        dataset.images("query")


def opened(file: Path) -> None:
    with open_archive(file):
        pass


@pytest.mark.parametrize("read", [open_rgb, read_user_text, opened])
def test_a_single_file_that_may_not_be_read_is_named(
    place: Path, read: Callable[[Path], object]
) -> None:
    for name in ("x", "shut/x"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"x")
    with closed(place / "x"), pytest.raises(DataMissingError, match="permission denied"):
        read(place / "x")
    with closed(place / "shut"), pytest.raises(DataMissingError, match="permission denied"):
        read(place / "shut" / "x")
