"""MMCL's memory: growing momentum, unit rows, updates as if one after the other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import CheckpointError, ShapeError, UsageError
from gclbench.memory.mmcl import MmclMemory


def unit_rows(count: int, dim: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, dim, generator=rng), dim=1)


def test_rows_are_zero_until_they_are_visited() -> None:
    memory = MmclMemory(4, 3)
    assert torch.equal(memory.rows, torch.zeros(4, 3))
    memory.update(torch.tensor([2]), unit_rows(1, 3, 0), epoch=0)
    assert torch.equal(memory.rows[[0, 1, 3]], torch.zeros(3, 3))


def test_in_epoch_0_a_row_becomes_the_feature() -> None:
    memory = MmclMemory(2, 2)
    memory.load_state_dict({"rows": torch.tensor([[1.0, 0.0], [0.0, 1.0]])})
    memory.update(torch.tensor([0]), torch.tensor([[0.6, 0.8]]), epoch=0)
    assert memory.rows[0].tolist() == pytest.approx([0.6, 0.8])


def test_in_epoch_30_of_60_a_quarter_of_the_old_row_stays() -> None:
    memory = MmclMemory(1, 2)
    memory.load_state_dict({"rows": torch.tensor([[1.0, 0.0]])})
    memory.update(torch.tensor([0]), torch.tensor([[0.0, 1.0]]), epoch=30)
    assert memory.rows[0].tolist() == pytest.approx([0.316228, 0.948683], abs=1e-6)


@pytest.mark.parametrize("epoch", [60, 500])
def test_the_weight_stops_growing_at_the_end_of_its_ramp(epoch: int) -> None:
    memory = MmclMemory(1, 2)
    memory.load_state_dict({"rows": torch.tensor([[1.0, 0.0]])})
    memory.update(torch.tensor([0]), torch.tensor([[0.0, 1.0]]), epoch=epoch)
    assert memory.rows[0].tolist() == pytest.approx([0.5**0.5] * 2)


def test_duplicates_start_from_the_result_of_the_one_before() -> None:
    memory, features = MmclMemory(3, 2), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    memory.update(torch.tensor([1, 1]), features, epoch=30)
    # The first fills a zero row with (1, 0); a quarter of that stays when (0, 1) comes.
    assert memory.rows[1].tolist() == pytest.approx([0.316228, 0.948683], abs=1e-6)


def test_an_update_equals_a_loop_over_the_batch() -> None:
    indices = torch.tensor([4, 1, 4, 0, 4, 1, 6])
    features, start = unit_rows(7, 5, 1), unit_rows(8, 5, 2)
    memory = MmclMemory(8, 5)
    memory.load_state_dict({"rows": start})
    memory.update(indices, features, epoch=7, momentum=0.8, ramp_epochs=10)
    expected = start.clone()
    for index, feature in zip(indices.tolist(), features, strict=True):
        row = 0.8 * 0.7 * expected[index] + (1 - 0.8 * 0.7) * feature
        expected[index] = row / row.norm()
    assert torch.allclose(memory.rows, expected, atol=1e-6)
    assert torch.equal(memory.rows[[2, 3, 5, 7]], start[[2, 3, 5, 7]])
    visited = memory.rows[[0, 1, 4, 6]].norm(dim=1)
    assert torch.allclose(visited, torch.ones(4))


def test_an_empty_batch_changes_nothing_and_features_get_no_gradient() -> None:
    memory = MmclMemory(2, 2)
    memory.update(torch.empty(0, dtype=torch.int64), torch.empty(0, 2), epoch=3)
    assert torch.equal(memory.rows, torch.zeros(2, 2))
    memory.update(torch.tensor([0]), torch.tensor([[1.0, 0.0]], requires_grad=True), epoch=3)
    assert not memory.rows.requires_grad


def test_an_update_before_the_backward_pass_is_stopped() -> None:
    memory, feature = MmclMemory(2, 2), torch.tensor([[1.0, 0.0]], requires_grad=True)
    value = (feature @ memory.rows.T).sum()
    memory.update(torch.tensor([0]), feature, epoch=0)
    with pytest.raises(RuntimeError, match="inplace"):
        value.backward()


def test_wrong_input_is_an_error() -> None:
    memory = MmclMemory(2, 3)
    with pytest.raises(ShapeError, match="features"):
        memory.update(torch.tensor([0]), torch.zeros(1, 2), epoch=0)
    with pytest.raises(UsageError, match="outside"):
        memory.update(torch.tensor([2]), torch.zeros(1, 3), epoch=0)
    with pytest.raises(CheckpointError, match="shape"):
        memory.load_state_dict({"rows": torch.zeros(3, 3)})
