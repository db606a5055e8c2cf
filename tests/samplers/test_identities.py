from __future__ import annotations

import torch

from gclbench.samplers.identities import IdentityGroups

LABELS = torch.tensor([4, 0, 4, 2, 0, 4, 4, 2, 7, 4, 0])
ROWS = 100 + torch.arange(len(LABELS))


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def labels_of(batch):
    return LABELS[batch - 100].view(-1, 4)


def test_each_identity_comes_once_per_pass_with_its_own_images():
    (batch,) = IdentityGroups(ROWS, LABELS).epoch(4, 4, chance())
    groups = labels_of(batch)
    assert sorted(groups[:, 0].tolist()) == [0, 2, 4, 7]
    assert bool((groups == groups[:, :1]).all())


def test_images_are_drawn_without_replacement_where_there_are_enough():
    for seed in range(20):
        (batch,) = IdentityGroups(ROWS, LABELS).epoch(4, 4, chance(seed))
        drawn = {int(LABELS[g[0] - 100]): set(g.tolist()) for g in batch.view(-1, 4)}
        assert len(drawn[4]) == 4
        assert drawn[7] == {108}
    seen = {
        row
        for seed in range(20)
        for row in IdentityGroups(ROWS, LABELS).epoch(4, 4, chance(seed))[0].tolist()
    }
    assert seen == set(ROWS.tolist())


def test_who_has_just_enough_images_comes_with_each_of_them():
    for seed in range(5):
        (batch,) = IdentityGroups(ROWS, LABELS).epoch(4, 3, chance(seed))
        drawn = {int(LABELS[g[0] - 100]): set(g.tolist()) for g in batch.view(-1, 3)}
        assert drawn[0] == {101, 104, 110}


def test_a_short_last_batch_is_dropped():
    batches = IdentityGroups(ROWS, LABELS).epoch(3, 4, chance())
    assert [len(batch) for batch in batches] == [12]
    assert IdentityGroups(ROWS, LABELS).epoch(5, 4, chance()) == []


def test_a_single_batch_has_distinct_identities_or_is_refused():
    groups = IdentityGroups(ROWS, LABELS)
    for seed in range(10):
        batch = groups.batch(3, 4, chance(seed))
        assert batch is not None
        assert len(labels_of(batch)[:, 0].unique()) == 3
    assert groups.batch(5, 4, chance()) is None


def test_the_generator_decides():
    groups = IdentityGroups(ROWS, LABELS)
    first, again, other = (groups.epoch(2, 4, chance(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_no_rows_are_no_batches():
    none = IdentityGroups(ROWS[:0], LABELS[:0])
    assert none.epoch(2, 4, chance()) == []
    assert none.batch(2, 4, chance()) is None
