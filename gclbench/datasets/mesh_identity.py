"""What decides on a dataset's projections: `data.mesh`, and the bytes of the files that it names.

It enters keys, so a plan asks; whoever draws is in `mesh_sources`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gclbench.clutter import files_below
from gclbench.datasets.files import folder_fingerprint
from gclbench.datasets.reader import disk_told
from gclbench.digest import digest, file_digest
from gclbench.errors import DataMissingError, UsageError
from gclbench.meshes.renderer import resolve_renderer
from gclbench.pictures import SUFFIXES
from gclbench.schema.settings import DataSettings
from gclbench.user_paths import user_path

# Rises whenever the same settings would give other pixels.
PROJECTION_REVISION = 2
# Names of GCL's published folders, beside the role's own.
_FOLDERS = {"market1501": ("market",), "dukemtmc_reid": ("DukeMTMC", "dukeMTMC")}
POSED = ("params", "hmr")


def mesh_root(role: str, data: DataSettings) -> Path:
    """Return where a role's meshes lie: `data.mesh.root`, or its part for that role.

    One root serves several datasets: <root>/<role>/ holds an archive, <root>/<role>.npz
    parameters. Raises UsageError where no root is set.
    """
    if data.mesh.root is None:
        raise UsageError(
            f"data.mesh.source={data.mesh.source} needs data.mesh.root.",
            f"Set it to what was made with: {mesh_command(role, data)}",
        )
    root = user_path(data.mesh.root)
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

        identity["hmr"] = [REVISION, file_identity(mesh_weights(data))]
    if mesh.source in POSED and mesh.body_model is not None:
        identity["body_model"] = body_identity(data)
    return identity


def body_identity(data: DataSettings) -> str:
    """Return the digest of the body model's file, "" for the stand-in; raises DataMissingError."""
    name = data.mesh.body_model
    if name is None:
        return ""
    file = user_path(name)
    if not file.is_file():
        raise DataMissingError(
            f"there is no body model {file}.",
            "Set data.mesh.body_model to an SMPL .npz or .pkl file, or leave it out to pose the "
            "stand-in.",
        )
    return file_identity(file)


def projections_file(role: str, data: DataSettings, cache_dir: Path | None = None) -> str:
    """Return the name of the cached array of projections."""
    key = digest([mesh_identity(role, data, cache_dir), data.height_px, data.width_px])
    return f"projections-{data.height_px}x{data.width_px}-{key[:12]}.npy"


def mesh_weights(data: DataSettings) -> Path:
    """The file of HMR's weights. Raises UsageError for none named, DataMissingError for none."""
    if data.mesh.weights is None:
        raise UsageError(
            "data.mesh.source=hmr needs data.mesh.weights.",
            "Set it to SPIN's model_checkpoint.pt (docs/meshes.md).",
        )
    file = user_path(data.mesh.weights)
    if not file.is_file():
        raise DataMissingError(
            f"there are no HMR weights at {file}.", "Set data.mesh.weights to an existing file."
        )
    return file


def mesh_command(role: str, data: DataSettings) -> str:
    """The command that makes the meshes which `data.mesh.source` reads."""
    where = f"dataset={role}" + ("" if data.root is None else f" data.root={data.root}")
    if data.mesh.source == "archive":
        return f"gclbench mesh import {where} archive=FILE"
    out = "FILE" if data.mesh.root is None else mesh_root(role, data)
    return f"gclbench mesh estimate {where} weights=FILE out={out}"


def _root_identity(root: Path, cache_dir: Path | None) -> str:
    if root.is_file():
        return file_identity(root)
    from gclbench.meshes.archive import VIEWS

    # Renders of test images are drawn by nobody; what is no picture is none of a body.
    with disk_told():
        members = [
            f"train/{view}/{name}"
            for view in VIEWS
            if (root / "train" / view).is_dir()
            for name, file in files_below(root / "train" / view)
            if file.suffix.lower() in SUFFIXES and file.is_file()
        ]
    return folder_fingerprint(root, members, cache_dir)


def file_identity(file: Path) -> str:
    """The SHA-256 of a file's bytes, which are read again only where it has changed."""
    status = file.stat()
    return _remembered(file.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _remembered(file: Path, size: int, time_ns: int) -> str:
    return file_digest(file)
