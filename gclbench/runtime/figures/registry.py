"""Every figure by name, with the study, row and data that it shows unless told otherwise.

Nothing heavy is imported here: the command line's help and `gclbench list figures` read it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from gclbench.errors import DataMissingError, OverrideError, UnknownNameError

if TYPE_CHECKING:
    from gclbench.schema import Study
    from gclbench.study.opened import OpenStudy

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """What `gclbench figure NAME` draws.

    `source` is module:function, called with an open study and a `Choice`: grids, or where `table`
    is True a `GenerationTable`. `rows`: what is shown by default; one row allows one row, none
    means all of the study. `targets`: roles whose usl task (else first task) is shown; none means
    all tasks.
    """

    name: str
    summary: str
    source: str
    study: str = "table6"
    rows: tuple[str, ...] = ("rotation_dmixup",)
    targets: tuple[str, ...] = ("market1501",)
    table: bool = False


@dataclass(frozen=True)
class Choice:
    """What is shown: rows and tasks of the study (none: all), and one seed."""

    rows: tuple[str, ...]
    tasks: tuple[str, ...]
    seed: int = 0


_HERE = "gclbench.runtime.figures"
FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure(
            "fig2",
            "structural variance: another's gray image, another's mesh, the own mesh turned",
            f"{_HERE}.structure:structure_grids",
            study="table4",
            rows=("gray_switch", "mesh_switch", "mesh_rotation"),
        ),
        Figure(
            "fig3",
            "identity features of two people interpolated in 8 steps",
            f"{_HERE}.mixing:interpolation_grids",
            targets=("market1501", "dukemtmc_reid"),
        ),
        Figure(
            "fig9",
            "generated views without and with contrastive training",
            f"{_HERE}.contrast:contrast_grids",
            targets=("market1501", "dukemtmc_reid"),
        ),
        Figure(
            "fig11",
            "frames of one person in one camera, before and after rotation",
            f"{_HERE}.tracklets:tracklet_grids",
            targets=("market1501", "dukemtmc_reid"),
        ),
        Figure(
            "fig12",
            "failures: people whose back looks unlike their front, turned by 180 degrees",
            f"{_HERE}.failures:failure_grids",
        ),
        Figure(
            "generation",
            "SSIM of reconstructions and FID of novel views, as a table (.md and .csv)",
            "gclbench.runtime.generation:generation_table",
            rows=(),
            targets=(),
            table=True,
        ),
        Figure(
            "table2",
            "mixes of two people: pixels, features, identity features",
            f"{_HERE}.mixing:mixing_grids",
        ),
        Figure(
            "table3",
            "projections and generated views at 45 to 315 degrees, Market-1501",
            f"{_HERE}.rotations:rotation_grids",
        ),
        Figure(
            "table11",
            "the same, DukeMTMC-reID",
            f"{_HERE}.rotations:rotation_grids",
            targets=("dukemtmc_reid",),
        ),
        Figure(
            "table12",
            "the same, MSMT17 (study msmt17)",
            f"{_HERE}.rotations:rotation_grids",
            study="msmt17",
            targets=("msmt17",),
        ),
        Figure(
            "views",
            "inputs, generated views and mixes of one trained row",
            f"{_HERE}.views:views_grids",
        ),
        Figure(
            "world",
            "people, meshes and true renders of the datasets; nothing is trained",
            f"{_HERE}.world:world_grids",
            rows=(),
            targets=(),
        ),
    )
}


def find_figure(name: str) -> Figure:
    """Return a figure by name. Raises UnknownNameError."""
    if name not in FIGURES:
        raise UnknownNameError("figure", name, FIGURES)
    return FIGURES[name]


def choose(
    figure: Figure,
    study: Study,
    rows: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> Choice:
    """Fill in what was not asked for (None) with the figure's own rows and tasks, and seed 0.

    Raises OverrideError for several rows of a figure that shows one, or several seeds;
    DataMissingError when the study learns none of the figure's targets.
    """
    shown = tuple(figure.rows if rows is None else rows)
    if len(figure.rows) == 1:
        shown = (_one(shown, "rows"),)
    learnt = tuple(tasks) if tasks is not None else _tasks(figure, study)
    return Choice(shown, learnt, _one(tuple(seeds or (0,)), "seeds"))


def make(figure: Figure, opened: OpenStudy, choice: Choice) -> Any:
    """Draw a figure: grids (a list of ImageGrid), or a GenerationTable.

    Work runs on the profile's number of threads: sums in another order would round other pixels.
    Raises, before any work, UsageError or DeviceMissingError for a device that is not there.
    """
    import torch

    from gclbench.devices import choose_device

    choose_device(opened.question.device)
    torch.set_num_threads(opened.profile.threads)
    module, _, name = figure.source.partition(":")
    draw: Callable[[OpenStudy, Choice], Any] = getattr(importlib.import_module(module), name)
    return draw(opened, choice)


def _tasks(figure: Figure, study: Study) -> tuple[str, ...]:
    chosen = []
    for target in figure.targets:
        known = [task for task in study.tasks if task.target == target]
        if not known:
            raise DataMissingError(
                f"figure {figure.name} shows {target}, which no task of {study.study} learns.",
                "Choose a task of the study: tasks=NAME.",
            )
        # usl comes before uda, and otherwise the study's own order holds.
        chosen.append(min(known, key=lambda task: task.setting == "uda").name)
    return tuple(chosen)


def _one(items: tuple[T, ...], word: str) -> T:
    if len(items) != 1:
        raise OverrideError(f"a figure shows one of {word}, not {len(items)}.", "Name one.")
    return items[0]
