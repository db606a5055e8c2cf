"""Scalar products of two sets of rows, by the fastest library that torch carries."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

# What torch.compile calls for a linear layer: oneDNN on plain tensors, without copies into its
# own layout and back (7 % of a tile's time). It is not public: without it, the copies are made.
_DENSE = getattr(torch.ops.mkldnn, "_linear_pointwise", None)

_ONEDNN_DTYPES = (torch.float32, torch.bfloat16)


@cache
def bfloat16_is_fast() -> bool:
    """Whether this CPU multiplies bfloat16 by instructions of its own (AVX512-BF16 or AMX).

    Elsewhere oneDNN imitates it, slower than float32. A torch that cannot tell answers no.
    """
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    known = [getattr(torch.cpu, name, None) for name in questions]
    return torch.backends.mkldnn.is_available() and any(ask() for ask in known if ask is not None)


def products(rows: Tensor, columns: Tensor) -> Tensor:
    """Return rows @ columns.T: (A, D) and (B, D) -> (A, B), dense, where the rows lie.

    Float32 and bfloat16 on a CPU go through oneDNN: on AMD processors it has twice the speed of
    the MKL behind `@`. No gradient; last digits differ between libraries.
    """
    onednn = rows.dtype in _ONEDNN_DTYPES and torch.backends.mkldnn.is_available()
    if rows.device.type != "cpu" or not onednn:
        return rows @ columns.T
    with torch.no_grad():
        if _DENSE is not None:
            return _DENSE(rows, columns, None, "none", [], "")
        return F.linear(rows.to_mkldnn(), columns.to_mkldnn()).to_dense()
