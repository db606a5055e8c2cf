"""Weights, and which losses a batch gets."""

from __future__ import annotations

import math

import pytest
import torch

from gclbench.errors import UsageError
from gclbench.losses.view_invariance import ViewTerms, sample_positives
from gclbench.registry import REGISTRY, register
from gclbench.schema.settings import JointSettings
from gclbench.seeding import torch_generator
from gclbench.stages.contrast import (
    BatchViews,
    Draws,
    EpochLabels,
    contrastive_losses,
    terms_type,
    weighted_total,
)
from gclbench.stages.generative import Mixing

LABELS = torch.tensor([1, -1, 0, 1, 2, 0, 1])


def make_batch(mixed: bool) -> tuple[BatchViews, EpochLabels, torch.Tensor]:
    generator = torch_generator(1, "batch")
    bank = torch.nn.functional.normalize(torch.randn(7, 5, generator=generator))
    view, generated, blend = torch.randn(3, 2, 5, generator=generator).unbind(0)
    mixing = Mixing(torch.tensor([1, 0]), 0.7) if mixed else None
    views = BatchViews(torch.tensor([0, 2]), view, generated, blend if mixed else None, mixing)
    return views, EpochLabels(LABELS, torch.randn(3, 5, generator=generator)), bank


def draws() -> Draws:
    return Draws(torch_generator(0, "p"), torch_generator(0, "n"))


def test_a_loss_of_ones_own_joins_by_the_type_of_its_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = {kind: dict(names) for kind, names in REGISTRY._entries.items()}
    monkeypatch.setattr(REGISTRY, "_entries", kinds)
    views, labels, bank = make_batch(mixed=False)

    def spread(terms: ViewTerms) -> torch.Tensor:
        return terms.generated.square().mean()

    def silent(values: torch.Tensor) -> torch.Tensor:
        return values.mean()

    register("losses", "spread_for_a_test", revision=1)(spread)
    register("losses", "silent_for_a_test", revision=1)(silent)
    settings = JointSettings(losses=("l_vi", "spread_for_a_test"), lambda_vi=3.0)
    losses = contrastive_losses(views, labels, bank, settings, draws())
    expected = views.generated.square().mean()
    assert losses["spread_for_a_test"] == expected
    total = weighted_total({"spread_for_a_test": expected}, settings)
    assert total == pytest.approx(3 * float(expected))
    with pytest.raises(UsageError, match="does not say what it reads"):
        terms_type("silent_for_a_test")


def test_a_mixed_batch_gets_every_loss_that_is_named_and_no_other() -> None:
    views, labels, bank = make_batch(mixed=True)
    settings = JointSettings(losses=("l_mix", "l_vi_prime"))
    losses = contrastive_losses(views, labels, bank, settings, draws())
    assert sorted(losses) == ["l_mix", "l_vi_prime"]


def test_view_invariance_of_a_batch_equals_a_loop_over_rows() -> None:
    views, labels, bank = make_batch(mixed=True)
    settings = JointSettings(temperature=0.5)
    losses = contrastive_losses(views, labels, bank, settings, draws())
    positives = sample_positives(LABELS, views.indices, draws().positives, exclude_self=False)
    expected = torch.zeros(3, 2)
    for row in range(2):
        g = torch.nn.functional.normalize(views.generated[row], dim=0)
        f = torch.nn.functional.normalize(views.view[row], dim=0)
        p = bank[positives[row]]
        other = [n for n in range(7) if LABELS[n] != LABELS[views.indices[row]]]
        negatives = sum(torch.exp(g @ bank[n] / 0.5) for n in other)
        for loss, similarity in enumerate((f @ p, g @ f, g @ p)):
            expected[loss, row] = torch.log(1 + negatives / torch.exp(similarity / 0.5))
    got = [losses[name].item() for name in ("l_vi", "l_vi_prime", "l_vi_dprime")]
    assert got == pytest.approx(expected.mean(1).tolist(), abs=1e-6)


def test_with_l_vi_alone_the_total_is_its_weight_times_a_loop_over_rows() -> None:
    views, labels, bank = make_batch(mixed=False)
    settings = JointSettings(losses=("l_vi",), lambda_vi=2.5, lambda_mix=7.0, temperature=0.3)
    losses = contrastive_losses(views, labels, bank, settings, draws())
    assert list(losses) == ["l_vi"]
    positives = sample_positives(LABELS, views.indices, draws().positives, exclude_self=False)
    expected = 0.0
    for row, image in enumerate(views.indices.tolist()):
        similarity = cosine(views.view[row].tolist(), bank[positives[row]].tolist())
        others = [n for n in range(len(LABELS)) if LABELS[n] != LABELS[image]]
        negatives = sum(
            math.exp(cosine(views.generated[row].tolist(), bank[n].tolist()) / 0.3) for n in others
        )
        expected += math.log(1 + negatives / math.exp(similarity / 0.3)) / len(views.indices)
    assert weighted_total(losses, settings).item() == pytest.approx(2.5 * expected, rel=1e-5)


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def test_l_mix_of_a_batch_equals_equation_14_over_rows() -> None:
    views, labels, bank = make_batch(mixed=True)
    losses = contrastive_losses(views, labels, bank, JointSettings(), draws())
    rows = []
    for row, (own, partner) in enumerate(((1, 0), (0, 1))):
        assert views.mixed is not None
        scores = labels.prototypes @ views.mixed[row]
        aim = 0.7 * scores[own] + 0.3 * scores[partner]
        rows.append(torch.log(1 + scores[2].exp() / aim.exp()).item())
    assert losses["l_mix"].item() == pytest.approx(sum(rows) / 2, rel=1e-5)


def test_the_bank_gets_no_gradient() -> None:
    views, labels, bank = make_batch(mixed=True)
    bank.requires_grad_(True)
    views.view.requires_grad_(True)
    losses = contrastive_losses(views, labels, bank, JointSettings(), draws())
    weighted_total(losses, JointSettings()).backward()
    assert bank.grad is None
    assert views.view.grad is not None


def test_the_total_weighs_views_and_prototypes_apart() -> None:
    losses = {"l_vi": torch.tensor(2.0), "l_proto": torch.tensor(3.0), "l_mix": torch.tensor(5.0)}
    total = weighted_total(losses, JointSettings(lambda_vi=10.0, lambda_mix=0.5))
    assert total.item() == pytest.approx(24.0)
