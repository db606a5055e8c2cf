"""What counts as somebody's data in a folder, and what other programs left there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.clutter import files_below, is_clutter


@pytest.mark.parametrize(
    "path",
    [
        *("Thumbs.db", "THUMBS.DB", "ehthumbs.db", "desktop.ini", "Desktop.ini", ".DS_Store"),
        *("query/._0001.jpg", "@eaDir/a.jpg/x.jpg", "a/@eaDir", "__MACOSX/a/b.jpg", "Icon\r"),
        *(".ipynb_checkpoints/a.jpg", ".@__thumb/a.jpg", "a.jpg~", "~$a.docx", "a.jpg.part"),
        *("lost+found/x", "$RECYCLE.BIN/a.jpg", "#recycle/a.jpg", ".gitkeep", "a.jpg.crdownload"),
    ],
)
def test_what_other_programs_leave_is_clutter(path: str) -> None:
    assert is_clutter(path)


@pytest.mark.parametrize("path", ["0001.jpg", "-1_c1.jpg", "a b/c~d.jpg", "thumbs.jpg", "x.db"])
def test_what_somebody_put_there_is_not(path: str) -> None:
    assert not is_clutter(path)


def test_files_come_sorted_without_clutter_and_without_going_in_circles(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("b/2.jpg", "b/1.jpg", "a.jpg", ".hidden/x.jpg", "@eaDir/a.jpg", "Thumbs.db"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "3.jpg").write_bytes(b"")
    (root / "link").symlink_to(tmp_path / "other")
    (root / "b" / "up").symlink_to(root)
    (root / "loop").symlink_to("loop")
    (root / "gone.jpg").symlink_to("nowhere")
    found = [name for name, _ in files_below(root)]
    assert found == ["a.jpg", "b/1.jpg", "b/2.jpg", "gone.jpg", "link/3.jpg", "loop"]
    assert all(path == root / name for name, path in files_below(root))


def test_a_folder_that_cannot_be_read_is_handed_over_or_raised(tmp_path: Path) -> None:
    refused: list[OSError] = []
    assert list(files_below(tmp_path / "gone", refused.append)) == []
    assert [str(error.filename) for error in refused] == [str(tmp_path / "gone")]
    with pytest.raises(FileNotFoundError):
        list(files_below(tmp_path / "gone"))
