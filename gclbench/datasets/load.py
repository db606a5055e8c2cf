"""Answer a role with a dataset: the real one under `data.root`, else its rendered twin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from gclbench.datasets import held_out
from gclbench.datasets.base import Bytes, Dataset, ImageTable, Progress, Split
from gclbench.datasets.cache import cached_folder
from gclbench.datasets.fingerprint import dataset_fingerprint, reader_of, world_fingerprint
from gclbench.datasets.kept import kept_fingerprint, kept_tables
from gclbench.datasets.market1501 import market1501
from gclbench.datasets.mesh_identity import projections_file
from gclbench.datasets.mesh_sources import drawing
from gclbench.datasets.origin import made_name
from gclbench.datasets.reader import Reader
from gclbench.datasets.synthetic.factors import Factors, true_factors
from gclbench.datasets.synthetic.naming import named_shots, path_of
from gclbench.datasets.synthetic.render import ALL_ANGLES, Renderer
from gclbench.datasets.synthetic.shots import World, plan_world
from gclbench.datasets.synthetic.spec import TwinSpec, world_spec
from gclbench.datasets.synthetic.write import write_world
from gclbench.errors import DataMissingError
from gclbench.schema.settings import VIDEO_ROLES, DataSettings, WorldSettings
from gclbench.user_paths import user_path


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
    root = reader.find_root(user_path(data.root))
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
    whole = world_fingerprint(role, sizes, data)
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
