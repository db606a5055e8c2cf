from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import UsageError
from gclbench.losses.mix import MixTerms, l_mix

PROTOTYPES = torch.tensor([(0.9, 0.3), (-0.3, 0.9), (0.0, -1.0)], dtype=torch.float64)
MIXED = torch.tensor([(2.0, 3.0), (1.0, 1.0)], dtype=torch.float64)
OWN, PARTNER = torch.tensor([0, 1]), torch.tensor([1, 0])


def each(form, unit):
    return [
        float(
            l_mix(
                MixTerms(
                    MIXED[b : b + 1],
                    PROTOTYPES,
                    OWN[b : b + 1],
                    PARTNER[b : b + 1],
                    0.7,
                    form=form,
                    unit=unit,
                )
            )
        )
        for b in (0, 1)
    ]


@pytest.mark.parametrize(
    ("form", "unit", "values"),
    [
        ("paper", False, [0.003998, 0.155839]),
        ("code", False, [0.619646, 0.926586]),
        ("paper", True, [0.195834, 0.250009]),
        ("code", True, [0.768977, 0.920410]),
    ],
)
def test_values_of_the_oracle(form, unit, values):
    assert each(form, unit) == pytest.approx(values, abs=1e-6)


def test_mix_loss_with_one_lambda_per_row_equals_a_loop():
    rng = torch.Generator().manual_seed(0)
    mixed = torch.randn(4, 3, generator=rng, dtype=torch.float64)
    p = torch.randn(5, 3, generator=rng, dtype=torch.float64)
    own, partner = [0, 2, 2, 4], [1, 2, 0, 3]
    lam = torch.tensor([0.6, 0.9, 0.5, 1.0], dtype=torch.float64)
    losses = []
    for b in range(4):
        p_mix = lam[b] * p[own[b]] + (1 - lam[b]) * p[partner[b]]
        others = [c for c in range(5) if c not in (own[b], partner[b])]
        powers = sum(math.exp(float(mixed[b] @ p[c])) for c in others)
        losses.append(math.log(1 + powers / math.exp(float(mixed[b] @ p_mix))))
    value = l_mix(MixTerms(mixed, p, torch.tensor(own), torch.tensor(partner), lam))
    assert float(value) == pytest.approx(sum(losses) / 4)


def test_a_partner_of_the_same_cluster_gives_the_prototype_loss():
    value = l_mix(MixTerms(MIXED, PROTOTYPES, OWN, OWN, 0.7))
    expected = torch.nn.functional.cross_entropy(MIXED @ PROTOTYPES.T, OWN)
    assert float(value) == pytest.approx(float(expected))


def test_two_clusters_leave_no_negatives_and_no_loss():
    mixed = MIXED.clone().requires_grad_()
    value = l_mix(MixTerms(mixed, PROTOTYPES[:2], OWN, PARTNER, 0.7))
    value.backward()
    assert value.item() == 0
    assert torch.equal(mixed.grad, torch.zeros_like(mixed))


@pytest.mark.parametrize("form", ["paper", "code"])
def test_gradients_agree_with_finite_differences(form):
    mixed = MIXED.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda f: l_mix(MixTerms(f, PROTOTYPES, OWN, PARTNER, 0.7, form=form)), (mixed,)
    )


def test_an_unknown_form_is_an_error():
    with pytest.raises(UsageError, match="code, paper"):
        l_mix(MixTerms(MIXED, PROTOTYPES, OWN, PARTNER, 0.7, form="soft"))
