from __future__ import annotations

import numpy as np
import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.ranking import evaluate_distances, evaluate_ranking

# Oracle E1 of specs/evaluation.md, section 2.
G_PIDS, G_CAMS = [1, 1, 2, 0, 1, -1, 2, 1], [1, 2, 2, 3, 3, 2, 3, 2]
Q_PIDS, Q_CAMS = [1, 2, 3], [1, 2, 1]
DISTANCES = np.array(
    [
        [0.10, 0.50, 0.20, 0.30, 0.15, 0.05, 0.70, 0.60],
        [0.35, 0.55, 0.02, 0.15, 0.65, 0.25, 0.45, 0.75],
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    ]
)


def loop_over_the_list(distances, q_pids, q_cams, g_pids, g_cams, kind):
    """AP, first match and INP of each query from the definition, one item at a time."""
    answers = []
    for q in range(len(q_pids)):
        order = sorted(range(len(g_pids)), key=lambda j: (distances[q][j], j))
        kept = [
            j
            for j in order
            if g_pids[j] != -1 and not (g_pids[j] == q_pids[q] and g_cams[j] == q_cams[q])
        ]
        match = [g_pids[j] == q_pids[q] for j in kept]
        if not any(match):
            answers.append((np.nan, 0, np.nan))
            continue
        hits, total, last, previous = 0, 0.0, 0, 1.0
        for r, hit in enumerate(match, start=1):
            hits += hit
            precision = hits / r
            if hit:
                total += precision if kind == "step" else (precision + previous) / 2
                last = r
            previous = precision
        answers.append((total / hits, match.index(True) + 1, hits / last))
    return [np.array(column) for column in zip(*answers, strict=True)]


def random_list(seed, queries=23, gallery=61, ties=False):
    rng = np.random.default_rng(seed)
    distances = rng.random((queries, gallery))
    if ties:
        distances = np.round(distances, 1)
    g_pids = rng.integers(-1, 7, gallery)
    return (
        distances,
        rng.integers(1, 8, queries),
        rng.integers(0, 3, queries),
        g_pids,
        rng.integers(0, 3, gallery),
    )


def test_oracle_e1_with_step_average_precision():
    result = evaluate_distances(DISTANCES, Q_PIDS, Q_CAMS, G_PIDS, G_CAMS)
    np.testing.assert_allclose(result.ap, [0.7, 1 / 3, np.nan])
    assert result.mAP == pytest.approx(0.516667, abs=1e-6)
    assert result.mINP == pytest.approx(0.466667, abs=1e-6)
    np.testing.assert_allclose(result.cmc[:6], [0.5, 0.5, 1, 1, 1, 1])
    np.testing.assert_array_equal(result.first_match, [1, 3, 0])
    np.testing.assert_array_equal(result.valid, [True, True, False])
    assert (result.rank(1), result.rank(5), result.rank(99)) == (0.5, 1.0, 1.0)


def test_oracle_e1_with_trapezoid_average_precision():
    result = evaluate_distances(
        DISTANCES, Q_PIDS, Q_CAMS, G_PIDS, G_CAMS, average_precision="trapezoid"
    )
    np.testing.assert_allclose(result.ap, [0.655556, 0.166667, np.nan], atol=1e-6)
    assert result.mAP == pytest.approx(0.411111, abs=1e-6)


@pytest.mark.parametrize("kind", ["step", "trapezoid"])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_equal_a_loop_over_the_sorted_list(kind, ties, seed):
    data = random_list(seed, ties=ties)
    ap, first, inp = loop_over_the_list(*data, kind)
    result = evaluate_distances(*data, average_precision=kind)
    np.testing.assert_allclose(result.ap, ap, atol=1e-12, rtol=0)
    np.testing.assert_allclose(result.inp, inp, atol=1e-12, rtol=0)
    np.testing.assert_array_equal(result.first_match, first)
    valid = first > 0
    expected = [np.mean(first[valid] <= r) for r in range(1, 51)]
    np.testing.assert_allclose(result.cmc, expected, atol=1e-12)


def test_equal_distances_are_ordered_by_gallery_index():
    one_query = ([1], [0], [1, 2, 1], [1, 1, 1])
    match_first = evaluate_distances(np.zeros((1, 3)), *one_query)
    assert match_first.ap[0] == pytest.approx((1 + 2 / 3) / 2)
    other_first = evaluate_distances(np.zeros((1, 3)), [1], [0], [2, 1, 1], [1, 1, 1])
    assert other_first.ap[0] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_features_rank_as_their_squared_distances_whatever_the_block():
    rng = np.random.default_rng(3)
    _, q_pids, q_cams, g_pids, g_cams = random_list(3)
    query, gallery = rng.normal(size=(23, 6)), rng.normal(size=(61, 6))
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    distances = ((query[:, None] - gallery[None]) ** 2).sum(-1)
    expected = evaluate_distances(distances, q_pids, q_cams, g_pids, g_cams)
    for block in (5, 512):
        result = evaluate_ranking(
            torch.from_numpy(query), gallery, q_pids, q_cams, g_pids, g_cams, block=block
        )
        np.testing.assert_allclose(result.ap, expected.ap, atol=1e-12)


def test_junk_items_never_change_a_score():
    distances, q_pids, q_cams, g_pids, g_cams = random_list(4)
    clean = g_pids != -1
    with_junk = evaluate_distances(distances, q_pids, q_cams, g_pids, g_cams)
    without = evaluate_distances(distances[:, clean], q_pids, q_cams, g_pids[clean], g_cams[clean])
    np.testing.assert_array_equal(with_junk.ap, without.ap)


def test_trapezoid_is_never_above_step():
    data = random_list(5)
    step = evaluate_distances(*data).ap
    trapezoid = evaluate_distances(*data, average_precision="trapezoid").ap
    valid = ~np.isnan(step)
    assert valid.any()
    assert (trapezoid[valid] <= step[valid]).all()


def test_cmc_is_cut_at_the_asked_rank():
    assert len(evaluate_distances(*random_list(6), max_rank=7).cmc) == 7


def test_a_list_without_any_match_is_an_error():
    with pytest.raises(UsageError, match="no query has a match"):
        evaluate_distances(np.zeros((1, 2)), [1], [0], [2, 1], [0, 0])


def test_features_that_are_not_finite_are_an_error():
    with pytest.raises(UsageError, match="NaN"):
        evaluate_ranking(np.full((1, 2), np.nan), np.ones((1, 2)), [1], [0], [1], [1])


def test_an_unknown_average_precision_is_an_error():
    with pytest.raises(UsageError, match="step, trapezoid"):
        evaluate_distances(DISTANCES, Q_PIDS, Q_CAMS, G_PIDS, G_CAMS, average_precision="area")


def test_wrong_shapes_name_the_array():
    with pytest.raises(ShapeError, match="g_cams"):
        evaluate_distances(DISTANCES, Q_PIDS, Q_CAMS, G_PIDS, [0])
    with pytest.raises(ShapeError, match="features"):
        evaluate_ranking(np.ones((2, 3)), np.ones((2, 4)), [1, 1], [0, 0], [1, 1], [1, 1])
