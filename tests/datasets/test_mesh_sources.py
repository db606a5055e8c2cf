"""`data.mesh` over a dataset: identity, one root for several roles, what is missing, HMR."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gclbench.datasets.fingerprint import dataset_fingerprint
from gclbench.datasets.load import load_dataset
from gclbench.datasets.mesh_identity import mesh_identity, mesh_root, projections_file
from gclbench.digest import digest
from gclbench.errors import DataMissingError, GclbenchError, UsageError
from gclbench.meshes import estimate
from gclbench.meshes.archive import write_archive
from gclbench.meshes.hmr import Hmr
from gclbench.meshes.smpl_files import KEYS
from gclbench.meshes.sources import write_parameters
from gclbench.meshes.standin import standin_model
from gclbench.schema.settings import DataSettings, MeshSettings

TRAIN = ["0002_c1s1_000451_03.jpg", "0002_c2s1_000100_01.jpg", "0007_c1s1_000900_01.jpg"]
FILES = {
    "bounding_box_train": TRAIN,
    "query": ["0001_c1s1_001051_00.jpg"],
    "bounding_box_test": ["0001_c2s3_000020_02.jpg"],
}


@pytest.fixture
def market(tmp_path: Path) -> Path:
    for folder, names in FILES.items():
        (tmp_path / "data" / folder).mkdir(parents=True)
        for index, name in enumerate(names):
            image = Image.new("RGB", (20, 40), (40 * index, 100, 200))
            image.save(tmp_path / "data" / folder / name, "JPEG", quality=100)
    return tmp_path / "data"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A narrow network in the public layout, near SPIN's mean camera."""
    network = Hmr(width=4, blocks=(1, 1, 1, 1), hidden=16)
    generator = torch.Generator().manual_seed(0)
    for tensor in network.parameters():
        tensor.data = 0.1 * torch.randn(tensor.shape, generator=generator)
    for head in (network.decpose, network.decshape, network.deccam):
        head.weight.data *= 0.01
        head.bias.data *= 0.01
    network.init_pose.copy_(torch.tensor([1.0, 0, 0, 1, 0, 0]).repeat(24)[None])
    network.init_cam.copy_(torch.tensor([[0.9, 0, 0]]))
    torch.save({"model": network.state_dict()}, tmp_path / "spin.pt")
    return tmp_path / "spin.pt"


def settings(where: Path | None, height_px: int = 32, /, **mesh: Any) -> DataSettings:
    values = {name: str(v) if isinstance(v, Path) else v for name, v in mesh.items()}
    return DataSettings(
        root=None if where is None else str(where),
        height_px=height_px,
        width_px=height_px // 2,
        mesh=MeshSettings(renderer="raster", **values),
    )


def parameters(file: Path, names: list[str], body: str = "") -> Path:
    count = len(names)
    camera = np.tile([0.0, 0.0, -5.0], (count, 1))
    pose = np.random.default_rng(0).normal(0, 0.2, (count, 72))
    write_parameters(file, names, pose, np.zeros((count, 10)), camera, body=body)
    return file


def smpl_file(file: Path) -> Path:
    """The stand-in as an official file: wider, without garments."""
    model = standin_model()
    arrays = {key: np.asarray(model[key]) for key in KEYS}
    arrays["v_template"] = arrays["v_template"] * np.array([1.5, 1.0, 1.0])
    np.savez(file, **arrays)
    return file


def test_the_identity_of_true_bodies_is_as_it_was() -> None:
    """Keys of finished artifacts depend on it."""
    for data in (settings(None), settings(None, weights="w.pt", body_model="b.npz")):
        assert mesh_identity("market1501", data) == {
            "revision": 2, "source": "oracle", "renderer": "raster", "noise_deg": 4.0, "root": "",
        }  # fmt: skip


