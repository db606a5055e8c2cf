"""`gclbench invariance`: mAP by view, light, pose and clothing gap; nothing is trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, NamedKeyValues, read_words
from gclbench.cli.request import with_all_seeds
from gclbench.words.groups import require_study
from gclbench.words.verbs import InvarianceWords

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.reporting.invariance import TaskInvariance
    from gclbench.runtime.session import Session
    from gclbench.schema import Study


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
    from rich.console import Console

    from gclbench.reporting.invariance import to_object
    from gclbench.runtime.invariance import measured_invariance, refuse_real
    from gclbench.runtime.session import open_session

    request = with_all_seeds(parsed)
    refuse_real(request.overrides.get("data.root"))  # before its folders are looked for
    session = open_session(request)
    (study,) = session.studies
    tasks = measured_invariance(session, study)
    _show(Console(quiet=as_json), session, study, tasks, parsed)
    if as_json:
        found = to_object(study.study, request.profile, tasks)
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _show(
    console: Console,
    session: Session,
    study: Study,
    tasks: list[TaskInvariance],
    parsed: InvarianceWords,
) -> None:
    from gclbench.cli import output
    from gclbench.reporting.ink import FORMATS
    from gclbench.reporting.invariance import to_csv, to_tables
    from gclbench.reporting.invariance.plots import draw
    from gclbench.reporting.render import SUFFIXES

    name = f"{study.study}_invariance"
    tables = to_tables(name, study.title, tasks, session.request.profile)
    output.print_tables(console, tables)
    out = parsed.out or session.request.home / "reports"
    formats = parsed.format or output.FILES
    out.mkdir(parents=True, exist_ok=True)
    texts = [each for each in formats if each in SUFFIXES and each != "csv"]
    written = output.write_tables(tables, texts, out, session.content.folders)
    if "csv" in formats:
        text = to_csv(name, tasks).encode()
        written.append(output.put_in_place(out / f"{name}.csv", text))
    for each in tasks if {*formats} & {*FORMATS} else ():
        for suffix, data in draw(each).items():
            if suffix in formats:
                path = out / f"{name}_{each.task.name}.{suffix}"
                written.append(output.put_in_place(path, data))
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False, markup=False)
