from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels import ranking
from gclbench.kernels.ranking import distance_blocks, evaluate_distances, evaluate_ranking

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


def scikit_learn(distances, q_pids, q_cams, g_pids, g_cams):
    """AP of each query by average_precision_score, as GCL, SpCL, MMT, ACT, SSG and JVTC ask it."""
    answers = []
    for q, row in enumerate(distances):
        junk = (g_pids == -1) | ((g_pids == q_pids[q]) & (g_cams == q_cams[q]))
        match = (g_pids == q_pids[q])[~junk]
        found = average_precision_score(match, -row[~junk]) if match.any() else np.nan
        answers.append(found)
    return np.array(answers)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [1, 3, 10, 256, 10**9])
@pytest.mark.parametrize("seed", [0, 1])
def test_grouped_average_precision_is_scikit_learns(seed, levels, dtype):
    distances, *labels = random_list(seed)
    distances = (np.floor(distances * levels) / levels).astype(dtype)
    labels = [np.asarray(each) for each in labels]
    found = evaluate_distances(distances, *labels, average_precision="grouped")
    np.testing.assert_allclose(found.ap, scikit_learn(distances, *labels), atol=1e-12, rtol=0)
    step = evaluate_distances(distances, *labels)
    np.testing.assert_array_equal(found.cmc, step.cmc)
    np.testing.assert_array_equal(found.inp, step.inp)
    np.testing.assert_array_equal(found.nearest, step.nearest)
    assert found.mAP == pytest.approx(np.nanmean(found.ap), abs=1e-12)
    assert (found.mAP == pytest.approx(step.mAP, abs=1e-12)) == (levels == 10**9)


def test_the_tied_example_of_the_facts():
    # Labels 1, 0, 1, 0 at scores -.1, -.2, -.2, -.3; the same in the other order of the tied two.
    for g_pids in ([1, 2, 1, 2], [1, 1, 2, 2]):
        lists = [[0.1, 0.2, 0.2, 0.3]], [1], [0], g_pids, [1] * 4
        found = evaluate_distances(*lists, average_precision="grouped")
        assert found.ap[0] == pytest.approx((1 + 2 / 3) / 2)
    assert evaluate_distances(*lists).ap[0] == pytest.approx(1.0)


def test_all_equal_distances_give_the_share_of_matches():
    labels = [1], [0], [1] * 3 + [2] * 9, [1] * 12
    found = evaluate_distances(np.full((1, 12), 0.5), *labels, average_precision="grouped")
    assert found.ap[0] == pytest.approx(3 / 12)


@pytest.mark.parametrize("wanted", [1, 7, 200])
@pytest.mark.parametrize("ties", [False, True])
def test_the_first_rows_of_each_list_are_those_of_a_loop(wanted, ties):
    distances, q_pids, q_cams, g_pids, g_cams = random_list(3, ties=ties)
    result = evaluate_distances(distances, q_pids, q_cams, g_pids, g_cams, nearest=wanted)
    assert result.nearest.shape == (23, min(wanted, 61))
    for q, (rows, near) in enumerate(zip(result.nearest, result.nearest_distances, strict=True)):
        kept = [
            j
            for j in sorted(range(61), key=lambda j: (distances[q, j], j))
            if g_pids[j] != -1 and not (g_pids[j] == q_pids[q] and g_cams[j] == q_cams[q])
        ][:wanted]
        assert rows.tolist() == kept + [-1] * (len(rows) - len(kept))
        expected = distances[q, kept].tolist() + [np.inf] * (len(rows) - len(kept))
        assert near.tolist() == expected


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


def assert_same(got, expected):
    for name in ("ap", "inp", "first_match", "valid", "cmc"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))
    assert (got.mAP, got.mINP) == (expected.mAP, expected.mINP)


