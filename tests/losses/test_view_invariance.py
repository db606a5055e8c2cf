from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import ShapeError, UsageError
from gclbench.losses.view_invariance import (
    ViewTerms,
    l_vi,
    l_vi_dprime,
    l_vi_prime,
    negatives_logsumexp,
    sample_negative_mask,
    sample_positives,
    view_invariance,
    view_invariance_dprime,
    view_invariance_prime,
)

# The oracle of specs/gcl.md, section 12.
BANK = torch.tensor(
    [(1, 0), (0.8, 0.6), (0, 1), (-0.6, 0.8), (-1, 0), (0, -1)], dtype=torch.float64
)
LABELS = torch.tensor([0, 0, 1, 1, -1, 2])
F_ROWS = torch.tensor([(3.0, 1.0), (1.0, 4.0)], dtype=torch.float64)
G_ROWS = torch.tensor([(2.0, 1.0), (-1.0, 3.0)], dtype=torch.float64)
POSITIVE = BANK[[1, 3]]
MASK = LABELS[None] != torch.tensor([[0], [1]])


def one_by_one(function, *rows, **keywords):
    return [
        float(function(*(r[b : b + 1] for r in rows), BANK, mask=MASK[b : b + 1], **keywords))
        for b in range(2)
    ]


def terms(tau, prime="paper"):
    lse = negatives_logsumexp(G_ROWS, BANK, MASK, tau)
    return ViewTerms(F_ROWS, G_ROWS, POSITIVE, BANK[[0, 2]], lse, tau, prime)


def cosine(a, b):
    a, b = a.tolist(), b.tolist()
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def test_values_of_the_oracle_at_temperature_one():
    assert one_by_one(view_invariance, F_ROWS, G_ROWS, POSITIVE, temperature=1.0) == pytest.approx(
        [0.848181, 1.116649], abs=1e-6
    )
    assert one_by_one(view_invariance_dprime, G_ROWS, POSITIVE, temperature=1.0) == pytest.approx(
        [0.828213, 0.914208], abs=1e-6
    )
    assert one_by_one(view_invariance_prime, F_ROWS, G_ROWS, temperature=1.0) == pytest.approx(
        [0.824793, 0.978448], abs=1e-6
    )
    own = BANK[[0, 2]]
    assert one_by_one(view_invariance_prime, own, G_ROWS, temperature=1.0) == pytest.approx(
        [0.879564, 0.914208], abs=1e-6
    )


def test_values_of_the_oracle_at_the_papers_temperature():
    vi = one_by_one(view_invariance, F_ROWS, G_ROWS, POSITIVE, temperature=0.04)
    assert vi == pytest.approx([3.592205e-6, 7.721279e-4], rel=1e-6)
    dprime = one_by_one(view_invariance_dprime, G_ROWS, POSITIVE, temperature=0.04)
    assert dprime == pytest.approx([1.490486e-6, 2.717886e-7], rel=1e-6)


@pytest.mark.parametrize(("prime", "total"), [("code", 2.750512), ("paper", 2.755246)])
def test_registered_losses_share_one_sum_over_negatives(prime, total):
    given = terms(1.0, prime)
    value = l_vi(given) + l_vi_prime(given) + l_vi_dprime(given)
    assert float(value) == pytest.approx(total, abs=2e-6)


def test_view_invariance_equals_a_loop_over_pairs():
    rng = torch.Generator().manual_seed(0)
    view, generated, positive = torch.randn(3, 4, 5, generator=rng, dtype=torch.float64)
    negatives = torch.randn(4, 7, 5, generator=rng, dtype=torch.float64)
    mask = torch.rand(4, 7, generator=rng) < 0.6
    expected = []
    for b in range(4):
        denominator = math.exp(cosine(view[b], positive[b]) / 0.3)
        numerators = [
            math.exp(cosine(generated[b], negatives[b, k]) / 0.3) for k in range(7) if mask[b, k]
        ]
        expected.append(math.log(1 + sum(numerators) / denominator))
    value = view_invariance(view, generated, positive, negatives, temperature=0.3, mask=mask)
    assert float(value) == pytest.approx(sum(expected) / 4)


def test_view_invariance_sends_no_gradient_to_the_bank():
    view, generated, positive, bank = (
        t.clone().requires_grad_() for t in (F_ROWS, G_ROWS, POSITIVE, BANK)
    )
    view_invariance(view, generated, positive, bank, temperature=0.5, mask=MASK).backward()
    assert view.grad.abs().sum() > 0
    assert generated.grad.abs().sum() > 0
    assert positive.grad is None
    assert bank.grad is None


def test_the_prime_loss_sends_gradient_to_the_view_only_in_the_papers_form():
    for prime, moved in (("paper", True), ("code", False)):
        view = F_ROWS.clone().requires_grad_()
        generated = G_ROWS.clone().requires_grad_()
        lse = negatives_logsumexp(generated, BANK, MASK, 1.0)
        l_vi_prime(ViewTerms(view, generated, POSITIVE, BANK[[0, 2]], lse, 1.0, prime)).backward()
        assert (view.grad is not None) == moved
        assert generated.grad.abs().sum() > 0


