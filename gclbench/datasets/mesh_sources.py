"""The meshes of a dataset as `data.mesh` asks for them: whether all are there, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from gclbench.datasets.mesh_identity import (
    POSED,
    body_identity,
    file_identity,
    mesh_command,
    mesh_identity,
    mesh_root,
    mesh_weights,
)
from gclbench.datasets.synthetic.write import parameter_rows
from gclbench.digest import digest
from gclbench.errors import UsageError
from gclbench.meshes.archive import check_archive, read_archive
from gclbench.meshes.poser import require_poser
from gclbench.meshes.renderer import resolve_renderer
from gclbench.meshes.sources import (
    below,
    disturbed,
    draw_parameters,
    read_parameters,
)
from gclbench.schema.settings import DataSettings
from gclbench.seeding import numpy_generator

Progress = Callable[[str, int, int], None]
Bytes = NDArray[np.uint8]


def check_meshes(role: str, data: DataSettings, paths: Sequence[str]) -> None:
    """Raise DataMissingError or UsageError unless all images `paths` have a mesh to draw.

    Cheap: pictures are looked for, not read, and no network runs.
    """
    source, command = data.mesh.source, mesh_command(role, data)
    if source == "archive":
        check_archive(mesh_root(role, data), paths, command)
    elif source == "params":
        read_parameters(mesh_root(role, data), paths, body_identity(data), command)
    elif source == "hmr":
        mesh_weights(data)


def check_source(data: DataSettings) -> None:
    """Raise UsageError, DataMissingError or GclbenchError for meshes that no image can have.

    Reads the body model, where one is posed; MissingExtraError without the package that poses.
    """
    mesh = data.mesh
    if mesh.source == "oracle" and data.root is not None:
        raise _no_oracle()
    if mesh.source != "archive":
        require_poser()
    if mesh.source in POSED and mesh.body_model is not None:
        from gclbench.meshes.smpl_files import read_smpl

        read_smpl(mesh.body_model)


def draw_meshes(
    role: str,
    data: DataSettings,
    paths: tuple[str, ...],
    images: Path,
    arrays: Path,
    out: Bytes,
    progress: Progress | None,
) -> None:
    """Fill `out` uint8 (N, 8, H, W) with the projections of the images `paths` below `images`.

    Parameters that HMR estimates are kept under `arrays`. Raises DataMissingError naming an image
    without mesh and the command that makes it; UsageError where `data.mesh` says too little.
    """
    mesh, command = data.mesh, mesh_command(role, data)
    if mesh.source == "oracle":
        _draw_oracle(data, paths, images, out, progress)
        return
    if mesh.source == "archive":
        read_archive(out, mesh_root(role, data), paths, progress, command)
        return
    if mesh.source == "hmr":
        file = _estimated(role, data, paths, images, arrays, progress)
    else:
        file = mesh_root(role, data)
    from gclbench.meshes.bodies import load_body

    parameters = read_parameters(file, paths, body_identity(data), command)
    renderer, body = resolve_renderer(mesh.renderer), load_body(mesh.body_model)
    draw_parameters(out, *parameters, renderer, progress, body)


def estimate_bodies(
    data: DataSettings,
    paths: Sequence[str],
    images: Path,
    fingerprint: str,
    weights: Path,
    out: Path,
    device: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the parameters of the images `paths` below `images` to `out`; see `meshes.estimate`.

    `device` None takes a GPU where there is one. Raises DataMissingError or CheckpointError.
    """
    import torch

    from gclbench.meshes.bodies import load_body
    from gclbench.meshes.estimate import Task, estimate
    from gclbench.meshes.hmr import load_hmr

    task = Task(
        names=[below(path) for path in paths],
        files=[images / path for path in paths],
        aspect=data.width_px / data.height_px,
        body=load_body(data.mesh.body_model),
        body_identity=body_identity(data),
        made_of=digest([fingerprint, file_identity(weights)]),
    )
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return estimate(task, load_hmr(weights), out, chosen, progress)


def _estimated(
    role: str,
    data: DataSettings,
    paths: Sequence[str],
    images: Path,
    arrays: Path,
    progress: Progress | None,
) -> Path:
    """The parameters of HMR for a dataset, estimated once for all sizes of one aspect."""
    weights = mesh_weights(data)
    aspect = data.width_px / data.height_px
    key = digest([mesh_identity(role, data)["hmr"], body_identity(data), aspect, list(paths)])
    file = arrays / f"bodies-{key[:12]}.npz"
    with FileLock(f"{file}.lock"):
        if not file.is_file():
            estimate_bodies(data, paths, images, arrays.name, weights, file, progress=progress)
    return file


def _draw_oracle(
    data: DataSettings,
    paths: tuple[str, ...],
    world: Path,
    out: Bytes,
    progress: Progress | None,
) -> None:
    mesh = data.mesh
    if data.root is not None:
        raise _no_oracle()
    with np.load(world / "parameters.npz", allow_pickle=False) as truth:
        pose, betas, camera = (truth[f"train_{key}"] for key in ("pose", "betas", "camera"))
    rng = numpy_generator(data.world.seed, "mesh-noise")
    pose, betas = disturbed(pose, betas, mesh.noise_deg, rng)
    # Noise is drawn for all frames of a tracklet, so that it does not hang on which are kept.
    rows = parameter_rows(world, "train", paths)
    pose, betas, camera = pose[rows], betas[rows], camera[rows]
    draw_parameters(out, pose, betas, camera, resolve_renderer(mesh.renderer), progress)


def _no_oracle() -> UsageError:
    return UsageError(
        "data.mesh.source=oracle needs the rendered world: nobody knows the true bodies "
        "of real people.",
        "Set data.mesh.source to archive, params or hmr (docs/meshes.md); `gclbench mesh` "
        "makes what they read.",
    )


def drawing(
    role: str, data: DataSettings, paths: tuple[str, ...], images: Path, arrays: Path
) -> Callable[[Bytes, Progress | None], None]:
    """Return what fills a dataset's array of projections."""
    return partial(draw_meshes, role, data, paths, images, arrays)
