"""Stage 3 against a plain twin: each loss, each weight, each statistic, the memory, the curve."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from plain_gan import assert_same_weights

from gclbench.stages.loop import scalars, train

Pair = Callable[..., Any]
ROWS = {
    "none": ["none"],
    "multi": ["multi"],
    "rotation": ["rotation"],
    "mesh_switch": ["mesh_switch"],
    "gray_switch": ["gray_switch"],
    "oracle_rotation": ["oracle_rotation"],
    "multi_mixup": ["multi", "mixup"],
    "multi_fmixup": ["multi", "f_mixup"],
    "rotation_mixup": ["rotation", "mixup"],
    "rotation_fmixup": ["rotation", "f_mixup"],
    "rotation_dmixup": ["rotation", "d_mixup"],
}
CURVES = [
    *("none", "multi", "rotation", "oracle_rotation", "multi_mixup"),
    # What they share with the others is held there, and their draws by the test that comes last.
    *(
        pytest.param(row, marks=pytest.mark.slow)
        for row in ("rotation_mixup", "rotation_fmixup", "rotation_dmixup")
    ),
]
# Every setting of docs/deviations.md, and of the losses and optimisers, that changes a step.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "first feature pair of the code": (
        "rotation_dmixup",
        {},
        {"recon_feature_pair": "code"},
    ),
    "first feature pair of the code, own statistics": (
        "rotation_dmixup",
        {"batch_norm_updates": "real"},
        {"recon_feature_pair": "code"},
    ),
    "log-GAN": ("rotation_dmixup", {}, {"adversarial": "nsgan", "r1_weight": 0.0}),
    "log-GAN with a penalty": ("rotation", {}, {"adversarial": "nsgan", "r1_weight": 2.0}),
    "no penalty": ("rotation", {}, {"r1_weight": 0.0}),
    "stripes": ("rotation", {}, {"mlp_slicing": "stripe"}),
    "six angles": ("rotation", {}, {"angles": 6}),
    "Adam's numbers": (
        "rotation",
        {"gan_lr": 0.002},
        {"beta1": 0.5, "beta2": 0.9, "weight_decay": 0.1},
    ),
    "weights of L_gan": ("rotation", {}, {"lambda_recon": 0.5, "lambda_adv": 3.0}),
    "an image's own row": ("multi", {"l_vi_prime_positive": "code"}, {}),
    "an image's own row, generated": ("rotation", {"l_vi_prime_positive": "code"}, {}),
    "L_mix of the code": ("multi_mixup", {"l_mix_form": "code"}, {}),
    "unit features": ("multi_mixup", {"prototype_features": "unit"}, {}),
    "unit features, L_mix of the code": (
        "multi_mixup",
        {"prototype_features": "unit", "l_mix_form": "code"},
        {},
    ),
    "positives are others": ("multi", {"exclude_self_positive": True}, {}),
    "few negatives": ("rotation", {"negatives": 5, "temperature": 0.3}, {}),
    "F-Mixup of f_id": ("rotation_fmixup", {"f_mixup_layer": "identity"}, {}),
    "F-Mixup of f_id, own statistics": (
        "rotation_fmixup",
        {"f_mixup_layer": "identity", "batch_norm_updates": "real"},
        {},
    ),
    "Mixup, own statistics": ("rotation_mixup", {"batch_norm_updates": "real"}, {}),
    "D-Mixup, own statistics": ("rotation_dmixup", {"batch_norm_updates": "real"}, {}),
    "no momentum": ("multi", {"momentum": 0.0}, {}),
    "SGD's numbers": ("multi", {"momentum": 0.5, "weight_decay": 0.2}, {}),
    "weights of contrast": ("rotation_dmixup", {"lambda_vi": 0.3, "lambda_mix": 2.0}, {}),
    "old rows weigh more": ("multi", {"memory_momentum": 0.8}, {}),
    "another Beta": ("rotation_dmixup", {"mix_alpha": 3.0}, {}),
    "one loss alone": ("rotation", {"losses": ["l_vi_dprime"]}, {}),
    "prototypes alone": ("multi_mixup", {"losses": ["l_mix", "l_proto"]}, {}),
}


def networks(ours: Any, plain: Any) -> list[tuple[Any, Any, Any]]:
    """Our network, the plain one, and the optimiser of that."""
    found = [(ours.encoder, plain.encoder, plain.optimizer)]
    if plain.gan is not None:
        made, of = ours.generative, plain.gan.optimizers
        found.append((made.generator, plain.gan.generator, of["g"]))
        found.append((made.discriminator, plain.gan.discriminator, of["d"]))
    return found


def assert_equal(ours: Any, plain: Any) -> None:
    for one, two, optimizer in networks(ours, plain):
        assert_same_weights(one, two, optimizer)
    torch.testing.assert_close(ours.memory.rows, plain.memory, rtol=1e-6, atol=1e-9)


def two_steps(ours: Any, plain: Any) -> None:
    """Compare two steps, so that what an optimiser remembers is seen too."""
    batches, expected = ours.begin_epoch(0), plain.batches(0)
    assert [b.tolist() for b in batches] == [b.tolist() for b in expected]
    for batch in expected[:2]:
        losses = {name: torch.as_tensor(v).item() for name, v in ours.step(batch).items()}
        assert losses == pytest.approx(plain.step(batch), rel=1e-6, abs=0)
        assert_equal(ours, plain)


@pytest.mark.parametrize("row", ROWS)
def test_two_steps_of_each_row_equal_the_plain_ones(joint_pair: Pair, row: str) -> None:
    two_steps(*joint_pair(*ROWS[row], lr=0.005))


@pytest.mark.parametrize("case", CASES)
def test_two_steps_under_each_setting_equal_the_plain_ones(joint_pair: Pair, case: str) -> None:
    row, values, gan = CASES[case]
    two_steps(*joint_pair(*ROWS[row], sections={"gan": gan}, **{"lr": 0.005, **values}))


@pytest.mark.parametrize("row", ["multi_mixup", "rotation_fmixup", "rotation_dmixup"])
def test_two_steps_on_tracklets_equal_the_plain_ones(joint_pair: Pair, row: str) -> None:
    sections = {"data": {"video": {"mars_frames": 3}}}
    two_steps(
        *joint_pair(
            *ROWS[row], tracklets=True, sections=sections, lr=0.005, f_mixup_layer="identity"
        )
    )


def test_two_positions_of_a_batch_may_hit_one_row(joint_pair: Pair) -> None:
    ours, plain = joint_pair("none", lr=0.005)
    first = ours.begin_epoch(0)[0]
    plain.batches(0)
    batch = torch.cat([first, first[:1]])
    losses = {name: value.item() for name, value in ours.step(batch).items()}
    assert losses == pytest.approx(plain.step(batch), rel=1e-6, abs=0)
    assert_equal(ours, plain)  # the same image twice: both give one row


def test_losses_read_the_memory_as_it_was_before_the_step(joint_pair: Pair) -> None:
    """With beta = 0 a row becomes the view itself: as its own positive it would be at cosine 1."""
    ours, plain = joint_pair("multi", lr=1e-12, memory_momentum=0.0, losses=["l_vi"])
    batch = ours.begin_epoch(0)[0]
    plain.batches(0)
    found = ours.step(batch)["l_vi"].item()
    assert found == pytest.approx(plain.step(batch)["l_vi"], rel=1e-9)
    plain.memory = ours.memory.rows.clone()
    plain.positives, plain.negatives = (plain.stream(n, 0) for n in ("positives", "negatives"))
    plain.view_stream = plain.stream("view", 0)
    assert plain.step(batch)["l_vi"] != pytest.approx(found, rel=1e-2)


@pytest.mark.parametrize("row", CURVES)
def test_the_curve_of_each_row_is_that_of_the_plain_trainer(joint_pair: Pair, row: str) -> None:
    """Two epochs: labels of the memory anew, other draws, lower rates."""
    ours, plain = joint_pair(
        *ROWS[row],
        lr=0.01,
        gan_lr=0.001,
        lr_decay_epoch=1,
        lr_decay=0.2,
        gan_lr_decay=0.3,
        batch_size=8,
    )
    train(ours, ours.context)
    curve = json.loads((ours.context.folder / "epochs.json").read_text())
    assert len(curve) == 2
    for epoch, found in enumerate(curve):
        steps = [plain.step(batch) for batch in plain.batches(epoch)]
        assert len(steps) > 1
        for name in steps[0]:
            mean = sum(step[name] for step in steps) / len(steps)
            assert found[name] == pytest.approx(mean, rel=1e-4, abs=0), (epoch, name)
    torch.testing.assert_close(ours.memory.rows, plain.memory, rtol=1e-2, atol=1e-4)


def test_the_second_epoch_goes_another_way_than_the_first(joint_pair: Pair) -> None:
    ours, _ = joint_pair("rotation", "d_mixup", lr=1e-12, gan_lr=1e-12, memory_momentum=1.0)
    orders = [[batch.tolist() for batch in ours.begin_epoch(epoch)] for epoch in (0, 1)]
    assert orders[0] != orders[1]
    same = ours.begin_epoch(0)[0]
    draws = []
    for epoch in (0, 1):
        ours.begin_epoch(epoch)
        draws.append(scalars(ours.step(same)))
    for name in ("l_vi_dprime", "recon_x_cyc", "l_mix"):
        assert draws[0][name] != pytest.approx(draws[1][name], rel=1e-4), name
