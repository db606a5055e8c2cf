"""Damaged copies of every dataset: clear words, documented exit codes, no traceback, no hang."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gclbench.cli.app import main
from gclbench.datasets.check import check_folder
from gclbench.datasets.fingerprint import dataset_fingerprint, reader_of
from gclbench.datasets.load import load_dataset
from gclbench.errors import GclbenchError
from gclbench.schema.settings import DataSettings
from gclbench.testing.layouts import (
    write_duke,
    write_duke_video,
    write_market,
    write_mars,
    write_mars_packaged,
    write_msmt17,
    write_msmt17_in_three,
)
from tests.mutations import mutations

COPIES: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "market": ("market1501", write_market),
    "duke": ("dukemtmc_reid", write_duke),
    "msmt17": ("msmt17", write_msmt17),
    "msmt17 in three": ("msmt17", write_msmt17_in_three),
    "mars": ("mars", write_mars),
    "mars packaged": ("mars", write_mars_packaged),
    "duke video": ("dukemtmc_videoreid", write_duke_video),
}
NAMES = (
    b"\xff\xfe.jpg", b"a\nb.jpg", b"\x1b[31m.jpg", b"x" * 250 + b".jpg", "\u202e.jpg".encode(),
    b"0001_c1s1_001051_00.JPG", b"0001_c1s1_001051_00.jpeg", b"-1", b".jpg", b"0", b"9" * 30,
    b"._0001_c1s1_001051_00.jpg", b"=1+1.jpg", b"-9_c9s9_999999_99.jpg", b"0001_c2_f9999999.jpg",
    b"0000_000_00_0000evening_0000_0.jpg", b"0001C9T9999F999.jpg", b"0001_C8_F0000_X000000000.jpg",
)  # fmt: skip
LINES = (
    "\ufeff", "\0", "", " ", "0000/../../etc/passwd.jpg 0", "/etc/passwd 0", "x" * 10_000,
    "0000/0000_000_02_0114noon_0100_0.jpg", "0000/0000_000_02_0114noon_0100_0.jpg 99999999999",
    "0001C1T0001F001.jpg", "\x1b[2J", "0000\\0000_000_02_0114noon_0100_0.jpg 0",
)  # fmt: skip


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail what hangs."""

    def late(*_: object) -> None:
        raise AssertionError(f"it took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def folders(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_dir())


def renamed(root: Path, draws: random.Random) -> None:
    victim = draws.choice([*files(root), *folders(root)])
    victim.rename(victim.with_name(os.fsdecode(draws.choice(NAMES))))


def lost(root: Path, draws: random.Random) -> None:
    victim = draws.choice([*files(root), *folders(root)])
    shutil.rmtree(victim) if victim.is_dir() else victim.unlink()


def replaced(root: Path, draws: random.Random) -> None:
    """Something else stands in the place of a file."""
    victim = draws.choice(files(root))
    victim.unlink()
    kind = draws.choice(("folder", "pipe", "gone", "self", "up", "null"))
    if kind == "folder":
        victim.mkdir()
    elif kind == "pipe":
        os.mkfifo(victim)
    else:
        to = {"gone": "gone", "self": victim.name, "up": root, "null": "/dev/null"}[kind]
        victim.symlink_to(to)


def added(root: Path, draws: random.Random) -> None:
    target = draws.choice([root, *folders(root)]) / os.fsdecode(draws.choice(NAMES))
    kind = draws.choice(("copy", "empty", "link", "folder"))
    if kind == "copy":
        shutil.copyfile(draws.choice(files(root)), target)
    elif kind == "empty":
        target.write_bytes(b"")
    elif kind == "link":
        target.symlink_to(draws.choice([root, *folders(root)]))
    else:
        target.mkdir(exist_ok=True)


def moved(root: Path, draws: random.Random) -> None:
    """An image of one folder in another."""
    victim = draws.choice(files(root))
    shutil.copyfile(victim, draws.choice(folders(root)) / victim.name, follow_symlinks=True)


def spoilt(root: Path, draws: random.Random) -> None:
    victim = draws.choice(files(root))
    (data,) = mutations(victim.read_bytes(), 1, draws.randrange(10**6))
    victim.write_bytes(data)


def relisted(root: Path, draws: random.Random) -> None:
    """Lists and matrices alone, where there are any."""
    lists = [path for path in files(root) if path.suffix in (".txt", ".mat")]
    if not lists:
        return spoilt(root, draws)
    victim = draws.choice(lists)
    if victim.suffix == ".mat" or draws.random() < 0.3:
        (data,) = mutations(victim.read_bytes(), 1, draws.randrange(10**6))
        victim.write_bytes(data)
        return None
    lines = victim.read_text().split("\n")
    place = draws.randrange(len(lines))
    lines[place : place + draws.randrange(2)] = [draws.choice(LINES)]
    encoding = draws.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le"))
    victim.write_bytes("\n".join(lines).encode(encoding))
    return None


KINDS = (renamed, lost, replaced, added, moved, spoilt, relisted)


def damaged(sound: Path, place: Path, count: int, seed: int) -> Iterator[Path]:
    """Give `count` damaged copies of a folder, one at a time; one to three things are wrong."""
    for number in range(count):
        draws = random.Random(f"{seed}/{number}")
        root = place / f"msmt17_{number}"
        shutil.copytree(sound, root)
        for step in range(draws.choice((1, 1, 2, 3))):
            try:
                KINDS[(number + step) % len(KINDS)](root, draws)
            except (OSError, IndexError):  # what an earlier step left cannot be damaged so
                continue
        yield root
        shutil.rmtree(root)


def read_all(role: str, data: DataSettings, cache: Path) -> None:
    """What a run does before it trains: fingerprint, tables, pixels."""
    dataset_fingerprint(role, data, cache, meshes=False)
    dataset = load_dataset(role, data, cache)
    for split in ("train", "query", "gallery"):
        dataset.images(split)  # type: ignore[arg-type]
    dataset.verify()


def survives(copy: str, tmp_path: Path, count: int, seed: int) -> dict[str, int]:
    """Look over and read damaged copies; count those that were read, and those refused."""
    role, write = COPIES[copy]
    sound = write(tmp_path / "msmt17_sound")
    ends = {"read": 0, "refused": 0}
    for root in damaged(sound, tmp_path, count, seed):
        data = DataSettings(root=str(root), height_px=8, width_px=4)
        with within(20):
            found = check_folder(reader_of(role, data), root, deep=True)
            for each in (*found.faults, *found.remarks):
                json.dumps([each.text, *each.examples]).encode()
                assert "\n" not in "".join((each.text, *each.examples))
            try:
                read_all(role, data, tmp_path / "cache")
            except GclbenchError:
                ends["refused"] += 1
            else:
                ends["read"] += 1
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    return ends


@pytest.mark.parametrize("copy", COPIES)
def test_damaged_copies_are_read_or_refused_by_name(tmp_path: Path, copy: str) -> None:
    ends = survives(copy, tmp_path, 30, seed=1)
    assert min(ends.values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("copy", COPIES)
def test_many_damaged_copies_are_read_or_refused_by_name(tmp_path: Path, copy: str) -> None:
    ends = survives(copy, tmp_path, 300, seed=2)
    assert min(ends.values()) > 0


@pytest.mark.parametrize("copy", COPIES)
def test_data_check_ends_with_its_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], copy: str
) -> None:
    role, write = COPIES[copy]
    for root in damaged(write(tmp_path / "msmt17_sound"), tmp_path, 4, seed=3):
        with within(20):
            code = main(["data", "check", role, f"data.root={root}", "--deep", "--json"])
        said = capsys.readouterr()
        facts: dict[str, Any] = json.loads(said.out)
        assert code == 1  # no miniature has the published size
        assert facts["faults"]
        assert "Traceback" not in said.err
