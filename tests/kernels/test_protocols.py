"""The single-gallery-shot protocol: one random item of every identity."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.ranking import evaluate_distances, single_shot_cmc

# Query 0 of oracle E1 in specs/evaluation.md, section 2.
E1 = (
    np.array([[0.10, 0.50, 0.20, 0.30, 0.15, 0.05, 0.70, 0.60]]),
    [1], [1], [1, 1, 2, 0, 1, -1, 2, 1], [1, 2, 2, 3, 3, 2, 3, 2],
)  # fmt: skip


class EveryDrawOnce:
    """Stands in for chance: all combinations of picks, one a draw."""

    def integers(self, sizes, size):
        picks = np.array(list(itertools.product(*(range(n) for n in sizes))))
        assert picks.shape == size
        return picks


def expected_cmc(distances, q_pids, q_cams, g_pids, g_cams):
    """The mean over all draws, closed form.

    Given the match, each other identity is ahead of it with a probability of its own: how many
    are ahead follows the product of these two-point distributions.
    """
    total, valid = np.zeros(len(set(g_pids) - {-1})), 0
    for q, row in enumerate(distances):
        kept = [
            j
            for j in range(len(row))
            if g_pids[j] != -1 and not (g_pids[j] == q_pids[q] and g_cams[j] == q_cams[q])
        ]
        matches = [j for j in kept if g_pids[j] == q_pids[q]]
        valid += bool(matches)
        for match in matches:
            count = np.ones(1)
            for identity in {g_pids[j] for j in kept} - {q_pids[q]}:
                ahead = [(row[j], j) < (row[match], match) for j in kept if g_pids[j] == identity]
                count = np.convolve(count, [1 - np.mean(ahead), np.mean(ahead)])
            total[: len(count)] += count / len(matches)
    return np.cumsum(total) / valid


def random_list(seed):
    rng = np.random.default_rng(seed)
    distances = np.round(rng.random((15, 40)), 1)
    g_pids = rng.integers(-1, 6, 40).tolist()
    labels = rng.integers(1, 7, 15), rng.integers(0, 3, 15), g_pids, rng.integers(0, 3, 40)
    return distances, *labels


def test_oracle_e1_over_every_draw():
    got = single_shot_cmc(*E1, EveryDrawOnce(), draws=6)
    np.testing.assert_allclose(got, [1 / 3, 2 / 3, 1], rtol=1e-12)
    np.testing.assert_allclose(expected_cmc(*E1), [1 / 3, 2 / 3, 1], rtol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_many_draws_approach_the_closed_form(seed):
    data = random_list(seed)
    got = single_shot_cmc(*data, np.random.default_rng(seed), draws=4000)
    assert 0.1 < expected_cmc(*data)[0] < 0.9
    np.testing.assert_allclose(got, expected_cmc(*data), atol=4 * 0.5 / np.sqrt(4000))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_a_gallery_of_one_item_each_leaves_nothing_to_chance(size, seed, ties):
    rng = np.random.default_rng(seed)
    distances = rng.random((size, size))
    if ties:
        distances = np.round(distances, 1)
    g_pids, q_pids = rng.permutation(size), rng.permutation(size)
    data = distances, q_pids, np.zeros(size), g_pids, np.ones(size)
    got = single_shot_cmc(*data, rng, draws=2)
    np.testing.assert_allclose(got, evaluate_distances(*data).cmc, atol=1e-12)


def test_one_generator_reproduces_the_draws_whatever_the_blocks():
    distances, *labels = random_list(2)
    one = single_shot_cmc(distances, *labels, np.random.default_rng(0))
    blocks = (distances[start : start + 4] for start in range(0, 15, 4))
    again = single_shot_cmc(blocks, *labels, np.random.default_rng(0))
    np.testing.assert_array_equal(one, again)
    other = single_shot_cmc(distances, *labels, np.random.default_rng(1))
    assert not np.array_equal(one, other)


def test_junk_is_never_drawn():
    distances, q_pids, q_cams, g_pids, g_cams = random_list(3)
    clean = np.array(g_pids) != -1
    assert not clean.all()
    got = single_shot_cmc(distances, q_pids, q_cams, g_pids, g_cams, np.random.default_rng(0))
    without = single_shot_cmc(
        distances[:, clean],
        q_pids,
        q_cams,
        np.array(g_pids)[clean],
        g_cams[clean],
        np.random.default_rng(0),
    )
    np.testing.assert_array_equal(got, without)


def test_the_curve_rises_to_one_and_is_cut_at_the_asked_rank():
    data = random_list(4)
    curve = single_shot_cmc(*data, np.random.default_rng(0))
    assert len(curve) == len(set(data[3]) - {-1})
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] == 1
    cut = single_shot_cmc(*data, np.random.default_rng(0), max_rank=2)
    np.testing.assert_array_equal(cut, curve[:2])


def test_lists_that_cannot_be_drawn_from_are_an_error():
    rng = np.random.default_rng(0)
    distances, *labels = E1
    with pytest.raises(UsageError, match="draws = 0"):
        single_shot_cmc(distances, *labels, rng, draws=0)
    with pytest.raises(UsageError, match="no query has a match"):
        single_shot_cmc(distances, [9], *labels[1:], rng)
    with pytest.raises(UsageError, match="no query has a match"):
        single_shot_cmc(distances, [1], [1], [-1] * 8, [2] * 8, rng)
    with pytest.raises(UsageError, match="NaN"):
        single_shot_cmc(distances * np.nan, *labels, rng)
    with pytest.raises(UsageError, match="0 gallery items"):
        single_shot_cmc(distances[:, :0], [1], [1], [], [], rng)
    with pytest.raises(ShapeError, match=r"\(b, 8\)"):
        single_shot_cmc(iter([distances[:, :4]]), *labels, rng)
