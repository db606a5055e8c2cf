"""MPLP: the published examples, a plain walk over sorted lists, limits and errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.pseudolabels import mplp
from gclbench.pseudolabels.mplp import positive_labels


def walk(memory: Tensor, image: int, threshold: float, least_rank: int) -> list[int]:
    """mmcl.md 3.3, step by step, one image at a time; every image heads its own list."""
    rows = memory.double().numpy()

    def ranked(row: int) -> list[int]:
        scores = rows @ rows[row]
        others = sorted(
            (j for j in range(len(rows)) if j != row), key=lambda j: (-round(scores[j], 12), j)
        )
        return [row, *others]

    own = ranked(image)
    near = int((rows @ rows[image] > threshold).sum())
    widest, step = max(near, least_rank), 1
    for r in range(min(widest, len(rows))):
        if ranked(own[r]).index(own[0]) > widest:
            break
        step = max(step, r)
    return sorted({image, *own[: max(min(step + 1, near), 0)]})


def labels_of(labels: Tensor) -> list[list[int]]:
    return [torch.nonzero(row)[:, 0].tolist() for row in labels]


def at_angles(degrees: list[float]) -> Tensor:
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def clustered(count: int, dim: int, spread: float, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    centres = torch.randn(1 + count // 9, dim, generator=rng, dtype=torch.float64)
    chosen = torch.randint(len(centres), (count,), generator=rng)
    noise = torch.randn(count, dim, generator=rng, dtype=torch.float64)
    return F.normalize(centres[chosen] + spread * noise, dim=1)


@pytest.fixture(scope="module")
def fan() -> Tensor:
    """0, 1, ..., 19 and 64 degrees, each a little off, so that no two are equally far."""
    jitter = np.random.default_rng(0).uniform(0, 1e-3, 21)
    return at_angles([a + j for a, j in zip([*range(20), 64], jitter, strict=True)])


def test_the_published_example_with_an_outlier(fan: Tensor) -> None:
    labels = labels_of(positive_labels(fan, torch.tensor([0, 19, 20])))
    assert labels[0] == list(range(20))
    assert labels[1] == list(range(21))  # the outlier is accepted ...
    assert labels[2] == [19, 20]  # ... but accepts its nearest only, untested


@pytest.mark.parametrize("least_rank", [0, 1, 4, 10])
@pytest.mark.parametrize("threshold", [-0.5, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("spread", [0.4, 1.5])
def test_labels_equal_a_walk_over_sorted_lists(
    spread: float, threshold: float, least_rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A few pairs at a time and one neighbour at first, so that every border is crossed.
    monkeypatch.setattr(mplp, "_PAIR_SCORES", 500)
    monkeypatch.setattr(mplp, "_FIRST_WALK", 1)
    memory = clustered(70, 4, spread)
    indices = torch.arange(0, 70, 2)
    found = positive_labels(memory, indices, threshold=threshold, least_rank=least_rank)
    expected = [walk(memory, i, threshold, least_rank) for i in indices.tolist()]
    assert labels_of(found) == expected


def test_the_walk_is_a_test_and_stops_some_images_early() -> None:
    memory, indices = clustered(70, 4, 1.5), torch.arange(70)
    tested = positive_labels(memory, indices, threshold=0.3, least_rank=0).sum(dim=1)
    near = (memory @ memory.T > 0.3).sum(dim=1)
    assert int((tested < near).sum()) > 10
    assert int((tested > 2).sum()) > 10


def test_how_much_is_held_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, indices = clustered(90, 8, 1.0), torch.arange(0, 90, 3)
    whole = positive_labels(memory, indices, threshold=0.3)
    for pair_scores, first_walk in ((1, 1), (1000, 3)):
        monkeypatch.setattr(mplp, "_PAIR_SCORES", pair_scores)
        monkeypatch.setattr(mplp, "_FIRST_WALK", first_walk)
        assert torch.equal(positive_labels(memory, indices, threshold=0.3), whole)


def test_orthogonal_rows_are_alone() -> None:
    labels = positive_labels(torch.eye(12), torch.arange(12))
    assert torch.equal(labels, torch.eye(12, dtype=torch.bool))


def test_two_tight_groups_are_two_blocks() -> None:
    rng = torch.Generator().manual_seed(4)
    centres = torch.tensor([[1.0, 0.0, 0.0], [0.2, 1.0, 0.0]]).repeat_interleave(15, dim=0)
    memory = F.normalize(centres + 0.05 * torch.randn(30, 3, generator=rng), dim=1)
    labels = positive_labels(memory, torch.arange(30))
    block = torch.arange(30) < 15
    assert torch.equal(labels, block[:, None] == block[None, :])


def test_an_image_never_seen_is_alone_and_so_is_everyone_at_threshold_one() -> None:
    memory = clustered(30, 5, 0.3)
    memory[7] = 0
    labels = positive_labels(memory, torch.tensor([7, 8]), threshold=0.6)
    assert labels_of(labels)[0] == [7]
    assert not labels[1, 7]
    alone = positive_labels(memory, torch.arange(30), threshold=1.0)
    assert torch.equal(alone, torch.eye(30, dtype=torch.bool))


def test_everyone_is_his_own_positive_and_none_has_more_than_are_near() -> None:
    memory, indices = clustered(80, 6, 1.0), torch.arange(80)
    sizes = []
    for threshold in (0.2, 0.5, 0.8):
        labels = positive_labels(memory, indices, threshold=threshold)
        near = (memory @ memory.T > threshold).sum(dim=1)
        assert bool(labels.diagonal().all())
        assert bool((labels.sum(dim=1) <= near.clamp(min=1)).all())
        sizes.append(int(labels.sum()))
    assert sizes == sorted(sizes, reverse=True)


def test_equal_rows_are_each_others_positives() -> None:
    memory = torch.cat([torch.eye(4)[:1].expand(3, 4), torch.eye(4)[1:]])
    labels = positive_labels(memory, torch.arange(6))
    assert labels_of(labels) == [[0, 1, 2]] * 3 + [[3], [4], [5]]


@pytest.mark.parametrize("least_rank", [0, 2, 5, 12])
@pytest.mark.parametrize("threshold", [-0.1, 0.2, 0.6])
def test_ties_are_broken_by_index_with_oneself_in_front(threshold: float, least_rank: int) -> None:
    # Corners of a cube, several times each: products are exact, and most of them equal.
    signs = torch.randint(0, 2, (40, 4), generator=torch.Generator().manual_seed(0))
    memory = signs.double() - 0.5
    found = positive_labels(memory, torch.arange(40), threshold=threshold, least_rank=least_rank)
    assert labels_of(found) == [walk(memory, i, threshold, least_rank) for i in range(40)]


def test_another_order_of_the_images_gives_the_same_labels() -> None:
    memory = clustered(60, 5, 0.8)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(2))
    straight = positive_labels(memory, torch.arange(60))
    shuffled = positive_labels(memory[order], torch.arange(60))
    assert torch.equal(shuffled, straight[order][:, order])


def test_labels_need_not_be_symmetric(fan: Tensor) -> None:
    labels = positive_labels(fan, torch.arange(21))
    assert labels[10, 0]
    assert not torch.equal(labels, labels.T)


def test_wrong_input_is_an_error() -> None:
    with pytest.raises(ShapeError, match="memory"):
        positive_labels(torch.zeros(3), torch.tensor([0]))
    for wrong in (-1, 3):
        with pytest.raises(UsageError, match="outside"):
            positive_labels(torch.eye(3), torch.tensor([wrong]))
