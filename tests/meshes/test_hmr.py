"""HMR: the public layout, its arithmetic, and files that are not what they should be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gclbench.errors import CheckpointError, DataMissingError, ShapeError
from gclbench.meshes.hmr import Hmr, load_hmr, rotations_of

# As in nkolot/SPIN, models/hmr.py: a ResNet-50 without classifier, then the regressor.
PUBLIC = {
    "conv1.weight": (64, 3, 7, 7),
    "bn1.running_var": (64,),
    "layer1.0.conv1.weight": (64, 64, 1, 1),
    "layer1.0.downsample.0.weight": (256, 64, 1, 1),
    "layer1.2.bn3.bias": (256,),
    "layer2.0.conv2.weight": (128, 128, 3, 3),
    "layer2.3.conv3.weight": (512, 128, 1, 1),
    "layer3.5.conv1.weight": (256, 1024, 1, 1),
    "layer4.0.downsample.1.weight": (2048,),
    "layer4.2.conv3.weight": (2048, 512, 1, 1),
    "fc1.weight": (1024, 2048 + 157),
    "fc1.bias": (1024,),
    "fc2.weight": (1024, 1024),
    "decpose.weight": (144, 1024),
    "decshape.weight": (10, 1024),
    "deccam.weight": (3, 1024),
    "init_pose": (1, 144),
    "init_shape": (1, 10),
    "init_cam": (1, 3),
}
TRUNK = 23_508_032
REGRESSOR = 1024 * (2048 + 157 + 1) + 1024 * 1025 + (144 + 10 + 3) * 1025


def small(seed: int = 0) -> Hmr:
    """A narrow network with every tensor drawn from a seed."""
    network = Hmr(width=4, blocks=(1, 2, 1, 1), hidden=16)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(1 + 0.1 * noise.abs() if "var" in name else 0.2 * noise)
    return network.eval()


def test_the_layout_is_the_public_one() -> None:
    with torch.device("meta"):
        network = Hmr()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert PUBLIC.items() <= shapes.items()
    assert sum(tensor.numel() for tensor in network.parameters()) == TRUNK + REGRESSOR
    stages = [sum(name.startswith(f"layer{i}.") and name.endswith("conv1.weight")
                  for name in shapes) for i in (1, 2, 3, 4)]  # fmt: skip
    assert stages == [3, 4, 6, 3]
    assert not any(name.startswith(("fc.", "avgpool", "drop")) for name in shapes)


def test_public_weights_go_in_and_come_out_unchanged(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Hmr().state_dict().items()}
    state = {
        name: torch.zeros((), dtype=torch.long) + 7
        if name.endswith("tracked")
        else torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    }
    state |= {name: value.abs() for name, value in state.items() if name.endswith("var")}
    torch.save({"model": state, "epoch": 3}, tmp_path / "model_checkpoint.pt")
    loaded = load_hmr(tmp_path / "model_checkpoint.pt").state_dict()
    assert list(loaded) == list(state)
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_a_file_without_counters_and_with_more_names_loads(tmp_path: Path) -> None:
    state = small().state_dict()
    kept = {f"module.{name}": value for name, value in state.items() if "tracked" not in name}
    torch.save(kept | {"smpl.faces": torch.zeros(3)}, tmp_path / "a.pt")
    network = load_hmr(tmp_path / "a.pt")
    assert torch.equal(network.get_submodule("fc1").weight, state["fc1.weight"])
    assert not network.training
    assert network(torch.zeros(1, 3, 32, 32))[0].shape == (1, 24, 3, 3)


def rotation_of_six(numbers: list[float]) -> np.ndarray:
    """Gram-Schmidt on the columns of a 3x2 matrix, worked out number by number."""
    first = np.array(numbers[0::2])
    first = first / np.sqrt((first**2).sum())
    second = np.array(numbers[1::2])
    second = second - first * (first * second).sum()
    second = second / np.sqrt((second**2).sum())
    third = [first[1] * second[2] - first[2] * second[1],
             first[2] * second[0] - first[0] * second[2],
             first[0] * second[1] - first[1] * second[0]]  # fmt: skip
    return np.stack([first, second, np.array(third)], axis=1)


def test_six_numbers_give_the_rotation_of_a_plain_loop() -> None:
    numbers = torch.randn(2, 144, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = rotations_of(numbers)
    for row in range(2):
        for joint in range(24):
            expected = rotation_of_six(numbers[row, 6 * joint : 6 * joint + 6].tolist())
            np.testing.assert_allclose(found[row, joint].numpy(), expected, atol=1e-12)
    assert torch.allclose(torch.linalg.det(found), torch.ones(2, 24, dtype=torch.float64))


def test_three_corrections_are_added_to_the_mean() -> None:
    network = small().double()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2)).double()
    found = network(images)
    seen: list[Tensor] = []
    hook = network.fc1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(images)
    hook.remove()
    assert len(seen) == 3
    features = seen[0][:, :-157]
    state = torch.cat([network.init_pose, network.init_shape, network.init_cam], dim=1)
    state = state.repeat(2, 1)
    for step in range(3):
        assert torch.allclose(seen[step], torch.cat([features, state], dim=1))
        hidden = seen[step]
        for layer in (network.fc1, network.fc2):
            hidden = hidden @ layer.weight.T + layer.bias
        heads: list[nn.Linear] = [network.decpose, network.decshape, network.deccam]
        state = state + torch.cat([hidden @ head.weight.T + head.bias for head in heads], dim=1)
    assert torch.allclose(found[0], rotations_of(state[:, :144]))
    assert torch.allclose(torch.cat(found[1:], dim=1), state[:, 144:])


def test_images_that_are_not_square_are_named() -> None:
    with pytest.raises(ShapeError, match="must be"):
        small()(torch.zeros(1, 3, 32, 16))


def test_absent_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"gone\.pt.*SPIN"):
        load_hmr(tmp_path / "gone.pt")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"decpose.weight": None}, "lacks 1 tensors of HMR, first 'decpose.weight'"),
        ({"deccam.bias": torch.zeros(4)}, r"'deccam.bias' has shape \(4,\), HMR has \(3,\)"),
        ({"conv1.weight": None}, "is no checkpoint of HMR"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    tmp_path: Path, change: dict[str, Tensor | None], part: str
) -> None:
    state = small().state_dict() | change
    torch.save({name: t for name, t in state.items() if t is not None}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=part):
        load_hmr(tmp_path / "a.pt")


def test_weights_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    state = small().state_dict()
    state["fc1.bias"][0] = float("nan")
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"1 of \d+ tensors .* first 'fc1\.bias'"):
        load_hmr(tmp_path / "a.pt")


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_a_file_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": small().state_dict(), "x": _Evil(tmp_path / "ran")}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="cannot be read as HMR weights"):
        load_hmr(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    torch.save(small().state_dict(), tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="truncated"):
        load_hmr(tmp_path / "a.pt")
