"""A file in the place of stage 1 or of stage 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gclbench.errors import CheckpointError, UsageError
from gclbench.evaluation.preprocess import to_network
from gclbench.networks.id_encoder import IdEncoder
from gclbench.seeding import torch_generator
from gclbench.stages.checkpoint import refit_statistics
from gclbench.stages.gan_warmup import gan_warmup
from gclbench.stages.warmup import warmup

Tiny = Callable[..., Any]
CHANNELS = 32  # of the trunk of tiny settings: a resnet18 of width 4


def trunk_file(bench: Any, tiny: Tiny, head: dict[str, torch.Tensor], prefix: str) -> Path:
    """A file with the trunk of a random E_id under `prefix`, and a head."""
    encoder = IdEncoder(tiny().network.id_encoder, generator=torch_generator(4, "file"))
    state = {
        prefix + name: value
        for name, value in encoder.state_dict().items()
        if not name.startswith("feat")
    }
    torch.save({"state_dict": {**state, **head}}, bench.home / "public.pth")
    return bench.home / "public.pth"


def run(bench: Any, tiny: Tiny, path: Path, features: int = 16, **how: Any) -> tuple[Any, Any]:
    """Run stage 1 on a file: what it leaves, and its report."""
    settings = tiny(
        warmup={
            "method": "checkpoint",
            "checkpoint.path": str(path),
            **{f"checkpoint.{name}": value for name, value in how.items()},
        },
        network={"id_encoder.embedding_dim": features},
    )
    context = bench.context("warmup", settings)
    warmup(context)
    encoder = IdEncoder(settings.network.id_encoder)
    encoder.load_state_dict(torch.load(context.folder / "encoder.pt", weights_only=True))
    return encoder.eval(), json.loads((context.folder / "checkpoint.json").read_text())


def norm(name: str, size: int) -> dict[str, torch.Tensor]:
    part = nn.BatchNorm1d(size)
    nn.init.uniform_(part.weight, generator=torch_generator(1, "weight"))
    part.running_var.mul_(3.0)
    return part.state_dict(prefix=name)


def test_a_file_of_ours_becomes_e_id_without_parents_or_training(bench: Any, tiny: Tiny) -> None:
    folder = bench.parent("warmup")
    encoder, report = run(bench, tiny, folder / "encoder.pt")
    before = torch.load(folder / "encoder.pt", weights_only=True)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert (report["layout"], report["ignored"], report["kept"]) == ("gcl", [], [])
    assert bench.steps == 0


def test_the_statistics_of_act_are_those_of_the_training_set(bench: Any, tiny: Tiny) -> None:
    path = trunk_file(bench, tiny, norm("feat_bn.", CHANNELS), "base.")
    encoder, report = run(bench, tiny, path, CHANNELS)
    with torch.no_grad():
        pooled = encoder(to_network(bench.dataset.images("train"))).pooled
    assert report["refit"] == "head"
    torch.testing.assert_close(encoder.feat_bn.running_mean, pooled.mean(0))
    torch.testing.assert_close(encoder.feat_bn.running_var, pooled.var(0))
    assert torch.equal(encoder.feat_bn.weight, torch.ones(CHANNELS))
    faithful, report = run(bench, tiny, path, CHANNELS, head="file")
    assert report["refit"] == "none"
    assert torch.equal(faithful.feat_bn.running_var, torch.full((CHANNELS,), 3.0))


def test_buc_gets_new_statistics_everywhere_unless_asked_otherwise(bench: Any, tiny: Tiny) -> None:
    head = {
        "avg_pooling.embeding.weight": torch.rand(CHANNELS, CHANNELS),
        "avg_pooling.embeding.bias": torch.zeros(CHANNELS),
        **norm("avg_pooling.embeding_bn.", CHANNELS),
    }
    path = trunk_file(bench, tiny, head, "CNN.base.")
    encoder, report = run(bench, tiny, path, CHANNELS)
    with torch.no_grad():
        first = encoder.conv1(to_network(bench.dataset.images("train")))
    assert report["refit"] == "all"
    torch.testing.assert_close(encoder.bn1.running_mean, first.mean((0, 2, 3)))
    assert encoder.bn1.momentum == 0.1
    same, report = run(bench, tiny, path, CHANNELS, refit="none")
    assert torch.equal(same.bn1.running_mean, torch.zeros(4))
    assert torch.equal(same.feat.weight, head["avg_pooling.embeding.weight"])


def test_a_fresh_head_is_drawn_from_the_seed_and_fitted(bench: Any, tiny: Tiny) -> None:
    path = trunk_file(bench, tiny, norm("bn.", CHANNELS), "base.")
    first, report = run(bench, tiny, path, head="fresh")
    again, _ = run(bench, tiny, path, head="fresh")
    assert torch.equal(first.feat.weight, again.feat.weight)
    assert first.feat.weight.abs().sum() > 0
    assert first.feat_bn.running_mean.abs().sum() > 0
    assert {"feat.weight", "feat_bn.weight"} <= set(report["kept"])


def test_a_head_that_does_not_fit_is_refused_with_both_ways_out(bench: Any, tiny: Tiny) -> None:
    path = trunk_file(bench, tiny, norm("bn.", CHANNELS), "base.")
    with pytest.raises(CheckpointError, match=r"embedding_dim=32.*head=fresh"):
        run(bench, tiny, path)
    path = trunk_file(bench, tiny, {}, "")
    with pytest.raises(CheckpointError, match=r"no embedding head.*head=fresh"):
        run(bench, tiny, path)


def test_refitting_twice_gives_the_same_bits_and_batches_count_alike(
    bench: Any, tiny: Tiny
) -> None:
    encoder = IdEncoder(tiny().network.id_encoder, generator=torch_generator(2, "refit"))
    images = np.concatenate([bench.dataset.images("train")] * 5)  # more than one batch
    refit_statistics(encoder, "all", images, "cpu")
    first = {name: value.clone() for name, value in encoder.state_dict().items()}
    refit_statistics(encoder, "all", images, "cpu")
    assert all(torch.equal(value, first[name]) for name, value in encoder.state_dict().items())
    assert int(encoder.bn1.num_batches_tracked) == -(-len(images) // 64)


@pytest.mark.parametrize("which", ["head", "all"])
def test_refitting_leaves_the_momenta_of_later_training(
    bench: Any, tiny: Tiny, which: Any
) -> None:
    encoder = IdEncoder(tiny().network.id_encoder, generator=torch_generator(2, "refit"))
    encoder.feat_bn.momentum, encoder.bn1.momentum = 0.25, 0.01
    norms = [
        each for each in encoder.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)
    ]
    before = [norm.momentum for norm in norms]
    assert None not in before
    refit_statistics(encoder, which, bench.dataset.images("train")[:8], "cpu")
    assert [norm.momentum for norm in norms] == before


def test_refitted_statistics_are_means_over_equal_batches(bench: Any, tiny: Tiny) -> None:
    encoder = IdEncoder(tiny().network.id_encoder, generator=torch_generator(2, "refit"))
    images = np.concatenate([bench.dataset.images("train")] * 3)[:70]  # two batches of 35
    refit_statistics(encoder, "head", images, "cpu")
    with torch.no_grad():
        f = encoder.feat(encoder.eval()(to_network(images)).pooled)
    one, other = f[:35], f[35:]
    mean, var = (one.mean(0) + other.mean(0)) / 2, (one.var(0) + other.var(0)) / 2
    torch.testing.assert_close(encoder.feat_bn.running_mean, mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(encoder.feat_bn.running_var, var, rtol=1e-4, atol=0)
    assert torch.equal(encoder.bn1.running_mean, torch.zeros(4))  # the trunk's stay


def test_a_file_that_is_not_asked_for_is_an_error(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match=r"warmup\.method=checkpoint"):
        tiny(warmup={"checkpoint.path": "e_id.pth"})
    with pytest.raises(ValueError, match="both"):
        tiny(gan={"checkpoint.generator": "gen.pt"})


def test_checkpoint_without_a_file_is_an_error(bench: Any, tiny: Tiny) -> None:
    context = bench.context("warmup", tiny(warmup={"method": "checkpoint"}))
    with pytest.raises(UsageError, match=r"warmup\.checkpoint\.path"):
        warmup(context)


def test_files_of_g_and_d_take_the_place_of_stage_2(bench: Any, tiny: Tiny) -> None:
    made = bench.parent("gan")
    names = ("generator", "discriminator")
    files = {f"checkpoint.{name}": str(made / f"{name}.pt") for name in names}
    context = bench.context("gan", tiny(gan=files), parents=bench.parents("warmup"), seed=8)
    assert gan_warmup(context) == {}
    for name in names:
        before = torch.load(made / f"{name}.pt", weights_only=True)
        after = torch.load(context.folder / f"{name}.pt", weights_only=True)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
    assert bench.steps == 0
