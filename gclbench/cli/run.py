"""`gclbench run`: train what is missing, show it, print and write the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gclbench.cli.arguments import ContentFolders, NamedKeyValues, read_words
from gclbench.cli.exit import ExitCode, code_of_kinds, describe, left_out
from gclbench.study.asking import question_of
from gclbench.words.groups import require_study
from gclbench.words.verbs import RunWords

if TYPE_CHECKING:
    from gclbench.running.run import RunOutcome


def run(
    words: NamedKeyValues = None,
    content: ContentFolders = None,
) -> None:
    """Run ablations, or recipes by themselves, and print their tables; finished work is reused.

    \b
    Examples:
      gclbench run ablation=table6
      gclbench run ablation=table6 profile=smoke
      gclbench run ablation=table6 seeds=0,1,2 workers=4
      gclbench run ablation=table6 rows=baseline,rotation tasks=market1501
      gclbench run ablation=table6 data.root=/data/reid profile=paper
      gclbench run recipe=scl task=market1501 seeds=0,1,2
    """
    parsed = read_words(RunWords, words, content)
    require_study(parsed)
    from rich.console import Console

    from gclbench.api.study import Study
    from gclbench.cli.output import print_tables
    from gclbench.results.files import FILES, point_latest, report_folder, write_report
    from gclbench.results.measured import Measured
    from gclbench.results.tables import tables_of
    from gclbench.running.progress import watch
    from gclbench.running.run import run_study

    console = Console()
    study = Study(question_of(parsed))
    opened = study.opened
    if warning := study.plan().summary["cost"]["warning"]:
        typer.echo(f"warning: {warning}", err=True)
    with watch(opened, console) as display:
        outcome = run_study(opened, display)
    if interrupted(outcome):
        typer.echo(counts(outcome))
        typer.echo(describe(KeyboardInterrupt()), err=True)
        raise typer.Exit(ExitCode.INTERRUPTED)
    found = Measured(opened)
    for each in opened.studies:
        tables = tables_of(found, each)
        print_tables(console, tables)
        out = parsed.out or report_folder(opened, each)
        for path in write_report(found, each, tables, parsed.format or FILES, out):
            console.print(f"wrote {path}", soft_wrap=True, highlight=False, markup=False)
        if parsed.out is None:
            point_latest(out)
    typer.echo(counts(outcome))
    for key, text in outcome.errors.items():
        typer.echo(f"error: {opened.plan.node(key).label}: {' '.join(text.split())}", err=True)
    if damaged := sum(len(found.damaged(each)) for each in opened.studies):
        typer.echo(left_out(damaged), err=True)
    measured = any(found.scores(each) or found.untrained(each) for each in opened.studies)
    code = code_of_kinds(display.board.kinds, measured=measured)
    if damaged and code is ExitCode.OK:
        code = ExitCode.SOME_FAILED if measured else ExitCode.FAILED
    raise typer.Exit(code)


def interrupted(outcome: RunOutcome) -> bool:
    from gclbench.executors.events import Outcome

    return outcome.count(Outcome.INTERRUPTED) > 0


def counts(outcome: RunOutcome) -> str:
    """One line that says what was run and what was reused."""
    from gclbench.executors.events import Outcome

    done, reused, failed, skipped = (
        outcome.count(end)
        for end in (Outcome.COMPLETED, Outcome.REUSED, Outcome.FAILED, Outcome.SKIPPED)
    )
    if reused and reused == len(outcome.outcomes):
        return f"Everything was reused: {reused} stage runs, nothing was trained."
    parts = [f"{done} stage runs done", f"{reused} reused"]
    if failed:
        parts.append(f"{failed} failed")
    if skipped:
        parts.append(f"{skipped} not tried because an earlier stage failed")
    return f"{', '.join(parts)}."