def test_the_identity_follows_what_is_read(tmp_path: Path, weights: Path) -> None:
    file = parameters(tmp_path / "a.npz", TRAIN)
    other = parameters(tmp_path / "b.npz", TRAIN)
    body = smpl_file(tmp_path / "smpl.npz")

    def of(**mesh: Any) -> str:
        return digest(mesh_identity("market1501", settings(None, **mesh)))

    first = of(source="params", root=file)
    assert of(source="params", root=other) == first  # equal bytes
    assert of(source="params", root=file, weights=weights) == first
    with_body = of(source="params", root=file, body_model=body)
    parameters(other, TRAIN[::-1])
    assert file.stat().st_size == other.stat().st_size
    by_hmr = of(source="hmr", weights=weights)
    assert of(source="hmr", weights=weights, root=file) == by_hmr
    with weights.open("ab") as handle:
        handle.write(b"x")
    found = [first, with_body, of(source="params", root=other), by_hmr,
             of(source="hmr", weights=weights)]  # fmt: skip
    assert len(set(found)) == 5


def test_other_renders_of_the_same_size_are_another_archive(tmp_path: Path) -> None:
    place, cache = tmp_path / "meshes" / "train" / "render", tmp_path / "cache"
    place.mkdir(parents=True)
    data = settings(None, source="archive", root=tmp_path / "meshes")

    def now() -> tuple[str, str]:
        return digest(mesh_identity("msmt17", data, cache)), projections_file(
            "msmt17", data, cache
        )

    (place / "a.jpg").write_bytes(b"one")
    first = now()
    (tmp_path / "meshes" / "README").write_text("of no render")
    assert now() == first
    assert digest(mesh_identity("msmt17", data)) == first[0]
    (place / "a.jpg").write_bytes(b"two")
    assert not set(now()) & set(first)
    (tmp_path / "meshes").rename(tmp_path / "elsewhere")
    there = settings(None, source="archive", root=tmp_path / "elsewhere")
    (tmp_path / "elsewhere/train/render/a.jpg").write_bytes(b"one")
    assert digest(mesh_identity("msmt17", there, cache)) == first[0]


def test_one_root_serves_several_roles(tmp_path: Path) -> None:
    def root(role: str, source: str, place: Path) -> Path:
        return mesh_root(role, settings(None, source=source, root=place))

    file = parameters(tmp_path / "market1501.npz", TRAIN)
    assert root("market1501", "params", tmp_path) == root("msmt17", "params", file) == file
    for name in ("DukeMTMC", "market1501/train", "train/render"):
        (tmp_path / name).mkdir(parents=True)
    assert root("market1501", "archive", tmp_path) == tmp_path
    (tmp_path / "train").rename(tmp_path / "DukeMTMC" / "train")
    assert root("market1501", "archive", tmp_path) == tmp_path / "market1501"
    assert root("dukemtmc_reid", "archive", tmp_path) == tmp_path / "DukeMTMC"
    assert root("dukemtmc_reid", "archive", Path(f"{tmp_path}/DukeMTMC/")).name == "DukeMTMC"


def test_a_missing_body_is_known_before_training(market: Path, tmp_path: Path) -> None:
    data = settings(market, source="params", root=parameters(tmp_path / "a.npz", TRAIN[:2]))
    with pytest.raises(DataMissingError) as caught:
        dataset_fingerprint("market1501", data, tmp_path / "cache")
    command = f"gclbench mesh estimate dataset=market1501 data.root={market} weights=FILE out="
    assert TRAIN[2] in str(caught.value)
    assert command + str(tmp_path / "a.npz") in str(caught.value)
    dataset_fingerprint("market1501", data, tmp_path / "cache", meshes=False)


def test_a_missing_render_is_known_before_training(market: Path, tmp_path: Path) -> None:
    views = np.zeros((3, 8, 4, 2), dtype=np.uint8)
    write_archive(tmp_path / "renders", [f"x/{name}" for name in TRAIN], views)
    data = settings(market, source="archive", root=tmp_path / "renders")
    dataset_fingerprint("market1501", data, tmp_path / "cache")
    (tmp_path / "renders" / "train" / "render_225" / TRAIN[1]).unlink()
    with pytest.raises(DataMissingError) as caught:
        dataset_fingerprint("market1501", data, tmp_path / "cache")
    assert f"train/render_225/{TRAIN[1]}" in str(caught.value)
    command = f"gclbench mesh import dataset=market1501 data.root={market} archive=FILE"
    assert command in str(caught.value)


