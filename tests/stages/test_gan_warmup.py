"""Stage 2: what moves, what stays, what is drawn, what is measured, resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.errors import UsageError
from gclbench.plan import Checkpoints
from gclbench.stages.gan_warmup import GanTraining, gan_warmup
from gclbench.stages.loop import train

Tiny = Callable[..., Any]
Moved = Callable[..., list[str]]
Weights = Callable[[Any], dict[str, torch.Tensor]]


def make_training(bench: Any, settings: Any = None, **context: Any) -> GanTraining:
    return GanTraining(bench.context("gan", settings, parents=bench.parents("warmup"), **context))


def fakes_of_a_step(training: GanTraining, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many kinds of fakes D is shown in one step."""
    seen: list[int] = []
    original = training.module.discriminator_step

    def spy(images: torch.Tensor, fakes: list[torch.Tensor]) -> torch.Tensor:
        seen.append(len(fakes))
        return original(images, fakes)

    monkeypatch.setattr(training.module, "discriminator_step", spy)
    training.step(training.begin_epoch(0)[0])
    return seen[0]


def test_e_id_is_unchanged_bit_for_bit_after_the_stage(bench: Any) -> None:
    context = bench.context("gan", parents=bench.parents("warmup"))
    gan_warmup(context)
    before = torch.load(context.parents["warmup"] / "encoder.pt", weights_only=True)
    after = torch.load(context.folder / "encoder.pt", weights_only=True)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_e_id_is_in_eval_mode_and_gets_no_gradient(bench: Any) -> None:
    training = make_training(bench)
    training.step(training.begin_epoch(0)[0])
    assert not any(part.training for part in training.encoder.modules())
    assert all(parameter.grad is None for parameter in training.encoder.parameters())


def test_every_network_of_the_module_moves(bench: Any, weights: Weights, moved: Moved) -> None:
    training = make_training(bench)
    before = weights(training.module)
    for batch in training.begin_epoch(0):
        training.step(batch)
    changed = moved(before, training.module)
    for part in ("generator.enc_content", "generator.mlp_w1", "generator.dec", "discriminator"):
        assert any(name.startswith(part) for name in changed), part


@pytest.mark.parametrize(
    "decay,late", [({}, 0.0002), ({"lr_decay_epoch": 10, "lr_decay": 0.1}, 0.00002)]
)
def test_the_rates_are_constant_or_fall_at_the_decay_epoch(
    bench: Any, tiny: Tiny, decay: dict[str, Any], late: float
) -> None:
    training = make_training(bench, tiny(gan={"epochs": 40, "lr": 0.0002, **decay}))
    optimizers = (training.module.optimizer_g, training.module.optimizer_d)
    rates = []
    for epoch in (0, 9, 10, 39):
        training.begin_epoch(epoch)
        rates.append([each.param_groups[0]["lr"] for each in optimizers])
    assert np.allclose(rates, [[0.0002] * 2] * 2 + [[late] * 2] * 2, rtol=1e-6)


