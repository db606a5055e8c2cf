"""Put each slip of `tests/faults.yaml` into a copy of the package and demand that its test fails.

    tox -e faults                          every fault
    tox -e faults -- plan tracking         those of two rooms
    tox -e faults -- gclbench/plan/store.py --jobs 1

A fault is one edit (`file`, `old`, `new`) as a slip of a programmer's would make it, and the fast
`test` that must notice. All tests are run once without a fault first, but with --known-to-pass.
Those that pass are printed; the exit code is 1 when fewer than 95 of 100 are caught.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import NoReturn

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "faults.yaml"
COPIED = (
    "gclbench",
    "tests",
    "ablations",
    "baselines",
    "reports",
    "docs",
    "examples",
    "benchmarks",
)
# What pytest returns: some tests failed. 2 and more are errors of collection or of usage.
PASSED, FAILED = 0, 1
LIMIT_SECONDS = 300.0
LEAST = 0.95  # of all faults
# Tests are forked from a process that has imported what takes seconds, but nothing of gclbench.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["torch", "numba", "pandas", "scipy.stats", "sqlalchemy", "pytest"])


@dataclass(frozen=True)
class Fault:
    """One edit of a file of the package, and the test that must fail of it."""

    file: str
    old: str
    new: str
    test: str

    @property
    def room(self) -> str:
        """The folder (or the module) in gclbench/ that is edited."""
        return Path(self.file).parts[1].removesuffix(".py")

    def edited(self, root: Path) -> str:
        """Return the file's text with the fault in it.

        Raises ValueError where `old` is not there exactly once, or what results is not Python.
        """
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} holds {text.count(self.old)} times {self.old!r}")
        edited = text.replace(self.old, self.new)
        if ast.dump(ast.parse(edited)) == ast.dump(ast.parse(text)):
            raise ValueError(f"{self.file}: {self.new!r} changes nothing")
        return edited

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.file}: {old!r} -> {new!r} ({self.test})"


@dataclass(frozen=True)
class Outcome:
    """What a fault's test said: its exit code (None: it hung) and its last words."""

    fault: Fault
    code: int | None
    words: str

    @property
    def caught(self) -> bool:
        return self.code in (FAILED, None)


def read_faults() -> list[Fault]:
    """Return the faults of the list. Raises TypeError for fields that are missing or unknown."""
    return [Fault(**item) for item in YAML(typ="safe").load(LIST.read_text(encoding="utf-8"))]


class Copy:
    """A copy of the checkout in which one fault after the other is put in and taken out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._edits = 0
        for name in COPIED:
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ROOT.glob("*.*"):
            if file.is_file():
                shutil.copy2(file, root)

    def run(self, tests: Iterable[str], fault: Fault | None = None) -> tuple[int | None, str]:
        """Run tests with a fault in place; return pytest's exit code, None where it hung."""
        whole = fault and (self.root / fault.file).read_text(encoding="utf-8")
        try:
            if fault:
                self._write(fault.file, fault.edited(self.root))
            return self._pytest(tests, LIMIT_SECONDS if fault else None)
        finally:
            if fault and whole:
                self._write(fault.file, whole)

    def _write(self, file: str, text: str) -> None:
        """Write a source with a time of its own: Python's bytecode knows sources by the second."""
        self._edits += 1
        path = self.root / file
        path.write_text(text, encoding="utf-8")
        stamp = time.time() + 10 * self._edits
        os.utime(path, (stamp, stamp))

    def _pytest(self, tests: Iterable[str], limit_s: float | None) -> tuple[int | None, str]:
        said = self.root / "said.txt"
        child = _FORKS.Process(target=_run_pytest, args=(self.root, list(tests), said))
        child.start()
        child.join(limit_s)
        if child.is_alive():
            child.kill()
            child.join()
            return None, "it hung"
        return child.exitcode, said.read_text(encoding="utf-8", errors="replace")[-2000:]


def _run_pytest(root: Path, tests: Sequence[str], said: Path) -> NoReturn:
    """In a process of its own: run tests of a copy, and leave with pytest's exit code."""
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(root)
    # Before the installed package, which is the checkout itself; for processes of tests as well.
    sys.path.insert(0, str(root))
    os.environ["PYTHONPATH"] = str(root)
    code = pytest.main(["-x", "-rfE", "-p", "no:cacheprovider", *tests])
    sys.stdout.flush()
    os._exit(code)


def outcomes(faults: Sequence[Fault], jobs: int, folder: Path) -> Iterator[Outcome]:
    """Put every fault in, `jobs` at a time, and give what its test said, in the list's order."""
    free: Queue[Copy] = Queue()
    for number in range(jobs):
        free.put(Copy(folder / str(number)))

    def try_one(fault: Fault) -> Outcome:
        copy = free.get()
        try:
            return Outcome(fault, *copy.run([fault.test], fault))
        finally:
            free.put(copy)

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(try_one, faults)


def table(found: Sequence[Outcome]) -> str:
    """Return the share caught in each room, as a Markdown table."""
    rooms = Counter(outcome.fault.room for outcome in found)
    caught = Counter(outcome.fault.room for outcome in found if outcome.caught)
    lines = ["| room | caught | faults |", "|---|---|---|"]
    lines += [f"| {room} | {caught[room]} | {count} |" for room, count in sorted(rooms.items())]
    share = f"{sum(caught.values()) / max(len(found), 1):.0%}"
    return "\n".join([*lines, f"| all | {sum(caught.values())} ({share}) | {len(found)} |"])


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("chosen", nargs="*", help="rooms or files; all by default")
    parser.add_argument("--known-to-pass", action="store_true", help="the tests were just run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="tests at a time")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Return 0 when nearly all faults were caught, 1 when not, 2 when nothing can be said."""
    os.environ["OMP_NUM_THREADS"] = "1"  # as tox has it
    asked = _arguments(words)
    faults = [
        fault
        for fault in read_faults()
        if not asked.chosen or {fault.room, fault.file} & set(asked.chosen)
    ]
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        code, said = PASSED, ""
        if not asked.known_to_pass:
            code, said = Copy(Path(folder) / "whole").run(sorted({fault.test for fault in faults}))
        if code != PASSED:
            print(f"Without a fault the tests do not pass:\n{said}")
            return 2
        for outcome in outcomes(faults, asked.jobs, Path(folder)):
            found.append(outcome)
            mark = "caught" if outcome.caught else f"NOT CAUGHT (pytest: {outcome.code})"
            print(f"{len(found):4d} of {len(faults)}  {mark}  {outcome.fault}", flush=True)
            if not outcome.caught and outcome.code != PASSED:
                print(outcome.words)
    print(table(found))
    return 0 if sum(outcome.caught for outcome in found) >= LEAST * len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
