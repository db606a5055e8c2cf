"""What verbs print: results on stdout, notices and progress on stderr, in whatever encoding.

In a terminal long lines break between words; a pipe gets each in one piece.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass, replace
from typing import IO, TYPE_CHECKING, Any, cast

from gclbench.file_errors import reason
from gclbench.plain_text import encoding_of, plain
from gclbench.redaction import redacted
from gclbench.shown_text import json_text, shown

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.reporting import TableData


class StdoutError(OSError):
    """Standard output cannot be written to, for example because its disk is full."""


# Of plain signs: the usual one is not.
SPINNER = "line"
_LEAST_WIDTH = 20


def say(text: str = "") -> None:
    """Print a result; what a terminal would obey in it is made visible."""
    _write(sys.stdout, f"{_shaped(shown(text), sys.stdout)}\n")


def say_raw(text: str) -> None:
    """Print text for a program, such as LaTeX or a shell's script: its lines stay whole."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Print a notice or an error to stderr; where nobody can read it, that is no error."""
    with suppress(OSError, ValueError):  # a full disk, a closed pipe or file
        _write(sys.stderr, f"{_shaped(shown(redacted(text)), sys.stderr)}\n")


def say_json(value: Any) -> None:
    """Print JSON; what the terminal's encoding lacks is escaped, so nothing is lost."""
    known = encoding_of(sys.stdout).lower().replace("-", "").startswith("utf8")
    text = json_text(value) if known else json.dumps(value, indent=2)
    say_raw(f"{text}\n")


def print_tables(tables: Sequence[TableData]) -> None:
    """Print tables in the terminal's width; a pipe gets them in full."""
    from gclbench.reporting.render import terminal

    console = screen()
    width = console.width if console.is_terminal else None
    for table in tables:
        text = terminal.render(_in_encoding(table, console.encoding), width)
        show(text, soft_wrap=True)
        say()


def show(renderable: Any, *, soft_wrap: bool = False) -> None:
    """Print what rich draws."""
    with to_stdout():
        screen().print(renderable, soft_wrap=soft_wrap)


def screen(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console that reads no markup or emoji; that nobody reads stderr any more is no error."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True
            raise BrokenPipeError

    words: dict[str, Any] = {"quiet": quiet, "markup": False, "emoji": False, "highlight": False}
    if stderr and sys.stderr is not None:
        return Console(file=cast("IO[str]", _Heedless(sys.stderr)), stderr=True, **words)
    return Screen(**words)


class _Heedless:
    """A stream that loses what cannot be written: to a terminal or pipe that is gone, say."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def width_of(stream: IO[str]) -> int | None:
    """The columns of the terminal behind a stream; None where there is none."""
    try:
        if not stream.isatty():
            return None
        columns = int(os.environ.get("COLUMNS", "0") or 0)
        return max(_LEAST_WIDTH, columns or os.get_terminal_size(stream.fileno()).columns)
    except (AttributeError, OSError, ValueError):
        return None


@contextmanager
def to_stdout() -> Iterator[None]:
    """Raise BrokenPipeError or StdoutError for what cannot be printed."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StdoutError(error.errno, reason(error)) from error


def _in_encoding(value: Any, encoding: str) -> Any:
    """A table whose words an encoding can hold, so that its columns are laid out as they show."""
    if isinstance(value, str):
        return plain(value, encoding)
    if isinstance(value, tuple):
        return tuple(_in_encoding(each, encoding) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        named = {each.name: getattr(value, each.name) for each in fields(value)}
        return replace(value, **{k: _in_encoding(v, encoding) for k, v in named.items()})
    return value


def _shaped(text: str, stream: IO[str] | None) -> str:
    """Text whose lines break between words where a terminal is too narrow for them."""
    width = None if stream is None else width_of(stream)
    if width is None or (text.isascii() and all(len(line) <= width for line in text.split("\n"))):
        return text
    from gclbench.reporting.render.terminal import wrapped

    return "\n".join(part for line in text.split("\n") for part in wrapped(line, width))


def _write(stream: IO[str] | None, text: str) -> None:
    if stream is None:  # closed by whoever started this
        return
    with to_stdout():
        stream.write(plain(text, encoding_of(stream)))
        stream.flush()