@st.composite
def small_lists(draw, kinds=(np.float16, np.float32, np.float64, np.int64)):
    """Distances on a coarse grid (many ties) with few identities, junk and distractors."""
    queries, gallery = draw(st.integers(1, 4)), draw(st.integers(1, 40))
    steps = arrays(np.int8, (queries, gallery), elements=st.integers(0, draw(st.integers(0, 9))))
    people, cameras = st.integers(-1, 2), st.integers(0, 1)
    return (
        draw(steps).astype(draw(st.sampled_from(kinds))),
        *(draw(arrays(np.int64, queries, elements=values)) for values in (people, cameras)),
        *(draw(arrays(np.int64, gallery, elements=values)) for values in (people, cameras)),
    )


@settings(max_examples=200, deadline=None)
@given(small_lists(), st.sampled_from(["step", "trapezoid"]))
def test_any_small_list_is_scored_as_by_a_loop(data, kind):
    wanted = np.where(data[1] == -1, 99, data[1])  # a query that is junk itself has no match
    ap, first, inp = loop_over_the_list(data[0], wanted, *data[2:], kind)
    if not first.any():
        with pytest.raises(UsageError, match="no query has a match"):
            evaluate_distances(*data, average_precision=kind)
        return
    result = evaluate_distances(*data, average_precision=kind)
    np.testing.assert_allclose(result.ap, ap, atol=1e-12)
    np.testing.assert_allclose(result.inp, inp, atol=1e-12)
    np.testing.assert_array_equal(result.first_match, first)
    grouped = evaluate_distances(*data, average_precision="grouped")
    labels = wanted, *(np.asarray(each) for each in data[2:])
    np.testing.assert_allclose(
        grouped.ap, scikit_learn(np.asarray(data[0], dtype=float), *labels), atol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(small_lists(), st.sampled_from([np.float16, np.float32, np.float64]), st.integers(0, 99))
def test_any_small_features_are_ranked_as_their_squared_distances(data, dtype, seed):
    # Multiples of a half: every product is exact in every type, so that ties stay ties.
    rng = np.random.default_rng(seed)
    query = rng.integers(-2, 3, (len(data[1]), 3)) / 2
    gallery = rng.integers(-2, 3, (len(data[3]), 3)) / 2
    ap, first, _ = loop_over_the_list(
        2 - 2 * query @ gallery.T, np.where(data[1] == -1, 99, data[1]), *data[2:], "step"
    )
    if not first.any():
        return
    result = evaluate_ranking(query.astype(dtype), gallery.astype(dtype), *data[1:])
    np.testing.assert_allclose(result.ap, ap, atol=1e-12)


def test_a_gallery_of_one_identity_is_all_match():
    distances = np.random.default_rng(0).random((3, 500), dtype=np.float32)
    result = evaluate_distances(distances, [1] * 3, [0] * 3, [1] * 500, [1] * 500)
    np.testing.assert_array_equal(result.ap, np.ones(3))
    np.testing.assert_array_equal(result.inp, np.ones(3))


def test_blocks_score_as_the_whole_matrix():
    distances, *labels = random_list(7)
    expected = evaluate_distances(distances, *labels)
    for size in (1, 4, 23):
        blocks = (distances[start : start + size] for start in range(0, 23, size))
        assert_same(evaluate_distances(blocks, *labels), expected)


def test_scores_do_not_depend_on_the_number_of_threads():
    data = random_list(8, queries=150, ties=True)
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            results.append(evaluate_distances(*data))
    finally:
        torch.set_num_threads(threads)
    assert_same(*results)


def test_a_matrix_may_be_a_tensor_or_lie_column_by_column():
    distances, *labels = random_list(9)
    expected = evaluate_distances(distances.astype(np.float32), *labels)
    assert_same(evaluate_distances(torch.from_numpy(distances).float(), *labels), expected)
    assert_same(evaluate_distances(np.asfortranarray(distances, np.float32), *labels), expected)


@pytest.mark.parametrize("near, far", [(1.0, 1 + 1e-12), (10**9, 10**9 + 1)])
def test_distances_that_float32_cannot_tell_apart_are_told_apart(near, far):
    result = evaluate_distances(np.array([[far, near]]), [1], [0], [2, 1], [1, 1])
    assert result.first_match[0] == 1


def test_blocks_of_distances_are_cut_by_memory(monkeypatch):
    query, gallery = np.eye(10, 4, dtype=np.float32), np.ones((30, 4), dtype=np.float32)
    assert [part.shape for part in distance_blocks(query, gallery)] == [(10, 30)]
    monkeypatch.setattr(ranking, "_BLOCK_BYTES", 4 * 30 * 4)
    parts = list(distance_blocks(query, gallery))
    assert [len(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(parts), 2 - 2 * query @ gallery.T)


def test_features_made_without_gradients_or_with_them_can_be_ranked():
    labels = [1], [0], [1, 2], [1, 1]
    rows = torch.eye(2)
    with torch.inference_mode():
        frozen = rows * 1.0
    assert evaluate_ranking(frozen[:1], frozen, *labels).mAP == 1
    assert evaluate_ranking(rows[:1].requires_grad_(), rows, *labels).mAP == 1


@pytest.mark.gpu
def test_features_on_a_gpu_rank_as_on_the_cpu():
    data = random_list(10)
    query, gallery = torch.randn(23, 16).double(), torch.randn(61, 16).double()
    expected = evaluate_ranking(query, gallery, *data[1:])
    assert_same(evaluate_ranking(query.cuda(), gallery.cuda(), *data[1:]), expected)


def test_a_list_without_any_match_is_an_error():
    with pytest.raises(UsageError, match="no query has a match"):
        evaluate_distances(np.zeros((1, 2)), [1], [0], [2, 1], [0, 0])


def test_features_that_are_not_finite_are_an_error():
    with pytest.raises(UsageError, match="NaN"):
        evaluate_ranking(np.full((1, 2), np.nan), np.ones((1, 2)), [1], [0], [1], [1])


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (22, 60), (11, 17)])
def test_one_strange_distance_is_an_error_even_where_nobody_looks(strange, place):
    distances, _, q_cams, g_pids, g_cams = random_list(11)
    distances[place] = strange
    q_pids = np.full(23, 99)  # without a match, all but one
    q_pids[5], g_pids[:3], q_cams[5], g_cams[:3] = 6, 6, 0, 1
    with pytest.raises(UsageError, match="NaN or infinity"):
        evaluate_distances(distances, q_pids, q_cams, g_pids, g_cams)


