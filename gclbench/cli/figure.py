"""`gclbench figure`: pictures of what a trained generator does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gclbench.cli.options import PLAN_WORDS, Words, parse_words, require_study, to_request
from gclbench.errors import OverrideError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

T = TypeVar("T")
FIGURES = ("views", "world")
FIGURE_WORDS = (*PLAN_WORDS, "out")


def figure(
    name: Annotated[str, typer.Argument(metavar="NAME", help="views or world")],
    words: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...")] = None,
    content: Annotated[
        list[Path] | None, typer.Option("--content", help="A folder of content of yours.")
    ] = None,
) -> None:
    """Draw a picture.

    \b
    views  inputs, generated views and mixed people of one trained row, task and seed
           (default: rotation_dmixup, market1501, 0)
    world  people, meshes and true renders of the datasets a study uses; nothing is trained

    \b
    Examples:
      gclbench figure world ablation=table6 out=docs/world.png
      gclbench figure views ablation=table6 out=docs/views.png
      gclbench figure views ablation=table6 rows=rotation tasks=duke2market seeds=1 out=views.png
    """
    if name not in FIGURES:
        raise UnknownNameError("figure", name, FIGURES)
    parsed = parse_words(words or (), FIGURE_WORDS, content=content or ())
    require_study(parsed, f"figure {name}")
    out = parsed.out or Path(f"{name}.png")
    if out.suffix.lower() != ".png":
        raise OverrideError(f"out={out} is not a .png file.", f"Write out={name}.png.")
    from PIL import Image

    draw = _world if name == "world" else _views
    _write(Image.fromarray(draw(parsed)), out)
    typer.echo(f"wrote {out}")


def _views(parsed: Words) -> np.ndarray:
    task = single(parsed.tasks, "tasks", "market1501")
    row = single(parsed.rows, "rows", "rotation_dmixup")
    seed = single(parsed.seeds, "seeds", 0)
    from gclbench.reporting.grid import draw_grid
    from gclbench.runtime.figures import GridRequest, views_grid
    from gclbench.runtime.session import open_session

    request = GridRequest(task=task, row=row, seed=seed)
    return draw_grid(views_grid(open_session(to_request(parsed)), request))


def _world(parsed: Words) -> np.ndarray:
    from gclbench.reporting.grid import draw_grid, stack
    from gclbench.runtime.figures import world_grids
    from gclbench.runtime.session import open_session

    return stack([draw_grid(grid) for grid in world_grids(open_session(to_request(parsed)))])


def single(chosen: tuple[T, ...] | None, word: str, default: T) -> T:
    """Return the one item chosen, or the default. Raises OverrideError for several."""
    if chosen is None:
        return default
    if len(chosen) > 1:
        raise OverrideError(f"a figure shows one of {word}, not {len(chosen)}.", "Name one.")
    return chosen[0]


def _write(image: Image.Image, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.stem}.partial.png")
    image.save(beside)
    os.replace(beside, out)
