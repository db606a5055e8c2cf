"""Where printed text goes: any encoding, a pipe that nobody reads, a full disk, nowhere at all."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.cli import output
from gclbench.cli.app import main

Streams = Callable[[str], None]
NARROW = ("cp1252", "ascii", "latin-1")
VERBS = (
    "run table6 profile=smoke",
    "plan table6 profile=smoke",
    "show baselines gcl_plus",
    "show settings joint.temperature",
    "list settings joint",
    "list ablations",
    "list ablations --json",
    "data check market1501 --json",
    "run --help",
    "report tabel6",
    "--help",
)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    """Give stdout and stderr an encoding; what was printed is read from their buffers."""

    def put(encoding: str) -> None:
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding))

    return put


def printed(stream: Any) -> bytes:
    stream.flush()
    return bytes(stream.buffer.getvalue())


@pytest.mark.parametrize("encoding", NARROW)
def test_every_verb_prints_in_an_encoding_that_lacks_signs(
    encoding: str, streams: Streams, world: Any
) -> None:
    world.done.update(_all_keys(world))
    for words in VERBS:
        streams(encoding)
        code = main(words.split())
        out, err = printed(sys.stdout), printed(sys.stderr)
        assert code == (2 if "tabel6" in words else 0), (words, err)
        assert b"fault of gclbench" not in err
        (out + err).decode(encoding)
        assert b"\xe2\x94\x80" not in out + err, words  # a rule in UTF-8


def _all_keys(world: Any) -> set[str]:
    """The keys of table6's nodes, after asking for it once."""
    main(["run", "table6", "profile=smoke"])
    return set(world.done)


def test_a_table_keeps_its_columns_where_signs_become_longer(streams: Streams, world: Any) -> None:
    main(["run", "table6", "profile=smoke", "seeds=0,1"])
    streams("ascii")
    assert main(["run", "table6", "profile=smoke", "seeds=0,1", "tasks=duke2market"]) == 0
    lines = printed(sys.stdout).decode("ascii").splitlines()
    assert any("sDuke -> sMarket" in line for line in lines)
    rule = next(i for i, line in enumerate(lines) if line.startswith("-----"))
    rows = [line for line in lines[rule:] if line.startswith("  ") and "+-" in line]
    assert len({len(line) for line in rows}) == 1
    assert len(rows[0]) == len(lines[rule])


def test_json_loses_nothing_where_the_encoding_lacks_signs(streams: Streams) -> None:
    streams("ascii")
    output.say_json({"a": "Duke→Market"})
    assert json.loads(printed(sys.stdout)) == {"a": "Duke→Market"}
    streams("utf-8")
    output.say_json({"a": "→", "b": "\udcff"})
    assert json.loads(printed(sys.stdout)) == {"a": "→", "b": "\udcff"}
    assert "→".encode() in printed(sys.stdout)


def test_long_lines_break_between_words_in_a_terminal_only(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "width_of", lambda stream: 20)
    streams("utf-8")
    output.say("  one two three four five six")
    output.say_raw("one two three four five six seven\n")
    assert printed(sys.stdout).decode().splitlines() == [
        *("  one two three four", "    five six", "one two three four five six seven"),
    ]


@pytest.mark.parametrize("words", ["list settings", "--help", "run table6 profile=smoke"])
def test_a_reader_that_goes_away_ends_the_call_quietly(
    words: str, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["run", "table6", "profile=smoke"])
    reader, writer = os.pipe()
    os.close(reader)
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(words.split()) == 0
    assert err.getvalue() == ""


def test_a_run_whose_reader_goes_away_still_writes_its_report(
    world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["run", "table6", "profile=smoke", f"out={tmp_path}"]) == 0
    assert (tmp_path / "table6.csv").is_file()


def test_bars_go_on_where_their_terminal_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        tries = 0

        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            self.tries += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    closed = Closed()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", closed)
    with output.screen(stderr=True).status("training") as status:
        output.note("a notice")
        status.update("training on")
    assert closed.tries > 1


def test_a_short_line_loads_nothing_to_break_it(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "width_of", lambda stream: 20)
    monkeypatch.setitem(sys.modules, "gclbench.reporting.render.terminal", None)
    streams("utf-8")
    output.note("twenty signs, no mor")  # while the main thread may hold the lock of an import
    assert printed(sys.stderr) == b"twenty signs, no mor\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("words", ["list settings", "--help", "run table6 profile=smoke"])
def test_a_full_disk_behind_stdout_is_said(
    words: str, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["run", "table6", "profile=smoke"])
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(words.split()) == 1
    assert err.getvalue() == "error: cannot write to standard output: no space left.\n"


def test_a_stderr_that_cannot_be_written_to_ends_no_run(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", stream)
    assert main(["run", "table6", "profile=smoke"]) == 0
    assert main(["run", "tabel6"]) == 2
    with contextlib.suppress(BrokenPipeError):
        stream.close()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-"])
def test_streams_that_are_closed_from_the_start_are_no_error(closed: str, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("gclbench")
    done = subprocess.run(
        ["sh", "-c", f'"{script}" list ablations {closed}'],
        capture_output=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
