"""The meshes of a dataset as `data.mesh` asks for them: what they are, whether all are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from gclbench.datasets.files import folder_fingerprint
from gclbench.datasets.synthetic.write import parameter_rows
from gclbench.digest import digest, file_digest
from gclbench.errors import DataMissingError, UsageError
from gclbench.meshes.archive import VIEWS, check_archive, read_archive
from gclbench.meshes.bodies import require_poser
from gclbench.meshes.projections import resolve_renderer
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
# Rises whenever the same settings would give other pixels.
PROJECTION_REVISION = 2
# Names of GCL's published folders, beside the role's own.
_FOLDERS = {"market1501": ("market",), "dukemtmc_reid": ("DukeMTMC", "dukeMTMC")}
_POSED = ("params", "hmr")


def mesh_root(role: str, data: DataSettings) -> Path:
    """Return where a role's meshes lie: `data.mesh.root`, or its part for that role.

    One root serves several datasets: <root>/<role>/ holds an archive, <root>/<role>.npz
    parameters. Raises UsageError where no root is set.
    """
    if data.mesh.root is None:
        raise UsageError(
            f"data.mesh.source={data.mesh.source} needs data.mesh.root.",
            f"Set it to what was made with: {_command(role, data)}",
        )
    root = Path(data.mesh.root).expanduser()
    if data.mesh.source == "params":
        return root / f"{role}.npz" if root.is_dir() else root
    names = ("", role, *_FOLDERS.get(role, ()))
    return next((root / name for name in names if (root / name / "train").is_dir()), root)


def mesh_identity(
    role: str, data: DataSettings, cache_dir: Path | None = None
) -> dict[str, object]:
    """Return what decides a role's projections, beside its images and their size; plain data.

    The bytes of rendered bodies are remembered under `cache_dir`, as `folder_fingerprint` does.
    """
    mesh = data.mesh
    identity: dict[str, object] = {
        "revision": PROJECTION_REVISION,
        "source": mesh.source,
        "renderer": "" if mesh.source == "archive" else resolve_renderer(mesh.renderer),
        "noise_deg": mesh.noise_deg if mesh.source == "oracle" else 0.0,
        "root": "",
    }
    if mesh.source in ("params", "archive") and mesh.root is not None:
        identity["root"] = _root_identity(mesh_root(role, data), cache_dir)
    if mesh.source == "hmr":
        from gclbench.meshes.estimate import REVISION

        identity["hmr"] = [REVISION, _digest(_weights(data))]
    if mesh.source in _POSED and mesh.body_model is not None:
        identity["body_model"] = body_identity(data)
    return identity


def body_identity(data: DataSettings) -> str:
    """Return the digest of the body model's file, "" for the stand-in; raises DataMissingError."""
    name = data.mesh.body_model
    if name is None:
        return ""
    file = Path(name).expanduser()
    if not file.is_file():
        raise DataMissingError(
            f"there is no body model {file}.",
            "Set data.mesh.body_model to an SMPL .npz or .pkl file, or leave it out to pose the "
            "stand-in.",
        )
    return _digest(file)


def projections_file(role: str, data: DataSettings, cache_dir: Path | None = None) -> str:
    """Return the name of the cached array of projections."""
    key = digest([mesh_identity(role, data, cache_dir), data.height_px, data.width_px])
    return f"projections-{data.height_px}x{data.width_px}-{key[:12]}.npy"


def check_meshes(role: str, data: DataSettings, paths: Sequence[str]) -> None:
    """Raise DataMissingError or UsageError unless all images `paths` have a mesh to draw.

    Cheap: pictures are looked for, not read, and no network runs.
    """
    source, command = data.mesh.source, _command(role, data)
    if source == "archive":
        check_archive(mesh_root(role, data), paths, command)
    elif source == "params":
        read_parameters(mesh_root(role, data), paths, body_identity(data), command)
    elif source == "hmr":
        _weights(data)


def check_source(data: DataSettings) -> None:
    """Raise UsageError, DataMissingError or GclbenchError for meshes that no image can have.

    Reads the body model, where one is posed; MissingExtraError without the package that poses.
    """
    mesh = data.mesh
    if mesh.source == "oracle" and data.root is not None:
        raise _no_oracle()
    if mesh.source != "archive":
        require_poser()
    if mesh.source in _POSED and mesh.body_model is not None:
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
    mesh, command = data.mesh, _command(role, data)
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
        made_of=digest([fingerprint, _digest(weights)]),
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
    weights = _weights(data)
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


def _weights(data: DataSettings) -> Path:
    if data.mesh.weights is None:
        raise UsageError(
            "data.mesh.source=hmr needs data.mesh.weights.",
            "Set it to SPIN's model_checkpoint.pt (docs/meshes.md).",
        )
    file = Path(data.mesh.weights).expanduser()
    if not file.is_file():
        raise DataMissingError(
            f"there are no HMR weights at {file}.", "Set data.mesh.weights to an existing file."
        )
    return file


def _command(role: str, data: DataSettings) -> str:
    """The command that makes the meshes which `data.mesh.source` reads."""
    where = f"dataset={role}" + ("" if data.root is None else f" data.root={data.root}")
    if data.mesh.source == "archive":
        return f"gclbench mesh import {where} archive=FILE"
    out = "FILE" if data.mesh.root is None else mesh_root(role, data)
    return f"gclbench mesh estimate {where} weights=FILE out={out}"


def _root_identity(root: Path, cache_dir: Path | None) -> str:
    if root.is_file():
        return _digest(root)
    # Renders of test images are drawn by nobody.
    found = sorted(file for view in VIEWS for file in (root / "train" / view).rglob("*"))
    members = [file.relative_to(root).as_posix() for file in found if file.is_file()]
    return folder_fingerprint(root, members, cache_dir)


def _digest(file: Path) -> str:
    status = file.stat()
    return _remembered(file.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _remembered(file: Path, size: int, time_ns: int) -> str:
    return file_digest(file)


def drawing(
    role: str, data: DataSettings, paths: tuple[str, ...], images: Path, arrays: Path
) -> Callable[[Bytes, Progress | None], None]:
    """Return what fills a dataset's array of projections."""
    return partial(draw_meshes, role, data, paths, images, arrays)
