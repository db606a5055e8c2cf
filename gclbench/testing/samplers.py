"""What every sampler of stage 3 promises. A user's joins with one fixture:

class TestMine(SamplerContract):
    @pytest.fixture
    def sampler(self):
        return made("samplers", "mine")
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gclbench.samplers.base import Pool

# Four labels of unequal size among outliers, each before two cameras.
POOL = Pool(
    labels=np.array([0, 1, -1, 0, 2, 1, 0, 3, -1, 2, 0, 1, 3, 2, 0, -1, 1, 0]),
    cams=np.arange(18) % 2,
    batch_size=4,
)


def _batches(sampler: Any, seed: int = 0, pool: Pool = POOL) -> list[Tensor]:
    return list(sampler(pool, torch.Generator().manual_seed(seed)))


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in pairs)


class SamplerContract:
    """Inherit, and give the fixture `sampler`; `POOL` is what it is asked to make batches of."""

    def test_batches_hold_labelled_samples_in_the_size_that_was_asked_for(
        self, sampler: Any
    ) -> None:
        batches = _batches(sampler)
        assert batches
        for batch in batches:
            assert (batch.dtype, batch.device.type, batch.ndim) == (torch.int64, "cpu", 1)
            assert 1 <= len(batch) <= POOL.batch_size
            assert (POOL.labels[batch.numpy()] >= 0).all()

    def test_one_generator_state_gives_one_epoch_and_another_another(self, sampler: Any) -> None:
        assert _same(_batches(sampler, 1), _batches(sampler, 1))
        assert not _same(_batches(sampler, 1), _batches(sampler, 2))

    def test_the_global_generators_are_not_touched(self, sampler: Any) -> None:
        before, numpy_before = (
            torch.get_rng_state(),
            np.random.get_state(legacy=False)["state"]["key"].copy(),
        )
        _batches(sampler)
        assert torch.equal(torch.get_rng_state(), before)
        assert (np.random.get_state(legacy=False)["state"]["key"] == numpy_before).all()

    def test_it_leaves_the_labels_alone(self, sampler: Any) -> None:
        labels = POOL.labels.copy()
        _batches(sampler, pool=replace(POOL, labels=labels))
        assert (labels == POOL.labels).all()

    def test_outliers_alone_are_no_batch(self, sampler: Any) -> None:
        nobody = replace(POOL, labels=np.full_like(POOL.labels, -1))
        assert _batches(sampler, pool=nobody) == []
