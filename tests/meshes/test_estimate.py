"""From HMR's answers to files of parameters: crops, axes, cameras, parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from gclbench.errors import CheckpointError, DataMissingError
from gclbench.meshes import estimate as module
from gclbench.meshes.bodies import Body, load_body
from gclbench.meshes.estimate import Task, estimate, square, to_input, to_pose, to_translation
from gclbench.meshes.hmr import Hmr
from gclbench.meshes.rasteriser import CAMERA, to_screen
from gclbench.meshes.smpl_files import KEYS
from gclbench.meshes.sources import read_parameters
from gclbench.meshes.standin import standin_model

FLIP = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def shifted_body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """A body whose pelvis is not at its origin, as SMPL's is not."""
    model = standin_model()
    count = model["body_vertices"]
    arrays = {key: np.asarray(model[key]) for key in KEYS}
    arrays["v_template"] = arrays["v_template"] + np.array([0.01, -0.24, 0.03])
    # The stand-in's shapes leave the pelvis where it is; SMPL's move it.
    arrays["shapedirs"] = arrays["shapedirs"].copy()
    arrays["shapedirs"][:count, 1, 0] += 0.02
    file = tmp_path_factory.mktemp("body") / "model.npz"
    np.savez(file, **arrays)
    return load_body(str(file))


