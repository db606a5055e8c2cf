"""`gclbench run`: train what is missing, show it, print and write the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gclbench.cli.arguments import ContentFolders, NamedKeyValues, read_words
from gclbench.cli.exit import ExitCode, code_of_kinds, left_out
from gclbench.cli.interrupts import CURRENT
from gclbench.cli.output import note, print_tables, say, screen
from gclbench.study.asking import question_of
from gclbench.words.groups import require_study
from gclbench.words.verbs import RunWords

if TYPE_CHECKING:
    from gclbench.executors.events import Event, EventSink
    from gclbench.results.measured import Measured
    from gclbench.running.display import Display
    from gclbench.running.run import RunOutcome
    from gclbench.schema import Study


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
    from gclbench.api.study import Study as Opened
    from gclbench.results.measured import Measured
    from gclbench.running.display import watch
    from gclbench.running.run import run_study

    study = Opened(question_of(parsed))
    opened = study.opened
    if warning := study.plan().summary["cost"]["warning"]:
        note(f"warning: {warning}")
    with watch(opened, screen(stderr=True)) as display:
        outcome = run_study(opened, _listener(display))
    if interrupted(outcome):
        note(counts(outcome))
        raise KeyboardInterrupt
    found = Measured(opened)
    for each in opened.studies:
        _report(found, each, parsed)
    say(counts(outcome))
    for key, text in outcome.errors.items():
        note(f"error: {display.board.name(key)}: {text}")
    if damaged := sum(len(found.damaged(each)) for each in opened.studies):
        note(left_out(damaged))
    measured = any(found.scores(each) or found.untrained(each) for each in opened.studies)
    code = code_of_kinds(display.board.kinds, measured=measured)
    if damaged and code is ExitCode.OK:
        code = ExitCode.SOME_FAILED if measured else ExitCode.FAILED
    raise typer.Exit(code)


def _listener(display: Display) -> EventSink:
    def hear(event: Event) -> None:
        CURRENT.check()
        display(event)

    return hear


def _report(found: Measured, study: Study, parsed: RunWords) -> None:
    """Write a study's report and print its tables; a reader that has gone stops the printing."""
    from gclbench.results.files import (
        FILES,
        nothing_of,
        point_latest,
        report_folder,
        write_report,
    )
    from gclbench.results.tables import tables_of

    tables = tables_of(found, study)
    out = parsed.out or report_folder(found.opened, study)
    written = write_report(found, study, tables, parsed.format or FILES, out)
    if parsed.out is None:
        point_latest(out)
    print_tables(tables)
    if unmade := nothing_of(study, parsed.format, written):
        note(unmade)
    for path in written:
        say(f"wrote {path}")


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
