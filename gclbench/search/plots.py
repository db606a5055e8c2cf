"""The ink of a search's plots: PDF, PNG and SVG for a column of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.atomic import OUT_REMEDY, write_atomically
from gclbench.reporting.ink import BLUE, GREEN, GREY, ORANGE, draw_grid, legend, named
from gclbench.reporting.own_matplotlib import literal
from gclbench.search.figures import (
    Axis,
    Contour,
    Front,
    History,
    Slice,
    contours,
    front,
    history,
    last_word,
    slices,
)
from gclbench.search.results import Importance, Results

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes


def draw_all(results: Results, mark: str = "") -> dict[str, dict[str, bytes]]:
    """Return the plots of a search by name, as bytes by format; none without a complete trial.

    Names: history, slice, importance, contour (two parameters or more), front (two objectives).
    """
    if not results.complete:
        return {}
    draw = partial(draw_grid, mark=mark)
    drawn = {"history": draw([[partial(draw_history, data=history(results))]])}
    cut = slices(results)
    drawn["slice"] = draw([[partial(draw_slice, data=data)] for data in cut])
    if results.importance.shares:
        drawn["importance"] = draw([[partial(draw_importance, data=results.importance)]])
    pairs = contours(results)
    if pairs:
        drawn["contour"] = draw([[partial(draw_contour, data=data)] for data in pairs])
    pareto = front(results)
    if pareto is not None:
        drawn["front"] = draw([[partial(draw_front, data=pareto)]])
    return drawn


def write_all(results: Results, out: Path, mark: str = "") -> list[Path]:
    """Write every plot into `out`, each file moved into place whole; return the paths."""
    written = []
    for name, formats in draw_all(results, mark).items():
        for suffix, data in formats.items():
            path = out / f"{name}.{suffix}"
            written.append(write_atomically(path, data, remedy=OUT_REMEDY))
    return written


def draw_history(axes: Axes, data: History) -> None:
    """Trials as dots, the best so far as a step, pruned trials as crosses at their last mAP."""
    from matplotlib.ticker import MaxNLocator

    axes.plot(*_columns(data.points), "o", color=BLUE, label=named("trial"))
    axes.step(*_columns(data.best), where="post", color=ORANGE, label=named("best so far"))
    if data.pruned:
        axes.plot(*_columns(data.pruned), "x", color=GREY, label=named("pruned"))
    axes.set(xlabel="trial", ylabel="validation mAP (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes, axes, loc="lower right")


def draw_slice(axes: Axes, data: Slice) -> None:
    """Validation and test mAP against a parameter."""
    axes.plot(data.x, data.mAP, "o", color=BLUE, label=named("validation"))
    axes.plot(data.x, data.test, "^", color=GREEN, label=named("test (reported only)"))
    _name_x(axes, data.axis)
    axes.set_ylabel("mAP (%)")
    legend(axes, axes, loc="best")


def draw_importance(axes: Axes, data: Importance) -> None:
    """A bar per parameter, the longest on top."""
    pairs = sorted(data.shares.items(), key=lambda item: (item[1], item[0]))
    names, shares = [last_word(name) for name, _ in pairs], [share for _, share in pairs]
    bars = axes.barh(range(len(names)), shares, height=0.55, color=BLUE)
    axes.set_yticks(range(len(names)), [*map(literal, names)])
    axes.bar_label(bars, labels=[f"{share:.2f}" for share in shares], padding=2)
    axes.set(xlabel="share of the spread of validation mAP (fANOVA)", xlim=(0, 1.12))


def draw_contour(axes: Axes, data: Contour) -> None:
    """Trials by two parameters, coloured by mAP; between them linear interpolation."""
    from matplotlib.tri import Triangulation

    _name_x(axes, data.across)
    _name_y(axes, data.up)
    numeric = not (data.across.ticks or data.up.ticks)
    if numeric and _spans_a_plane(data):
        # Neighbours as they are drawn: on a log axis, those by the logarithm.
        corners = Triangulation(*_drawn(data)).triangles
        mesh = Triangulation(data.x, data.y, corners)
        axes.tricontourf(mesh, data.mAP, levels=10, cmap="cividis")
    look: dict[str, Any] = {"s": 16, "edgecolors": "white", "linewidths": 0.5}
    # The contours end at the outermost trials, whose dots would be cut in half.
    dots = axes.scatter(data.x, data.y, c=data.mAP, cmap="cividis", clip_on=False, **look)
    bar = axes.figure.colorbar(dots, ax=axes)
    bar.set_label("validation mAP (%)")


def draw_front(axes: Axes, data: Front) -> None:
    """All trials, and those that no other one beats in both objectives."""
    others = [i for i, on in enumerate(data.on_front) if not on]
    best = sorted((data.seconds[i], data.mAP[i]) for i, on in enumerate(data.on_front) if on)
    axes.plot(
        [data.seconds[i] for i in others],
        [data.mAP[i] for i in others],
        "o",
        color=GREY,
        label=named("trial"),
    )
    axes.plot(*_columns(best), "o-", color=ORANGE, label=named("Pareto front"))
    axes.set(xlabel="training time (s)", ylabel="validation mAP (%)")
    legend(axes, axes, loc="best")


def _drawn(data: Contour) -> tuple[np.ndarray, np.ndarray]:
    """Where the points stand on the paper, each axis from 0 to 1."""
    import numpy as np

    def scaled(axis: Axis, values: Sequence[float]) -> np.ndarray:
        places = np.log10(values) if axis.log else np.array(values)
        return (places - places.min()) / (np.ptp(places) or 1.0)

    return scaled(data.across, data.x), scaled(data.up, data.y)


def _spans_a_plane(data: Contour) -> bool:
    """Triangles need three points that are not on a line."""
    import numpy as np

    points = np.stack(_drawn(data))
    centred = points - points.mean(axis=1, keepdims=True)
    return bool(np.linalg.matrix_rank(centred, tol=1e-6) == 2)


def _name_x(axes: Axes, axis: Axis) -> None:
    axes.set_xlabel(literal(last_word(axis.name)))
    if axis.log:
        axes.set_xscale("log")
    if axis.ticks:
        axes.set_xticks(range(len(axis.ticks)), [*map(literal, axis.ticks)])


def _name_y(axes: Axes, axis: Axis) -> None:
    axes.set_ylabel(literal(last_word(axis.name)))
    if axis.log:
        axes.set_yscale("log")
    if axis.ticks:
        axes.set_yticks(range(len(axis.ticks)), [*map(literal, axis.ticks)])


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
