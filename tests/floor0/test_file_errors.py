"""Errors of the file system become words with a path; faults of a program do not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gclbench.errors import DataMissingError, GclbenchError, StorageFullError
from gclbench.file_errors import explained, reading, reason, writing


def caught(folder: Path, what: str) -> OSError:
    """A real error of this system."""
    (folder / "file").write_text("", encoding="utf-8")
    os.symlink("circle", folder / "circle")
    places = {
        "a file on the way": folder / "file" / "x",
        "a folder": folder,
        "a circle": folder / "circle",
        "a long name": folder / ("x" * 300),
        "nothing": folder / "gone" / "x",
    }
    with pytest.raises(OSError) as found:
        places[what].open("w")
    return found.value


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("a file on the way", "a part of this path is a file"),
        ("a folder", "is a folder, where a file is needed"),
        ("a circle", "its links lead in a circle"),
        ("a long name", "the name is too long"),
        ("nothing", "does not exist"),
    ],
)
def test_a_real_error_names_its_path_and_what_is_wrong(
    tmp_path: Path, what: str, words: str
) -> None:
    error = caught(tmp_path, what)
    text = explained(error)
    assert text is not None
    assert text.startswith(str(error.filename))
    assert words in text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "permission denied"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EEXIST, "is there already, and is not a folder"),
        (errno.ENOSPC, "no space left"),
    ],
)
def test_the_words_for_an_error_number(number: int, words: str) -> None:
    assert reason(OSError(number, os.strerror(number), "x")) == words
    assert explained(OSError(number, os.strerror(number), "a/b")) == f"a/b: {words}"


def test_of_a_move_the_target_is_named() -> None:
    error = OSError(errno.EACCES, "Permission denied", "beside", None, "final")
    assert explained(error) == "final: permission denied"


@pytest.mark.parametrize(
    "error", [OSError("cannot identify image"), OSError(errno.EACCES, "x"), ValueError("x")]
)
def test_an_error_without_a_path_is_not_explained(error: Exception) -> None:
    assert explained(error) is None


def test_a_current_folder_that_was_deleted_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: (_ for _ in ()).throw(FileNotFoundError(2, "gone")))
    text = explained(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    assert text is not None
    assert "the current folder does not exist any more" in text


def test_no_place_for_temporary_files_names_the_variable() -> None:
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/a']")
    assert "TMPDIR" in (explained(error) or "")


def test_a_home_that_nobody_knows_is_said() -> None:
    text = explained(RuntimeError("Could not determine home directory."))
    assert "HOME is not set" in (text or "")


def test_reading_and_writing_raise_their_kinds_with_path_and_remedy() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", "/d/query")
    with (
        pytest.raises(DataMissingError, match=r"^the folder /d/query: permission denied\. Ask\.$"),
        reading("the folder", Path("/d"), "Ask."),
    ):
        raise denied
    with (
        pytest.raises(GclbenchError, match=r"^out= /x: permission denied\.$") as found,
        writing("out=", Path("/x")),
    ):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert not isinstance(found.value, DataMissingError)
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StorageFullError, match="no space left"), writing("out=", Path("/x")):
        raise full
