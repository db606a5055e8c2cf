"""Exit codes and the one line an error becomes."""

from __future__ import annotations

import errno

import pytest

from gclbench.cli.exit import ExitCode, code_of, code_of_kinds, describe, foreseen
from gclbench.errors import (
    CheckpointError,
    ContentError,
    DataMissingError,
    GclbenchError,
    ManyFaultsError,
    MissingExtraError,
    OverrideError,
    StorageFullError,
    UnknownNameError,
)

FULL = OSError(errno.ENOSPC, "No space left on device", "results/x")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownNameError("ablation", "tabel6", ["table6"]), 2),
        (ContentError("a.yaml", 3, "rows", "wrong"), 2),
        (OverrideError("wrong"), 2),
        (DataMissingError("gone"), 3),
        (StorageFullError("full"), 1),
        (CheckpointError("cut"), 1),
        (MissingExtraError("ray", "ray"), 3),
        (ManyFaultsError([DataMissingError("a"), MissingExtraError("b"), GclbenchError("c")]), 3),
        (ManyFaultsError([DataMissingError("a"), OverrideError("b")]), 2),
        (ManyFaultsError([GclbenchError("c")]), 1),
        (KeyboardInterrupt(), 130),
        (FULL, 1),
        (RuntimeError("bug"), 1),
    ],
)
def test_each_kind_of_error_has_its_code(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_an_error_becomes_one_line_with_its_remedy() -> None:
    line = describe(DataMissingError("no folder\n/data.", "Set data.root."))
    assert line == "error: no folder /data. Set data.root."


def test_a_full_disk_names_the_place() -> None:
    assert "disk is full (results/x)" in describe(FULL)


def test_only_a_fault_of_ours_is_not_foreseen() -> None:
    assert foreseen(DataMissingError("gone"))
    assert foreseen(FULL)
    assert foreseen(KeyboardInterrupt())
    assert not foreseen(RuntimeError("bug"))


@pytest.mark.parametrize(
    ("kinds", "measured", "code"),
    [
        ([], True, ExitCode.OK),
        (["RuntimeError"], True, ExitCode.SOME_FAILED),
        (["RuntimeError"], False, ExitCode.FAILED),
        (["DataMissingError", "DataMissingError"], True, ExitCode.DATA_MISSING),
        (["DataMissingError", "TrainingError"], True, ExitCode.SOME_FAILED),
        (["UnknownNameError"], False, ExitCode.USAGE),
        ([""], False, ExitCode.FAILED),
    ],
)
def test_a_run_with_failures_has_the_code_of_their_kind(
    kinds: list[str], measured: bool, code: ExitCode
) -> None:
    assert code_of_kinds(kinds, measured=measured) is code


@pytest.mark.parametrize(
    "error",
    [
        DataMissingError("\x1b[2J\u202e.yaml is missing.", "Look."),
        ManyFaultsError([DataMissingError("\x1b[2J\u202e.yaml is missing.")]),
        FileNotFoundError(2, "No such file", "/data/\x1b[2J\u202e.yaml"),
        OSError(28, "No space", "/data/\x1b[2J\u202e.yaml"),
    ],
)
def test_an_error_line_shows_what_a_terminal_would_obey(error: BaseException) -> None:
    line = describe(error)
    assert r"\x1b[2J\u202e.yaml" in line
    assert not set(line) & {"\x1b", "\u202e"}
