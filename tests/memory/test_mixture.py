"""SCL's mixture memory against updates made one by one."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from gclbench.errors import ShapeError, UsageError
from gclbench.memory.mixture import MixtureBank


def bank_of(rows: torch.Tensor) -> MixtureBank:
    bank = MixtureBank(len(rows), rows.shape[1])
    bank.load_state_dict({"rows": rows.float()})
    return bank


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def test_the_updated_row_of_the_oracle() -> None:
    bank = bank_of(torch.eye(2))
    bank.update(torch.tensor([0]), normalize(torch.tensor([[0.9, 0.3]])))
    assert bank.rows.tolist() == [pytest.approx([0.987087, 0.160182], abs=1e-6), [0, 1]]


def test_a_bank_starts_at_zero_so_that_its_first_update_is_the_feature() -> None:
    bank = MixtureBank(3, 4)
    assert not bank.rows.any()
    features = drawn(2, 4)
    bank.update(torch.tensor([2, 0]), features)
    assert torch.allclose(bank.rows[[2, 0]], normalize(features))
    assert not bank.rows[1].any()


def test_a_longer_feature_weighs_more() -> None:
    bank = bank_of(torch.tensor([[1.0, 0.0]]))
    bank.update(torch.tensor([0]), torch.tensor([[0.0, 3.0]]))
    assert torch.allclose(bank.rows[0], normalize(torch.tensor([1.0, 3.0]), dim=0))


def test_many_updates_equal_one_after_the_other() -> None:
    rows = torch.randint(0, 5, (40,), generator=torch.Generator().manual_seed(1))
    features = 2 * drawn(40, 6)
    bank, slow = MixtureBank(5, 6), torch.zeros(5, 6)
    bank.update(rows, features)
    for row, feature in zip(rows.tolist(), features, strict=True):
        slow[row] = (slow[row] + feature) / 2
        slow[row] = slow[row] / slow[row].norm()
    assert torch.allclose(bank.rows, slow, atol=1e-6)


def test_the_order_of_a_rows_updates_matters() -> None:
    features, rows = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), torch.zeros(3).long()
    bank, backwards = MixtureBank(1, 2), MixtureBank(1, 2)
    bank.update(rows, features)
    backwards.update(rows, features.flip(0))
    assert bank.rows[0, 0] > 0.9 > backwards.rows[0, 0]


def test_no_update_leaves_all_rows() -> None:
    bank = bank_of(torch.eye(2))
    bank.update(torch.empty(0, dtype=torch.int64), torch.empty(0, 2))
    assert torch.equal(bank.rows, torch.eye(2))


def test_what_does_not_fit_is_refused() -> None:
    bank = MixtureBank(3, 4)
    with pytest.raises(ShapeError):
        bank.update(torch.tensor([0]), torch.zeros(1, 3))
    with pytest.raises(UsageError, match="outside"):
        bank.update(torch.tensor([3]), torch.zeros(1, 4))
