"""`gclbench report`: tables of what has been measured; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gclbench.cli.arguments import ContentFolders, NamedKeyValues, read_words
from gclbench.cli.request import to_request
from gclbench.errors import DataMissingError, OverrideError, UnknownNameError
from gclbench.words.groups import DEFAULT_PROFILE
from gclbench.words.verbs import ReportWords

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.content import Content
    from gclbench.runtime.session import Request


def report(
    words: NamedKeyValues = None,
    content: ContentFolders = None,
) -> None:
    """Print or write the tables of what has been measured; no NAME means everything measured.

    Without format and out the tables are printed for the terminal. format=NAME prints one format;
    out=DIR writes NAME.csv, NAME.md, NAME.tex, NAME.html there (or the formats named), and
    the plots of tables that have them as NAME.pdf, NAME.png, NAME.svg.

    \b
    Examples:
      gclbench report table6
      gclbench report table6 format=latex
      gclbench report table6 format=csv,markdown out=reports
      gclbench report recipe=scl
      gclbench report out=everything
    """
    parsed = read_words(ReportWords, words, content)
    tables = parsed.studies
    if parsed.out is None and len(parsed.format) > 1:
        raise OverrideError("several formats need a folder.", "Add out=DIR.")
    if parsed.out is None and {"pdf", "png", "svg"}.intersection(parsed.format):
        raise OverrideError("a plot needs a folder.", "Add out=DIR.")
    from rich.console import Console

    console = Console()
    shown = [
        _show(console, request, parsed, everything=not tables)
        for request in measured(parsed, tables)
    ]
    if not any(shown):
        raise nothing_measured(parsed, tables)


def measured(parsed: ReportWords, tables: Sequence[str]) -> list[Request]:
    """Return the requests behind what was measured, with the seeds that were asked for.

    With tables named: those of this profile and these settings. Without: everything in the store
    whose study is among the content. Raises UnknownNameError for a table that no study fills,
    DataMissingError when nothing was asked for yet.
    """
    from gclbench.content import Content
    from gclbench.schema.recipe_study import named_tasks, recipe_of
    from gclbench.tracking import RequestedStudy, known_store

    studies = studies_of(tables, parsed.content)
    request = replace(to_request(parsed), studies=studies)
    store = known_store(parsed.home, parsed.store)
    if store is None:
        raise nothing_measured(parsed, studies)
    if tables:
        overrides = dict(request.overrides)
        known = [RequestedStudy(study, parsed.profile, overrides) for study in studies]
    else:
        content = Content(parsed.content)
        names = [*content.names("ablations"), *_by_themselves(content)]
        known = [each for each in store.studies() if each.study in names]
    found: list[Request] = []
    for each in known:
        cells = store.requests(each.study, each.profile, each.overrides)
        if not cells and tables:
            raise nothing_measured(parsed, [each.study])
        tasks = None  # as the study says; a recipe by itself says nothing
        if recipe_of(each.study):
            asked = {cell.task for cell in cells}
            tasks = tuple(task.name for task in named_tasks() if task.name in asked)
        found.append(
            replace(
                request,
                studies=(each.study,),
                profile=each.profile,
                overrides=each.overrides,
                seeds=parsed.seeds or tuple(sorted({cell.seed for cell in cells})),
                tasks=parsed.tasks or tasks,
            )
        )
    return found


def _by_themselves(content: Content) -> list[str]:
    from gclbench.schema.recipe_study import PREFIX

    return [f"{PREFIX}{name}" for name in content.names("baselines")]


def nothing_measured(parsed: ReportWords, names: Sequence[str]) -> DataMissingError:
    """The error for a report without a single number, with the command that makes one."""
    what = f"of '{names[0]}' " if names else ""
    profile = "" if parsed.profile == DEFAULT_PROFILE else f" profile={parsed.profile}"
    from gclbench.schema.recipe_study import recipe_of

    recipe = recipe_of(names[0]) if names else None
    table = f"ablation={names[0] if names else 'table6'}"
    run = f"recipe={recipe} task={(parsed.tasks or ('market1501',))[0]}" if recipe else table
    return DataMissingError(
        f"nothing {what}has been measured in {parsed.home} with these settings.",
        f"First run: gclbench run {run}{profile}",
    )


def studies_of(tables: Sequence[str], content_dirs: Sequence[Path]) -> tuple[str, ...]:
    """Return the studies that fill the named tables, or have the name. Raises UnknownNameError."""
    from gclbench.content import Content

    content = Content(content_dirs)
    by_table: dict[str, list[str]] = {}
    for name in content.names("ablations"):
        table = content.study(name).report
        if table is not None:  # a search writes files of its own
            by_table.setdefault(table, []).append(name)
    by_table = {name: [name] for names in by_table.values() for name in names} | by_table
    for name in _by_themselves(content):
        by_table.setdefault(name, []).append(name)
    for wanted in tables:
        if wanted not in by_table:
            raise UnknownNameError("table", wanted, by_table)
    return tuple(dict.fromkeys(study for table in tables for study in by_table[table]))


def _show(console: Console, request: Request, parsed: ReportWords, *, everything: bool) -> bool:
    """Print or write the tables of one request; False when it has no finished cell.

    A cell whose stored numbers cannot be counts: its table says so.
    """
    from gclbench.cli import output
    from gclbench.reporting.render import render
    from gclbench.runtime.session import open_session

    session = open_session(request)
    folders = session.content.folders
    studies = [s for s in session.studies if session.scores(s) or session.damaged(s)]
    for study in studies:
        tables = output.tables_of(session, study)
        if parsed.out is not None:
            out = parsed.out / subfolder(request) if everything else parsed.out
            formats = parsed.format or output.FILES
            for path in output.write_report(session, study, tables, formats, out):
                typer.echo(f"wrote {path}")
        elif parsed.format:
            typer.echo(render(parsed.format[0], tables, folders), nl=False)
        else:
            output.print_tables(console, tables)
    return bool(studies)


def subfolder(request: Request) -> str:
    """Where a report of everything puts a request; '' for the default profile as it is."""
    from gclbench.digest import digest

    parts = [] if request.profile == DEFAULT_PROFILE else [request.profile]
    if request.overrides:
        parts.append(f"settings-{digest(dict(request.overrides))[:8]}")
    return "/".join(parts)
