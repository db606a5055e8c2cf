from __future__ import annotations

import pytest
import torch
from scipy import stats

from gclbench.augmentations.base import MixParams
from gclbench.augmentations.d_mixup import DMixup
from gclbench.augmentations.f_mixup import FMixup
from gclbench.augmentations.mixup import Mixup
from gclbench.errors import UsageError

ALL = pytest.mark.parametrize("kind", [Mixup, FMixup, DMixup])
IMAGES = torch.randn(4, 3, 6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@ALL
def test_mixup_with_lambda_one_returns_the_input(kind):
    params = MixParams(torch.tensor([3, 2, 1, 0]), 1.0)
    assert torch.equal(kind().apply(IMAGES, params), IMAGES)


@ALL
def test_lambda_weighs_the_image_and_not_its_partner(kind):
    mixed = kind().apply(IMAGES, MixParams(torch.tensor([1, 2, 3, 0]), 0.9))
    assert torch.allclose(mixed[2], 0.9 * IMAGES[2] + 0.1 * IMAGES[3])


def test_partners_are_a_permutation():
    partner = DMixup().sample(16, torch.Generator().manual_seed(1)).partner
    assert sorted(partner.tolist()) == list(range(16))
    assert partner.tolist() != list(range(16))


@pytest.mark.parametrize("alpha", [0.2, 0.6, 2.0])
def test_lambda_follows_the_folded_beta_distribution(alpha):
    rng = torch.Generator().manual_seed(2)
    augmentation = Mixup(alpha)
    lam = [augmentation.sample(2, rng).lam for _ in range(2000)]
    assert min(lam) >= 0.5
    assert max(lam) <= 1

    def folded(x):
        return stats.beta.cdf(x, alpha, alpha) - stats.beta.cdf(1 - x, alpha, alpha)

    assert stats.kstest(lam, folded).pvalue > 0.01


def test_a_tiny_alpha_still_gives_a_number():
    rng = torch.Generator().manual_seed(3)
    assert all(0.5 <= Mixup(1e-4).sample(2, rng).lam <= 1 for _ in range(50))


def test_alpha_must_be_positive():
    with pytest.raises(UsageError, match="alpha"):
        DMixup(0)
