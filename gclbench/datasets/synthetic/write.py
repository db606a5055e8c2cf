"""Write a planned world in the grammar of the dataset whose role it plays."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gclbench.datasets.synthetic.naming import folder_of, named_shots, path_of, write_lists
from gclbench.datasets.synthetic.render import Renderer, parameters
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.shots import World

Progress = Callable[[str, int, int], None]
SPLITS = ("train", "query", "gallery")
_COLUMNS = (
    "split",
    "path",
    "pid",
    "person",
    "camera",
    "frame",
    "yaw_deg",
    "phase",
    "pitch_deg",
    "exposure",
    "fill",
    "shift_right",
    "shift_up",
)


def write_world(
    world: World, folder: Path, height_px: int, width_px: int, progress: Progress | None = None
) -> None:
    """Write images, lists, `factors.csv` and `parameters.npz` under `folder`.

    parameters.npz holds <split>_pose (N, 72), <split>_betas (N, 10) and <split>_camera (N, 3), the
    translation into the space of `gclbench.meshes.rasteriser.CAMERA`; rows as in factors.csv.
    """
    renderer = Renderer(world, height_px, width_px)
    arrays: dict[str, np.ndarray] = {}
    rows: list[list[object]] = []
    write_lists(world, folder)
    for split in SPLITS:
        (folder / folder_of(world, split)).mkdir(parents=True, exist_ok=True)
        named = named_shots(world, split)
        paths = [path_of(world, split, name) for name, _ in named]
        shots = [shot for _, shot in named]
        if not shots:
            continue
        for index, view in enumerate(renderer.views(shots)):
            image = Image.fromarray(view[0])
            target = folder / paths[index]
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target, "JPEG", quality=95, subsampling=0)
            if progress is not None:
                progress(f"{world.spec.name} {split}", index + 1, len(shots))
        rows += [
            _factors(world, split, path, shot) for path, shot in zip(paths, shots, strict=True)
        ]
        for key, value in _parameter_arrays(renderer, shots).items():
            arrays[f"{split}_{key}"] = value
    with (folder / "factors.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
    np.savez(folder / "parameters.npz", **arrays)  # type: ignore[arg-type]


def parameter_rows(folder: Path, split: str, paths: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows (N,) of parameters.npz that hold the bodies on the images of a split."""
    with (folder / "factors.csv").open(newline="", encoding="utf-8") as handle:
        written = [line["path"] for line in csv.DictReader(handle) if line["split"] == split]
    rows = {path: row for row, path in enumerate(written)}
    return np.array([rows[path] for path in paths], dtype=np.int64)


def _parameter_arrays(renderer: Renderer, shots: Sequence[Shot]) -> dict[str, np.ndarray]:
    pose, betas = parameters(renderer.world, shots)
    moves = []
    for first in range(0, len(shots), 64):
        part = slice(first, first + 64)
        moves.append(renderer.place(shots[part], pose[part], betas[part])[1])
    return {"pose": pose, "betas": betas, "camera": np.concatenate(moves)}


def _factors(world: World, split: str, path: str, shot: Shot) -> list[object]:
    numbers = (
        shot.yaw_deg,
        shot.phase,
        world.cameras[shot.camera].pitch_deg,
        shot.exposure,
        shot.fill,
        shot.shift_right,
        shot.shift_up,
    )
    head = [split, path, shot.pid, shot.person, shot.camera, shot.frame]
    return [*head, *(f"{value:.6f}" for value in numbers)]
