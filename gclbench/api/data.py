"""`gclbench.load_dataset` and `gclbench.embed`: datasets and features by the bench's readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.content_folders import DEFAULT_PROFILE
from gclbench.user_paths import user_path
from gclbench.words.groups import results_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gclbench.datasets.base import Dataset

_BATCH = 64


def load_dataset(
    name: str,
    root: str | Path | None = None,
    *,
    home: str | Path | None = None,
    profile: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Dataset:
    """Return a dataset: the real one under `root`, else its twin of the built-in world.

    `name` is one of `gclbench list datasets`; `home` is the results folder, whose cache keeps what
    is rendered. The sizes are those of `profile` (default: laptop) and of `settings` by dotted
    name, such as {"data.height_px": 128}.

    Raises UnknownNameError, OverrideError, and DataMissingError where `root` does not hold it.
    """
    from gclbench.content import Content, resolve_settings
    from gclbench.datasets import load

    given = dict(settings or {})
    if root is not None:
        given["data.root"] = str(user_path(root))
    sizes = Content().profile(profile or DEFAULT_PROFILE)
    data = resolve_settings(sizes, None, None, None, given).data
    return load.load_dataset(name, data, results_folder(home) / "cache")


def embed(
    checkpoint: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    home: str | Path | None = None,
    store: str | None = None,
    profile: str | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    batch_size: int = _BATCH,
) -> NDArray[np.float32]:
    """Return unit features (N, D) of images, by a checkpoint or a finished node of `home`.

    `images` is a sequence of files, whose order is kept, or a folder or glob (sorted by path).
    Sizes are those that the checkpoint is known to have, else those of `profile` and `settings`
    (by dotted name). Raises CheckpointError, DataMissingError naming an image that cannot be
    read, DeviceMissingError for a device that is not there.
    """
    from gclbench.content import Content
    from gclbench.devices import choose_device
    from gclbench.runtime.checkpoints.embed import embed_images, find_images
    from gclbench.runtime.checkpoints.sizes import sizes_for
    from gclbench.runtime.checkpoints.source import open_source

    where = choose_device(device)
    if isinstance(images, str | Path):
        paths = find_images(str(images))
    else:
        paths = [user_path(each) for each in images]
    sizes = sizes_for(Content(), profile, settings or {})
    source = open_source(str(checkpoint), results_folder(home), store, sizes, where)
    return embed_images(source, paths, batch_size)
