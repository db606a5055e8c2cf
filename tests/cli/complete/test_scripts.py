"""Completion in real shells: what is on the line after TAB, as the shell itself hands it over."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gclbench.cli.completion import script

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 30.0
BASH = ("bash", "--norc", "--noprofile", "-i")
ZSH = ("zsh", "-f", "-i")
# Line before TAB -> the words that the command then gets.
LINES = [
    ("gclbench rep", ["report"]),
    ("gclbench mesh est", ["mesh", "estimate"]),
    ("gclbench run ablation=table1", ["run", "ablation=table10"]),
    ("gclbench run table6 rows=rotation_f", ["run", "table6", "rows=rotation_fmixup"]),
    ("gclbench run table6 rows=none,base", ["run", "table6", "rows=none,baseline"]),
    ("gclbench run profile=sm", ["run", "profile=smoke"]),
    ("gclbench plan joint.tem", ["plan", "joint.temperature="]),
    ("gclbench plan joint.pseudo_labels.met", ["plan", "joint.pseudo_labels.method="]),
    ("gclbench plan data.mesh.source=par", ["plan", "data.mesh.source=params"]),
    ("gclbench show recipes gcl_", ["show", "recipes", "gcl_plus"]),
    ("gclbench run home=fold", ["run", "home=folder/"]),
    ("gclbench import one", ["import", "one file.tar"]),
]


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A `gclbench` that answers completion, and otherwise prints its words between brackets."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "gclbench"
    command.write_text(
        '#!/bin/sh\n[ "$1" = __complete ] || { printf "[%s]" "$@"; echo; exit; }\n'
        f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m gclbench "$@"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    return folder


@pytest.fixture
def environment(bin_folder: Path, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "folder").mkdir()
    (tmp_path / "one file.tar").touch()
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    place = {"HOME": str(tmp_path), "GCLBENCH_CACHE": str(tmp_path / "cache")}
    return {**os.environ, "PATH": path, "TERM": "dumb", "PS1": "$ ", **place}


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str], at: Path) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=at,
            start_new_session=True, close_fds=True,
        )  # fmt: skip
        os.close(theirs)

    def said(self, text: str, mark: str) -> str:
        """Type a text; return what comes up to `mark`."""
        os.write(self.ours, text.encode())
        found, end = "", time.monotonic() + SECONDS
        while mark not in found and time.monotonic() < end:
            if select.select([self.ours], [], [], 0.2)[0]:
                found += os.read(self.ours, 65536).decode(errors="replace")
        assert mark in found, found
        return found

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal(
    environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[[tuple[str, ...]], Terminal]]:
    opened: list[Terminal] = []

    def start(command: tuple[str, ...]) -> Terminal:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed: its completion is not tried")
        opened.append(Terminal(command, environment, tmp_path))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def check_lines(shell: Terminal) -> None:
    """Each line, TAB, enter: the shell hands over the words that were completed."""
    for line, words in LINES:
        wanted = "".join(f"[{word}]" for word in words)
        assert wanted in shell.said(f"{line}\t\n", "]\r\n"), line


def test_bash_completes_what_is_typed(
    terminal: Callable[[tuple[str, ...]], Terminal], tmp_path: Path
) -> None:
    (tmp_path / "script").write_text(script("bash"), encoding="utf-8")
    shell = terminal(BASH)
    shell.said(". ./script; bind 'set bell-style none'; echo rea''dy\n", "ready\r\n")
    check_lines(shell)
    quoted = shell.said('gclbench run "joint.augm\t\n', "]\r\n")
    assert "[run][joint.augmentations=]" in quoted


def test_zsh_completes_what_is_typed(
    terminal: Callable[[tuple[str, ...]], Terminal], tmp_path: Path
) -> None:
    (tmp_path / "script").write_text(script("zsh"), encoding="utf-8")
    shell = terminal(ZSH)
    shell.said("autoload -Uz compinit; compinit -u -D; unsetopt auto_remove_slash\n", "\r\n")
    shell.said("unsetopt beep; . ./script; echo rea''dy\n", "ready\r\n")
    check_lines(shell)


def test_fish_completes_what_is_typed(environment: dict[str, str], tmp_path: Path) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("fish is not installed: its completion is not tried")
    (tmp_path / "script").write_text(script("fish"), encoding="utf-8")
    for line, words in LINES:
        done = subprocess.run(
            [fish, "--no-config", "-c", f'source script; complete -C "{line}"'],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = [each.partition("\t")[0] for each in done.stdout.splitlines()]
        assert found[:1] == words[-1:], line
