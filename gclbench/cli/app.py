"""The command line: one verb per file, one line per error, and the exit codes of `cli.exit`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from gclbench import __version__
from gclbench.cli.arguments import worded
from gclbench.cli.checkpoint import checkpoint
from gclbench.cli.completion import completion
from gclbench.cli.dashes import undashed
from gclbench.cli.data import data
from gclbench.cli.doctor import doctor
from gclbench.cli.embed import embed
from gclbench.cli.ending import ended_by, ended_early, flush
from gclbench.cli.exit import ExitCode
from gclbench.cli.export import export
from gclbench.cli.figure import figure
from gclbench.cli.import_ import import_
from gclbench.cli.invariance import invariance
from gclbench.cli.list import list_names
from gclbench.cli.mesh import mesh
from gclbench.cli.output import note, say
from gclbench.cli.plan import plan
from gclbench.cli.report import report
from gclbench.cli.run import run
from gclbench.cli.show import show
from gclbench.cli.tune import tune
from gclbench.plain_text import adapt_streams
from gclbench.redaction import remember_secrets
from gclbench.words.verbs import (
    DoctorWords,
    EmbedWords,
    ExportWords,
    FigureWords,
    ImportWords,
    InvarianceWords,
    PlanWords,
    ReportWords,
    RunWords,
    ShowWords,
    TuneWords,
)

app = typer.Typer(
    name="gclbench",
    no_args_is_help=True,
    add_completion=False,  # `gclbench completion` has words and settings too
    rich_markup_mode=None,  # plain help: \b blocks keep the examples' lines
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
worded(app, RunWords)(run)
worded(app, PlanWords)(plan)
worded(app, TuneWords)(tune)
worded(app, ReportWords)(report)
worded(app, ExportWords)(export)
worded(app, ImportWords)(import_)
worded(app, FigureWords)(figure)
worded(app, InvarianceWords)(invariance)
app.add_typer(checkpoint, name="checkpoint")
worded(app, EmbedWords)(embed)
app.add_typer(mesh, name="mesh")
app.command("list")(list_names)
worded(app, ShowWords)(show)
app.add_typer(data, name="data")
worded(app, DoctorWords)(doctor)
app.command("completion")(completion)

# typer raises its own copy of click's usage errors, older releases click's: find it either way.
_PARSE_ERROR: type[Exception] = next(
    base for base in reversed(typer.BadParameter.__mro__) if hasattr(base, "format_message")
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"gclbench {__version__}")
        raise typer.Exit()


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Measure which gains of unsupervised person re-identification are real.

    \b
    Examples:
      gclbench run ablation=table6
      gclbench plan ablation=table6 --json
      gclbench tune study=dbscan_eps trials=30
      gclbench report table6 format=latex

    \b
    Exit codes: 0 ok, 1 a run failed, 2 usage, 3 data or packages missing, 5 some cells failed,
    130 interrupted by Ctrl-C, 143 by TERM, 129 by HUP.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    typed = sys.argv[1:] if argv is None else list(argv)
    for word in typed:
        value = word.partition("=")[2]
        for url in (word, value, *value.split(",")):
            if "://" in url:
                remember_secrets(url)
    adapt_streams()
    try:
        code = int(app(args=typed, standalone_mode=False) or ExitCode.OK)
        if code == ExitCode.INTERRUPTED:  # what newer releases of typer make of Ctrl-C
            return ended_by(KeyboardInterrupt(), typed)
        flush()
        return code
    except _PARSE_ERROR as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help itself
            say(error.format_message())  # type: ignore[attr-defined]
        else:
            note(undashed(typed) or _one_line(error))
        return int(ExitCode.USAGE)
    except typer.Abort:  # and older ones
        return ended_by(KeyboardInterrupt(), typed)
    except SystemExit as end:  # what typer makes of a pipe that nobody reads
        if isinstance(end.__context__, BrokenPipeError):
            return ended_early()
        raise
    except (Exception, KeyboardInterrupt) as error:
        return ended_by(error, typed)


def _one_line(error: Exception) -> str:
    text = " ".join(error.format_message().split())  # type: ignore[attr-defined]
    return f"error: {text[:1].lower()}{text[1:]} See gclbench --help."
