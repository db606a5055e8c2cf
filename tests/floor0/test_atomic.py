"""A file is whole or absent, whoever writes it and whatever stops them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gclbench.atomic import beside, put_in_place, write_atomically
from gclbench.errors import GclbenchError, StorageFullError

WRITER = """
import sys
from pathlib import Path
from gclbench.atomic import write_atomically
for turn in range(60):
    write_atomically(Path(sys.argv[1]), sys.argv[2].encode() * 5000, durable=False)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_is_made_and_only_the_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.json"
    assert write_atomically(path, b"one") == path
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["x.json"]


def test_a_block_that_fails_leaves_the_old_content_and_no_draft(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "x", b"old")

    def fail() -> None:
        with put_in_place(path) as draft:
            draft.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["x"])


def test_two_processes_that_write_one_file_both_succeed_and_it_is_never_a_part(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shared"
    wholes = {b"", b"a" * 5000, b"b" * 5000}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter]) for letter in "ab"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(path.read_bytes() if path.exists() else b"")
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= wholes
    assert path.read_bytes() in wholes - {b""}
    assert names(tmp_path) == ["shared"]


def test_threads_of_one_process_have_drafts_of_their_own(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def write(letter: bytes) -> None:
        try:
            for _ in range(40):
                write_atomically(tmp_path / "x", letter * 1000, durable=False)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("name", ["x" * 255, "\N{SNOWMAN}" * 85])
def test_a_name_as_long_as_a_file_system_takes_can_be_written(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, b"1")
    assert names(tmp_path) == [name]


def test_a_draft_is_hidden_and_called_one(tmp_path: Path) -> None:
    first, second = (beside(tmp_path / "table6.csv") for _ in range(2))
    assert first != second
    assert first.parent == tmp_path
    assert first.name.startswith(".table6.csv.")
    assert first.suffix == ".tmp"


@pytest.mark.parametrize("place", ["file/x.csv", "folder"])
def test_what_cannot_be_written_is_one_error_with_the_callers_remedy(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(GclbenchError, match="cannot write to") as caught:
        write_atomically(tmp_path / place, b"1", remedy="Choose another out=.")
    assert caught.value.remedy == "Choose another out=."
    assert names(tmp_path) == ["file", "folder"]


def test_a_full_disk_keeps_the_file_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_atomically(tmp_path / "x", b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match=str(tmp_path)):
        write_atomically(path, b"new")
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["x"])
    write_atomically(path, b"new", durable=False)  # a cache does not wait for the disk
    assert path.read_bytes() == b"new"