def test_gradients_agree_with_finite_differences():
    view, generated = F_ROWS.clone().requires_grad_(), G_ROWS.clone().requires_grad_()

    def total(f, g):
        lse = negatives_logsumexp(g, BANK, MASK, 0.7)
        given = ViewTerms(f, g, POSITIVE, BANK[[0, 2]], lse, 0.7)
        return l_vi(given) + l_vi_prime(given) + l_vi_dprime(given)

    assert torch.autograd.gradcheck(total, (view, generated))


def test_an_anchor_without_negatives_adds_nothing():
    generated = G_ROWS.clone().requires_grad_()
    none = torch.zeros(2, 6, dtype=torch.bool)
    value = view_invariance(F_ROWS, generated, POSITIVE, BANK, temperature=0.04, mask=none)
    value.backward()
    assert value.item() == 0
    assert torch.equal(generated.grad, torch.zeros_like(generated))


def test_lengths_of_rows_do_not_matter():
    short = view_invariance(F_ROWS, G_ROWS, POSITIVE, BANK, temperature=0.1, mask=MASK)
    long = view_invariance(9 * F_ROWS, 2 * G_ROWS, POSITIVE, 5 * BANK, temperature=0.1, mask=MASK)
    assert float(short) == pytest.approx(float(long))


def test_values_stay_finite_at_a_tiny_temperature():
    value = view_invariance(F_ROWS, G_ROWS, -POSITIVE, BANK, temperature=1e-4, mask=MASK)
    assert torch.isfinite(value)
    assert value > 1e3


def test_wrong_input_is_an_error():
    with pytest.raises(UsageError, match="temperature"):
        view_invariance(F_ROWS, G_ROWS, POSITIVE, BANK, temperature=0.0)
    with pytest.raises(ShapeError, match="axis D"):
        view_invariance(F_ROWS, G_ROWS, POSITIVE, BANK[:, :1], temperature=1.0)
    with pytest.raises(ShapeError, match="axis B"):
        view_invariance(F_ROWS, G_ROWS, POSITIVE, BANK[None], temperature=1.0)
    with pytest.raises(ShapeError, match="not \\(B, D\\)"):
        view_invariance(F_ROWS, G_ROWS, POSITIVE[:1], BANK, temperature=1.0)
    with pytest.raises(UsageError, match="code, paper"):
        l_vi_prime(terms(1.0, "both"))


def test_all_rows_of_other_labels_are_negatives_when_there_are_few():
    mask = sample_negative_mask(LABELS, torch.tensor([0, 2]), 10, torch.Generator())
    assert mask.tolist() == [[False, False, True, True, True, True], [True] * 5 + [False]]


def test_k_negatives_are_drawn_without_replacement_from_other_labels():
    labels = torch.arange(40) % 5 - 1
    anchors = torch.tensor([0, 3, 0])
    mask = sample_negative_mask(labels, anchors, 7, torch.Generator().manual_seed(1))
    assert mask.sum(dim=1).tolist() == [7, 7, 7]
    assert not (mask & (labels[None] == anchors[:, None])).any()
    assert not torch.equal(mask[0], mask[2])
    assert (mask & (labels == -1)[None]).any()


def test_every_candidate_is_drawn_equally_often():
    labels = torch.tensor([0] + [1] * 4)
    rng = torch.Generator().manual_seed(2)
    counts = sample_negative_mask(labels, torch.zeros(1000).long(), 2, rng).sum(dim=0)
    assert counts[0] == 0
    assert ((counts[1:] - 500).abs() < 80).all()


def test_draws_repeat_under_one_seed_and_differ_under_another():
    labels = torch.arange(60) % 6
    anchors = torch.tensor([0, 1])
    one, same, other = (
        sample_negative_mask(labels, anchors, 5, torch.Generator().manual_seed(s))
        for s in (3, 3, 4)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_positives_share_the_anchors_label():
    labels = torch.tensor([0, 0, 1, 1, 1, -1, 2])
    anchors = torch.tensor([0, 2, 3, 6] * 50)
    rng = torch.Generator().manual_seed(5)
    drawn = sample_positives(labels, anchors, rng)
    assert torch.equal(labels[drawn], labels[anchors])
    assert (drawn == anchors).any()
    assert (drawn != anchors).any()
    others = sample_positives(labels, anchors, rng, exclude_self=True)
    alone = anchors == 6
    assert torch.equal(labels[others], labels[anchors])
    assert (others[~alone] != anchors[~alone]).all()
    assert (others[alone] == 6).all()


def test_an_outlier_cannot_be_an_anchor():
    with pytest.raises(UsageError, match="outlier"):
        sample_negative_mask(LABELS, torch.tensor([-1]), 3, torch.Generator())
    with pytest.raises(UsageError, match="outlier"):
        sample_positives(LABELS, torch.tensor([4]), torch.Generator())
    with pytest.raises(UsageError, match="k is 0"):
        sample_negative_mask(LABELS, torch.tensor([0]), 0, torch.Generator())
