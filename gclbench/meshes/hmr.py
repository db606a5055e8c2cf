"""HMR: a regressor of SMPL's pose, shape and camera from one person image.

Source    Kanazawa et al., CVPR 2018, as trained by SPIN (Kolotouros et al., ICCV 2019). Names and
          shapes of parameters are those of SPIN's public checkpoint (nkolot/SPIN, models/hmr.py).
Differs   Inference only: the dropout between the dense layers, of training, is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.errors import CheckpointError, DataMissingError, ShapeError
from gclbench.user_paths import user_path
from gclbench.weight_files.reading import read_weight_file
from gclbench.weight_files.sound import refuse_unsound

JOINTS, SHAPES, CAMERA = 24, 10, 3
POSE = 6 * JOINTS
ITERATIONS = 3
INPUT_PX = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Blocks = tuple[int, int, int, int]
_EXPANSION = 4
_REMEDY = "Give SPIN's model_checkpoint.pt, or a file with its names and shapes (docs/meshes.md)."


class _Block(nn.Module):
    """ResNet-50's bottleneck: 1x1, 3x3 (which carries the stride), 1x1, and a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(maps)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + (maps if self.downsample is None else self.downsample(maps)))


class Hmr(nn.Module):
    """The network. The public one is `Hmr()`; narrower and shallower ones share its layout.

    Shapes    images (B, 3, S, S), normalised by MEAN and STD, S = 224 for the public weights ->
              rotations (B, 24, 3, 3), betas (B, 10), camera (B, 3) = (s, tx, ty).
    Space     SPIN's camera: x right, y down, looking along +z. Joint 0 turns the whole body.
    Raises    ShapeError for images of another shape.
    """

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(self, width: int = 64, blocks: Blocks = (3, 4, 6, 3), hidden: int = 1024) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for index, count in enumerate(blocks):
            stage = []
            for number in range(count):
                stride = 2 if index > 0 and number == 0 else 1
                stage.append(_Block(channels, width << index, stride))
                channels = (width << index) * _EXPANSION
            self.add_module(f"layer{index + 1}", nn.Sequential(*stage))
        self.fc1 = nn.Linear(channels + POSE + SHAPES + CAMERA, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.decpose = nn.Linear(hidden, POSE)
        self.decshape = nn.Linear(hidden, SHAPES)
        self.deccam = nn.Linear(hidden, CAMERA)
        self.register_buffer("init_pose", torch.zeros(1, POSE))
        self.register_buffer("init_shape", torch.zeros(1, SHAPES))
        self.register_buffer("init_cam", torch.zeros(1, CAMERA))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
            raise ShapeError(f"images must be (B, 3, S, S), not {tuple(images.shape)}.")
        maps = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, stride=2, padding=1)
        for name in ("layer1", "layer2", "layer3", "layer4"):
            maps = self.get_submodule(name)(maps)
        seen = maps.mean(dim=(2, 3))
        pose, shape, camera = (
            start.expand(len(images), -1)
            for start in (self.init_pose, self.init_shape, self.init_cam)
        )
        for _ in range(ITERATIONS):
            hidden = self.fc2(self.fc1(torch.cat([seen, pose, shape, camera], dim=1)))
            pose = pose + self.decpose(hidden)
            shape = shape + self.decshape(hidden)
            camera = camera + self.deccam(hidden)
        return rotations_of(pose), shape, camera


def rotations_of(numbers: Tensor) -> Tensor:
    """Turn (B, 144) into rotation matrices (B, 24, 3, 3).

    Source    Zhou et al., CVPR 2019. The six numbers of a joint are the rows of a 3x2 matrix; its
              columns become the first two columns of the rotation by Gram-Schmidt.
    """
    pairs = numbers.reshape(-1, JOINTS, 3, 2)
    first = F.normalize(pairs[..., 0], dim=-1)
    along = (first * pairs[..., 1]).sum(dim=-1, keepdim=True)
    second = F.normalize(pairs[..., 1] - along * first, dim=-1)
    third = torch.linalg.cross(first, second, dim=-1)
    return torch.stack([first, second, third], dim=-1)


def load_hmr(path: str | Path) -> Hmr:
    """Return the network of a weight file, ready for inference; nothing in the file is executed.

    The file holds the tensors, or a dictionary with them under `model` (as SPIN's); width, depth
    and hidden size follow from their shapes, tensors of other names are ignored. Raises
    DataMissingError without the file; CheckpointError where it cannot be read, lacks a tensor or
    has one of a wrong shape.
    """
    file = user_path(path)
    if not file.is_file():
        raise DataMissingError(f"there are no HMR weights at {file}.", _REMEDY)
    state = _tensors(file)
    network = _empty_like(state, file)
    wanted = network.state_dict()
    counters = {name: torch.zeros((), dtype=torch.long) for name in wanted if _counter(name)}
    state = counters | state  # files of old torch releases have no counters
    missing = [name for name in wanted if name not in state]
    if missing:
        raise CheckpointError(
            f"{file} lacks {len(missing)} tensors of HMR, first '{missing[0]}'.", _REMEDY
        )
    for name, tensor in wanted.items():
        if state[name].shape != tensor.shape:
            raise CheckpointError(
                f"{file}: '{name}' has shape {tuple(state[name].shape)}, HMR has "
                f"{tuple(tensor.shape)}.",
                _REMEDY,
            )
    refuse_unsound({name: state[name] for name in wanted}, file, _REMEDY)
    network.load_state_dict({name: state[name] for name in wanted}, assign=True)
    return network.requires_grad_(False).eval()


def _counter(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def _tensors(file: Path) -> dict[str, Tensor]:
    content: Any = read_weight_file(file, "HMR weights", "model")
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{file} holds no dictionary of tensors.", _REMEDY)
    return {
        str(name).removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in content.items()
        if isinstance(value, Tensor)
    }


def _empty_like(state: Mapping[str, Tensor], file: Path) -> Hmr:
    """The network whose sizes the tensors tell, without weights: nothing is drawn for them."""
    counts = [
        len({name.split(".")[1] for name in state if name.startswith(f"layer{index}.")})
        for index in (1, 2, 3, 4)
    ]
    stem, dense = state.get("conv1.weight"), state.get("fc1.weight")
    if stem is None or stem.ndim != 4 or dense is None or dense.ndim != 2 or 0 in counts:
        raise CheckpointError(f"{file} is no checkpoint of HMR.", _REMEDY)
    first, second, third, fourth = counts
    with torch.device("meta"):
        return Hmr(len(stem), (first, second, third, fourth), len(dense))
