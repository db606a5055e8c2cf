"""Local heads of a training method: one embedding per horizontal stripe, dropped afterwards."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.errors import ShapeError, UsageError
from gclbench.networks.initialise import initialise
from gclbench.networks.layers import Dense


class StripeHeads(nn.Module):
    """Per stripe: Linear, BatchNorm1d, length 1. (B, C, S, 1), as `IdOutput.f_id` -> (B, S, E/S).

    Source    SCL (Pang et al., arXiv 2010.07608), scl.md 1: 8 stripes of 2048 -> 256. Here as many
              stripes as E_id has parts; together they are as long as the embedding.
    Raises    UsageError for an embedding that the stripes cannot share, ShapeError for other maps.
    """

    def __init__(
        self, channels: int, parts: int, embedding_dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        if embedding_dim % parts:
            raise UsageError(
                f"an embedding of {embedding_dim} cannot be shared by {parts} stripes.",
                "Change network.id_encoder.embedding_dim or network.id_encoder.parts.",
            )
        each = embedding_dim // parts
        self.linear = nn.ModuleList(Dense(channels, each) for _ in range(parts))
        self.norm = nn.BatchNorm1d(embedding_dim)  # every output has statistics of its own
        initialise(self, "resnet", generator)

    def forward(self, stripes: Tensor) -> Tensor:
        if stripes.ndim != 4 or stripes.shape[2:] != (len(self.linear), 1):
            raise ShapeError(
                f"stripes are {tuple(stripes.shape)}, expected (B, C, {len(self.linear)}, 1)."
            )
        columns = stripes[..., 0].unbind(dim=2)
        outputs = [layer(column) for layer, column in zip(self.linear, columns, strict=True)]
        joined = self.norm(torch.cat(outputs, dim=1))
        return F.normalize(joined.unflatten(1, (len(outputs), -1)), dim=2)
