"""Quality of generated images as a table: lines, then Markdown or CSV."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gclbench.reporting.csv_text import csv_text
from gclbench.reporting.render.markdown import escape, line, plain_table, strong


@dataclass(frozen=True)
class GenerationLine:
    """One generator on one dataset. SSIM in -1 ... 1, 1 the best; FID 0 or more, 0 the best.

    `features` names the network whose features FID compares; None is a number not measured.
    """

    data: str
    label: str
    ssim: float | None
    fid: float | None
    images: int
    features: str
    node: str = ""
    control: bool = False


@dataclass(frozen=True)
class GenerationTable:
    title: str
    lines: tuple[GenerationLine, ...]
    footnotes: tuple[str, ...] = ()


HEADINGS = ("Data", "Generator", "SSIM of x'_ori", "FID of x'_new", "Images", "Features")
_NUMBERS = (2, 3, 4)


def to_markdown(table: GenerationTable) -> str:
    """GitHub's dialect; controls are marked, and the best of the others is bold on each data."""
    rows = [_markdown_row(each, table.lines) for each in table.lines]
    body = plain_table([escape(head) for head in HEADINGS], rows, right=_NUMBERS)
    notes = "\n".join(f"- {line(note)}" for note in table.footnotes)
    return f"# {line(table.title)}\n\n{body}\n\n{notes}\n"


def to_csv(table: GenerationTable) -> str:
    """Full precision; a number that was not measured is empty."""
    names = ("data", "generator", "control", "ssim", "fid", "images", "features", "node")
    return csv_text([names, *map(_record, table.lines)])


def _record(line: GenerationLine) -> list[Any]:
    numbers = int(line.control), line.ssim, line.fid, line.images
    return [line.data, line.label, *numbers, line.features, line.node]


def _markdown_row(line: GenerationLine, lines: Iterable[GenerationLine]) -> tuple[str, ...]:
    rivals = [each for each in lines if each.data == line.data and not each.control]
    ssim = max((each.ssim for each in rivals if each.ssim is not None), default=None)
    fid = min((each.fid for each in rivals if each.fid is not None), default=None)
    label = f"{line.label} (control)" if line.control else line.label
    best = not line.control and len(rivals) > 1
    return (
        escape(line.data),
        escape(label),
        _number(line.ssim, 3, best and line.ssim == ssim),
        _number(line.fid, 2, best and line.fid == fid),
        str(line.images),
        escape(line.features),
    )


def _number(value: float | None, decimals: int, best: bool) -> str:
    if value is None:
        return "-"
    text = f"{value:.{decimals}f}"
    return strong(text) if best else text
