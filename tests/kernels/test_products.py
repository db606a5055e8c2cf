from __future__ import annotations

import pytest
import torch

from gclbench.kernels.products import products


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("a", "b", "d"), [(3, 5, 7), (1, 1, 1), (130, 70, 33), (4, 9, 512)])
def test_products_equal_a_float64_matmul(a, b, d, dtype):
    generator = torch.Generator().manual_seed(a)
    rows = torch.randn(a, d, generator=generator, dtype=dtype)
    columns = torch.randn(b, d, generator=generator, dtype=dtype)
    got = products(rows, columns)
    assert got.shape == (a, b)
    assert got.is_contiguous()
    torch.testing.assert_close(got.double(), rows.double() @ columns.double().T, atol=1e-4, rtol=0)


def test_strided_rows_and_no_onednn_give_the_same(monkeypatch):
    matrix = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    strided = products(matrix[::2], matrix[1:9])
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    torch.testing.assert_close(products(matrix[::2], matrix[1:9]), strided, atol=1e-5, rtol=0)
