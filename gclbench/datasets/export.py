"""Write a twin of the world to a folder of its own, in the real layout of its role."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gclbench.datasets.base import Progress
from gclbench.datasets.cache import cached_folder
from gclbench.datasets.origin import write_marker
from gclbench.datasets.synthetic.naming import named_shots
from gclbench.datasets.synthetic.shots import World, plan_world
from gclbench.datasets.synthetic.spec import world_spec
from gclbench.datasets.synthetic.write import write_world
from gclbench.errors import UsageError
from gclbench.schema.settings import DataSettings

BODIES = "train_bodies.npz"


def export_twin(
    role: str, data: DataSettings, folder: Path, progress: Progress | None = None
) -> World:
    """Render the twin of `role` into `folder`, which `data.root` can then name.

    Beside the images lie factors.csv, parameters.npz, the bodies on the training images in the
    form that `data.mesh.source=params` reads, and a marker that keeps reports from calling it the
    real dataset. Raises UsageError where the folder is not empty, StorageFullError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already, and not empty.", "Name another with out=.")
    if folder.is_dir():
        folder.rmdir()
    world = plan_world(world_spec(role), data.world)

    def build(target: Path) -> None:
        write_world(world, target, data.height_px, data.width_px, progress)
        _write_bodies(world, target)
        sizes = data.world.model_dump(mode="json")
        size = {"height_px": data.height_px, "width_px": data.width_px}
        write_marker(target, world.spec.name, {"role": role, "world": sizes, **size})

    cached_folder(folder, build)
    folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
    return world


def _write_bodies(world: World, folder: Path) -> None:
    names = [name.rpartition("/")[2] for name, _ in named_shots(world, "train")]
    with np.load(folder / "parameters.npz", allow_pickle=False) as truth:
        arrays = {key: truth[f"train_{key}"] for key in ("pose", "betas", "camera")}
    np.savez(folder / BODIES, names=np.array(names), **arrays)
