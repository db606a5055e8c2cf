"""How every plot is drawn: sizes, colours, formats, and bytes that repeat.

Only matplotlib's objects, no pyplot: nothing global is switched. The same data gives the same
bytes. Colours are seaborn's "colorblind" palette, which differ for colour-blind readers too.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gclbench.reporting import own_matplotlib
from gclbench.reporting.own_matplotlib import FONT, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png", "svg")
COLUMN_MM, PAGE_MM = 85.0, 178.0  # one column of a paper, and both
BLUE, ORANGE, GREEN, GREY = "#0173b2", "#d55e00", "#029e73", "#7f7f7f"
MARKERS = "os^Dvp*X"
SMOKE = "SMOKE"
MARK: dict[str, Any] = {"color": ORANGE, "fontsize": 8, "fontweight": "bold"}
_NAMED = "line: "
_MM_PER_INCH = 25.4
_SHORT_LEGEND = 45  # letters that fit side by side into one column
# No date and no program in a file: the same data gives the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
    "svg": {"Date": None},
}
_STYLE = {
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": FONT,
    "font.size": 7.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "savefig.dpi": 300,
    "svg.hashsalt": "gclbench",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}


def mark_of(profile: str) -> str:
    """What marks the pictures of a profile: that of a smoke test shows noise, no result."""
    return SMOKE if profile == "smoke" else ""


def palette(count: int) -> list[Any]:
    """Return `count` colours that stay apart for colour-blind readers."""
    own_matplotlib.load()
    import seaborn

    return list(seaborn.color_palette("colorblind", count))


def draw(
    paint: Callable[[Figure], None], width_mm: float, height_mm: float, mark: str = ""
) -> dict[str, bytes]:
    """Let `paint` fill an empty figure of this size; return its bytes by format.

    `mark`, such as SMOKE, stands in its corner.
    """
    with style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        size = (width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure)
        if mark:
            figure.text(0.995, 0.995, literal(mark), ha="right", va="top", **MARK)
        return {suffix: _bytes(figure, suffix) for suffix in FORMATS}


def draw_grid(
    rows: Sequence[Sequence[Callable[[Axes], None]]],
    *,
    width_mm: float = COLUMN_MM,
    height_mm: float = 60.0,
    note: str = "",
    shared_legend: bool = False,
    mark: str = "",
) -> dict[str, bytes]:
    """Draw panels row by row, each row `height_mm` high; return the bytes by format.

    `note` stands above them; `shared_legend` puts the first panel's legend below them all.
    """

    def paint(figure: Figure) -> None:
        bands = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
        for band, draws in zip(bands, rows, strict=True):
            for place, fill in enumerate(draws):
                fill(band.add_subplot(1, len(draws), place + 1))
        if note:
            figure.suptitle("\n".join(map(literal, note.split("\n"))), fontsize=7)
        if shared_legend:
            _, labels = figure.axes[0].get_legend_handles_labels()
            columns = (
                len(labels)
                if sum(map(len, labels)) <= _SHORT_LEGEND + len(labels) * len(_NAMED)
                else 1
            )
            legend(figure, figure.axes[0], loc="outside lower center", ncols=columns)

    return draw(paint, width_mm, len(rows) * height_mm, mark)


def named(label: str) -> str:
    """What matplotlib is told as the label of a line, for `legend` to write as it stands.

    matplotlib hides what begins with `_`.
    """
    return f"{_NAMED}{label}"


def legend(owner: Axes | Figure, axes: Axes, **options: Any) -> None:
    """Put a legend of what is `named` in `axes` on a figure, or on the axes themselves."""
    drawn = owner.legend(*axes.get_legend_handles_labels(), **options)
    for text in drawn.get_texts():
        text.set_text(literal(text.get_text().removeprefix(_NAMED)))


def _bytes(figure: Figure, suffix: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix, metadata=METADATA[suffix])
    return buffer.getvalue()


@contextmanager
def style(more: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Our sizes, and `more`, for as long as a figure is drawn, over matplotlib's own defaults."""
    own_matplotlib.load()
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = {**_STYLE, **(more or {})}
        matplotlib.rcParams.update(settings)
        yield
