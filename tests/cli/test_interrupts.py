"""Ctrl-C, TERM and HUP: a word at once, the exit code of the signal, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from gclbench.cli import interrupts
from gclbench.cli.app import main
from gclbench.cli.interrupts import Interrupts

# A call that works for a minute: `run` stands for any verb, in Python's code or deep in C's.
CODE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where nohup ignores it
from pathlib import Path
import gclbench.cli.app as app
from gclbench.scratch import scratch_folder
def work(*words):
    from gclbench.cli.ending import ended_by
    try:
        with scratch_folder("gclbench-test-") as folder:
            if sys.argv[2] == "deaf":
                import fcntl, os
                size = fcntl.fcntl(2, fcntl.F_GETPIPE_SZ)
                os.write(2, b"." * size)
            Path(sys.argv[1]).write_text(str(folder))
            try:
                time.sleep(60)
            finally:
                if sys.argv[2]:
                    time.sleep(60)
    except KeyboardInterrupt as error:
        return ended_by(error, ())
app.main = work
from gclbench.cli import start
sys.exit(start.main())
"""
WORD = "finishing, Ctrl-C again stops hard."


def started(tmp_path: Path, how: str = "") -> tuple[subprocess.Popen[str], Path]:
    """A call in the middle of its work, and its scratch folder."""
    note = tmp_path / "folder"
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(note), how],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    _wait(lambda: note.is_file() and note.read_text() != "")
    return process, Path(note.read_text())


def _wait(condition: Callable[[], bool], limit_s: float = 60.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "name", "code"),
    [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "TERM", 143), (signal.SIGHUP, "HUP", 129)],
)
def test_a_signal_is_answered_and_has_its_exit_code(
    tmp_path: Path, number: int, name: str, code: int
) -> None:
    process, folder = started(tmp_path)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    first, second = err.splitlines()
    assert first == f"{name}: {WORD}"
    assert "the same command continues" in second
    assert not folder.exists()


def test_ctrl_c_again_stops_hard_with_a_word_and_leaves_nothing(tmp_path: Path) -> None:
    process, folder = started(tmp_path, "stuck")
    assert process.stderr is not None
    os.kill(process.pid, signal.SIGINT)
    assert process.stderr.readline() == f"Ctrl-C: {WORD}\n"
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("stopped hard; ")
    assert not folder.exists()


def test_ctrl_c_again_stops_hard_where_nobody_reads_what_stderr_leads_to(tmp_path: Path) -> None:
    process, folder = started(tmp_path, "deaf")
    os.kill(process.pid, signal.SIGINT)
    time.sleep(1.5)  # its word waits for a reader
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert not folder.exists()
    process.communicate()


def test_ctrl_c_while_all_is_loaded_has_a_word(tmp_path: Path) -> None:
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Slow())
from gclbench.cli import start
sys.exit(start.main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1].startswith("interrupted: ")


def test_ctrl_c_has_a_word_in_a_verb_that_does_not_hear_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make_data(*asked: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gclbench.runtime.data.make_data", make_data)
    assert main(["data", "make", "mars", f"out={tmp_path / 'mars'}"]) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("interrupted: ")


def test_the_last_word_stands_below_the_bars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars, terminal = StringIO(), StringIO()
    monkeypatch.setattr(sys, "stderr", bars)
    monkeypatch.setattr(sys, "__stderr__", terminal)
    interrupts._last_word()
    assert bars.getvalue() == ""
    assert terminal.getvalue().startswith("\nstopped hard; ")


def test_the_first_signal_is_raised_once_and_a_lost_one_again_where_asked() -> None:
    heard = Interrupts()
    heard.check()
    with pytest.raises(KeyboardInterrupt):
        heard._raise_once(signal.SIGTERM, None)
    heard._raise_once(signal.SIGTERM, None)  # cleaning up is not cut short
    with pytest.raises(KeyboardInterrupt):
        heard.check()
    assert heard.code(130) == 143
    heard.check()  # over: nothing is raised any more


def test_a_call_that_was_not_interrupted_keeps_its_code() -> None:
    assert Interrupts().code(5) == 5
    assert Interrupts().code(130) == 130
