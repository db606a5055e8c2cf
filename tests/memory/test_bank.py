from __future__ import annotations

import pytest
import torch

from gclbench.errors import CheckpointError, ShapeError, UsageError
from gclbench.kernels.contrast import bank_logsumexp
from gclbench.memory.bank import JvtcBank, LookUpTable, MemoryBank, turns

ROWS = torch.tensor([(1, 0), (0.8, 0.6), (0, 1), (-0.6, 0.8)], dtype=torch.float64)
FEATURES = torch.nn.functional.normalize(torch.tensor([(3.0, 1.0), (1.0, 4.0)]).double(), dim=1)


def test_updated_rows_of_the_oracle():
    bank = MemoryBank(ROWS)
    bank.update(torch.tensor([0, 2]), FEATURES, 0.2)
    expected = torch.tensor([(0.966919, 0.255085), (0.194962, 0.980811)]).double()
    assert torch.allclose(bank.rows[[0, 2]], expected, atol=1e-6)
    assert torch.equal(bank.rows[[1, 3]], ROWS[[1, 3]])


def test_momentum_weighs_the_old_row():
    bank = MemoryBank(ROWS)
    bank.update(torch.tensor([1]), FEATURES[:1], 1.0)
    assert torch.allclose(bank.rows, ROWS)
    bank.update(torch.tensor([1]), FEATURES[:1], 0.0)
    assert torch.allclose(bank.rows[1], FEATURES[0])


def test_an_update_before_backward_does_not_disturb_the_contrast():
    bank = MemoryBank(ROWS)
    feature = torch.tensor([[0.3, 2.0]], dtype=torch.float64, requires_grad=True)
    value = bank_logsumexp(feature, bank.rows, torch.ones(1, 4, dtype=torch.bool), 0.5).sum()
    bank.update(torch.tensor([0]), FEATURES[:1], 0.2)
    value.backward()
    weights = torch.softmax(feature.detach() @ ROWS.T / 0.5, dim=1)
    assert torch.allclose(feature.grad, weights @ ROWS / 0.5)


def test_a_loss_that_keeps_the_bank_is_stopped_and_not_given_wrong_gradients():
    bank = MemoryBank(ROWS)
    feature = torch.tensor([[0.3, 2.0]], dtype=torch.float64, requires_grad=True)
    value = (feature @ bank.rows.T).sum()
    bank.update(torch.tensor([0]), FEATURES[:1], 0.2)
    with pytest.raises(RuntimeError, match="inplace"):
        value.backward()


def test_a_state_that_was_taken_does_not_change_with_later_updates():
    bank = MemoryBank(ROWS)
    state = bank.state_dict()
    bank.update(torch.tensor([0]), FEATURES[:1], 0.2)
    assert torch.equal(state["rows"], ROWS)
    assert not torch.equal(bank.rows, ROWS)


def test_rows_never_require_gradients():
    feature = FEATURES.clone().requires_grad_()
    bank = MemoryBank(ROWS)
    bank.update(torch.tensor([0, 1]), feature, 0.5)
    assert not bank.rows.requires_grad


def test_the_state_returns_bit_for_bit_and_is_not_shared():
    bank = MemoryBank(ROWS)
    bank.update(torch.tensor([0, 2]), FEATURES, 0.2)
    state = {name: value.clone() for name, value in bank.state_dict().items()}
    other = MemoryBank(ROWS)
    other.load_state_dict(state)
    state["rows"].zero_()
    assert torch.equal(other.rows, bank.rows)
    with pytest.raises(CheckpointError, match="shape"):
        other.load_state_dict({"rows": torch.zeros(1, 2)})
    with pytest.raises(CheckpointError, match="none"):
        other.load_state_dict({})


def test_jvtc_bank_grows_its_momentum_and_does_not_normalise():
    bank = JvtcBank(1, 2, torch.Generator())
    for epoch, expected in (
        (20, (0.8, 0.2)),
        (1, (0.99, 0.01)),
        (79, (0.21, 0.79)),
        (90, (0.2, 0.8)),
    ):
        bank.load_state_dict({"rows": torch.tensor([[0.0, 1.0]])})
        bank.update(torch.tensor([0]), torch.tensor([[1.0, 0.0]]), epoch=epoch)
        assert bank.rows[0].tolist() == pytest.approx(expected)


def test_jvtc_bank_starts_uniform_from_its_generator():
    one, same, other = (JvtcBank(40, 512, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one.rows, same.rows)
    assert not torch.equal(one.rows, other.rows)
    assert one.rows.min() >= 0
    assert one.rows.max() < 1
    assert one.rows.norm(dim=1).mean() == pytest.approx(13.06, abs=0.1)


@pytest.mark.parametrize(
    "row, feature, expected",
    [
        ((1.0, 0.0), (0.0, 1.0), (0.70711, 0.70711)),
        ((1.0, 0.0), (0.0, 2.0), (0.44721, 0.89443)),
        ((0.0, 0.0), (3.0, 4.0), (0.6, 0.8)),
    ],
)
def test_the_look_up_table_takes_the_normalised_mean(row, feature, expected):
    table = LookUpTable(3, 2)
    assert torch.equal(table.rows, torch.zeros(3, 2))
    table.load_state_dict({"rows": torch.tensor([(9.0, 9.0), row, (5.0, 5.0)])})
    table.update(torch.tensor([1]), torch.tensor([feature]))
    assert table.rows[1].tolist() == pytest.approx(expected, abs=1e-5)
    assert table.rows[[0, 2]].tolist() == [[9.0, 9.0], [5.0, 5.0]]


def test_the_look_up_table_takes_samples_of_one_cluster_one_after_the_other():
    table = LookUpTable(2, 2)
    table.update(torch.tensor([0, 1, 0]), torch.tensor([(1.0, 0.0), (0.0, 5.0), (0.0, 2.0)]))
    # First (1, 0), then ((1, 0) + (0, 2)) / 2; in the other order (0, 1), then (0.5, 0.5).
    assert table.rows[0].tolist() == pytest.approx([0.44721, 0.89443], abs=1e-5)
    other = LookUpTable(2, 2)
    other.update(torch.tensor([0, 0]), torch.tensor([(0.0, 2.0), (1.0, 0.0)]))
    assert other.rows[0].tolist() == pytest.approx([0.70711, 0.70711], abs=1e-5)


def test_turns_are_the_first_places_of_all_rows_then_the_second_ones():
    found = [sorted(turn.tolist()) for turn in turns(torch.tensor([2, 0, 2, 1, 0, 2]))]
    assert found == [[0, 1, 3], [2, 4], [5]]
    assert list(turns(torch.tensor([], dtype=torch.int64))) == []


def test_wrong_input_is_an_error():
    with pytest.raises(UsageError, match="length 1"):
        MemoryBank(2 * ROWS)
    with pytest.raises(ShapeError, match="rows"):
        MemoryBank(torch.zeros(3))
    bank = MemoryBank(ROWS)
    with pytest.raises(ShapeError, match="features"):
        bank.update(torch.tensor([0]), FEATURES, 0.2)
    with pytest.raises(UsageError, match="momentum"):
        bank.update(torch.tensor([0, 1]), FEATURES, 1.2)
    with pytest.raises(UsageError, match="outside"):
        bank.update(torch.tensor([0, 4]), FEATURES, 0.2)
