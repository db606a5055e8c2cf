"""Positives, weights, and which losses a batch gets."""

from __future__ import annotations

import pytest
import torch

from gclbench.runtime.catalog import load_catalog
from gclbench.schema.settings import JointSettings
from gclbench.seeding import torch_generator
from gclbench.stages.contrast import (
    BatchViews,
    EpochLabels,
    contrastive_losses,
    sample_positives,
    weighted_total,
)
from gclbench.stages.generative import Mixing

LABELS = torch.tensor([1, -1, 0, 1, 2, 0, 1])


def test_positives_share_the_label_and_every_member_is_drawn() -> None:
    indices = torch.tensor([0] * 300)
    drawn = sample_positives(LABELS, indices, torch_generator(0, "p"), exclude_self=False)
    assert set(drawn.tolist()) == {0, 3, 6}


def test_excluding_self_draws_every_other_member_and_never_the_image() -> None:
    indices = torch.tensor([3] * 300)
    drawn = sample_positives(LABELS, indices, torch_generator(0, "p"), exclude_self=True)
    assert set(drawn.tolist()) == {0, 6}


def test_a_lonely_image_is_its_own_positive_even_when_self_is_excluded() -> None:
    drawn = sample_positives(LABELS, torch.tensor([4]), torch_generator(0, "p"), exclude_self=True)
    assert drawn.tolist() == [4]


def make_batch(mixed: bool) -> tuple[BatchViews, EpochLabels, torch.Tensor]:
    load_catalog()
    generator = torch_generator(1, "batch")
    bank = torch.nn.functional.normalize(torch.randn(7, 5, generator=generator))
    view, generated, blend = torch.randn(3, 2, 5, generator=generator).unbind(0)
    mixing = Mixing(torch.tensor([1, 0]), torch.tensor(0.7)) if mixed else None
    views = BatchViews(torch.tensor([0, 2]), view, generated, blend if mixed else None, mixing)
    return views, EpochLabels(LABELS, torch.randn(3, 5, generator=generator)), bank


def test_a_batch_without_mix_gets_no_mix_loss() -> None:
    views, labels, bank = make_batch(mixed=False)
    losses = contrastive_losses(views, labels, bank, JointSettings(), torch_generator(0, "n"))
    assert list(losses) == ["l_vi", "l_vi_prime", "l_vi_dprime", "l_proto"]


def test_view_invariance_of_a_batch_equals_a_loop_over_rows() -> None:
    views, labels, bank = make_batch(mixed=True)
    settings = JointSettings(temperature=0.5)
    losses = contrastive_losses(views, labels, bank, settings, torch_generator(0, "n"))
    positives = sample_positives(
        LABELS, views.indices, torch_generator(0, "n"), exclude_self=False
    )
    expected = torch.zeros(2)
    for row in range(2):
        g = torch.nn.functional.normalize(views.generated[row], dim=0)
        f = torch.nn.functional.normalize(views.view[row], dim=0)
        negatives = [
            torch.exp(g @ bank[n] / 0.5)
            for n in range(7)
            if LABELS[n] != LABELS[views.indices[row]]
        ]
        expected[row] = torch.log(1 + sum(negatives) / torch.exp(f @ bank[positives[row]] / 0.5))
    assert losses["l_vi"].item() == pytest.approx(expected.mean().item(), abs=1e-6)


def test_the_total_weighs_views_and_prototypes_apart() -> None:
    losses = {"l_vi": torch.tensor(2.0), "l_proto": torch.tensor(3.0), "l_mix": torch.tensor(5.0)}
    total = weighted_total(losses, JointSettings(lambda_vi=10.0, lambda_mix=0.5))
    assert total.item() == pytest.approx(24.0)
