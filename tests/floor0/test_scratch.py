"""Folders for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.scratch import remove_all, scratch_folder


def test_a_scratch_folder_is_gone_after_its_block_also_after_an_error() -> None:
    folders: list[Path] = []

    def work() -> None:
        with scratch_folder("gclbench-test-") as folder:
            folders.append(folder)
            (folder / "log").write_text("x", encoding="utf-8")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    (folder,) = folders
    assert folder.name.startswith("gclbench-test-")
    assert not folder.exists()


def test_those_in_use_can_be_removed_at_once() -> None:
    with scratch_folder("gclbench-test-") as one, scratch_folder("gclbench-test-") as other:
        (one / "log").write_text("x", encoding="utf-8")
        remove_all()
        assert not one.exists()
        assert not other.exists()
