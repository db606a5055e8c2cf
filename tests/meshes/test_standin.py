"""The stand-in body in SMPL's format."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gclbench.meshes.standin import PARENTS, PARTS, SHAPE_NAMES, joints, standin_model

SMPL_PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    return standin_model()


def test_model_has_smpl_shapes(model: dict[str, Any]) -> None:
    count = len(model["v_template"])
    assert model["weights"].shape == (count, 24)
    assert model["J_regressor"].shape == (24, count)
    assert model["shapedirs"].shape == (count, 3, len(SHAPE_NAMES))
    assert model["posedirs"].shape == (count, 3, 207)
    assert model["kintree_table"][0].tolist() == SMPL_PARENTS == list(PARENTS)
    assert 1500 <= model["body_vertices"] <= 4000


def test_skinning_weights_are_shares(model: dict[str, Any]) -> None:
    assert model["weights"].min() >= 0
    np.testing.assert_allclose(model["weights"].sum(axis=1), 1.0, atol=1e-12)


def test_regressor_finds_the_joints_of_the_template(model: dict[str, Any]) -> None:
    np.testing.assert_allclose(model["J_regressor"] @ model["v_template"], joints(), atol=1e-9)


def test_regressor_reads_body_vertices_only(model: dict[str, Any]) -> None:
    assert not model["J_regressor"][:, model["body_vertices"] :].any()


def test_body_comes_first_and_groups_tile_the_rest(model: dict[str, Any]) -> None:
    vertex, face = model["body_vertices"], model["body_faces"]
    assert model["f"][:face].max() == vertex - 1
    for first, end, first_face, end_face in model["groups"].values():
        assert (first, first_face) == (vertex, face)
        part = model["f"][first_face:end_face]
        assert (part.min(), part.max()) == (first, end - 1)
        vertex, face = end, end_face
    assert (vertex, face) == (len(model["v_template"]), len(model["f"]))


def test_body_is_as_tall_as_a_person_and_symmetric(model: dict[str, Any]) -> None:
    body = model["v_template"][: model["body_vertices"]]
    height = np.ptp(body[:, 1])
    assert 1.6 < height < 1.85
    low, high = body[:, 0].min(), body[:, 0].max()
    assert low == pytest.approx(-high)


def test_every_body_vertex_has_a_part(model: dict[str, Any]) -> None:
    parts = model["parts"]
    assert set(parts[: model["body_vertices"]]) == set(range(len(PARTS)))
    assert set(parts[model["body_vertices"] :]) == {-1}


def test_shape_directions_differ_and_move_the_body(model: dict[str, Any]) -> None:
    flat = model["shapedirs"][: model["body_vertices"]].reshape(-1, 10)
    assert np.linalg.matrix_rank(flat) == 10


def test_taller_shape_is_taller(model: dict[str, Any]) -> None:
    body = slice(0, model["body_vertices"])
    taller = model["v_template"][body] + model["shapedirs"][body, :, 0]
    assert np.ptp(taller[:, 1]) > np.ptp(model["v_template"][body][:, 1]) + 0.03
