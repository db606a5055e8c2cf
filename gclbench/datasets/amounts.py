"""How many images a role has, without rendering or reading one."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from gclbench.datasets.fingerprint import reader_of
from gclbench.datasets.held_out import held_count, held_samples
from gclbench.datasets.kept import kept_tables
from gclbench.datasets.synthetic.sizes import DISTRACTOR_IMAGES, scaled
from gclbench.datasets.synthetic.spec import TrackletSpec, world_spec
from gclbench.schema.settings import DataSettings, WorldSettings
from gclbench.user_paths import user_path

Part = Literal["train", "test"]


def count_images(role: str, data: DataSettings, part: Part) -> int:
    """Return the images of a role's training set, or of query and gallery together.

    Of the rendered world what its sizes say: junk is left out, and frames of tracklets are counted
    by their mean. Of real data what the files are. Without those that are held out. Raises
    DataMissingError when `data.root` holds no such dataset.
    """
    if data.root is not None:
        return _files(role, data, part)
    share = 1.0 - data.validation_share if part == "train" else 1.0
    return round(share * _rendered(role, data, part))


def count_samples(role: str, data: DataSettings) -> int:
    """Return the training samples of a role that are not held out: images, or tracklets.

    Raises as `count_images`; UsageError where too few identities are left.
    """
    if data.root is not None:
        return _file_samples(role, data)
    spec, share = world_spec(role), data.validation_share
    sizes = scaled(data.world, spec) if isinstance(spec, TrackletSpec) else data.world
    held = held_count(share, sizes.people_train, f"synthetic_{role}") if share > 0 else 0
    return (sizes.people_train - held) * sizes.images_per_person


def world_identities(role: str, world: WorldSettings) -> int:
    """Return how many people the training set of a twin has."""
    spec = world_spec(role)
    return (scaled(world, spec) if isinstance(spec, TrackletSpec) else world).people_train


def _rendered(role: str, data: DataSettings, part: Part) -> float:
    spec, sizes, frames = world_spec(role), data.world, 1.0
    if isinstance(spec, TrackletSpec):
        sizes = scaled(sizes, spec)
        kept = data.video.train_frames_kept if part == "train" else data.video.test_frames_kept
        boxes = sum(spec.boxes) / 2
        frames = min(boxes, kept) if kept else boxes
    if part == "train":
        return sizes.people_train * sizes.images_per_person * frames
    far = sizes.distractor_people * DISTRACTOR_IMAGES
    return (sizes.people_test * sizes.images_per_person + far) * frames


@lru_cache(maxsize=64)
def _file_samples(role: str, data: DataSettings) -> int:
    reader = reader_of(role, data)
    table = reader.read(reader.find_root(user_path(str(data.root))))["train"]
    share = data.validation_share
    held = int(held_samples(table.pids, share, role).sum()) if share > 0 else 0
    return len(table) - held


@lru_cache(maxsize=64)
def _files(role: str, data: DataSettings, part: Part) -> int:
    reader = reader_of(role, data)
    root = reader.find_root(user_path(str(data.root)))
    tables = kept_tables(role, reader.read(root), data.video)
    splits = ("train",) if part == "train" else ("query", "gallery")
    return sum(len(tables[split].paths) for split in splits)