def test_an_empty_query_or_gallery_is_an_error():
    with pytest.raises(UsageError, match="1 queries, 0 gallery items"):
        evaluate_ranking(np.ones((1, 2)), np.ones((0, 2)), [1], [0], [], [])
    with pytest.raises(UsageError, match="0 queries, 1 gallery items"):
        evaluate_distances(np.ones((0, 1)), [], [], [1], [0])
    with pytest.raises(UsageError, match="0 queries"):
        evaluate_distances(iter(()), [], [], [1], [0])


def test_blocks_that_make_no_query_by_gallery_matrix_are_an_error():
    labels = [1, 1], [0, 0], [1, 2, 3], [1, 1, 1]
    with pytest.raises(ShapeError, match=r"\(b, 3\)"):
        evaluate_distances(iter([np.ones((2, 4))]), *labels)
    with pytest.raises(ShapeError, match="1 rows for 2 queries"):
        evaluate_distances(iter([np.ones((1, 3))]), *labels)
    with pytest.raises(ShapeError, match="more rows than the 2 queries"):
        evaluate_distances(iter([np.ones((1, 3)), np.ones((2, 3))]), *labels)


def test_an_unknown_average_precision_is_an_error():
    with pytest.raises(UsageError, match="step, trapezoid, grouped"):
        evaluate_distances(DISTANCES, Q_PIDS, Q_CAMS, G_PIDS, G_CAMS, average_precision="area")


def test_wrong_shapes_name_the_array():
    with pytest.raises(ShapeError, match="g_cams"):
        evaluate_distances(DISTANCES, Q_PIDS, Q_CAMS, G_PIDS, [0])
    with pytest.raises(ShapeError, match=r"not \(Q, G\)"):
        evaluate_distances([0.1, 0.2], [1], [0], [1, 1], [1, 1])
    with pytest.raises(ShapeError, match="features"):
        evaluate_ranking(np.ones((2, 3)), np.ones((2, 4)), [1, 1], [0, 0], [1, 1], [1, 1])
