"""AP by what differs between query and match, against a plain loop over ranked lists."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gclbench.errors import ShapeError
from gclbench.evaluation.invariance import average_precision, factor_scores
from gclbench.kernels.ranking import evaluate_distances


@dataclass(frozen=True)
class True_:
    """Factors by hand; what a test does not name is the same everywhere."""

    yaw_deg: np.ndarray
    light: np.ndarray
    pose: np.ndarray
    clothes: np.ndarray


def same(count: int, **given: Any) -> True_:
    whole = True_(np.zeros(count), np.zeros(count), np.zeros((count, 23, 3)), np.zeros((count, 6)))
    return replace(whole, **given)


def drawn(count: int, rng: np.random.Generator) -> True_:
    return True_(
        rng.uniform(0, 360, count),
        rng.normal(0, 0.2, count),
        rng.normal(0, 0.3, (count, 23, 3)),
        rng.integers(0, 256, (count, 6)).astype(float),
    )


@dataclass(frozen=True)
class Lists:
    """A random retrieval problem with junk, distractors and own cameras."""

    distances: np.ndarray
    query: True_
    gallery: True_
    match: np.ndarray
    ignored: np.ndarray
    pids: tuple[np.ndarray, np.ndarray]
    cams: tuple[np.ndarray, np.ndarray]

    def scores(self) -> Any:
        return factor_scores(self.distances, self.query, self.gallery, self.match, self.ignored)


@pytest.fixture(scope="module")
def lists() -> Lists:
    rng = np.random.default_rng(7)
    q_pids, g_pids = rng.integers(1, 9, 20), rng.integers(-1, 8, 90)  # 8 has no match
    q_cams, g_cams = rng.integers(0, 3, 20), rng.integers(0, 3, 90)
    match = q_pids[:, None] == g_pids
    ignored = (match & (q_cams[:, None] == g_cams)) | (g_pids < 0)
    # Rounded: equal distances must be ordered by place in the gallery.
    distances = rng.random((20, 90)).round(2)
    people = drawn(20, rng), drawn(90, rng)
    return Lists(distances, *people, match, ignored, (q_pids, g_pids), (q_cams, g_cams))


def gap(factor: str, lists: Lists, q: int, g: int) -> float:
    """How far two images differ, from the words of the docstring."""
    a, b = lists.query, lists.gallery
    if factor == "viewpoint":
        turn = (a.yaw_deg[q] - b.yaw_deg[g]) % 360
        return min(turn, 360 - turn)
    if factor == "light":
        return abs(a.light[q] - b.light[g])
    if factor == "pose":
        angles = [math.dist(a.pose[q, j], b.pose[g, j]) for j in range(23)]
        return math.degrees(sum(angles) / 23)
    others = [
        math.dist(a.clothes[q], b.clothes[other])
        for other in range(len(b.clothes))
        if not lists.match[q, other] and not lists.ignored[q, other]
    ]
    return min(others)


def plain_ap(lists: Lists, q: int, inside: list[int]) -> float:
    """AP of one query when only the matches `inside` count and other matches are not there."""
    listed = [
        g
        for g in range(lists.distances.shape[1])
        if not lists.ignored[q, g] and (g in inside or not lists.match[q, g])
    ]
    listed.sort(key=lambda g: (lists.distances[q, g], g))
    found, total = 0, 0.0
    for place, g in enumerate(listed, 1):
        if g in inside:
            found += 1
            total += found / place
    return total / found if found else math.nan


@pytest.mark.parametrize("factor", ["viewpoint", "light", "pose", "clothing"])
def test_ap_by_bin_equals_a_loop_over_ranked_lists(lists: Lists, factor: str) -> None:
    score = lists.scores()[factor]
    bounds = [-math.inf, *score.edges, math.inf]
    for q in range(20):
        true = [g for g in range(90) if lists.match[q, g] and not lists.ignored[q, g]]
        gaps = {g: gap(factor, lists, q, g) for g in true}
        for b in range(len(bounds) - 1):
            inside = [g for g in true if bounds[b] <= gaps[g] < bounds[b + 1]]
            expected = plain_ap(lists, q, inside)
            assert score.ap[q, b] == pytest.approx(expected, nan_ok=True), (factor, q, b)


@pytest.mark.parametrize("factor", ["light", "pose"])
def test_thirds_hold_a_third_of_the_true_pairs_each(lists: Lists, factor: str) -> None:
    pairs = np.argwhere(lists.match & ~lists.ignored)
    gaps = [gap(factor, lists, q, g) for q, g in pairs]
    counts = np.histogram(gaps, [-1.0, *lists.scores()[factor].edges, np.inf])[0]
    assert np.abs(counts - len(pairs) / 3).max() < 1.5


def test_one_bin_over_everything_is_the_benchmarks_map(lists: Lists) -> None:
    """Nobody turns: the nearest viewpoint bin has every true match."""
    still = replace(
        lists,
        query=replace(lists.query, yaw_deg=np.zeros(20)),
        gallery=replace(lists.gallery, yaw_deg=np.full(90, 359.0)),
    )
    ap = still.scores()["viewpoint"].ap
    (q_pids, g_pids), (q_cams, g_cams) = lists.pids, lists.cams
    ranking = evaluate_distances(lists.distances, q_pids, q_cams, g_pids, g_cams)
    np.testing.assert_allclose(ap[:, 0], ranking.ap)
    assert np.nanmean(ap[:, 0]) == pytest.approx(ranking.mAP)
    assert np.isnan(ap[:, 1:]).all()
    assert ranking.valid.sum() < 20


def test_matches_of_other_bins_leave_the_ranking_and_strangers_stay() -> None:
    """Ranked: stranger, far match, near match, stranger, near match."""
    distances = np.array([[0.1, 0.2, 0.3, 0.4, 0.5]])
    match = np.array([[False, True, True, False, True]])
    gallery = same(5, yaw_deg=np.array([0.0, 180.0, 20.0, 0.0, 340.0]))
    scores = factor_scores(distances, same(1), gallery, match, np.zeros((1, 5), bool))
    # Near: places 2 and 4 of (stranger, near, stranger, near); far: place 2 of three.
    expected = [(1 / 2 + 2 / 4) / 2, math.nan, math.nan, 1 / 2]
    np.testing.assert_allclose(scores["viewpoint"].ap, [expected])


def test_ignored_images_take_no_part() -> None:
    distances = np.array([[0.1, 0.2, 0.3, 0.4]])
    match = np.array([[True, False, False, True]])
    ignored = np.array([[True, True, False, False]])  # own camera, junk
    scores = factor_scores(distances, same(1), same(4), match, ignored)
    np.testing.assert_allclose(scores["viewpoint"].ap[0, 0], 1 / 2)


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [(350, 30, 0), (30, 350, 0), (0, 45, 1), (10, 271, 2), (300, 75, 3), (-170, 190, 0)],
)
def test_a_viewpoint_gap_goes_the_short_way_round(one: float, other: float, place: int) -> None:
    query, gallery = same(1, yaw_deg=np.array([one])), same(1, yaw_deg=np.array([other]))
    all_true, none = np.ones((1, 1), bool), np.zeros((1, 1), bool)
    ap = factor_scores(np.zeros((1, 1)), query, gallery, all_true, none)["viewpoint"].ap
    assert np.flatnonzero(~np.isnan(ap[0])).tolist() == [place]


def test_the_first_clothing_bin_has_the_queries_with_the_best_double() -> None:
    """Query q's nearest stranger is dressed 10, 30 and 90 apart; own clothes do not count."""
    query = same(3, clothes=np.array([[0.0] * 6, [100.0] * 6, [200.0] * 6]))
    worn = np.concatenate([query.clothes, query.clothes])
    worn[3:, 0] += [30.0, 90.0, 10.0]
    owner = np.array([0, 1, 2, -1, -1, -1])
    match = np.arange(3)[:, None] == owner
    # A stranger may stand beside one query only.
    ignored = np.zeros((3, 6), bool)
    for q in range(3):
        ignored[q, 3:] = np.arange(3) != q
        ignored[q, :3] = np.arange(3) != q
    distances = np.tile(np.arange(6.0), (3, 1))
    ap = factor_scores(distances, query, same(6, clothes=worn), match, ignored)["clothing"].ap
    assert [np.flatnonzero(~np.isnan(row)).tolist() for row in ap] == [[1], [2], [0]]


