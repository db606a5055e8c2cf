"""Which dataset plays a role, and the digest of what it is; nothing is rendered or decoded.

A plan asks, so nothing here loads torch or draws: `load` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from gclbench.datasets import held_out
from gclbench.datasets.dukemtmc_reid import dukemtmc_reid
from gclbench.datasets.dukemtmc_videoreid import dukemtmc_videoreid
from gclbench.datasets.files import folder_fingerprint
from gclbench.datasets.kept import kept_fingerprint, kept_tables
from gclbench.datasets.market1501 import market1501
from gclbench.datasets.mars import mars
from gclbench.datasets.mesh_identity import mesh_identity
from gclbench.datasets.msmt17 import msmt17
from gclbench.datasets.origin import made_name
from gclbench.datasets.reader import Reader
from gclbench.datasets.synthetic.spec import world_spec
from gclbench.digest import digest
from gclbench.errors import UnknownNameError
from gclbench.schema.settings import DataSettings, WorldSettings
from gclbench.user_paths import user_path

# Rises whenever the same settings would give other pixels.
WORLD_REVISION = 4
_READERS: dict[str, Callable[[], Reader]] = {
    "market1501": market1501,
    "dukemtmc_reid": dukemtmc_reid,
    "msmt17": msmt17,
    "mars": mars,
    "dukemtmc_videoreid": dukemtmc_videoreid,
}


def reader_of(role: str, data: DataSettings) -> Reader:
    """Return the reader of a role. Raises UnknownNameError."""
    if role not in _READERS:
        raise UnknownNameError("dataset", role, _READERS)
    return mars(data.video.mars_gallery) if role == "mars" else _READERS[role]()


def world_fingerprint(role: str, world: WorldSettings, data: DataSettings) -> str:
    """Return the digest of a rendered set's images: its spec, its sizes, its size in pixels."""
    spec = asdict(world_spec(role))
    size = [data.height_px, data.width_px]
    return digest([WORLD_REVISION, spec, world.model_dump(mode="json"), size])


def dataset_fingerprint(
    role: str, data: DataSettings, cache_dir: Path | None = None, *, meshes: bool = True
) -> str:
    """Return the digest of what a role's data is: images, and with `meshes` the projections too.

    Cheap for the world (a digest of its settings); real files are hashed once and remembered under
    `cache_dir` by size and time. Raises DataMissingError when `data.root` holds no such dataset.
    """
    if data.root is None:
        images = world_fingerprint(role, data.world, data)
    else:
        reader = reader_of(role, data)
        root = reader.find_root(user_path(data.root))
        images = digest([role, folder_fingerprint(root, reader.members(root), cache_dir)])
        if meshes and data.mesh.source != "oracle":  # known missing before anything is trained
            from gclbench.datasets.mesh_sources import check_meshes

            kept = kept_tables(role, reader.read(root), data.video)
            check_meshes(role, data, kept["train"].paths)
    images = kept_fingerprint(role, images, data.video)
    if data.validation_share > 0:
        images = held_out.fingerprint(images, data.validation_share)
    return digest([images, mesh_identity(role, data, cache_dir)]) if meshes else images


def is_rendered(role: str, data: DataSettings) -> bool:
    """Whether a role is played by rendered people: a twin, also one written out as files.

    Raises DataMissingError when `data.root` holds no such dataset.
    """
    if data.root is None:
        return True
    return made_name(reader_of(role, data).find_root(user_path(data.root))) is not None
