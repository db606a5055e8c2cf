"""`gclbench figure`: pictures of what a trained generator does, and the numbers beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gclbench.atomic import OUT_REMEDY, write_atomically
from gclbench.cli.arguments import ContentFolders, KeyValues, read_words
from gclbench.cli.output import say
from gclbench.errors import OverrideError
from gclbench.runtime.figures.registry import FIGURES, Choice, Figure, choose, find_figure, make
from gclbench.study.asking import question_of
from gclbench.words.verbs import FigureWords

if TYPE_CHECKING:
    from gclbench.reporting.generation import GenerationTable
    from gclbench.reporting.grid import ImageGrid

PICTURES = (".png", ".pdf", ".svg")
TABLES = (".md", ".csv")


def figure(
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(FIGURES))],
    words: KeyValues = None,
    content: ContentFolders = None,
) -> None:
    shown = find_figure(name)
    parsed = read_words(FigureWords, words, content)
    out = parsed.out or Path(f"{name}{TABLES[0] if shown.table else PICTURES[0]}")
    _check_suffix(shown, out)
    parsed, choice = _chosen(shown, parsed)
    from gclbench.study.opened import open_study

    made = make(shown, open_study(question_of(parsed)), choice)
    for path, data in (_tables(made, out) if shown.table else _picture(made, out, parsed)).items():
        write_atomically(path, data, remedy=OUT_REMEDY)
        say(f"wrote {path}")


_LINES = "\n".join(f"{each.name:<11}  {each.summary}" for each in FIGURES.values())
# \b keeps typer from joining the lines that follow.
figure.__doc__ = f"""Draw a picture.

\b
{_LINES}

\b
Default: the full method (rotation_dmixup) of table6, seed 0; fig2: three rows of table4,
table12: the study msmt17.
Docs: docs/figures.md says who is shown, and where a figure departs from the paper's.

\b
Examples:
  gclbench figure world out=docs/world.png
  gclbench figure table3 out=table3.pdf
  gclbench figure views ablation=table6 rows=rotation tasks=duke2market seeds=1
  gclbench figure table3 title="What G draws" out=table3.pdf
  gclbench figure generation out=generation.md
"""


def _check_suffix(shown: Figure, out: Path) -> None:
    allowed = TABLES if shown.table else PICTURES
    if out.suffix.lower() not in allowed:
        raise OverrideError(
            f"out={out} is not a {' or '.join(allowed)} file.",
            f"Write out={shown.name}{allowed[0]}.",
        )


def _chosen(shown: Figure, parsed: FigureWords) -> tuple[FigureWords, Choice]:
    """Fill in the study, rows, tasks and seed that the figure shows by default."""
    from gclbench.content import Content

    name = parsed.study[0] if parsed.study else shown.study
    study = Content(parsed.content).study(name)
    choice = choose(shown, study, parsed.rows, parsed.tasks, parsed.seeds)
    # Only what is shown is opened: data of other tasks need not be there.
    rows, tasks = choice.rows or None, choice.tasks or None
    seeds = (choice.seed,)
    return replace(parsed, study=(name,), rows=rows, tasks=tasks, seeds=seeds), choice


def _picture(grids: list[ImageGrid], out: Path, parsed: FigureWords) -> dict[Path, bytes]:
    from gclbench.reporting.grid import named
    from gclbench.reporting.ink import mark_of
    from gclbench.reporting.pictures import picture_bytes

    grids = named(grids, parsed.title, mark_of(parsed.profile))
    return {out: picture_bytes(grids, out.suffix.lower()[1:])}


def _tables(table: GenerationTable, out: Path) -> dict[Path, bytes]:
    from gclbench.reporting.generation import to_csv, to_markdown

    texts = {".md": to_markdown(table), ".csv": to_csv(table)}
    return {out.with_suffix(suffix): text.encode() for suffix, text in texts.items()}
