"""Shuffled: every labelled sample once, in random order."""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.registry import register
from gclbench.samplers.base import Pool


def shuffled_batches(
    items: Tensor, batch_size: int, generator: torch.Generator, *, drop_last: bool = True
) -> list[Tensor]:
    """Cut a random permutation of `items` (n,) into batches; the short last one is dropped."""
    order = items[torch.randperm(len(items), generator=generator)]
    batches = list(order.split(batch_size))
    if drop_last and batches and len(batches[-1]) < batch_size:
        batches.pop()
    return batches


@register("samplers", "shuffled", revision=1)
def shuffled(pool: Pool, rng: torch.Generator) -> list[Tensor]:
    """Shuffled: every labelled sample once, in random order; the short last batch is dropped."""
    return shuffled_batches(torch.from_numpy(pool.rows), pool.batch_size, rng)
