"""`gclbench invariance`: mAP by view, light, pose and clothing gap; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gclbench.atomic import OUT_REMEDY, write_atomically
from gclbench.cli.arguments import AsJson, ContentFolders, NamedKeyValues, read_words
from gclbench.cli.exit import ExitCode, left_out
from gclbench.cli.output import note, print_tables, say, say_json
from gclbench.study.asking import with_all_seeds
from gclbench.words.groups import require_study
from gclbench.words.verbs import InvarianceWords

if TYPE_CHECKING:
    from gclbench.reporting.invariance import TaskInvariance
    from gclbench.schema import Study
    from gclbench.study.opened import OpenStudy


def invariance(
    words: NamedKeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Show which invariance each row of an ablation bought; reads finished runs, never trains.

    Retrieval (mAP) by viewpoint, light and pose gap and by how alike the best double is dressed,
    its drop from easy to hard, and each row's drop against the baseline's, with 95 % intervals.
    Built-in world only: nobody knows the factors of real images.

    \b
    Examples:
      gclbench invariance ablation=table6
      gclbench invariance ablation=table6 rows=baseline,multi,rotation tasks=market1501 out=paper/
      gclbench invariance ablation=table6 --json
    """
    parsed = read_words(InvarianceWords, words, content)
    require_study(parsed)
    from gclbench.reporting.invariance import to_object
    from gclbench.runtime.invariance import measured_invariance, refuse_real
    from gclbench.study.opened import open_study

    question = with_all_seeds(parsed)
    refuse_real(question.overrides.get("data.root"))  # before its folders are looked for
    opened = open_study(question)
    (study,) = opened.studies
    tasks = measured_invariance(opened, study)
    _show(opened, study, tasks, parsed, quiet=as_json)
    if as_json:
        found = to_object(study.study, question.profile, tasks)
        say_json(found)
    if damaged := sum(len(task.damaged) for task in tasks):
        note(left_out(damaged))
        raise typer.Exit(ExitCode.SOME_FAILED)


def _show(
    opened: OpenStudy,
    study: Study,
    tasks: list[TaskInvariance],
    parsed: InvarianceWords,
    *,
    quiet: bool,
) -> None:
    from gclbench.reporting.ink import FORMATS, mark_of
    from gclbench.reporting.invariance import to_csv, to_tables
    from gclbench.reporting.invariance.plots import draw
    from gclbench.reporting.render import SUFFIXES
    from gclbench.results.files import FILES, write_tables

    name = f"{study.study}_invariance"
    tables = to_tables(name, study.title, tasks, opened.question.profile)
    if not quiet:
        print_tables(tables)
    out = parsed.out or opened.question.home / "reports"
    formats = parsed.format or FILES
    texts = [each for each in formats if each in SUFFIXES and each != "csv"]
    written = write_tables(tables, texts, out, opened.content.folders)
    if "csv" in formats:
        text = to_csv(name, tasks).encode()
        written.append(write_atomically(out / f"{name}.csv", text, remedy=OUT_REMEDY))
    for each in tasks if {*formats} & {*FORMATS} else ():
        for suffix, data in draw(each, mark_of(opened.question.profile)).items():
            if suffix in formats:
                path = out / f"{name}_{each.task.name}.{suffix}"
                written.append(write_atomically(path, data, remedy=OUT_REMEDY))
    for path in written:
        if not quiet:
            say(f"wrote {path}")
