"""Which tensors can be weights, of any layout that a file may hold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gclbench.weight_files.sound import unsound

NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.weight", torch.tensor([1.0, NAN])),
        ("a.weight", torch.tensor([1e300], dtype=torch.float64)),
        ("a.weight", torch.tensor(NAN).expand(10**12)),
        ("a.running_var", torch.tensor([1.0, -0.1])),
    ],
)
def test_what_is_not_finite_is_named(name: str, value: Tensor) -> None:
    assert unsound({"sound": torch.ones(2), name: value}) == [name]


@pytest.mark.filterwarnings("ignore")
def test_tensors_of_other_layouts_are_left_to_who_loads_them() -> None:
    matrix = torch.eye(2)
    odd = {
        "meta": matrix.to("meta"),
        "sparse": matrix.to_sparse(),
        "csr": matrix.to_sparse_csr(),
        "quantised": torch.quantize_per_tensor(matrix, 0.1, 0, torch.qint8),
        "none": torch.empty(0, 3),
    }
    assert unsound(odd) == []


def test_a_number_expanded_beyond_all_memory_is_looked_at_once() -> None:
    assert unsound({"a.running_var": torch.tensor(1.0).expand(10**6, 10**6)}) == []
