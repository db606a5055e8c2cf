from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gclbench.errors import UsageError
from gclbench.kernels.sampling import one_of_each, thinned


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(1, 13), st.integers(0, 999))
def test_every_row_keeps_k_of_its_own_or_all(b, n, k, seed):
    mask = torch.rand(b, n, generator=generator(seed)) < 0.7
    before = mask.clone()
    thin = thinned(mask, k, generator(seed + 1))
    assert torch.equal(mask, before)
    assert (thin & ~mask).sum() == 0
    assert thin.sum(dim=1).tolist() == [min(k, int(row.sum())) for row in mask]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_all_subsets_are_equally_likely_whichever_side_is_drawn(k):
    mask = torch.zeros(6000, 7, dtype=torch.bool)
    mask[:, [0, 2, 3, 6]] = True
    thin = thinned(mask, k, generator(3))
    seen = Counter(tuple(row.nonzero()[:, 0].tolist()) for row in thin)
    expected = 6000 / len(list(combinations(range(4), k)))
    assert len(seen) == len(list(combinations(range(4), k)))
    assert all(abs(count - expected) < 5 * expected**0.5 for count in seen.values())


def test_rows_draw_apart_and_a_generator_repeats():
    mask = torch.ones(4, 50, dtype=torch.bool)
    one, same, other = (thinned(mask, 20, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert len({tuple(row.tolist()) for row in one}) == 4


def test_the_generator_rests_where_nothing_is_left_out():
    rng = generator(5)
    before = rng.get_state()
    assert thinned(torch.ones(3, 8, dtype=torch.bool), 8, rng).all()
    assert torch.equal(rng.get_state(), before)


def test_one_true_entry_of_each_row_is_drawn_uniformly():
    mask = torch.zeros(6000, 9, dtype=torch.bool)
    mask[:, [1, 4, 8]] = True
    counts = torch.bincount(one_of_each(mask, generator(2)), minlength=9)
    assert counts[[0, 2, 3, 5, 6, 7]].sum() == 0
    assert all(abs(int(count) - 2000) < 200 for count in counts[[1, 4, 8]])
    with pytest.raises(UsageError, match="nothing to draw"):
        one_of_each(torch.zeros(1, 3, dtype=torch.bool), generator())
