"""The list of faults can be put in, and what puts them in tells caught from not caught."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests import faults
from tests.faults import ROOT, Fault, Outcome, main, read_faults, table

FAULTS = read_faults()
HALF = Fault("gclbench/room/halves.py", "x / 2", "x // 2", "tests/test_halves.py::test_of_three")


def names_in(file: str) -> set[str]:
    """Names of all functions and classes of a test file; a class may inherit its tests."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    named = ast.FunctionDef | ast.ClassDef
    return {node.name for node in ast.walk(tree) if isinstance(node, named)}


def test_every_fault_can_be_put_in() -> None:
    assert all(fault.edited(ROOT) for fault in FAULTS)


def test_every_fault_names_a_test_that_is_there() -> None:
    known = {file: names_in(file) for file in {each.test.split("::")[0] for each in FAULTS}}
    for fault in FAULTS:
        file, *names = fault.test.split("::")
        assert "".join(names[:1]).split("[")[0] in known[file], str(fault)


def test_no_fault_stands_twice() -> None:
    edits = Counter((fault.file, fault.old, fault.new) for fault in FAULTS)
    assert max(edits.values()) == 1


def test_the_list_is_long_where_numbers_are_made_and_kept() -> None:
    rooms = Counter(fault.room for fault in FAULTS)
    assert len(FAULTS) >= 80
    assert rooms["stages"] + rooms["plan"] + rooms["tracking"] >= 40


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one module, with a test of it and a list of two faults: one is not noticed."""
    for name in ("gclbench/room", "tests"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("gclbench", "gclbench/room"):
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / HALF.file).write_text("def half(x):\n    y = 1\n    return x / 2\n")
    (tmp_path / "tests/test_halves.py").write_text(
        "from gclbench.room import halves\n\n"
        "def test_of_three():\n    assert halves.half(3) == 1.5\n"
    )
    (tmp_path / "faults.yaml").write_text(
        f"- {{file: {HALF.file}, old: x / 2, new: x // 2, test: '{HALF.test}'}}\n"
        f"- {{file: {HALF.file}, old: y = 1, new: y = 2, test: '{HALF.test}'}}\n"
    )
    monkeypatch.setattr(faults, "ROOT", tmp_path)
    monkeypatch.setattr(faults, "LIST", tmp_path / "faults.yaml")
    monkeypatch.setattr(faults, "COPIED", ("gclbench", "tests"))
    return tmp_path


def test_a_fault_that_passes_is_named_and_fails_the_call(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--known-to-pass", "--jobs", "1"]) == 1
    said = capsys.readouterr().out
    assert "1 of 2  caught  gclbench/room/halves.py: 'x / 2' -> 'x // 2'" in said
    assert "2 of 2  NOT CAUGHT (pytest: 0)  gclbench/room/halves.py: 'y = 1'" in said
    assert "| room | 1 | 2 |" in said
    assert "x / 2" in (package / HALF.file).read_text()


def test_nothing_is_said_where_tests_fail_without_a_fault(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (package / HALF.file).write_text("def half(x):\n    y = 1\n    return 1 + x / 2\n")
    assert main(["room", "--jobs", "1"]) == 2
    assert "Without a fault the tests do not pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("x", "z", "holds 2 times 'x'"),
        ("none", "some", "holds 0 times 'none'"),
        ("x / 2", "(x / 2)", "changes nothing"),
    ],
)
def test_an_edit_that_is_none_is_refused(package: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fault(HALF.file, old, new, HALF.test).edited(package)


def test_the_share_caught_is_given_by_room() -> None:
    other = Fault("gclbench/digest.py", "a", "b", "t")
    found = [Outcome(HALF, 1, ""), Outcome(HALF, 0, ""), Outcome(other, None, "")]
    assert table(found).splitlines()[2:] == [
        "| digest | 1 | 1 |",
        "| room | 1 | 2 |",
        "| all | 2 (67%) | 3 |",
    ]
