"""Answer a role with a dataset: the real one under `data.root`, else its rendered twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from gclbench.datasets import held_out
from gclbench.datasets.base import Bytes, Dataset, ImageTable, Progress, Split
from gclbench.datasets.cache import cached_folder
from gclbench.datasets.dukemtmc_reid import dukemtmc_reid
from gclbench.datasets.dukemtmc_videoreid import dukemtmc_videoreid
from gclbench.datasets.files import folder_fingerprint
from gclbench.datasets.kept import kept_fingerprint, kept_tables
from gclbench.datasets.market1501 import market1501
from gclbench.datasets.mars import mars
from gclbench.datasets.mesh_sources import (
    check_meshes,
    drawing,
    mesh_identity,
    projections_file,
)
from gclbench.datasets.msmt17 import msmt17
from gclbench.datasets.origin import made_name
from gclbench.datasets.reader import Reader
from gclbench.datasets.synthetic.factors import Factors, true_factors
from gclbench.datasets.synthetic.naming import named_shots, path_of
from gclbench.datasets.synthetic.render import ALL_ANGLES, Renderer
from gclbench.datasets.synthetic.shots import World, plan_world
from gclbench.datasets.synthetic.spec import TwinSpec, world_spec
from gclbench.datasets.synthetic.write import write_world
from gclbench.digest import digest
from gclbench.errors import DataMissingError, UnknownNameError
from gclbench.schema.settings import VIDEO_ROLES, DataSettings, WorldSettings

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


def _world_fingerprint(role: str, world: WorldSettings, data: DataSettings) -> str:
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
        images = _world_fingerprint(role, data.world, data)
    else:
        reader = reader_of(role, data)
        root = reader.find_root(Path(data.root))
        images = digest([role, folder_fingerprint(root, reader.members(root), cache_dir)])
        if meshes and data.mesh.source != "oracle":  # known missing before anything is trained
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
    return made_name(reader_of(role, data).find_root(Path(data.root))) is not None


def load_dataset(
    role: str, data: DataSettings, cache_dir: Path, progress: Progress | None = None
) -> Dataset:
    """Return the dataset that plays `role`; the world is rendered on first use under `cache_dir`.

    With `data.validation_share` some training identities are held out (see `held_out`).
    `progress(what, done, total)` is told of slow work. Raises DataMissingError or UsageError.
    """
    whole = data.model_copy(update={"validation_share": 0.0})
    dataset = _load_whole(role, whole, cache_dir, progress)
    share = data.validation_share
    return held_out.hold_out(dataset, share) if share > 0 else dataset


def _load_whole(
    role: str, data: DataSettings, cache_dir: Path, progress: Progress | None
) -> Dataset:
    reader = reader_of(role, data)
    if data.root is None:
        return _load_world(role, reader, data, data.world, cache_dir, progress)
    root = reader.find_root(Path(data.root))
    tables = reader.read(root)
    for split, table in tables.items():
        if len(table) == 0:
            raise DataMissingError(f"{reader.title} under {root} has no {split} images.")
    kept = kept_tables(role, tables, data.video)
    fingerprint = dataset_fingerprint(role, data, cache_dir, meshes=False)
    arrays = Path(cache_dir) / "arrays" / fingerprint[:16]
    return Dataset(
        name=role,
        role=role,
        label=made_name(root) or reader.label(root),
        root=root,
        fingerprint=fingerprint,
        synthetic=False,
        height_px=data.height_px,
        width_px=data.width_px,
        arrays=arrays,
        projections_file=projections_file(role, data, cache_dir),
        project_with=drawing(role, data, kept["train"].paths, root, arrays),
        progress=progress,
        verify_with=None if made_name(root) else partial(reader.differences, tables),
        train=kept["train"],
        query=kept["query"],
        gallery=kept["gallery"],
    )


def load_pretrain_set(
    data: DataSettings,
    people: int,
    images_per_person: int,
    cache_dir: Path,
    progress: Progress | None = None,
) -> Dataset:
    """Return the rendered pre-training set; only its `train` holds images.

    Its people, cameras and palette are those of no twin.
    """
    sizes = WorldSettings.model_construct(
        seed=data.world.seed,
        people_train=people,
        people_test=0,
        images_per_person=images_per_person,
        distractor_people=0,
    )
    return _load_world("pretrain", market1501(), data, sizes, cache_dir, progress)


def _load_world(
    role: str,
    reader: Reader,
    data: DataSettings,
    sizes: WorldSettings,
    cache_dir: Path,
    progress: Progress | None,
) -> Dataset:
    spec = world_spec(role)
    whole = _world_fingerprint(role, sizes, data)
    fingerprint = kept_fingerprint(role, whole, data.video)
    folder = Path(cache_dir) / "worlds" / whole[:16]

    def build(target: Path) -> None:
        write_world(plan_world(spec, sizes), target, data.height_px, data.width_px, progress)

    cached_folder(folder, build)
    tables = kept_tables(role, reader.read(folder), data.video)
    paths = tables["train"].paths
    # Factors are told of images; a tracklet has no single pose.
    factors = None if role in VIDEO_ROLES else partial(_factors, spec, sizes, tables)
    arrays = Path(cache_dir) / "arrays" / fingerprint[:16]

    def oracle(out: Bytes, report: Progress | None) -> None:
        _draw_oracle_views(plan_world(spec, sizes), paths, out, report)

    return Dataset(
        name=spec.name,
        role=role,
        label=spec.name,
        root=folder,
        fingerprint=fingerprint,
        synthetic=True,
        height_px=data.height_px,
        width_px=data.width_px,
        arrays=arrays,
        projections_file=projections_file(role, data, cache_dir),
        project_with=drawing(role, data, paths, folder, arrays),
        oracle_with=oracle,
        factors_with=factors,
        progress=progress,
        train=tables["train"],
        query=tables["query"],
        gallery=tables["gallery"],
    )


def _factors(
    spec: TwinSpec, sizes: WorldSettings, tables: Mapping[str, ImageTable], split: Split
) -> Factors:
    names = [Path(path).name for path in tables[split].paths]
    return true_factors(plan_world(spec, sizes), split, names)


def _draw_oracle_views(
    world: World, paths: tuple[str, ...], out: Bytes, progress: Progress | None
) -> None:
    by_path = {path_of(world, "train", name): shot for name, shot in named_shots(world, "train")}
    shots = [by_path[path] for path in paths]
    renderer = Renderer(world, out.shape[2], out.shape[3])
    for index, views in enumerate(renderer.views(shots, ALL_ANGLES)):
        out[index] = views
        if progress is not None:
            progress(f"{world.spec.name} oracle views", index + 1, len(shots))
