from __future__ import annotations

import numpy as np
import pytest

from gclbench.errors import ShapeError, UsageError
from gclbench.pseudolabels.camera_time import (
    CameraTime,
    camera_time,
    camera_time_votes,
    joint_similarity,
)

# specs/jvtc.md 7.6, with 0-based cameras.
LABELS, CAMS = [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 0, 2]
FRAMES = [100, 350, 1000, 1200, 5000, 4900]


def votes_by_loop(labels, cams, frames, width, cameras, bins):
    h = np.zeros((cameras, cameras, bins))
    for y in sorted(set(labels) - {-1}):
        seen = {}
        for label, cam, frame in zip(labels, cams, frames, strict=True):
            if label == y:
                seen.setdefault(cam, []).append(frame)
        mean = {c: sum(f) / (len(f) + 1e-7) for c, f in seen.items()}
        for j in seen:
            for k in seen:
                if j < k and mean[j] > mean[k]:
                    h[j, k, int((mean[j] - mean[k]) / width)] += 1
                elif j < k:
                    h[k, j, int((mean[k] - mean[j]) / width)] += 1
        for c, times in seen.items():
            if len(times) > 1:
                for t in times:
                    h[c, c, int((t - min(times)) / width)] += len(times)
    return h


def test_votes_of_the_oracle():
    h = camera_time_votes(LABELS, CAMS, FRAMES)
    expected = np.zeros((3, 3, 50))
    for to, origin, slot, weight in [
        (0, 0, 0, 2), (0, 0, 2, 2), (1, 1, 0, 2), (1, 1, 2, 2), (1, 0, 8, 1), (0, 2, 0, 1),
    ]:  # fmt: skip
        expected[to, origin, slot] = weight
    np.testing.assert_array_equal(h, expected)


def test_smoothed_probabilities_of_the_oracle():
    p = camera_time(LABELS, CAMS, FRAMES, bins=3000).probability
    assert p[1, 0, 8] == pytest.approx(0.0140922, abs=1e-7)
    assert p[1, 0, 58] == pytest.approx(0.0085473, abs=1e-7)
    assert p[1, 0, 158] == pytest.approx(1.5655e-4, abs=1e-8)
    assert p[1, 0, 159] == 0
    assert (p[0, 1] == 0).all()
    assert p[0, 0, 0] == pytest.approx(0.0156184, abs=1e-7)


def test_peaks_of_single_votes():
    p = camera_time([0, 0], [0, 1], [0, 50000], bins=1000).probability
    assert p.max() == pytest.approx(0.0079997, abs=1e-7)
    p = camera_time([0, 0], [0, 1], [0, 50], bins=1000).probability
    assert p.max() == pytest.approx(0.0158725, abs=1e-7)


@pytest.mark.parametrize("seed", [0, 1])
def test_votes_equal_a_loop_over_people(seed):
    rng = np.random.default_rng(seed)
    labels, cams = rng.integers(-1, 12, 150), rng.integers(0, 4, 150)
    frames = rng.integers(0, 9000, 150)
    expected = votes_by_loop(labels.tolist(), cams.tolist(), frames.tolist(), 70, 4, 129)
    got = camera_time_votes(labels, cams, frames, bin_width=70, cameras=4, bins=129)
    np.testing.assert_array_equal(got, expected)


def test_joint_distances_of_the_oracle():
    model = camera_time(LABELS, CAMS, FRAMES, bins=3000)
    p = model.between([1], [1050], [0, 0, 2], [250, 1900, 250])
    distance = 1 - joint_similarity(np.full((1, 3), 0.6), p)
    np.testing.assert_allclose(distance, [[0.667389, 0.682475, 0.682475]], atol=1e-6)


def test_jvtc_plus_distances_of_the_method_spec():
    distance = 1 - joint_similarity([0.8, 0.3], [0.002, 0.0])
    np.testing.assert_allclose(distance, [0.670476, 0.727475], atol=1e-6)


def test_similarity_rises_with_both_scores():
    base, more_p, edge = joint_similarity([0.5] * 3, [0, 0.008, 0.0159]).astype(float)
    assert more_p / base == pytest.approx(1.0268, abs=2e-4)
    assert edge / base == pytest.approx(1.0537, abs=2e-4)
    near, far = joint_similarity([0.64, 0.8], [0.0066, 0])
    assert near == pytest.approx(far, rel=2e-4)  # a time that speaks for it makes up for looks
    assert joint_similarity([0.6], [0.1]) > joint_similarity([0.5], [0.1])
    assert np.isfinite(joint_similarity([-500.0, 500.0], [0, 0])).all()


def test_pairs_take_the_later_camera_first_and_nothing_beyond_the_bins():
    probability = np.arange(2 * 2 * 3, dtype=float).reshape(2, 2, 3)
    p = CameraTime(probability, 10).between([0, 1], [25, 0], [1, 0], [0, 25])
    assert p[0, 0] == probability[0, 1, 2]  # the query is later
    assert p[1, 1] == probability[0, 1, 2]  # the gallery image is later
    assert p[0, 1] == probability[0, 0, 0]
    assert CameraTime(probability, 10).between([0], [30], [1], [0])[0, 0] == 0


def test_clocks_vote_for_themselves_and_are_never_compared():
    rng = np.random.default_rng(3)
    labels, cams = rng.integers(-1, 6, 60), rng.integers(0, 3, 60)
    clocks, times = rng.integers(2, 5, 60), rng.integers(0, 90, 60)
    frames = 100 * clocks + times
    # Sigma 0.3 bins reaches no neighbour, so that shares are votes over their sum.
    model = camera_time(
        labels, cams, frames, bin_width=10, smoothing_bins=0.3, cameras=3, bins=9, clock_frames=100
    )
    votes = sum(
        votes_by_loop(labels[one], cams[one], times[one], 10, 3, 9)
        for one in (clocks == clock for clock in (2, 3, 4))
    )
    sums = votes.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(model.probability, votes / np.maximum(sums, 1), atol=1e-6)
    p = model.between(cams, frames, cams, frames)
    apart = clocks[:, None] != clocks[None]
    assert (p[apart] == 0).all()
    within = clocks == 2
    one_clock = CameraTime(model.probability, 10).between(
        cams[within], times[within], cams[within], times[within]
    )
    assert one_clock.max() > 0
    np.testing.assert_array_equal(p[np.ix_(within, within)], one_clock)


def test_outliers_do_not_vote():
    with_outlier = camera_time_votes([*LABELS, -1], [*CAMS, 2], [*FRAMES, 200])
    np.testing.assert_array_equal(with_outlier, camera_time_votes(LABELS, CAMS, FRAMES))
    assert camera_time_votes([-1, -1], [0, 1], [0, 500]).sum() == 0


def test_wrong_input_is_an_error():
    with pytest.raises(ShapeError):
        camera_time_votes([0], [0, 1], [0])
    with pytest.raises(UsageError, match="bin_width"):
        camera_time_votes([0], [0], [0], bin_width=0)
    with pytest.raises(UsageError, match="count from 0"):
        camera_time_votes([0], [-1], [0])
    with pytest.raises(UsageError, match="camera"):
        camera_time(LABELS, CAMS, FRAMES).between([3], [0], [0], [0])
    with pytest.raises(UsageError, match="smoothing"):
        camera_time(LABELS, CAMS, FRAMES, smoothing_bins=0)
    with pytest.raises(ShapeError):
        camera_time([0], [0], [0, 1], clock_frames=10)
    with pytest.raises(ShapeError):
        joint_similarity([0.1], [0.1, 0.2])
