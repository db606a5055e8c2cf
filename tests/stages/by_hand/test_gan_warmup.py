"""Stage 2 against a plain twin: each loss, each weight, what stays as it was, the curve."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from plain_gan import assert_same_weights

from gclbench.stages.loop import train

Pair = Callable[..., Any]
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "mesh switch": {"view": "mesh_switch"},
    "gray switch": {"view": "gray_switch"},
    "nobody mixed": {"adversarial_mix": False},
    "another Beta": {"mix_alpha": 3.0},
    "first feature pair of the code": {"recon_feature_pair": "code"},
    "log-GAN": {"adversarial": "nsgan", "r1_weight": 2.0},
    "no penalty": {"r1_weight": 0.0},
    "stripes": {"mlp_slicing": "stripe"},
    "six angles": {"angles": 6},
    "Adam's numbers": {"beta1": 0.5, "beta2": 0.9, "weight_decay": 0.1, "lr": 0.002},
    "weights": {"lambda_recon": 0.5, "lambda_adv": 3.0},
}


def assert_equal(ours: Any, plain: Any) -> None:
    pairs = (
        (ours.module.generator, plain.gan.generator, plain.gan.optimizers["g"]),
        (ours.module.discriminator, plain.gan.discriminator, plain.gan.optimizers["d"]),
    )
    for one, two, optimizer in pairs:
        assert_same_weights(one, two, optimizer)
    expected = plain.encoder.state_dict()
    for name, value in ours.encoder.state_dict().items():
        assert torch.equal(value, expected[name]), name


def two_steps(ours: Any, plain: Any) -> None:
    batches, expected = ours.begin_epoch(0), plain.batches(0)
    assert [b.tolist() for b in batches] == [b.tolist() for b in expected]
    for batch in expected[:2]:
        losses = {name: torch.as_tensor(v).item() for name, v in ours.step(batch).items()}
        assert losses == pytest.approx(plain.step(batch), rel=1e-6, abs=0)
        assert_equal(ours, plain)


@pytest.mark.parametrize("case", CASES)
def test_two_steps_under_each_setting_equal_the_plain_ones(gan_pair: Pair, case: str) -> None:
    two_steps(*gan_pair(**{"batch_size": 4, **CASES[case]}))


def test_two_steps_on_tracklets_equal_the_plain_ones(gan_pair: Pair) -> None:
    two_steps(*gan_pair(tracklets=True, batch_size=4))


def test_d_steps_before_g_is_judged(gan_pair: Pair) -> None:
    """With D's rate so high that its step shows, what G pays is what the new D says."""
    ours, plain = gan_pair(batch_size=4, lr=0.05)
    batch = ours.begin_epoch(0)[0]
    plain.batches(0)
    expected = plain.step(batch)["adv"]
    assert ours.step(batch)["adv"].item() == pytest.approx(expected, rel=1e-6)
    _, stale = gan_pair(batch_size=4, lr=1e-12)
    stale.batches(0)
    assert stale.step(batch)["adv"] != pytest.approx(expected, rel=0.05)


def test_the_curve_is_that_of_the_plain_trainer(gan_pair: Pair) -> None:
    """Three epochs: other draws in each, a lower rate in the last."""
    ours, plain = gan_pair(epochs=3, lr=0.002, lr_decay_epoch=2, lr_decay=0.2, batch_size=12)
    train(ours, ours.context)
    curve = json.loads((ours.context.folder / "epochs.json").read_text())
    assert len(curve) == 3
    for epoch, found in enumerate(curve):
        steps = [plain.step(batch) for batch in plain.batches(epoch)]
        assert len(steps) == 2
        for name in steps[0]:
            mean = sum(step[name] for step in steps) / len(steps)
            assert found[name] == pytest.approx(mean, rel=1e-4, abs=0), (epoch, name)
    assert ours.history["recon_x"][-1] == pytest.approx(steps[-1]["recon_x"], rel=1e-4)
    assert len(ours.history["recon_f"]) == 6
