"""`gclbench run`: train what is missing, show it, print and write the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gclbench.cli.arguments import ContentFolders, KeyValues
from gclbench.cli.exit import ExitCode, code_of_kinds, describe
from gclbench.cli.options import parse_words, require_study, to_request

if TYPE_CHECKING:
    from gclbench.runtime.session import RunOutcome


def run(
    words: KeyValues = None,
    content: ContentFolders = None,
) -> None:
    """Run ablations, or recipes by themselves, and print their tables; finished work is reused.

    \b
    Words:
      ablation=NAME[,NAME]   what to run (gclbench list ablations)
      recipe=NAME[,NAME]     instead: a recipe by itself (gclbench list baselines), on ...
      task=NAME[,NAME]       ... market1501, dukemtmc-reid, duke2market, ... (one must be named)
      profile=NAME           sizes: smoke, laptop (default), paper
      seeds=0,1,2            default: as the study says
      rows=a,b  tasks=a,b    only a part of the study
      workers=N              processes (default: as the profile says)
      executor=inline|local  in this process, or in workers
      device=auto|cpu|cuda   where networks run
      data.root=DIR          real datasets instead of the built-in world
      home=DIR  store=URL    results folder and database (default: $GCLBENCH_HOME or results/)
      observers=URL,URL      more Sacred observers: mongo://..., file://...
      format=markdown,latex,csv,html,pdf,png,svg  out=DIR   which report files, and where
      section.setting=VALUE  any setting, such as joint.pseudo_labels.eps=0.45

    \b
    Examples:
      gclbench run ablation=table6
      gclbench run ablation=table6 profile=smoke
      gclbench run ablation=table6 seeds=0,1,2 workers=4
      gclbench run ablation=table6 rows=baseline,rotation tasks=market1501
      gclbench run ablation=table6 data.root=/data/reid profile=paper
      gclbench run recipe=scl task=market1501 seeds=0,1,2
    """
    parsed = parse_words(words or (), content=content or ())
    require_study(parsed, "run")
    from rich.console import Console

    from gclbench.cli import output
    from gclbench.cli.progress import watch
    from gclbench.runtime.session import open_session

    console = Console()
    session = open_session(to_request(parsed))
    session.check_needs()
    if warning := session.cost().warning:
        typer.echo(f"warning: {warning}", err=True)
    workers = session.request.workers or session.profile.workers
    nodes = session.plan.needed(session.artifacts.has)
    with watch(session.plan, nodes, workers, console) as display:
        outcome = session.run(display)
    if interrupted(outcome):
        typer.echo(counts(outcome))
        typer.echo(describe(KeyboardInterrupt()), err=True)
        raise typer.Exit(ExitCode.INTERRUPTED)
    out = parsed.out or session.request.home / "reports"
    for study in session.studies:
        tables = output.tables_of(session, study)
        output.print_tables(console, tables)
        formats = parsed.formats or output.FILES
        for path in output.write_report(session, study, tables, formats, out):
            console.print(f"wrote {path}", soft_wrap=True, highlight=False, markup=False)
    typer.echo(counts(outcome))
    for key, text in outcome.errors.items():
        typer.echo(f"error: {session.plan.node(key).label}: {' '.join(text.split())}", err=True)
    measured = any(session.scores(study) for study in session.studies)
    raise typer.Exit(code_of_kinds(display.board.kinds, measured=measured))


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
