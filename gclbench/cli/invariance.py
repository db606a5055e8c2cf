"""`gclbench invariance`: mAP by view, light, pose and clothing gap; nothing is trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, KeyValues
from gclbench.cli.options import (
    INVARIANCE_WORDS,
    Words,
    parse_words,
    require_study,
    with_all_seeds,
)
from gclbench.errors import OverrideError

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.reporting.invariance import TaskInvariance
    from gclbench.schema import Study
    from gclbench.study.opened import OpenStudy


def invariance(
    words: KeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Show which invariance each row of an ablation bought; reads finished runs, never trains.

    Retrieval (mAP) by viewpoint, light and pose gap and by how alike the best double is dressed,
    its drop from easy to hard, and each row's drop against the baseline's, with 95 % intervals.
    Built-in world only: nobody knows the factors of real images.

    \b
    Words:
      ablation=NAME          what was run
      profile=NAME           sizes: smoke, laptop (default), paper
      seeds=0,1,2            default: all seeds that were run
      rows=a,b  tasks=a,b    only a part of the study
      home=DIR  store=URL    results folder and database (default: $GCLBENCH_HOME or results/)
      format=markdown,latex,csv,html  out=DIR   which tables, and where (default: HOME/reports)
      section.setting=VALUE  settings as in the run

    \b
    Examples:
      gclbench invariance ablation=table6
      gclbench invariance ablation=table6 rows=baseline,multi,rotation tasks=market1501 out=paper/
      gclbench invariance ablation=table6 --json
    """
    parsed = parse_words(words or (), INVARIANCE_WORDS, content=content or ())
    require_study(parsed, "invariance")
    if len(parsed.studies) > 1:
        raise OverrideError(
            f"{len(parsed.studies)} ablations are named.", "Name one: each has files of its own."
        )
    from rich.console import Console

    from gclbench.reporting.invariance import to_object
    from gclbench.runtime.invariance import measured_invariance, refuse_real
    from gclbench.study.opened import open_study

    request = with_all_seeds(parsed)
    refuse_real(request.overrides.get("data.root"))  # before its folders are looked for
    opened = open_study(request)
    (study,) = opened.studies
    tasks = measured_invariance(opened, study)
    _show(Console(quiet=as_json), opened, study, tasks, parsed)
    if as_json:
        found = to_object(study.study, request.profile, tasks)
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _show(
    console: Console, opened: OpenStudy, study: Study, tasks: list[TaskInvariance], parsed: Words
) -> None:
    from gclbench.cli.output import print_tables
    from gclbench.reporting.ink import FORMATS
    from gclbench.reporting.invariance import to_csv, to_tables
    from gclbench.reporting.invariance.plots import draw
    from gclbench.reporting.render import SUFFIXES
    from gclbench.results.files import FILES, put_in_place, write_tables

    name = f"{study.study}_invariance"
    tables = to_tables(name, study.title, tasks, opened.question.profile)
    print_tables(console, tables)
    out = parsed.out or opened.question.home / "reports"
    formats = parsed.formats or FILES
    out.mkdir(parents=True, exist_ok=True)
    texts = [each for each in formats if each in SUFFIXES and each != "csv"]
    written = write_tables(tables, texts, out, opened.content.folders)
    if "csv" in formats:
        text = to_csv(name, tasks).encode()
        written.append(put_in_place(out / f"{name}.csv", text))
    for each in tasks if {*formats} & {*FORMATS} else ():
        for suffix, data in draw(each).items():
            if suffix in formats:
                path = out / f"{name}_{each.task.name}.{suffix}"
                written.append(put_in_place(path, data))
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False, markup=False)
