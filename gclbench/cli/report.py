"""`gclbench report`: tables of what has been measured; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gclbench.cli.arguments import ContentFolders
from gclbench.cli.options import DEFAULT_PROFILE, REPORT_WORDS, Words, parse_words, to_request
from gclbench.errors import DataMissingError, OverrideError, UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.content import Content
    from gclbench.study.question import Question


def report(
    words: Annotated[list[str] | None, typer.Argument(metavar="[TABLE] [KEY=VALUE...]")] = None,
    content: ContentFolders = None,
) -> None:
    """Print or write the tables of what has been measured; no TABLE means everything measured.

    Without format and out the tables are printed for the terminal. format=NAME prints one format;
    out=DIR writes TABLE.csv, TABLE.md, TABLE.tex, TABLE.html there (or the formats named), and
    the plots of tables that have them as TABLE.pdf, TABLE.png, TABLE.svg.

    \b
    Words: profile, seeds, rows, tasks, home, store, data.root and settings as in `gclbench run`;
    recipe=NAME stands for the table recipe_NAME.

    \b
    Examples:
      gclbench report table6
      gclbench report table6 format=latex
      gclbench report table6 format=csv,markdown out=reports
      gclbench report recipe=scl
      gclbench report out=everything
    """
    tables, rest = split(words or ())
    parsed = parse_words(rest, REPORT_WORDS, content=content or ())
    tables = (*tables, *parsed.studies)
    if parsed.out is None and len(parsed.formats) > 1:
        raise OverrideError("several formats need a folder.", "Add out=DIR.")
    if parsed.out is None and {"pdf", "png", "svg"}.intersection(parsed.formats):
        raise OverrideError("a plot needs a folder.", "Add out=DIR.")
    from rich.console import Console

    console = Console()
    shown = [
        _show(console, request, parsed, everything=not tables)
        for request in measured(parsed, tables)
    ]
    if not any(shown):
        raise nothing_measured(parsed, tables)


def split(words: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of tables (words without '=') and the other words."""
    names = [part for word in words if "=" not in word for part in word.split(",") if part]
    return tuple(dict.fromkeys(names)), [word for word in words if "=" in word]


def measured(parsed: Words, tables: Sequence[str]) -> list[Question]:
    """Return the requests behind what was measured, with the seeds that were asked for.

    With tables named: those of this profile and these settings. Without: everything in the store
    whose study is among the content. Raises UnknownNameError for a table that no study fills,
    DataMissingError when nothing was asked for yet.
    """
    from gclbench.content import Content
    from gclbench.schema.recipe_study import named_tasks, recipe_of
    from gclbench.tracking import RequestedStudy, known_store

    studies = studies_of(tables, parsed.content_dirs)
    request = to_request(replace(parsed, studies=studies))
    store = known_store(parsed.home, parsed.store)
    if store is None:
        raise nothing_measured(parsed, studies)
    if tables:
        overrides = dict(request.overrides)
        known = [RequestedStudy(study, parsed.profile, overrides) for study in studies]
    else:
        content = Content(parsed.content_dirs)
        names = [*content.names("ablations"), *_by_themselves(content)]
        known = [each for each in store.studies() if each.study in names]
    found: list[Question] = []
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


def nothing_measured(parsed: Words, names: Sequence[str]) -> DataMissingError:
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
    """Return the studies that fill the named tables. Raises UnknownNameError."""
    from gclbench.content import Content

    content = Content(content_dirs)
    by_table: dict[str, list[str]] = {}
    for name in content.names("ablations"):
        table = content.study(name).report
        if table is not None:  # a search writes files of its own
            by_table.setdefault(table, []).append(name)
    for name in _by_themselves(content):
        by_table.setdefault(name, []).append(name)
    for wanted in tables:
        if wanted not in by_table:
            raise UnknownNameError("table", wanted, by_table)
    return tuple(dict.fromkeys(study for table in tables for study in by_table[table]))


def _show(console: Console, request: Question, parsed: Words, *, everything: bool) -> bool:
    """Print or write the tables of one request; False when it has no finished cell.

    A cell whose stored numbers cannot be counts: its table says so.
    """
    from gclbench.cli.output import print_tables
    from gclbench.reporting.render import render
    from gclbench.results.files import FILES, write_report
    from gclbench.results.measured import Measured
    from gclbench.results.tables import tables_of
    from gclbench.study.opened import open_study

    opened = open_study(request)
    folders = opened.content.folders
    found = Measured(opened)
    studies = [s for s in opened.studies if found.scores(s) or found.damaged(s)]
    for study in studies:
        tables = tables_of(found, study)
        if parsed.out is not None:
            out = parsed.out / subfolder(request) if everything else parsed.out
            formats = parsed.formats or FILES
            for path in write_report(found, study, tables, formats, out):
                typer.echo(f"wrote {path}")
        elif parsed.formats:
            typer.echo(render(parsed.formats[0], tables, folders), nl=False)
        else:
            print_tables(console, tables)
    return bool(studies)


def subfolder(request: Question) -> str:
    """Where a report of everything puts a request; '' for the default profile as it is."""
    from gclbench.digest import digest

    parts = [] if request.profile == DEFAULT_PROFILE else [request.profile]
    if request.overrides:
        parts.append(f"settings-{digest(dict(request.overrides))[:8]}")
    return "/".join(parts)
