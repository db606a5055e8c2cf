"""Stage 3: memory, outliers, augmentations, batch norm, rates, and what must not be learnt."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gclbench.evaluation.preprocess import to_network
from gclbench.plan import Checkpoints
from gclbench.stages.generative import Mixing
from gclbench.stages.joint import JointTraining, joint
from gclbench.stages.loop import train

Tiny = Callable[..., Any]
Moved = Callable[..., list[str]]
Weights = Callable[[Any], dict[str, torch.Tensor]]
ROWS = {
    "multi": ["multi"],
    "multi_mixup": ["multi", "mixup"],
    "rotation": ["rotation"],
    "rotation_mixup": ["rotation", "mixup"],
    "rotation_fmixup": ["rotation", "f_mixup"],
    "rotation_dmixup": ["rotation", "d_mixup"],
    "none": ["none"],
    "oracle_rotation": ["oracle_rotation"],
}


@pytest.fixture
def make(bench: Any, tiny: Tiny) -> Callable[..., JointTraining]:
    def training(row: str = "multi", folder: str = "own", **values: Any) -> JointTraining:
        gan = values.pop("gan", {})
        losses = ["l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix"][: 3 + len(ROWS[row])]
        joint = {"augmentations": ROWS[row], "losses": losses, **values}
        settings = tiny(joint=joint, gan=gan)
        parents = bench.parents("warmup", "gan")
        return JointTraining(bench.context("joint", settings, parents=parents, folder=folder))

    return training


def norms(encoder: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: value.clone()
        for name, value in encoder.state_dict().items()
        if "running" in name or "tracked" in name
    }


@pytest.mark.parametrize("row", ROWS)
def test_every_row_takes_a_step_with_finite_losses(make: Any, row: str) -> None:
    training = make(row)
    losses = training.step(training.begin_epoch(0)[0])
    views = {"l_vi", "l_vi_prime", "l_vi_dprime"}
    generative = {"recon_x", "recon_x_cyc", "recon_f", "recon_f_cyc", "adv", "loss_d"}
    wanted = {"loss", "l_proto", *views} | ({"l_mix"} if len(ROWS[row]) == 2 else set())
    wanted |= generative if row.startswith("rotation") else set()
    assert set(losses) == wanted
    assert all(np.isfinite(value.item()) for value in losses.values())


@pytest.mark.parametrize("row", ["multi", "rotation_dmixup"])
def test_the_loss_is_equation_16(make: Any, row: str) -> None:
    gan = {"lambda_recon": 2.0, "lambda_adv": 0.5}
    training = make(row, lambda_vi=3.0, lambda_mix=0.25, gan=gan)
    losses = {
        name: value.item() for name, value in training.step(training.begin_epoch(0)[0]).items()
    }
    weight = {"l_proto": 0.25, "l_mix": 0.25, "adv": 0.5, "loss": 0.0, "loss_d": 0.0}
    weight |= dict.fromkeys(("l_vi", "l_vi_prime", "l_vi_dprime"), 3.0)
    total = sum(weight.get(name, 2.0) * value for name, value in losses.items())
    assert losses["loss"] == pytest.approx(total, rel=1e-5)


def test_memory_starts_as_eval_features_of_every_image_in_order(make: Any, bench: Any) -> None:
    training = make()
    encoder = training.encoder.eval()
    images = bench.dataset.images("train")
    with torch.no_grad():
        expected = F.normalize(encoder(to_network(images)).embedding)
    assert torch.allclose(training.memory.rows, expected, atol=1e-5)


def test_visited_rows_keep_beta_of_the_old_row_and_others_stay(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make(memory_momentum=0.2)
    batch = training.begin_epoch(0)[0]
    seen: list[torch.Tensor] = []
    forward = training.encoder.forward

    def spy(images: torch.Tensor, *rest: Any) -> Any:
        output = forward(images, *rest)
        seen.append(output.embedding.detach().clone())
        return output

    monkeypatch.setattr(training.encoder, "forward", spy)
    old = training.memory.rows.clone()
    training.step(batch)
    expected = old.clone()
    expected[batch] = F.normalize(0.2 * old[batch] + 0.8 * F.normalize(seen[0]))
    assert torch.allclose(training.memory.rows, expected, atol=1e-6)
    untouched = sorted(set(range(len(old))) - set(batch.tolist()))
    assert torch.equal(training.memory.rows[untouched], old[untouched])


def test_every_epoch_draws_of_its_own_in_train_mode(make: Any) -> None:
    training = make(evaluate_every=1)
    draws = []
    for epoch in (0, 1, 0):
        training.begin_epoch(epoch)
        assert all(part.training for part in training.encoder.modules())
        draws.append(torch.rand(3, generator=training.turns).tolist())
        training.end_epoch(epoch)
    assert draws[0] == draws[2] != draws[1]


def test_outliers_are_never_visited_and_keep_their_rows(make: Any) -> None:
    training = make(**{"pseudo_labels.eps": 0.2})
    old = training.memory.rows.clone()
    batches = training.begin_epoch(0)
    visited = set(torch.cat(list(batches)).tolist())
    outliers = torch.nonzero(training.labels.labels < 0)[:, 0].tolist()
    assert outliers
    assert visited
    assert visited.isdisjoint(outliers)
    assert len(visited) >= len(old) - len(outliers) - 3  # batches of 4, the short one is dropped
    for batch in batches:
        training.step(batch)
    assert torch.equal(training.memory.rows[outliers], old[outliers])
    assert training.end_epoch(0)["outliers"] == len(outliers)


def test_prototypes_are_cluster_means_of_the_memory_of_the_epochs_start(make: Any) -> None:
    training = make()
    batches = training.begin_epoch(0)
    rows, labels = training.memory.rows, training.labels.labels
    expected = torch.stack([rows[labels == c].mean(0) for c in range(int(labels.max()) + 1)])
    training.step(batches[0])
    assert torch.allclose(training.labels.prototypes, expected, atol=1e-6)


def test_rows_of_one_seed_meet_the_same_turns_positives_and_negatives(make: Any) -> None:
    plain, mixing = make("rotation", folder="a"), make("rotation_dmixup", folder="b")
    for training in (plain, mixing):
        training.step(training.begin_epoch(0)[0])
    for name in ("turns", "draws.positives", "draws.negatives"):
        one, two = (attrgetter(name)(training).get_state() for training in (plain, mixing))
        assert torch.equal(one, two), name
    assert not torch.equal(plain.mixes.get_state(), mixing.mixes.get_state())


@pytest.mark.parametrize("layer", ["embedding", "identity"])
@pytest.mark.parametrize("row", ["rotation_fmixup", "rotation_dmixup", "multi_mixup"])
def test_batch_norm_updates_real_leaves_the_statistics_of_real_batches(
    make: Any, row: str, layer: str
) -> None:
    training = make(row, batch_norm_updates="real", f_mixup_layer=layer, lr=1e-12)
    batch = training.begin_epoch(0)[0]
    twin = make("none", folder="twin")
    twin.begin_epoch(0)
    twin.encoder(to_network(training.images[batch.numpy()]))
    training.step(batch)
    ours, real = norms(training.encoder), norms(twin.encoder)
    assert ours["feat_bn.num_batches_tracked"] == 1
    assert all(torch.allclose(ours[name].float(), real[name].float()) for name in real)


def test_batch_norm_updates_all_counts_every_pass(make: Any) -> None:
    counts = {}
    cases = (("rotation_dmixup", "code"), ("rotation_dmixup", "paper"), ("none", "paper"))
    for row, pair in cases:
        training = make(row, gan={"recon_feature_pair": pair}, folder=f"{row}-{pair}")
        training.step(training.begin_epoch(0)[0])
        counts[row, pair] = int(training.encoder.feat_bn.num_batches_tracked)
    # x, x'_new, x''_ori, x'_mix, and x'_ori where its features are compared.
    assert list(counts.values()) == [5, 4, 2]


def test_f_mixup_blends_embeddings_or_identity_features(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixing = Mixing(torch.tensor([1, 2, 0]), 0.6)
    images = torch.randn(3, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    for layer in ("embedding", "identity"):
        training = make("rotation_fmixup", f_mixup_layer=layer, folder=layer)
        output = training.encoder.eval()(images)
        mixed = training._mix_without_generator(images, output, mixing)
        partner = output.embedding[mixing.partner]
        expected = 0.6 * output.embedding + 0.4 * partner
        if layer == "identity":
            blend = 0.6 * output.f_id + 0.4 * output.f_id[mixing.partner]
            expected = training.encoder.embed(blend.mean((2, 3)))
        assert torch.allclose(mixed, expected, atol=1e-6)


def test_pixel_mixup_blends_transformed_images_without_and_real_ones_with_a_generator(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, torch.Tensor] = {}
    for row in ("multi_mixup", "rotation_mixup"):
        training = make(row, folder=row)
        batch = training.begin_epoch(0)[0]
        original = training._mix_without_generator

        def spy(images: Any, *rest: Any, row: str = row, call: Any = original) -> Any:
            seen[row] = images
            return call(images, *rest)

        monkeypatch.setattr(training, "_mix_without_generator", spy)
        training.step(batch)
        real = to_network(training.images[batch.numpy()])
        assert torch.equal(seen[row], real) == (row == "rotation_mixup")


def test_all_rates_fall_once_at_the_decay_epoch(make: Any) -> None:
    training = make("rotation", lr=0.1, gan_lr=0.01, lr_decay_epoch=2, lr_decay=0.1, epochs=4)
    generative = training.generative
    optimizers = (training.optimizer, generative.optimizer_g, generative.optimizer_d)
    rates = []
    for epoch in range(4):
        training.begin_epoch(epoch)
        rates.append([each.param_groups[0]["lr"] for each in optimizers])
    before, after = [0.1, 0.01, 0.01], [0.01, 0.001, 0.001]
    assert np.allclose(rates, [before, before, after, after])


def test_g_and_d_learn_on_in_stage_three_and_start_from_stage_two(
    make: Any, bench: Any, weights: Weights, moved: Moved
) -> None:
    training = make("rotation")
    start = torch.load(bench.parent("gan") / "generator.pt", weights_only=True)
    assert moved(start, training.generative.generator) == []
    before = weights(training.generative)
    training.step(training.begin_epoch(0)[0])
    changed = moved(before, training.generative)
    assert any(name.startswith("generator") for name in changed)
    assert any(name.startswith("discriminator") for name in changed)


@pytest.mark.parametrize("term", ["recon_x", "recon_x_cyc", "recon_f", "recon_f_cyc", "adv"])
def test_l_gan_reaches_e_id_in_stage_three(
    make: Any, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    training = make("rotation", lambda_vi=0.0, lambda_mix=0.0, weight_decay=0.0)
    monkeypatch.setattr(training.generative, "total", lambda losses: losses[term])
    training.step(training.begin_epoch(0)[0])
    assert training.encoder.conv1.weight.grad.abs().sum() > 0


def test_contrast_reaches_the_generator(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    training = make("rotation")
    monkeypatch.setattr(training.generative, "total", lambda losses: 0.0 * losses["adv"])
    training.step(training.begin_epoch(0)[0])
    grads = [p.grad for p in training.generative.generator.parameters() if p.grad is not None]
    assert sum(float(grad.abs().sum()) for grad in grads) > 0


@pytest.mark.parametrize("row", ["multi_mixup", "rotation_dmixup", "oracle_rotation"])
def test_shuffling_the_targets_identities_changes_no_weight(
    make: Any, bench: Any, row: str, weights: Weights, moved: Moved
) -> None:
    honest = make(row, folder="honest", evaluate_every=1)
    train(honest, honest.context)
    curve = bench.values("mAP") + bench.values("nmi")
    bench.logged.clear()
    bench.dataset = bench.dataset.relabelled()
    blind = make(row, folder="blind", evaluate_every=1)
    train(blind, blind.context)
    assert moved(weights(honest.encoder), blind.encoder) == []
    assert torch.equal(honest.memory.rows, blind.memory.rows)
    assert bench.values("mAP") + bench.values("nmi") != curve  # the identities did change


@pytest.mark.parametrize("row", ["multi", "rotation_dmixup"])
def test_a_checkpoint_gives_the_same_next_epoch(
    make: Any, bench: Any, row: str, weights: Weights, moved: Moved
) -> None:
    training = make(row)
    for batch in training.begin_epoch(0):
        training.step(batch)
    kept = Checkpoints(bench.home / "kept")
    kept.save(1, training.state_dict())
    other = make(row, folder="other")
    found = kept.latest()
    assert found is not None
    other.load_state_dict(found[1])
    for each in (training, other):
        for batch in each.begin_epoch(1):
            each.step(batch)
    assert moved(weights(training.encoder), other.encoder) == []
    assert torch.equal(training.memory.rows, other.memory.rows)
    if training.generative is not None:
        assert moved(weights(training.generative), other.generative) == []


def test_evaluation_changes_nothing_and_comes_as_often_as_asked(
    make: Any, bench: Any, weights: Weights, moved: Moved
) -> None:
    never = make(folder="never", epochs=3)
    train(never, never.context)
    assert bench.values("mAP") == []
    often = make(folder="often", epochs=3, evaluate_every=2)
    train(often, often.context)
    assert [step for name, _, step in bench.logged if name == "mAP"] == [2]
    assert moved(weights(never.encoder), often.encoder) == []


def test_the_stage_leaves_the_encoder_and_for_generated_rows_the_generator(
    bench: Any, tiny: Tiny
) -> None:
    for row, files in (("multi", ["encoder.pt"]), ("rotation", ["encoder.pt", "generator.pt"])):
        settings = tiny(joint={"augmentations": ROWS[row], "losses": ["l_vi"], "epochs": 1})
        parents = bench.parents("warmup", "gan")
        context = bench.context("joint", settings, parents=parents, folder=row)
        assert joint(context) == {}
        assert sorted(path.name for path in context.folder.glob("*.pt")) == files
