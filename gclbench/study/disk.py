"""What a results folder has to make and keep of data before stages can run: worlds and arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gclbench.errors import GclbenchError
from gclbench.plan import Node
from gclbench.schema import Stage
from gclbench.schema.settings import DataSettings

_JPEG_BYTES = 0.75  # of a pixel


@dataclass(frozen=True)
class Unmade:
    """Pictures that are not there yet: their number by kind (see `seconds`), and their size."""

    images: int = 0
    projections: int = 0
    oracle: int = 0
    megabytes: float = 0.0


def unmade_data(nodes: Sequence[Node], cache: Path, space: Callable[[str], str]) -> Unmade:
    """Return what must be made under `cache` for some stage runs; data that cannot be is none."""
    parts = []
    for role, data, wanted in _asked(nodes, space):
        try:
            parts.append(_of_role(role, data, wanted, cache))
        except GclbenchError:  # said by the checks of needs
            continue
    parts += [_pretraining(node) for node in nodes if "pretrain" in node.roles][:1]
    return Unmade(
        sum(part.images for part in parts),
        sum(part.projections for part in parts),
        sum(part.oracle for part in parts),
        sum(part.megabytes for part in parts),
    )


def _asked(
    nodes: Sequence[Node], space: Callable[[str], str]
) -> Iterator[tuple[str, DataSettings, set[str]]]:
    """Every role with its data, once, and the arrays beside its images that are wanted."""
    wanted: dict[tuple[str, DataSettings], set[str]] = {}
    for node in nodes:
        extra = {"projections"} if "mesh" in node.settings["data"] else set()
        if node.stage is Stage.JOINT:
            views = node.resolved().joint.augmentations
            extra |= {"oracle"} & {space(view.name) for view in views}
        for name, pair in node.data().items():
            wanted.setdefault(pair, set()).update(extra if name == "target" else ())
    for (role, data), extra in wanted.items():
        yield role, data, extra


def _of_role(role: str, data: DataSettings, wanted: set[str], cache: Path) -> Unmade:
    from gclbench.datasets.amounts import count_images
    from gclbench.datasets.fingerprint import dataset_fingerprint

    whole = data.model_copy(update={"validation_share": 0.0})
    folder = cache / "arrays" / dataset_fingerprint(role, whole, cache, meshes=False)[:16]
    train = count_images(role, whole, "train")
    size, pixels = f"{data.height_px}x{data.width_px}", data.height_px * data.width_px
    every = 0
    if not (folder / f"train-{size}.npy").is_file():
        every = train + count_images(role, whole, "test")
    missing = {what for what in wanted if not any(folder.glob(f"{what}-{size}*.npy"))}
    rendered = data.root is None
    bytes_of_image = 3 + (_JPEG_BYTES if rendered else 0)
    values = every * bytes_of_image + 8 * train * sum(
        {"projections": 1, "oracle": 3}[w] for w in missing
    )
    return Unmade(
        every if rendered else 0,
        train if "projections" in missing else 0,
        train if "oracle" in missing else 0,
        values * pixels / 1e6,
    )


def _pretraining(node: Node) -> Unmade:
    settings = node.resolved()
    images = settings.pretrain.people * settings.pretrain.images_per_person
    pixels = settings.data.height_px * settings.data.width_px
    return Unmade(images=images, megabytes=images * (3 + _JPEG_BYTES) * pixels / 1e6)
