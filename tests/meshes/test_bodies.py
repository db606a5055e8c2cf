"""Posing through smplx; official files; pickles that ask for too much."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.transform import Rotation

from gclbench.errors import DataMissingError, GclbenchError, ShapeError
from gclbench.meshes.bodies import Body, load_body
from gclbench.meshes.smpl_files import KEYS, read_smpl
from gclbench.meshes.standin import joints, standin_model


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def smpl_arrays() -> dict[str, np.ndarray]:
    model = standin_model()
    return {key: np.asarray(model[key]) for key in KEYS}


def test_zero_pose_and_shape_give_the_template(body: Body) -> None:
    vertices = body.vertices(np.zeros((1, 72)), np.zeros((1, 10)))
    np.testing.assert_allclose(vertices[0], body.template, atol=1e-6)


def test_joint_zero_turns_the_body_about_its_pelvis(body: Body) -> None:
    pose = np.zeros((1, 72))
    pose[0, :3] = [0.1, 0.9, -0.2]
    turned = body.vertices(pose, np.zeros((1, 10)))[0]
    expected = Rotation.from_rotvec(pose[0, :3]).apply(body.template)
    np.testing.assert_allclose(turned, expected, atol=1e-5)


def test_left_elbow_moves_the_left_hand_only(body: Body) -> None:
    pose = np.zeros((1, 72))
    pose[0, 3 * 18 + 1] = -np.pi / 2
    moved = body.vertices(pose, np.zeros((1, 10)))[0]
    far_left = body.template[:, 0] > 0.6
    change = np.abs(moved - body.template).max(axis=1)
    assert change[far_left].min() > 0.1
    assert change[body.template[:, 0] < 0.35].max() < 1e-5
    elbow = joints()[18]
    # A right angle at the elbow: what pointed left now points forward.
    assert moved[far_left][:, 2].min() > elbow[2] + 0.1


def test_batches_give_the_same_bodies_as_one_by_one(body: Body) -> None:
    rng = np.random.default_rng(0)
    pose, betas = rng.normal(0, 0.3, (70, 72)), rng.normal(0, 1, (70, 10))
    together = body.vertices(pose, betas)
    for index in (0, 64, 69):
        alone = body.vertices(pose[index : index + 1], betas[index : index + 1])[0]
        np.testing.assert_allclose(together[index], alone, atol=1e-5)


@pytest.mark.parametrize(("pose", "betas"), [((2, 24, 3), (2, 10)), ((2, 72), (2, 9))])
def test_wrong_shapes_are_named(body: Body, pose: tuple[int, ...], betas: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="must be"):
        body.vertices(np.zeros(pose), np.zeros(betas))


def test_official_npz_loads(tmp_path: Path, smpl_arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **smpl_arrays)
    loaded = load_body(str(tmp_path / "SMPL_NEUTRAL.npz"))
    assert loaded.groups == {}
    assert len(loaded.faces) == len(smpl_arrays["f"])
    vertices = loaded.vertices(np.zeros((1, 72)), np.zeros((1, 10)))
    np.testing.assert_allclose(vertices[0], smpl_arrays["v_template"], atol=1e-6)


def test_official_pickle_loads_without_chumpy(
    tmp_path: Path, smpl_arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    fake.Ch = Ch  # type: ignore[attr-defined]
    content: dict[str, object] = dict(smpl_arrays)
    content["shapedirs"] = Ch(smpl_arrays["shapedirs"])
    content["J_regressor"] = sparse.csc_matrix(smpl_arrays["J_regressor"])
    file = tmp_path / "model.pkl"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
        patch.setitem(sys.modules, "chumpy.ch", fake)
        file.write_bytes(pickle.dumps(content, protocol=2))
    model = read_smpl(str(file))
    np.testing.assert_array_equal(model["shapedirs"], smpl_arrays["shapedirs"])
    np.testing.assert_allclose(model["J_regressor"], smpl_arrays["J_regressor"])


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.target,)  # type: ignore[return-value]


class _Shell:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("true",)


def test_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for name, content in (("a.pkl", _Evil(marker)), ("b.pkl", _Shell())):
        (tmp_path / name).write_bytes(pickle.dumps(content))
        with pytest.raises(GclbenchError, match="is refused"):
            read_smpl(str(tmp_path / name))
    assert not marker.exists()


def test_damaged_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02}q\x00(U")
    with pytest.raises(GclbenchError, match="is refused"):
        read_smpl(str(tmp_path / "a.pkl"))


def test_pickle_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(GclbenchError, match="holds a list"):
        read_smpl(str(tmp_path / "a.pkl"))


def test_incomplete_model_is_named(tmp_path: Path, smpl_arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "a.npz", v_template=smpl_arrays["v_template"])
    with pytest.raises(GclbenchError, match="it has no f, weights"):
        read_smpl(str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("f", np.array([[0, 1, 10**6]]), "faces beyond its"),
        ("f", np.array([[0, 1, -1]]), "faces beyond its"),
        ("v_template", np.full((5, 3), np.nan), "v_template of .* no table of finite numbers"),
        ("weights", np.zeros(24), "weights of .* no table"),
        ("weights", np.array([["a", "b"]]), "weights of .* no table"),
        ("posedirs", np.zeros((2, 3, 207)), "posedirs of .* has shape"),
        ("kintree_table", np.full((2, 24), 23), "no tree of joints"),
    ],
)
def test_a_model_that_does_not_fit_itself_is_refused(
    tmp_path: Path,
    smpl_arrays: dict[str, np.ndarray],
    key: str,
    value: np.ndarray,
    expected: str,
) -> None:
    np.savez(tmp_path / "a.npz", **{**smpl_arrays, key: value})
    with pytest.raises(GclbenchError, match=expected):
        load_body(str(tmp_path / "a.npz"))


def test_chumpy_objects_that_lead_nowhere_are_refused(
    tmp_path: Path, smpl_arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = types.ModuleType("chumpy.ch")

    class Ch:
        pass

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    fake.Ch = Ch  # type: ignore[attr-defined]
    circle: Any = Ch()
    circle.x = circle
    beyond: Any = Ch()
    beyond.a, beyond.idxs = np.zeros(3), np.array([99])
    for index, value in enumerate((circle, beyond)):
        file = tmp_path / f"{index}.pkl"
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
            patch.setitem(sys.modules, "chumpy.ch", fake)
            file.write_bytes(pickle.dumps(smpl_arrays | {"weights": value}, protocol=2))
        with pytest.raises(GclbenchError, match=r"weights of .* cannot be read"):
            read_smpl(str(file))


@pytest.mark.parametrize("kind", ["cut", "no npz", "giant"])
def test_a_damaged_npz_is_named(
    tmp_path: Path, smpl_arrays: dict[str, np.ndarray], write_giant: Any, kind: str
) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, **smpl_arrays)
    if kind == "cut":
        file.write_bytes(file.read_bytes()[:-40])
    elif kind == "no npz":
        with file.open("wb") as handle:
            np.save(handle, np.zeros(3))
    else:
        write_giant(file, tuple(smpl_arrays))
    with pytest.raises(GclbenchError, match="cannot be read"):
        read_smpl(str(file))


def test_absent_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"gone\.pkl"):
        load_body(str(tmp_path / "gone.pkl"))