def test_the_mixed_person_is_judged_too_unless_switched_off(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fakes_of_a_step(make_training(bench), monkeypatch) == 4
    without = make_training(bench, tiny(gan={"adversarial_mix": False}))
    assert fakes_of_a_step(without, monkeypatch) == 3


def test_the_new_structure_is_another_projection_of_the_same_row(bench: Any) -> None:
    training = make_training(bench)
    batch = training.begin_epoch(0)[0]
    own, new = training.guides.structures(torch.zeros(len(batch), 3, 1, 1), batch, training.turns)
    known = torch.from_numpy(bench.dataset.projections()[batch.numpy()]).float() / 127.5 - 1
    assert torch.allclose(own[:, 0], known[:, 0], atol=1e-6)
    for row in range(len(batch)):
        found = [a for a in range(8) if torch.allclose(new[row, 0], known[row, a], atol=1e-6)]
        assert len(found) == 1
        assert found[0] > 0


def test_a_mesh_switch_takes_the_own_view_of_another_image(bench: Any, tiny: Tiny) -> None:
    training = make_training(bench, tiny(gan={"view": "mesh_switch"}))
    batch = training.begin_epoch(0)[0]
    own, new = training.guides.structures(torch.zeros(len(batch), 3, 1, 1), batch, training.turns)
    for row in range(len(batch)):
        found = [a for a in range(len(batch)) if torch.equal(new[row], own[a])]
        assert found
        assert row not in found


def test_a_gray_switch_needs_no_mesh_and_takes_the_gray_of_another_image(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(bench.dataset), "projections", None)
    training = make_training(bench, tiny(gan={"view": "gray_switch"}))
    batch = training.begin_epoch(0)[0]
    images = torch.randn(len(batch), 3, 4, 2, generator=torch.Generator().manual_seed(0))
    own, new = training.guides.structures(images, batch, training.turns)
    assert torch.allclose(own[:, 0], (images[:, 0] + images[:, 1] + images[:, 2]) / 3)
    partners = [[a for a in range(len(batch)) if torch.equal(new[r], own[a])] for r in range(8)]
    assert sorted(partner for found in partners for partner in found) == list(range(8))
    assert all(row not in found for row, found in enumerate(partners))
    losses = training.step(batch)
    assert all(torch.isfinite(torch.as_tensor(value)) for value in losses.values())


def test_a_view_that_gives_no_structure_is_refused(bench: Any, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match=r"gan\.view=multi gives no structure"):
        make_training(bench, tiny(gan={"view": "multi"}))


def test_every_epoch_draws_views_and_order_of_its_own_and_draws_them_again(bench: Any) -> None:
    training = make_training(bench)
    draws = []
    for epoch in (0, 1, 0):
        batch = training.begin_epoch(epoch)[0]
        chance = training.guides.view.sample(8, training.turns)
        draws.append((batch.tolist(), chance.index.tolist()))
    assert draws[0] == draws[2]
    assert draws[0][0] != draws[1][0]
    assert draws[0][1] != draws[1][1]


def test_ratios_compare_the_last_iterations_with_those_before_100(bench: Any) -> None:
    training = make_training(bench)
    falling = [10.0] * 80 + [4.0] * 20 + [3.0] * 30 + [1.0] * 20
    training.history = {"recon_x": falling, "recon_f": [2.0] * 150}
    assert training.reconstruction_ratios() == {
        "recon_x_at_100": 4.0,
        "recon_x_end": 1.0,
        "recon_x_ratio": 0.25,
        "recon_f_at_100": 2.0,
        "recon_f_end": 2.0,
        "recon_f_ratio": 1.0,
    }


def test_a_checkpoint_gives_the_same_next_epoch(
    bench: Any, weights: Weights, moved: Moved
) -> None:
    training = make_training(bench)
    for batch in training.begin_epoch(0):
        training.step(batch)
    kept = Checkpoints(bench.home / "kept")
    kept.save(1, training.state_dict())
    other = make_training(bench, folder="other")
    found = kept.latest()
    assert found is not None
    other.load_state_dict(found[1])
    for each in (training, other):
        for batch in each.begin_epoch(1):
            each.step(batch)
    assert moved(weights(training.module), other.module) == []
    assert training.history == other.history
    assert len(training.history["recon_x"]) == 2 * len(training.begin_epoch(0))


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, weights: Weights, moved: Moved
) -> None:
    honest = make_training(bench, folder="honest")
    train(honest, honest.context)
    bench.dataset = bench.dataset.relabelled()
    blind = make_training(bench, folder="blind")
    train(blind, blind.context)
    assert moved(weights(honest.module), blind.module) == []


def test_the_stage_leaves_its_networks_and_no_ratio_of_a_short_run(bench: Any) -> None:
    context = bench.context("gan", parents=bench.parents("warmup"))
    assert gan_warmup(context) == {}  # far fewer than 100 iterations
    names = sorted(path.name for path in context.folder.glob("*.pt"))
    assert names == ["discriminator.pt", "encoder.pt", "generator.pt"]
