"""`gclbench plan`: what a run would do, before anything is trained."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, KeyValues
from gclbench.cli.options import PLAN_WORDS, RECIPE_WORDS, parse_words, require_study, to_request


def plan(
    words: KeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Show cells, stage runs asked for, those left after sharing, what is cached, and the cost.

    Whatever the run would need and is not there is said now: files, packages, devices, layouts.
    Takes the words of `gclbench run`, without format and out. Says too how many artifacts in the
    results folder are from before the kernel fix: they are never reused.

    \b
    Examples:
      gclbench plan ablation=table6
      gclbench plan ablation=table6 seeds=0,1,2 --json
      gclbench plan ablation=table6 joint.pseudo_labels.eps=0.45
      gclbench plan recipe=scl task=market1501
    """
    parsed = parse_words(words or (), (*PLAN_WORDS, *RECIPE_WORDS), content=content or ())
    require_study(parsed, "plan")
    from gclbench.runtime.session import open_session

    session = open_session(to_request(parsed))
    session.check_needs()
    summary = session.summary()
    typer.echo(json.dumps(summary, indent=2) if as_json else table(summary))
    if summary["before_kernel_fix"] and not as_json:
        typer.echo(f"\n{outdated_line(summary['before_kernel_fix'], parsed.home)}")


def table(summary: dict[str, Any]) -> str:
    """The summary for a reader."""
    lines = [f"{summary['cells']} cells, {summary['controls']} controls", ""]
    lines.append(f"{'stage':<10}{'asked for':>11}{'unique':>9}{'cached':>9}{'to run':>9}")
    total = [0, 0, 0, 0]
    for stage, asked in summary["requested"].items():
        unique, cached = summary["unique"][stage], summary["cached"][stage]
        row = [asked, unique, cached, unique - cached]
        total = [a + b for a, b in zip(total, row, strict=True)]
        lines.append(_line(stage, row))
    cost = summary["cost"]
    lines += [_line("all", total), "", cost["text"]]
    return "\n".join([*lines, *([f"warning: {cost['warning']}"] if cost["warning"] else [])])


def outdated_line(folders: Sequence[str], home: Path) -> str:
    """Say how many artifacts no plan asks for any more, and where they lie."""
    counts = Counter(folder.rpartition("/")[0] for folder in folders)
    where = ", ".join(f"{count} in {home / stage}" for stage, count in sorted(counts.items()))
    what = "1 artifact" if len(folders) == 1 else f"{len(folders)} artifacts"
    verb = "is" if len(folders) == 1 else "are"
    return (
        f"{what} from before the kernel fix {verb} not reused (docs/kernels.md): {where}. They "
        "can be deleted; --json names their folders."
    )


def _line(name: str, row: list[int]) -> str:
    return f"{name:<10}{row[0]:>11}{row[1]:>9}{row[2]:>9}{row[3]:>9}"
