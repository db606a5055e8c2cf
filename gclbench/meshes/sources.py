"""Sources of the bodies that guide generation: true parameters, an npz, rendered files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy.spatial.transform import Rotation

from gclbench.errors import DataMissingError
from gclbench.meshes.bodies import Body, load_body
from gclbench.meshes.projections import ANGLES, Renderer, project

Progress = Callable[[str, int, int], None]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
_CHUNK = 64


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


def read_parameters(file: Path, paths: Sequence[str]) -> tuple[Floats, Floats, Floats]:
    """Return pose, betas and translation of the images `paths` from an npz.

    Keys: `names` (M,) file names, `pose` (M, 72), `betas` (M, 10), `camera` (M, 3), a translation
    into the space of `rasteriser.CAMERA`. Rows are found by name. Raises DataMissingError.
    """
    try:
        with np.load(file, allow_pickle=False) as data:
            arrays = {key: data[key] for key in ("names", "pose", "betas", "camera")}
    except (OSError, ValueError, KeyError) as error:
        raise DataMissingError(
            f"the mesh parameters {file} cannot be read ({error}).",
            "Set data.mesh.root to an npz with names, pose, betas and camera.",
        ) from error
    rows = {str(name): index for index, name in enumerate(arrays["names"])}
    missing = [path for path in paths if Path(path).name not in rows]
    if missing:
        raise DataMissingError(
            f"{file} has no parameters for {Path(missing[0]).name} and {len(missing) - 1} more.",
            "Estimate the bodies of all training images.",
        )
    order = [rows[Path(path).name] for path in paths]
    return arrays["pose"][order], arrays["betas"][order], arrays["camera"][order]


def read_archive(
    out: Bytes, root: Path, paths: Sequence[str], progress: Progress | None = None
) -> None:
    """Fill `out` uint8 (N, 8, H, W) from GCL's folders of rendered bodies.

    Layout: <root>/train/render/<rel> and <root>/train/render_<deg>/<rel> for 45 ... 315, where
    <rel> is the path below the images' own folder (a file name; in MSMT17 with the folder of the
    identity). Raises DataMissingError naming the first file that is missing or cannot be read.
    """
    size = (out.shape[3], out.shape[2])
    for index, path in enumerate(paths):
        below = Path(*Path(path).parts[1:])
        for angle in range(ANGLES):
            folder = "render" if angle == 0 else f"render_{45 * angle}"
            out[index, angle] = _read_gray(root / "train" / folder / below, size)
        if progress is not None:
            progress("projections", index + 1, len(paths))


def _read_gray(file: Path, size: tuple[int, int]) -> Bytes:
    try:
        with Image.open(file) as handle:
            image = handle.convert("L")
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DataMissingError(
            f"the rendered body {file} is missing or cannot be read.",
            "Complete the mesh archive (data.mesh.root), or choose another data.mesh.source.",
        ) from error
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)