@pytest.mark.parametrize(
    ("size", "box"),
    [((64, 128), (56, 168, 0, 224)), ((60, 30), (0, 224, 56, 168)), ((50, 50), (0, 224, 0, 224))],
)
def test_the_image_lies_in_the_middle_of_a_black_square(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    found = square(Image.new("RGB", size, (200, 100, 50)))
    left, right, top, bottom = box
    assert found.shape == (224, 224, 3)
    inside = found[top + 6 : bottom - 6, left + 6 : right - 6]
    assert (inside == [200, 100, 50]).all()
    assert int(found.astype(int).sum()) == pytest.approx(
        350 * (right - left) * (bottom - top), rel=0.01
    )


def test_a_market_crop_is_enlarged_1_75_times() -> None:
    image = Image.new("RGB", (64, 128))
    image.paste((255, 255, 255), (0, 40, 64, 80))  # 40 of 128 rows
    rows = (square(image)[:, 112, 0] > 127).sum()
    assert rows == 40 * 1.75


def test_input_is_normalised_as_imagenet() -> None:
    pixels = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    pixels[0, 0, 1] = (255, 128, 0)
    found = to_input(pixels)
    assert found.shape == (1, 3, 2, 2)
    expected = [(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (0 - 0.406) / 0.225]
    assert found[0, :, 0, 1].tolist() == pytest.approx(expected, rel=1e-5)


def random_answers(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    turns = Rotation.from_rotvec(rng.normal(0, 0.3, (count * 24, 3))).as_matrix()
    turns = turns.reshape(count, 24, 3, 3)
    turns[:, 0] = FLIP @ Rotation.from_rotvec(rng.normal(0, 1, (count, 3))).as_matrix()
    camera = np.stack([rng.uniform(0.7, 1.1, count), *rng.normal(0, 0.1, (2, count))], axis=1)
    return turns, rng.normal(0, 1, (count, 10)), camera


def test_bodies_stand_where_hmr_saw_them(shifted_body: Body) -> None:
    """HMR's body, turned into our axes as a whole, is the body that our parameters pose."""
    rotations, betas, camera = random_answers(4)
    sizes = np.array([[128, 64]] * 4)
    theirs = shifted_body.vertices(
        Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(4, 72), betas
    )
    seen = theirs.astype(float) @ FLIP
    seen += np.stack([camera[:, 1], -camera[:, 2], -5.0 / camera[:, 0]], axis=1)[:, None]
    pelvis = shifted_body.pelvis(betas)
    moves = to_translation(camera, sizes, pelvis, 0.5)
    ours = shifted_body.vertices(to_pose(rotations), betas) + moves[:, None]
    np.testing.assert_allclose(ours, seen, atol=2e-5)
    assert np.abs(pelvis[:, 1]).min() > 0.1


@pytest.mark.parametrize("size", [(128, 64), (300, 90), (80, 100)])
def test_the_camera_shows_a_point_where_spin_projects_it(size: tuple[int, int]) -> None:
    """The origin, and heights at its depth, by SPIN's formula with f = 5000 in a 224 crop."""
    scale, right, down = 0.9, 0.12, -0.07
    height, width = size
    side = max(size)
    depth = 2 * 5000 / (224 * scale)
    column = 112 + 5000 * right / depth  # of the crop
    row = 112 + 5000 * down / depth
    head = 112 + 5000 * (down - 0.8) / depth  # 0.8 m above the origin; y points down
    camera = np.array([[scale, right, down]])
    move = to_translation(camera, np.array([size]), np.zeros((1, 3)), 0.5)
    points = np.array([[0.0, 0, 0], [0, 0.8, 0]]) + move
    found = to_screen(points, CAMERA, 256, 128)
    expected_x = ((column - 112) * side / 224 / width + 0.5) * 128
    expected_y = [((y - 112) * side / 224 / height + 0.5) * 256 for y in (row, head)]
    assert found[0, 0] == pytest.approx(expected_x, abs=1e-4)
    assert found[:, 1].tolist() == pytest.approx(expected_y, abs=1e-4)


def write_images(folder: Path, count: int) -> list[Path]:
    rng = np.random.default_rng(3)
    files = []
    for index in range(count):
        pixels = rng.integers(0, 255, (20 + index, 12, 3)).astype(np.uint8)
        files.append(folder / f"{index:04d}.png")
        Image.fromarray(pixels).save(files[-1])
    return files


def narrow(seed: int = 0) -> Hmr:
    """A narrow network with weights of its own, near SPIN's mean camera."""
    network = Hmr(width=4, blocks=(1, 1, 1, 1), hidden=16).eval()
    draw(network, seed)
    return network


def draw(network: Hmr, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.weight.data.normal_(0, (2 / part.weight[0].numel()) ** 0.5, generator=generator)
            if part.bias is not None:
                part.bias.data.zero_()
    for head in (network.decpose, network.decshape, network.deccam):
        head.weight.data *= 0.01
    network.init_pose.copy_(torch.tensor([1.0, 0, 0, 1, 0, 0]).repeat(24)[None])
    network.init_pose[0, :6] = torch.tensor([1.0, 0, 0, -1, 0, 0])
    network.init_cam.copy_(torch.tensor([[0.9, 0, 0]]))


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(module, "PART", 3)
    monkeypatch.setattr(module, "BATCH", 2)
    files = write_images(tmp_path, 7)
    names = [file.name for file in files]
    return Task(names, files, 0.5, load_body(), "", "these images and weights")


def test_estimates_are_a_file_that_params_reads(task: Task, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    out = estimate(task, narrow(), tmp_path / "new" / "a.npz", "cpu", lambda *a: told.append(a))
    paths = [f"train/{name}" for name in reversed(task.names)]
    pose, betas, camera = read_parameters(out, paths)
    assert (pose.shape, betas.shape, camera.shape) == ((7, 72), (7, 10), (7, 3))
    assert (camera[:, 2] < -1).all()
    assert told[-1] == ("bodies", 7, 7)
    assert sorted(path.name for path in out.parent.iterdir()) == ["a.npz"]
    alone = replace(task, names=task.names[:1], files=task.files[:1])
    first = read_parameters(estimate(alone, narrow(), tmp_path / "b.npz"), paths[-1:])
    np.testing.assert_allclose(first[0][0], pose[-1], atol=1e-4)


def test_a_killed_estimate_goes_on_and_ends_with_the_same_bytes(
    task: Task, tmp_path: Path
) -> None:
    whole = estimate(task, narrow(), tmp_path / "whole.npz").read_bytes()

    def kill(_: str, done: int, __: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimate(task, narrow(), tmp_path / "cut.npz", "cpu", kill)
    assert not (tmp_path / "cut.npz").exists()
    assert (tmp_path / "cut.npz.parts" / "00000000.npz").is_file()
    task.files[0].unlink()  # finished parts are not asked again
    assert estimate(task, narrow(), tmp_path / "cut.npz").read_bytes() == whole


def test_parts_of_other_weights_and_damaged_ones_are_not_taken(task: Task, tmp_path: Path) -> None:
    def kill(_: str, done: int, __: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    for made_of, seed in (("other weights", 1), (task.made_of, 0)):
        with pytest.raises(KeyboardInterrupt):
            estimate(replace(task, made_of=made_of), narrow(seed), tmp_path / "a.npz", "cpu", kill)
    (tmp_path / "a.npz.parts" / "00000003.npz").write_bytes(b"PK\x03\x04 cut off")
    found = estimate(task, narrow(), tmp_path / "a.npz").read_bytes()
    assert found == estimate(task, narrow(), tmp_path / "b.npz").read_bytes()


def test_an_image_that_cannot_be_read_is_named(task: Task, tmp_path: Path) -> None:
    task.files[4].write_bytes(b"no image")
    with pytest.raises(DataMissingError, match=r"0004\.png"):
        estimate(task, narrow(), tmp_path / "a.npz")


def test_weights_that_give_no_finite_body_are_named(task: Task, tmp_path: Path) -> None:
    network = narrow()
    network.deccam.bias.data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match=r"no finite body for .*0000\.png"):
        estimate(task, network, tmp_path / "a.npz")


def angles(found: Tensor, truth: Tensor) -> Tensor:
    """Angles in degrees between rotations (..., 3, 3)."""
    trace = (found * truth).sum(dim=(-1, -2))
    return torch.rad2deg(torch.arccos(((trace - 1) / 2).clamp(-1, 1)))


def trained(images: Tensor, truth: Tensor, mean: Tensor) -> Hmr:
    """A network trained for some seconds on true rotations (N, 24, 3, 3)."""
    network = Hmr(width=8, blocks=(1, 1, 1, 1), hidden=64)
    draw(network, 0)
    network.init_pose.copy_(mean[..., :2].reshape(1, 144))
    order = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for epoch in range(14):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 if epoch < 9 else 2e-4
        for rows in torch.randperm(len(images), generator=order).split(16):
            loss = ((network(images[rows])[0] - truth[rows]) ** 2).sum(dim=(-1, -2)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def test_training_on_true_bodies_beats_the_mean_body(
    tmp_path: Path, small_world: Callable[[Path], tuple[list[Path], np.ndarray]]
) -> None:
    """Held-out images: the network and the axes of its answers fit what the world drew."""
    files, pose = small_world(tmp_path)
    images = to_input(np.stack([square(Image.open(file), 64) for file in files]))
    turns = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    turns[:, 0] = FLIP @ turns[:, 0]
    truth = torch.from_numpy(turns).float()
    held_out = torch.arange(len(files)) % 5 == 0
    left, _, right = torch.linalg.svd(truth[~held_out].mean(dim=0))
    mean = left @ right
    network = trained(images[~held_out], truth[~held_out], mean)
    with torch.no_grad():
        found = network(images[held_out])[0]
    error, mean_error = angles(found, truth[held_out]), angles(mean, truth[held_out])
    assert mean_error[:, 0].mean() > 60  # people walk in all directions
    assert error[:, 0].mean() < 0.6 * mean_error[:, 0].mean()
    assert error.mean() < 0.95 * mean_error.mean()
    vectors = Rotation.from_rotvec(to_pose(found.numpy())[:, :3])
    back = (vectors.inv() * Rotation.from_rotvec(pose[held_out.numpy(), :3])).magnitude()
    assert np.rad2deg(back).mean() == pytest.approx(float(error[:, 0].mean()), abs=0.1)