def test_an_ignored_image_of_the_own_camera_is_no_double() -> None:
    """Dressed exactly like the query, it would be the most alike 'stranger' of each."""
    query = same(3, clothes=np.array([[0.0] * 6, [100.0] * 6, [200.0] * 6]))
    worn = np.concatenate([query.clothes, query.clothes, query.clothes])
    worn[6:, 0] += [30.0, 90.0, 10.0]
    owner = np.array([0, 1, 2, 0, 1, 2, -1, -1, -1])
    match = np.arange(3)[:, None] == owner
    ignored = np.zeros((3, 9), bool)
    ignored[np.arange(3), np.arange(3)] = True  # own person, own camera
    distances = np.tile(np.arange(9.0), (3, 1))
    score = factor_scores(distances, query, same(9, clothes=worn), match, ignored)["clothing"]
    assert [np.flatnonzero(~np.isnan(row)).tolist() for row in score.ap] == [[1], [2], [0]]
    np.testing.assert_allclose(score.edges, np.quantile([10.0, 30.0, 90.0], [1 / 3, 2 / 3]))


def test_every_query_with_a_match_is_in_one_clothing_bin(lists: Lists) -> None:
    ap = lists.scores()["clothing"].ap
    has_match = (lists.match & ~lists.ignored).any(axis=1)
    assert (~np.isnan(ap)).sum(axis=1).tolist() == has_match.astype(int).tolist()
    assert not has_match.all()


def test_no_true_pair_at_all_is_nan_and_no_error() -> None:
    nobody = np.zeros((2, 3), bool)
    for score in factor_scores(np.zeros((2, 3)), same(2), same(3), nobody, nobody).values():
        assert np.isnan(score.ap).all()
        assert np.isfinite(score.edges).all()


def test_edges_and_units_are_named(lists: Lists) -> None:
    scores = lists.scores()
    assert scores["viewpoint"].edges.tolist() == [45.0, 90.0, 135.0]
    assert [score.ap.shape[1] for score in scores.values()] == [4, 3, 3, 3]
    assert all(score.unit and (np.diff(score.edges) > 0).all() for score in scores.values())


@pytest.mark.parametrize(
    "shapes", [((2, 3), (2, 4), (2, 3)), ((2, 3), (2, 3), (3, 2)), ((3, 3), (3, 3), (3, 3))]
)
def test_shapes_that_do_not_fit_are_an_error(shapes: tuple[tuple[int, int], ...]) -> None:
    distances, match, ignored = (np.zeros(shape) for shape in shapes)
    with pytest.raises(ShapeError, match="expected"):
        factor_scores(distances, same(2), same(3), match.astype(bool), ignored.astype(bool))


def test_average_precision_without_a_hit_is_nan() -> None:
    assert math.isnan(average_precision(np.zeros(4, bool)))
    assert average_precision(np.array([False, True, True])) == pytest.approx((1 / 2 + 2 / 3) / 2)
