"""Arguments and options that several commands take, and how a verb gets its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gclbench.cli.out import check_out
from gclbench.cli.output import note
from gclbench.words.help import help_of
from gclbench.words.model import Words

W = TypeVar("W", bound=Words)
V = TypeVar("V", bound=Callable[..., Any])

KeyValues = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE")]
NamedKeyValues = Annotated[list[str] | None, typer.Argument(metavar="NAME|KEY=VALUE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]
ContentFolders = Annotated[
    list[Path] | None, typer.Option("--content", help="A folder of content of yours.")
]


def worded(app: typer.Typer, model: type[Words]) -> Callable[[V], V]:
    """Add a verb to an app under its model's name; its help shows the words of the model."""

    def add(verb: V) -> V:
        app.command(model.verb.rpartition(" ")[2], help=help_of(verb, model))(verb)
        return verb

    return add


def read_words(
    model: type[W], words: Sequence[str] | None, content: Sequence[Path] | None = None
) -> W:
    """Parse the words of a verb; old names are noted on stderr. Raises as `Words.parse` does."""
    found = model.parse(words or (), content=content or (), note=_note)
    check_out(found)
    return found


def _note(line: str) -> None:
    note(line)
