"""`gclbench report`: tables of what has been measured; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from gclbench.cli.arguments import ContentFolders, NamedKeyValues, read_words
from gclbench.cli.exit import ExitCode, code_of, describe, left_out
from gclbench.cli.output import note, print_tables, say, say_raw
from gclbench.content_folders import DEFAULT_PROFILE
from gclbench.errors import DataMissingError, GclbenchError, OverrideError, UnknownNameError
from gclbench.study.asking import question_of
from gclbench.study.measured_so_far import measured_so_far
from gclbench.words.verbs import ReportWords

if TYPE_CHECKING:
    from gclbench.content import Content
    from gclbench.study.question import Question


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
    shown, failed = 0, list[GclbenchError]()
    sound, damaged = 0, 0
    for question in measured(parsed, tables):
        try:
            found = _show(question, parsed, everything=not tables)
            shown += bool(found.sound or found.damaged)
            sound, damaged = sound + found.sound, damaged + found.damaged
        except GclbenchError as error:  # the others are shown all the same
            failed.append(error)
            what = describe(error).removeprefix("error: ")
            note(f"error: {', '.join(question.studies)}: {what}")
    if failed:
        raise typer.Exit(ExitCode.SOME_FAILED if shown else code_of(failed[0]))
    if not shown:
        raise nothing_measured(parsed, tables)
    if damaged:
        note(left_out(damaged))
        raise typer.Exit(ExitCode.SOME_FAILED if sound else ExitCode.FAILED)


def measured(parsed: ReportWords, tables: Sequence[str]) -> list[Question]:
    """Return the questions behind what was measured, with the seeds that were asked for.

    With tables named: those of this profile and these settings. Without: everything in the store
    whose study is among the content. Raises UnknownNameError for a table that no study fills,
    DataMissingError when nothing was asked for yet.
    """
    from gclbench.content import Content
    from gclbench.schema.recipe_study import named_tasks, recipe_of
    from gclbench.tracking import RequestedStudy, known_store

    studies = studies_of(tables, parsed.content)
    question = replace(question_of(parsed), studies=studies)
    store = known_store(parsed.home, parsed.store)
    if store is None:
        raise nothing_measured(parsed, studies)
    if tables:
        overrides = dict(question.overrides)
        known = [RequestedStudy(study, parsed.profile, overrides) for study in studies]
    else:
        content = Content(parsed.content)
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
                question,
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
        f"nothing {what}has been measured in {parsed.home} with these settings."
        f"{measured_so_far(parsed.home, parsed.store, names[:1])}",
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


class _Shown(NamedTuple):
    """How many cells of a question are shown, and how many are damaged."""

    sound: int
    damaged: int


def _show(question: Question, parsed: ReportWords, *, everything: bool) -> _Shown:
    """Print or write the tables of one question, unless it has no finished cell.

    A cell that is damaged counts: its table says so.
    """
    from gclbench.reporting.render import render
    from gclbench.results.files import FILES, nothing_of, write_report
    from gclbench.results.measured import Measured
    from gclbench.results.tables import tables_of
    from gclbench.study.opened import open_study

    opened = open_study(question)
    folders = opened.content.folders
    found = Measured(opened)
    studies = [
        s for s in opened.studies if found.scores(s) or found.untrained(s) or found.damaged(s)
    ]
    for study in studies:
        tables = tables_of(found, study)
        if parsed.out is not None:
            out = parsed.out / subfolder(question) if everything else parsed.out
            formats = parsed.format or FILES
            written = write_report(found, study, tables, formats, out)
            if unmade := nothing_of(study, parsed.format, written):
                note(unmade)
            for path in written:
                say(f"wrote {path}")
        elif parsed.format:
            say_raw(render(parsed.format[0], tables, folders))
        else:
            print_tables(tables)
    return _Shown(
        sum(
            len(seeds)
            for study in studies
            for cells in (found.scores(study), found.untrained(study))
            for seeds in cells.values()
        ),
        sum(len(found.damaged(s)) for s in studies),
    )


def subfolder(question: Question) -> str:
    """Where a report of everything puts a question; '' for the default profile as it is."""
    from gclbench.digest import digest

    parts = [] if question.profile == DEFAULT_PROFILE else [question.profile]
    if question.overrides:
        parts.append(f"settings-{digest(dict(question.overrides))[:8]}")
    return "/".join(parts)
