"""House rules that a machine can check: lengths, prints, exits, star imports, paths."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gclbench"
MAX_LINES, MAX_TEST_LINES = 400, 500


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_content" not in path.parts)


def suites() -> list[Path]:
    return sorted((ROOT / "tests").rglob("*.py"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(path: Path) -> list[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (node.lineno, ast.unparse(node.func)) for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]  # fmt: skip


def test_files_stay_short() -> None:
    long = [name(path) for path in sources() if lines(path) >= MAX_LINES]
    long += [name(path) for path in suites() if lines(path) >= MAX_TEST_LINES]
    assert long == []


def test_library_code_neither_prints_nor_exits() -> None:
    banned = {"print", "exit", "quit", "sys.exit", "breakpoint"}
    found = [
        f"{name(path)}:{line} {call}"
        for path in sources()
        for line, call in calls(path)
        if call in banned
    ]
    assert found == []


def test_library_code_checks_input_with_errors_not_asserts() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in sources()
        if "testing" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_no_star_imports_no_eval_no_unsafe_load() -> None:
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
                found.append(f"{name(path)}:{node.lineno} star import")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"eval", "exec"}:
                found.append(f"{name(path)}:{node.lineno} eval")
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                safe = any(k.arg == "weights_only" and getattr(k.value, "value", 0) is True
                           for k in node.keywords)  # fmt: skip
                if not safe:
                    found.append(f"{name(path)}:{node.lineno} torch.load without weights_only")
    assert found == []


def test_no_path_of_somebodys_machine_is_written_down() -> None:
    pattern = re.compile(r"[\"'](/home/|/root/|/work/|/Users/|C:\\)")
    found = [
        f"{name(path)}:{number}"
        for path in [*sources(), *suites()]
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_test_folders_are_no_packages_and_mirror_the_rooms() -> None:
    assert [name(path) for path in (ROOT / "tests").rglob("__init__.py")] == []
    rooms = {path.stem for path in PACKAGE.iterdir()}
    extra = {"architecture", "benchmarks", "contracts", "data", "end_to_end", "golden", "floor0"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} <= rooms | extra


def test_text_reaches_the_screen_through_one_door() -> None:
    """`cli.output` and `gclbench.screen` show what a terminal would obey; others call them."""
    doors = {"gclbench/cli/output.py", "gclbench/screen.py"}
    doors.add("gclbench/cli/complete/answer.py")  # a shell reads it; it gives plain words only
    banned = {"typer.echo", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    found = [
        f"{name(path)}:{line} {call}"
        for path in sources()
        for line, call in calls(path)
        if call in banned and name(path) not in doors
    ]
    assert found == []
