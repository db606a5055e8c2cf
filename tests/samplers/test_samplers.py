"""Shipped samplers keep the contract; what each one visits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gclbench.errors import UsageError
from gclbench.registry import REGISTRY
from gclbench.samplers import identities, shuffled  # noqa: F401  (registers them)
from gclbench.testing.parameters import made
from gclbench.testing.samplers import POOL, SamplerContract

SHIPPED = {"identities": {"images": 2}, "shuffled": {}}


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


class TestShipped(SamplerContract):
    @pytest.fixture(params=sorted(SHIPPED))
    def sampler(self, request):
        return made("samplers", request.param, **SHIPPED[request.param])


def test_no_shipped_sampler_is_missing_here():
    entries = REGISTRY.entries("samplers")
    assert {e.name for e in entries if e.module.startswith("gclbench.")} == set(SHIPPED)


def test_shuffled_visits_every_labelled_sample_once_but_for_the_short_last_batch():
    batches = made("samplers", "shuffled")(POOL, chance())
    assert [len(batch) for batch in batches] == [4, 4, 4]
    seen = torch.cat(batches).tolist()
    assert len(set(seen)) == 12
    assert set(seen) < set(POOL.rows.tolist())


@pytest.mark.parametrize("images, batch_size", [(2, 4), (2, 8), (3, 9)])
def test_identities_have_as_many_images_as_asked_in_every_batch(images, batch_size):
    pool = replace(POOL, batch_size=batch_size)
    for batch in made("samplers", "identities", images=images)(pool, chance(1)):
        groups = POOL.labels[batch.numpy()].reshape(-1, images)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == batch_size // images


def test_a_batch_that_holds_no_identity_is_an_error():
    with pytest.raises(UsageError, match="a batch of 4 holds no 5 images"):
        made("samplers", "identities", images=5)(POOL, chance())
