"""`out=` is looked at before any work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gclbench.cli.app import main
from gclbench.cli.out import check_place
from gclbench.errors import GclbenchError, UsageError

Cli = Callable[..., tuple[int, str, str]]
FOLDERS = ("run table6", "report table6", "tune dbscan_eps", "invariance table6", "data make mars",
           "mesh render market1501")  # fmt: skip
FILES = ("figure world", "embed checkpoint=a.pth images=b", "export table6",
         "checkpoint export 3fb0c1d2", "mesh estimate market1501 weights=a.pt")  # fmt: skip


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that may not be written to, also for root."""
    folder = tmp_path / "denied"
    folder.mkdir()
    known = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder
                        and known(path, mode))  # fmt: skip
    return folder


@pytest.mark.parametrize("verb", FOLDERS)
def test_a_file_where_a_folder_is_needed_is_said_before_any_work(
    verb: str, cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    for out in (file, file / "inside"):
        code, text, err = cli(*verb.split(), f"out={out}", f"home={tmp_path / 'h'}")
        assert (code, text) == (2, "")
        assert str(file) in err
        assert "is a file" in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("verb", FILES)
def test_a_folder_where_a_file_is_needed_is_said_before_any_work(
    verb: str, cli: Cli, tmp_path: Path
) -> None:
    code, _, err = cli(*verb.split(), f"out={tmp_path}", f"home={tmp_path / 'h'}")
    assert code == 2
    assert f"out={tmp_path} is a folder" in err


@pytest.mark.parametrize("verb", [*FOLDERS, *FILES])
def test_a_place_that_may_not_be_written_to_is_one_line_and_exit_1(
    verb: str, cli: Cli, denied: Path
) -> None:
    out = denied / "x" / "y.png"
    code, text, err = cli(*verb.split(), f"out={out}", f"home={denied.parent / 'h'}")
    assert (code, text) == (1, "")
    assert f"{denied}: permission denied" in err
    assert len(err.splitlines()) == 1


def test_links_in_a_circle_and_names_that_are_too_long_are_said(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(GclbenchError, match="its links lead in a circle"):
        check_place(tmp_path / "circle", folder=True)
    with pytest.raises(GclbenchError, match="the name is too long"):
        check_place(tmp_path / ("x" * 300), folder=False)


def test_what_can_be_made_is_no_error_and_nothing_is_made(tmp_path: Path) -> None:
    check_place(tmp_path / "a" / "b", folder=True)
    check_place(tmp_path / "a" / "b.png", folder=False)
    check_place(tmp_path, folder=True)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="is a folder"):
        check_place(tmp_path, folder=False)


def test_of_a_current_folder_that_was_deleted_it_is_said_that_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["report", "table6", "out=x", f"home={tmp_path}"]) == 1
    assert "the current folder does not exist any more" in capsys.readouterr().err
