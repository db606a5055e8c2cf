"""`gclbench export`: what is finished of a study, in one file for another home or machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gclbench.cli.arguments import ContentFolders
from gclbench.cli.options import (
    PLAN_WORDS,
    RECIPE_WORDS,
    parse_words,
    require_study,
    with_all_seeds,
)
from gclbench.errors import OverrideError


def export(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="STUDY out=FILE [KEY=VALUE...]")
    ] = None,
    content: ContentFolders = None,
) -> None:
    """Write the artifacts and runs of a study into one file; `gclbench import` takes them in.

    The words of `gclbench plan` say which cells; every stage of theirs comes along, but those
    that are not finished.

    \b
    Words:
      out=FILE               ends in .tar.gz, .tgz, .tar, or .tar.zst (Python 3.14)
      ablation=NAME[,NAME]   the same as STUDY; or recipe=NAME task=NAME
      profile  rows  tasks   as in `gclbench run`
      seeds=0,1,2            default: all seeds that were run
      home=DIR  store=URL    results folder and database (default: $GCLBENCH_HOME or results/)
      section.setting=VALUE  settings as in the run

    \b
    Examples:
      gclbench export table6 out=table6.tar.gz
      gclbench export table6 out=part.tar.gz profile=smoke rows=none tasks=market1501
      gclbench export recipe=scl task=market1501 out=scl.tar.gz
    """
    parsed = parse_words(
        named(words or ()), (*PLAN_WORDS, *RECIPE_WORDS, "out"), content=content or ()
    )
    require_study(parsed, "export")
    if parsed.out is None:
        raise OverrideError("no file is named.", "For example: out=table6.tar.gz")
    from gclbench.runtime.parcel import export_study
    from gclbench.study.opened import open_study

    sent = export_study(open_study(with_all_seeds(parsed)), parsed.out)
    typer.echo(
        f"wrote {parsed.out}: {sent.finished} of {sent.nodes} stage runs, {sent.size_mb:.1f} MB"
    )


def named(words: Sequence[str]) -> list[str]:
    """Turn names without '=' into the word `ablation`."""
    names = [word for word in words if "=" not in word]
    rest = [word for word in words if "=" in word]
    return [f"ablation={','.join(names)}", *rest] if names else rest
