"""Sources of the bodies that guide generation: true parameters, and files of parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gclbench.atomic import OUT_REMEDY, put_in_place
from gclbench.errors import DataMissingError, UsageError
from gclbench.meshes.bodies import Body, load_body
from gclbench.meshes.npz import load_arrays
from gclbench.meshes.projections import project
from gclbench.meshes.renderer import Renderer

Progress = Callable[[str, int, int], None]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
_CHUNK = 64
_SHAPES = {"pose": 72, "betas": 10, "camera": 3}
ESTIMATE = "gclbench mesh estimate dataset=NAME data.root=DIR weights=FILE out=FILE"


def disturbed(
    pose: Floats, betas: Floats, noise_deg: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return pose (N, 72) and betas (N, 10) with an error that plays a regressor's.

    Every joint is turned by a rotation vector of sd `noise_deg` per axis (the whole body about its
    vertical axis too), betas move by sd noise_deg / 10.
    """
    turns = rng.normal(0, np.deg2rad(noise_deg), (len(pose) * 24, 3))
    shapes = rng.normal(0, noise_deg / 10.0, betas.shape)
    old = Rotation.from_rotvec(np.asarray(pose, dtype=np.float64).reshape(-1, 3))
    new = (Rotation.from_rotvec(turns) * old).as_rotvec().reshape(len(pose), 72)
    return new.astype(np.float32), (betas + shapes).astype(np.float32)


def draw_parameters(
    out: Bytes,
    pose: Floats,
    betas: Floats,
    translation: Floats,
    renderer: Renderer,
    progress: Progress | None = None,
    body: Body | None = None,
) -> None:
    """Fill `out` uint8 (N, 8, H, W) from pose (N, 72), betas (N, 10), translation (N, 3)."""
    model = body if body is not None else load_body()
    for first in range(0, len(out), _CHUNK):
        part = slice(first, first + _CHUNK)
        vertices = model.vertices(pose[part], betas[part])[:, : model.body_vertices]
        framed = vertices + np.asarray(translation[part], dtype=np.float32)[:, None]
        out[part] = project(framed, model.faces, out.shape[2], out.shape[3], renderer)
        if progress is not None:
            progress("projections", min(first + _CHUNK, len(out)), len(out))


def below(path: str) -> str:
    """Return an image's path below its split's own folder: a file name, in MSMT17 and tracklets
    with the folders of identity and tracklet. It names the image in files of meshes.
    """
    return PurePosixPath(*PurePosixPath(path).parts[1:]).as_posix()


def write_parameters(
    file: Path, names: Sequence[str], pose: Floats, betas: Floats, camera: Floats, *, body: str
) -> None:
    """Write what `read_parameters` reads, whole or not at all; equal input gives equal bytes.

    `body` identifies the body model that the translations belong to (its file's digest, "" for the
    stand-in): models differ in where their origin lies.
    """
    with put_in_place(file, remedy=OUT_REMEDY) as draft, draft.open("wb") as handle:
        np.savez(
            handle,
            names=np.array(names, dtype=np.str_),
            pose=pose,
            betas=betas,
            camera=camera,
            body=np.array(body),
        )


def read_parameters(
    file: Path, paths: Sequence[str], body: str = "", command: str = ESTIMATE
) -> tuple[Floats, Floats, Floats]:
    """Return pose, betas and translation of the images `paths` from an npz.

    Keys: `names` (M,), what `below` gives or bare file names; `pose` (M, 72), `betas` (M, 10),
    `camera` (M, 3), a translation into the space of `rasteriser.CAMERA`. Rows are found by name.
    Where the file has a `body`, it must be the one that will be posed. `command` is what errors
    advise. Raises DataMissingError for a file that cannot be read or lacks an image, UsageError
    for another body.
    """
    arrays = _arrays(file, command)
    made_for = str(arrays.get("body", body))
    if made_for != body:
        theirs = f"the body model {made_for[:12]}" if made_for else "the stand-in body"
        ours = f"the body model {body[:12]}" if body else "the stand-in body"
        raise UsageError(
            f"the translations of {file} belong to {theirs}, and {ours} would be drawn.",
            "Set data.mesh.body_model as it was when they were estimated, or estimate them anew.",
        )
    order = rows_of(arrays["names"], paths, file, command)
    return arrays["pose"][order], arrays["betas"][order], arrays["camera"][order]


def rows_of(names: Any, paths: Sequence[str], file: Path, command: str = ESTIMATE) -> list[int]:
    """Return where each of the images `paths` stands among `names`; raises DataMissingError."""
    rows = {str(name): index for index, name in enumerate(names)}
    found = [rows.get(below(path), rows.get(PurePosixPath(path).name)) for path in paths]
    missing = [below(path) for path, row in zip(paths, found, strict=True) if row is None]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataMissingError(
            f"{file} has no body for the image {missing[0]}{more}.",
            f"Estimate all training images: {command}",
        )
    return [row for row in found if row is not None]


def _arrays(
    file: Path, command: str, keys: Sequence[str] = ("names", *_SHAPES)
) -> dict[str, NDArray[Any]]:
    try:
        found = load_arrays(file, (*keys, "body"))
        arrays = {key: found[key] for key in (*keys, *found.keys() & {"body"})}
    except Exception as error:  # a damaged npz, or no npz at all, raises many things
        raise DataMissingError(
            f"the mesh parameters {file} cannot be read ({error}).",
            f"Set data.mesh.root to an npz with names, pose, betas and camera; make one with: "
            f"{command}",
        ) from error
    if arrays["names"].ndim != 1:
        raise DataMissingError(
            f"names in {file} has shape {arrays['names'].shape}, not (M,).",
            "Write one name for each image.",
        )
    for key, width in _SHAPES.items():
        if key in arrays and arrays[key].shape != (len(arrays["names"]), width):
            raise DataMissingError(
                f"{key} in {file} has shape {arrays[key].shape}, not "
                f"{(len(arrays['names']), width)}.",
                "Write one row for each name.",
            )
        if key in arrays and not _finite(arrays[key]):
            raise DataMissingError(
                f"{key} in {file} holds what is no finite number.",
                f"Estimate the bodies anew: {command}",
            )
    return arrays


def _finite(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "iuf" and bool(np.isfinite(values).all())
