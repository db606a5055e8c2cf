from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.quality import nmi
from gclbench.kernels.reranked_graph import connected_clusters, reranked_graph
from gclbench.pseudolabels.camera_time import camera_time
from gclbench.pseudolabels.jvtc import (
    JointDistances,
    RefreshSettings,
    SquaredDistances,
    refresh_labels,
    refresh_mode,
)


def walk(seed, people=12, each=8, spread=0.25):
    """People who pass camera 1 about 400 frames after camera 0, starting far apart in time."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(people), each)
    rows = rng.normal(size=(people, 16))[truth] + spread * rng.normal(size=(len(truth), 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cams = np.tile(np.arange(each) % 2, people)
    frames = 5000 * truth + 400 * cams + rng.integers(0, 80, len(truth))
    return rows.astype(np.float32), cams, frames, truth


SETTINGS = RefreshSettings(k1=6, k2=3, rho=0.05, eps_factor=2.0, smoothing_bins=2.0)


@pytest.mark.parametrize("mode", ["visual", "joint"])
def test_classes_of_well_separated_people_hold_one_person_each(mode):
    rows, cams, frames, truth = walk(0)
    found = refresh_labels(rows, cams, frames, mode, SETTINGS)
    assert sorted(set(found.labels)) == list(range(found.clusters))
    for label in range(found.clusters):
        assert len(set(truth[found.labels == label])) == 1
    assert nmi(truth, found.labels) > 0.88


@pytest.mark.parametrize("seed", [1, 2])
def test_camera_and_time_tell_people_apart_who_look_alike(seed):
    rows, cams, frames, truth = walk(seed, spread=0.9)
    visual = refresh_labels(rows, cams, frames, "visual", SETTINGS)
    joint = refresh_labels(rows, cams, frames, "joint", SETTINGS)
    assert nmi(truth, visual.labels) < 0.7
    np.testing.assert_array_equal(joint.labels, truth)


@pytest.mark.parametrize("clock_frames", [0, 10_200])
def test_the_refresh_is_its_stated_steps(clock_frames):
    rows, cams, frames, _ = walk(4)
    first = reranked_graph(SquaredDistances(torch.from_numpy(rows)), 6, 3, 0.3)
    labels, eps = connected_clusters(first, 0.05, 2.0)
    visual = refresh_labels(rows, cams, frames, "visual", SETTINGS)
    np.testing.assert_array_equal(visual.labels, labels)
    assert visual.eps == eps
    model = camera_time(labels, cams, frames, smoothing_bins=2.0, clock_frames=clock_frames)
    second = JointDistances(torch.from_numpy(rows), model, cams, frames)
    labels, eps = connected_clusters(reranked_graph(second, 6, 3, 0.5), 0.05, 2.0)
    joint = refresh_labels(rows, cams, frames, "joint", SETTINGS, clock_frames)
    np.testing.assert_array_equal(joint.labels, labels)
    assert joint.eps == eps


def test_clocks_that_divide_visits_change_the_refresh():
    rows, cams, frames, _ = walk(4)
    eps = {refresh_labels(rows, cams, frames, "joint", SETTINGS, c).eps for c in (0, 10_200)}
    assert len(eps) == 2


def test_squared_distances_equal_a_loop_over_pairs():
    rows = 3 * walk(5)[0][:20]
    distances = SquaredDistances(torch.from_numpy(rows))
    loop = np.array([[((a - b).astype(np.float64) ** 2).sum() for b in rows] for a in rows])
    np.testing.assert_allclose(distances.columns(0, 20), loop, atol=1e-4)
    np.testing.assert_allclose(distances.columns(5, 9), loop[:, 5:9], atol=1e-4)
    i, j = np.array([3, 7, 7]), np.array([3, 2, 19])
    np.testing.assert_allclose(distances.pairs(i, j), loop[i, j], atol=1e-5)
    assert distances.pairs(i, j)[0] == 0


def test_joint_distances_equal_a_loop_over_pairs():
    rows, cams, frames, truth = walk(6)
    model = camera_time(truth, cams, frames, smoothing_bins=2.0)
    distances = JointDistances(torch.from_numpy(rows), model, cams, frames)
    loop = np.empty((len(rows), len(rows)))
    for i in range(len(rows)):
        for j in range(len(rows)):
            p = model.between([cams[i]], [frames[i]], [cams[j]], [frames[j]])[0, 0]
            s = float(rows[i] @ rows[j])
            loop[i, j] = 1 - 1 / (1 + math.exp(-5 * s)) / (1 + 2 * math.exp(-5 * p))
    np.testing.assert_allclose(distances.columns(0, len(rows)), loop, atol=1e-6)
    i, j = np.array([0, 5, 90, 40]), np.array([0, 80, 2, 41])
    np.testing.assert_allclose(distances.pairs(i, j), loop[i, j], atol=1e-6)


def test_a_refresh_is_the_same_every_time():
    rows, cams, frames, _ = walk(2)
    one, two = (refresh_labels(torch.from_numpy(rows), cams, frames, "joint") for _ in range(2))
    np.testing.assert_array_equal(one.labels, two.labels)
    assert one.eps == two.eps


def test_refresh_schedule_of_the_paper():
    modes = {
        epoch: refresh_mode(
            epoch, global_from_epoch=10, joint_from_epoch=30, refresh_every_epochs=5
        )
        for epoch in range(1, 46)
    }
    assert [e for e, m in modes.items() if m == "visual"] == [10, 15, 20, 25]
    assert [e for e, m in modes.items() if m == "joint"] == [30, 35, 40, 45]


def test_wrong_input_is_an_error():
    rows, cams, frames, _ = walk(3)
    with pytest.raises(UsageError, match="joint, visual"):
        refresh_labels(rows, cams, frames, "temporal")
    with pytest.raises(ShapeError, match="cameras"):
        refresh_labels(rows, cams[:-1], frames, "visual")