@pytest.mark.parametrize("source", ["params", "archive"])
def test_a_source_without_root_names_the_command(
    market: Path, tmp_path: Path, source: str
) -> None:
    data = settings(market, source=source)
    with pytest.raises(UsageError, match=r"needs data\.mesh\.root.*gclbench mesh"):
        dataset_fingerprint("market1501", data, tmp_path / "cache")


def test_hmr_without_weights_names_them(market: Path, tmp_path: Path) -> None:
    for mesh, kind in (({}, UsageError), ({"weights": tmp_path / "gone.pt"}, DataMissingError)):
        with pytest.raises(kind, match=r"data\.mesh\.weights"):
            dataset_fingerprint("market1501", settings(market, source="hmr", **mesh))


def test_hmr_estimates_once_and_draws_as_params_does(
    market: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    real = estimate.estimate

    def counted(task: Any, *others: Any) -> Path:
        runs.append(len(task.files))
        return real(task, *others)

    monkeypatch.setattr(estimate, "estimate", counted)
    cache = tmp_path / "cache"
    drawn = {}
    for height in (32, 64):
        data = settings(market, height, source="hmr", weights=weights)
        dataset = load_dataset("market1501", data, cache)
        drawn[height] = dataset.projections()
    assert runs == [3]
    assert (drawn[64] < 230).any(axis=(2, 3)).all()
    (bodies,) = (cache / "arrays").glob("*/bodies-*.npz")
    again = settings(market, 64, source="params", root=bodies)
    np.testing.assert_array_equal(
        load_dataset("market1501", again, cache).projections(), drawn[64]
    )


def test_another_body_model_is_drawn(market: Path, tmp_path: Path) -> None:
    body = smpl_file(tmp_path / "smpl.npz")
    ours = parameters(tmp_path / "a.npz", TRAIN)
    content = {key: value for key, value in np.load(ours).items() if key != "body"}
    np.savez(tmp_path / "b.npz", **content)  # as other tools write it: for whatever body is set

    def drawn(**mesh: Path) -> np.ndarray:
        data = settings(market, source="params", **mesh)
        return load_dataset("market1501", data, tmp_path / "cache").projections()

    narrow = drawn(root=tmp_path / "b.npz")
    wide = drawn(root=tmp_path / "b.npz", body_model=body)
    assert (wide[:, 0] < 230).sum() > 1.1 * (narrow[:, 0] < 230).sum()
    with pytest.raises(UsageError, match="belong to the stand-in body"):
        drawn(root=ours, body_model=body)


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_a_body_model_that_runs_code_is_refused(market: Path, tmp_path: Path) -> None:
    (tmp_path / "smpl.pkl").write_bytes(pickle.dumps({"f": _Evil(tmp_path / "ran")}))
    file = parameters(tmp_path / "a.npz", TRAIN)
    np.savez(file, **{key: value for key, value in np.load(file).items() if key != "body"})
    data = settings(market, source="params", root=file, body_model=tmp_path / "smpl.pkl")
    with pytest.raises(GclbenchError, match=r"smpl\.pkl is refused"):
        load_dataset("market1501", data, tmp_path / "cache").projections()
    assert not (tmp_path / "ran").exists()


def test_an_absent_body_model_is_named(market: Path, tmp_path: Path) -> None:
    file = parameters(tmp_path / "a.npz", TRAIN)
    data = settings(market, source="params", root=file, body_model=tmp_path / "gone.npz")
    with pytest.raises(DataMissingError, match=r"no body model .*gone\.npz"):
        dataset_fingerprint("market1501", data, tmp_path / "cache")
