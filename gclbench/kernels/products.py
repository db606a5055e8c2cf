"""Scalar products of two sets of rows, by the fastest library that torch carries."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def products(rows: Tensor, columns: Tensor) -> Tensor:
    """Return rows @ columns.T: (A, D) and (B, D) -> (A, B), dense, where the rows lie.

    Float32 on a CPU goes through oneDNN: on AMD processors it has twice the speed of the MKL
    behind `@`. No gradient; last digits differ between libraries.
    """
    onednn = rows.dtype == torch.float32 and torch.backends.mkldnn.is_available()
    if rows.device.type != "cpu" or not onednn:
        return rows @ columns.T
    with torch.no_grad():
        return F.linear(rows.to_mkldnn(), columns.to_mkldnn()).to_dense()
