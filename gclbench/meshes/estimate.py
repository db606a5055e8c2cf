"""Estimate the bodies of a dataset's images with HMR, and keep them as a file of parameters.

HMR is fed the image in the middle of a black square, scaled to 224: a person box of 128x64 is thus
enlarged 1.75 times, as SPIN does with an image that holds one person and nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from gclbench.atomic import put_in_place
from gclbench.digest import digest
from gclbench.errors import CheckpointError
from gclbench.meshes.bodies import Body
from gclbench.meshes.hmr import INPUT_PX, MEAN, STD, Hmr
from gclbench.meshes.rasteriser import CAMERA
from gclbench.meshes.sources import Floats, write_parameters
from gclbench.pictures import open_rgb

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, int, int], None]
# Rises when the same weights would give other parameters.
REVISION = 1
BATCH, PART = 32, 1024
# A person who is smaller than a twentieth of the crop is no estimate; SPIN's scales are near 0.9.
LEAST_SCALE = 0.05
_KEYS = ("pose", "betas", "camera")
# From SPIN's camera (y down, looking along +z) to ours (y up, looking along -z).
_FLIP = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Task:
    """What is estimated: `names` (see `sources.below`) of the images `files`, and for what.

    `aspect` is width / height of the projections; `body` and its `body_identity` are those that
    will be posed; `made_of` says what images and weights they are, so that the parts of another
    task are not taken for this one's.
    """

    names: Sequence[str]
    files: Sequence[Path]
    aspect: float
    body: Body
    body_identity: str
    made_of: str


def square(image: Image.Image, size_px: int = INPUT_PX) -> NDArray[np.uint8]:
    """Put an image in the middle of a black square and scale that, uint8 (size, size, 3)."""
    side = max(image.size)
    canvas = Image.new("RGB", (side, side))
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(canvas.resize((size_px, size_px), Image.Resampling.BILINEAR))


def to_input(squares: NDArray[np.uint8]) -> torch.Tensor:
    """Normalise uint8 (B, S, S, 3) to the network's float32 (B, 3, S, S)."""
    import torch

    values = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255.0
    mean, std = (torch.tensor(numbers).reshape(1, 3, 1, 1) for numbers in (MEAN, STD))
    return (values - mean) / std


def to_pose(rotations: Floats) -> NDArray[np.float32]:
    """Turn HMR's matrices (N, 24, 3, 3) into axis-angle (N, 72) in the space of `CAMERA`."""
    own = np.array(rotations, dtype=np.float64)
    own[:, 0] = _FLIP @ own[:, 0]
    vectors = Rotation.from_matrix(own.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(len(own), 72).astype(np.float32)


def to_translation(
    camera: Floats, sizes_px: NDArray[np.int64], pelvis: Floats, aspect: float
) -> NDArray[np.float32]:
    """Turn HMR's cameras (N, 3) into translations (N, 3) into the space of `CAMERA`, metres.

    HMR's (s, tx, ty) stands for the translation (tx, ty, 2 f / (224 s)) before a lens of f = 5000
    pixels: the square, `max(sizes_px)` image pixels wide, spans 2 / s metres around (-tx, -ty).
    Ours puts the body where it appears as tall and its origin in the same place of the image, in
    shares of height and of width; `sizes_px` (N, 2) are height and width. Our lens is shorter, so
    what is near looks larger than in HMR's all but parallel view. `pelvis` (N, 3): smplx turns
    bodies about it, so turning the axes (y and z change sign) moves it, which is undone here.
    """
    scale, right, down = np.asarray(camera, dtype=np.float64).T
    height, width = sizes_px.T.astype(np.float64)
    scale = np.maximum(scale, LEAST_SCALE)
    distance = 2.0 * CAMERA.focal * height / (scale * np.maximum(height, width))
    moved = np.stack([right * aspect * height / width, -down, -distance], axis=1)
    mirrored = np.asarray(pelvis, dtype=np.float64) @ (_FLIP - np.eye(3))
    return (moved + mirrored).astype(np.float32)


def estimate(
    task: Task,
    network: Hmr,
    out: Path,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """Write the parameters of a task's images to `out` and return it.

    Works in parts of 1,024 images kept beside `out`: a killed call is continued, and ends with
    the same bytes. Raises DataMissingError for an image that cannot be read, CheckpointError
    where the network gives numbers that are not finite.
    """
    parts = out.with_name(f"{out.name}.parts")
    identity = digest([REVISION, task.made_of, task.body_identity, task.aspect, list(task.names)])
    parts.mkdir(parents=True, exist_ok=True)
    network = network.to(device)
    found = []
    for first in range(0, len(task.files), PART):
        rows = range(first, min(first + PART, len(task.files)))
        file = parts / f"{first:08d}.npz"
        found.append(_part(task, rows, network, file, identity, progress))
    pose, betas, camera = (np.concatenate([part[key] for part in found]) for key in _KEYS)
    write_parameters(out, task.names, pose, betas, camera, body=task.body_identity)
    shutil.rmtree(parts)
    return out


def _part(
    task: Task, rows: range, network: Hmr, file: Path, identity: str, progress: Progress | None
) -> dict[str, Floats]:
    """The parameters of some images, read where they were estimated before."""
    found = _kept(file, identity)
    if found is None:
        found = _estimated(task, rows, network, progress)
        with put_in_place(file, durable=False) as draft, draft.open("wb") as handle:
            np.savez(handle, identity=np.array(identity), **found)  # type: ignore[arg-type]
    if progress is not None:
        progress("bodies", rows.stop, len(task.files))
    return found


def _kept(file: Path, identity: str) -> dict[str, Floats] | None:
    try:
        with np.load(file, allow_pickle=False) as data:
            if str(data["identity"]) == identity:
                return {key: data[key] for key in _KEYS}
    except Exception:  # a part that was cut off raises many things; it is estimated anew
        return None
    return None


def _estimated(
    task: Task, rows: range, network: Hmr, progress: Progress | None
) -> dict[str, Floats]:
    import torch

    device = next(network.parameters()).device
    found: dict[str, list[Any]] = {key: [] for key in _KEYS}
    for first in rows[::BATCH]:
        files = task.files[first : min(first + BATCH, rows.stop)]
        images = [open_rgb(file) for file in files]
        batch = to_input(np.stack([square(image) for image in images]))
        with torch.inference_mode():
            answers = [answer.cpu().numpy() for answer in network(batch.to(device))]
        rotations, betas, camera = answers
        wrong = ~np.isfinite(rotations).all(axis=(1, 2, 3))
        wrong |= ~np.isfinite(np.concatenate([betas, camera], axis=1)).all(axis=1)
        if wrong.any():
            raise CheckpointError(
                f"the HMR weights give no finite body for {files[int(np.argmax(wrong))]}.",
                "Use other weights; these are damaged.",
            )
        sizes = np.array([(image.height, image.width) for image in images])
        found["pose"].append(to_pose(rotations))
        found["betas"].append(betas)
        pelvis = task.body.pelvis(betas)
        found["camera"].append(to_translation(camera, sizes, pelvis, task.aspect))
        if progress is not None:
            progress("bodies", min(first + BATCH, rows.stop), len(task.files))
    return {key: np.concatenate(values) for key, values in found.items()}
