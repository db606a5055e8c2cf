"""Bodies: SMPL-format models read by `smplx`; ours by default, the licensed file when named."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.errors import ShapeError
from gclbench.kernels.threads import one_thread
from gclbench.meshes.standin import standin_model

_BATCH = 64
_LANDMARKS = [
    "nose",
    "reye",
    "leye",
    "rear",
    "lear",
    "LBigToe",
    "LSmallToe",
    "LHeel",
    "RBigToe",
    "RSmallToe",
    "RHeel",
    "lthumb",
    "lindex",
    "lmiddle",
    "lring",
    "lpinky",
    "rthumb",
    "rindex",
    "rmiddle",
    "rring",
    "rpinky",
]


@dataclass(frozen=True)
class Body:
    """A posable body.

    `faces` are the body's alone; `groups`: name -> (first vertex, end, first face, end).
    `all_faces` holds the body's faces followed by those of the groups.
    """

    model: Any = field(repr=False)
    faces: NDArray[np.int64] = field(repr=False)
    all_faces: NDArray[np.int64] = field(repr=False)
    template: NDArray[np.float32] = field(repr=False)
    body_vertices: int
    groups: dict[str, tuple[int, int, int, int]]
    parts: NDArray[np.int64] = field(repr=False)

    def vertices(
        self, pose: NDArray[np.floating[Any]], betas: NDArray[np.floating[Any]]
    ) -> NDArray[np.float32]:
        """Pose N bodies: pose (N, 72) axis-angle radians, betas (N, 10) -> (N, V, 3) metres.

        Joint 0 of the pose turns the whole body about its pelvis. The same bytes for any number
        of threads. Raises ShapeError.
        """
        import torch

        if pose.ndim != 2 or pose.shape[1] != 72:
            raise ShapeError(f"pose must be (N, 72), not {pose.shape}.")
        if betas.shape != (len(pose), 10):
            raise ShapeError(f"betas must be ({len(pose)}, 10), not {betas.shape}.")
        out = np.empty((len(pose), len(self.template), 3), dtype=np.float32)
        with torch.no_grad(), one_thread():
            for first in range(0, len(pose), _BATCH):
                part = slice(first, first + _BATCH)
                turn = torch.from_numpy(np.ascontiguousarray(pose[part], dtype=np.float32))
                shape = torch.from_numpy(np.ascontiguousarray(betas[part], dtype=np.float32))
                posed = self.model(
                    betas=shape,
                    global_orient=turn[:, :3],
                    body_pose=turn[:, 3:],
                    transl=torch.zeros(len(turn), 3),
                )
                out[part] = posed.vertices.numpy()
        return out

    def pelvis(self, betas: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return joint 0 of N unposed bodies, (N, 3) metres: the point that joint 0 turns about.

        The stand-in has it near its origin, SMPL's own model a quarter of a metre below.
        """
        regressor = self.model.J_regressor[0].double().numpy()
        mean = regressor @ self.model.v_template.double().numpy()
        moves = np.einsum("v,vcs->cs", regressor, self.model.shapedirs.double().numpy())
        moved: NDArray[np.float64] = mean + np.asarray(betas, dtype=np.float64) @ moves.T
        return moved


@lru_cache(maxsize=2)
def load_body(path: str | None = None) -> Body:
    """Return the stand-in body, or the SMPL model of an official `.npz` or `.pkl` file."""
    if path is None:
        return _wrap(standin_model())
    from gclbench.meshes.smpl_files import read_smpl

    return _wrap(read_smpl(path))


def _wrap(data: dict[str, Any]) -> Body:
    import smplx

    keys = (
        "v_template",
        "f",
        "weights",
        "J_regressor",
        "shapedirs",
        "posedirs",
        "kintree_table",
    )
    struct = SimpleNamespace(**{key: data[key] for key in keys})
    struct.shapedirs = np.asarray(struct.shapedirs)[:, :, :10]
    faces = np.asarray(data["f"], dtype=np.int64)
    count = len(data["v_template"])
    # smplx prints that ten directions are few; that is what we ask for.
    with contextlib.redirect_stdout(io.StringIO()):
        model = smplx.SMPL(
            "", data_struct=struct, vertex_ids=dict.fromkeys(_LANDMARKS, 0), num_betas=10
        )
    return Body(
        model=model,
        faces=faces[: data.get("body_faces", len(faces))],
        all_faces=faces,
        template=np.asarray(data["v_template"], dtype=np.float32),
        body_vertices=int(data.get("body_vertices", count)),
        groups=dict(data.get("groups", {})),
        parts=np.asarray(data.get("parts", np.zeros(count)), dtype=np.int64),
    )
