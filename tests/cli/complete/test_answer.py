"""Answers as the scripts read them, and what they cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gclbench.cli.complete.answer import answer

BREAKS = " \t\n\"'@><=;|&(:"
SECONDS = 0.3


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("gclbench ru", ["run "]),
        ("gclbench run profile=sm", ["smoke "]),
        ("gclbench run ablation=table1", ["table10"]),
        ("gclbench run joint.tem", ["joint.temperature="]),
        ('gclbench run "profile=sm', ["profile=smoke "]),
        ("~/bin/gclbench list reci", ["recipes "]),
        ("gclbench run device=c", ["cpu ", "cuda "]),
    ],
)
def test_bash_gets_what_comes_after_the_last_break(
    capsys: pytest.CaptureFixture[str], line: str, lines: list[str]
) -> None:
    assert answer(["bash", BREAKS, line]) == 0
    assert capsys.readouterr().out.splitlines() == ["nothing", *lines]


def test_a_bash_without_the_break_gets_whole_words(capsys: pytest.CaptureFixture[str]) -> None:
    answer(["bash", BREAKS.replace("=", ""), "gclbench run profile=sm"])
    assert capsys.readouterr().out == "nothing\nprofile=smoke \n"


def test_zsh_and_fish_get_whole_words(capsys: pytest.CaptureFixture[str]) -> None:
    answer(["zsh", "run", "table6", "profile=sm"])
    assert capsys.readouterr().out == "nothing\nprofile=smoke \n"
    answer(["fish", "tune", "tri"])
    assert capsys.readouterr().out.startswith("nothing\ntrials=\ttrials=N: finished trials")
    answer(["fish", "run", "home="])
    assert capsys.readouterr().out == "folders\n"


@pytest.mark.parametrize("question", [[], ["tcsh", "x"], ["bash"], ["run"]])
def test_a_question_that_cannot_be_answered_is_met_by_silence(
    capsys: pytest.CaptureFixture[str], question: list[str]
) -> None:
    assert answer(question) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("line", ["gclbench run table6 rows=", "gclbench plan joint.tem"])
def test_a_process_answers_in_time_and_loads_nothing_heavy(tmp_path: Path, line: str) -> None:
    heavy = "{'typer', 'click', 'torch', 'pandas', 'rich', 'numpy', 'pydantic', 'ruamel'}"
    code = (
        "import json, sys, resource; from gclbench.cli.start import main; main();"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        f"loaded = sorted({heavy} & set(sys.modules));"
        "sys.stderr.write(json.dumps([used.ru_utime + used.ru_stime, loaded]))"
    )
    for first in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", code, "__complete", "bash", BREAKS, line],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds, loaded = json.loads(done.stderr)
        assert done.stdout.startswith("nothing\n")
        assert done.stdout.count("\n") > 1
        if not first:
            assert loaded == []
            assert seconds <= SECONDS


def test_names_that_a_shell_would_obey_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine" / "ablations"
    folder.mkdir(parents=True)
    for name in ("good", "$(touch x)", "`id`", "a;b", "\x1b[2J", "a b", "q'"):
        (folder / f"{name}.yaml").write_text("study: good\n", encoding="utf-8")
    monkeypatch.setenv("GCLBENCH_CONTENT", str(tmp_path / "mine"))
    assert answer(["zsh", "run", "ablation="]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ablation=good" in [line.rstrip() for line in lines]
    assert not [line for line in lines if set(line) & set("$`;'\x1b") or "a b" in line]
