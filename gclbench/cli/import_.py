"""`gclbench import`: take in what `gclbench export` wrote, checked before anything appears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gclbench.cli.arguments import read_words
from gclbench.cli.exit import ExitCode
from gclbench.cli.output import note, say
from gclbench.words.verbs import ImportWords

if TYPE_CHECKING:
    from gclbench.runtime.parcel import Received


def import_(
    words: Annotated[list[str] | None, typer.Argument(metavar="FILE|KEY=VALUE")] = None,
) -> None:
    """Take the artifacts and runs of an exported file into a results folder.

    Every hash is checked before anything appears. What is here already is kept: an equal artifact
    is counted, one with other bytes (trained on another kind of CPU, for example) is named and the
    exit code is 5. Afterwards `gclbench run` and `gclbench report` by the words of the export find
    everything.

    \b
    Examples:
      gclbench import table6.tar.gz
      gclbench import table6.tar.gz home=/scratch/results
    """
    parsed = read_words(ImportWords, words)
    from gclbench.runtime.parcel import import_parcel
    from gclbench.tracking.place import store_url

    url = store_url(parsed.home, parsed.store)
    received = import_parcel(parsed.file, parsed.home, url)
    raise typer.Exit(told(received))


def told(received: Received) -> ExitCode:
    """Say what came of each artifact; SOME_FAILED where one of this home was kept against it."""
    from gclbench.plan.unpack import Arrival

    added, there = received.count(Arrival.ADDED), received.count(Arrival.THERE)
    replaced = received.count(Arrival.REPLACED)
    say(f"{added + replaced} artifacts added, {there} already there; {received.runs} runs added.")
    code = ExitCode.OK
    for record, end in received.artifacts:
        if end is Arrival.REPLACED:
            note(f"note: {record.label} ({record.key[:12]}) {end}.")
        elif end not in (Arrival.ADDED, Arrival.THERE):
            note(f"error: {record.label} ({record.key[:12]}) {end}; it was left out.")
            code = ExitCode.SOME_FAILED
    return code
