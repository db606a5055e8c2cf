"""Stage 1, MMCL: schedule, order of a step, memory, small batches, resume, source."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from gclbench.stages import mmcl
from gclbench.stages.mmcl import MmclTraining, mmcl_views
from gclbench.stages.warmup import warmup

Tiny = Callable[..., Any]
SMALL = {
    "epochs": 3, "batch_size": 8, "single_label_epochs": 1, "memory_ramp_epochs": 3,
    "threshold": 0.9, "hard_share": 0.1,
}  # fmt: skip


@pytest.fixture
def small(tiny: Tiny) -> Tiny:
    """Settings of a tiny run by MMCL; `small(lr=1)` sets warmup.mmcl.lr."""

    def settings(**values: Any) -> Any:
        return tiny(warmup={"method": "mmcl", "mmcl": SMALL | values})

    return settings


def make(bench: Any, settings: Any, **context: Any) -> MmclTraining:
    training = bench.warmup(settings, **context)
    assert isinstance(training, MmclTraining)
    return training


def test_labels_are_single_up_to_epoch_5_and_multiple_from_6(
    bench: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def everyone(memory: Tensor, rows: Tensor, **settings: Any) -> Tensor:
        asked.append(training.epoch)
        assert settings == {"threshold": 0.6, "least_rank": 10}
        return torch.ones(len(rows), len(memory), dtype=torch.bool)

    monkeypatch.setattr(mmcl, "positive_labels", everyone)
    training = make(bench, tiny(warmup={"method": "mmcl"}))
    means = {}
    for epoch in (0, 5, 6, 59):
        batch = training.begin_epoch(epoch)[0]
        means[epoch] = float(training.step(batch)["positives"])
    images = float(len(bench.dataset.train))
    assert means == {0: 1, 5: 1, 6: images, 59: images}
    assert asked == [6, 59]


def test_the_rate_falls_tenfold_after_40_epochs_and_new_layers_are_faster(
    bench: Any, tiny: Tiny
) -> None:
    training = make(bench, tiny(warmup={"method": "mmcl"}))
    rates = {}
    for epoch in (0, 39, 40, 59):
        training.begin_epoch(epoch)
        rates[epoch] = [group["lr"] for group in training.optimizer.param_groups]
    expected = {0: [0.01, 0.1], 39: [0.01, 0.1], 40: [1e-3, 0.01], 59: [1e-3, 0.01]}
    assert {e: pytest.approx(r) for e, r in expected.items()} == rates


def test_the_first_step_costs_six_and_fills_the_rows_with_the_features(
    bench: Any, small: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make(bench, small())
    batch = training.begin_epoch(0)[0]
    seen: list[Tensor] = []
    monkeypatch.setattr(
        mmcl, "multi_label_loss", lambda scores, labels, **_: seen.append(scores) or scores.sum()
    )
    embeddings: list[Tensor] = []
    training.encoder.register_forward_hook(lambda *parts: embeddings.append(parts[2].embedding))
    training.step(batch)
    assert torch.equal(seen[0], torch.zeros(8, len(training.memory)))
    unit = torch.nn.functional.normalize(embeddings[0].detach())
    assert torch.allclose(training.memory.rows[batch], unit, atol=1e-6)
    others = [i for i in range(len(training.memory)) if i not in batch.tolist()]
    assert torch.equal(training.memory.rows[others], torch.zeros(len(others), 16))
    monkeypatch.undo()
    untouched = make(bench, small(), folder="other")
    assert untouched.step(untouched.begin_epoch(0)[0])["loss"].item() == 6.0


def test_in_epoch_0_no_image_has_a_row_before_it_is_visited(bench: Any, small: Tiny) -> None:
    training = make(bench, small())
    for batch in training.begin_epoch(0):
        assert not training.memory.rows[batch].any()
        training.step(batch)
    assert torch.allclose(training.memory.rows.norm(dim=1), torch.ones(len(training.memory)))


def test_labels_and_scores_are_of_the_memory_before_the_step(
    bench: Any, small: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make(bench, small())
    for batch in training.begin_epoch(0):
        training.step(batch)
    batch, before = training.begin_epoch(1)[0], training.memory.rows.clone()
    seen: dict[str, Tensor] = {}
    honest_labels, honest_loss = mmcl.positive_labels, mmcl.multi_label_loss

    def labels(memory: Tensor, rows: Tensor, **settings: Any) -> Tensor:
        seen["memory"] = memory.clone()
        return honest_labels(memory, rows, **settings)

    def loss(scores: Tensor, positives: Tensor, **settings: Any) -> Tensor:
        seen["scores"] = scores.detach().clone()
        return honest_loss(scores, positives, **settings)

    monkeypatch.setattr(mmcl, "positive_labels", labels)
    monkeypatch.setattr(mmcl, "multi_label_loss", loss)
    embeddings: list[Tensor] = []
    training.encoder.register_forward_hook(lambda *parts: embeddings.append(parts[2].embedding))
    training.step(batch)
    unit = torch.nn.functional.normalize(embeddings[0].detach())
    assert torch.equal(seen["memory"], before)
    assert torch.allclose(seen["scores"], unit @ before.T, atol=1e-6)
    mixed = before[batch] / 6 + 5 * unit / 6  # a = 0.5 * 1 / 3
    expected = torch.nn.functional.normalize(mixed)
    assert torch.allclose(training.memory.rows[batch], expected, atol=1e-6)


@pytest.mark.parametrize("size, sizes", [(8, [8, 8, 8, 2]), (5, [5, 5, 5, 5, 6]), (128, [26])])
def test_an_epoch_shows_every_image_once_and_no_batch_is_a_single_image(
    bench: Any, small: Tiny, size: int, sizes: list[int]
) -> None:
    training = make(bench, small(batch_size=size))
    batches = training.begin_epoch(0)
    assert [len(batch) for batch in batches] == sizes
    assert sorted(torch.cat(list(batches)).tolist()) == list(range(26))
    assert all(torch.isfinite(torch.as_tensor(training.step(b)["loss"])) for b in batches)


def test_views_are_of_the_inputs_shape_and_follow_their_generator() -> None:
    images = torch.randn(4, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    one, same, other = (mmcl_views(images, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert one.shape == images.shape
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("done", [1, 2])
def test_a_killed_run_ends_with_the_same_bits(
    bench: Any,
    small: Tiny,
    done: int,
    moved: Callable[..., list[str]],
    weights: Callable[..., Any],
) -> None:
    whole, resumed = bench.whole_and_resumed(small(), done)
    assert moved(weights(whole.encoder), resumed.encoder) == []
    assert torch.equal(whole.memory.rows, resumed.memory.rows)
    logs = [(t.context.folder / "epochs.json").read_text() for t in (whole, resumed)]
    assert logs[0] == logs[1]


def test_the_seed_decides(
    bench: Any, small: Tiny, moved: Callable[..., list[str]], weights: Callable[..., Any]
) -> None:
    runs = bench.of_seeds(small(), 0, 0, 1)
    assert moved(weights(runs[0].encoder), runs[1].encoder) == []
    assert moved(weights(runs[0].encoder), runs[2].encoder) != []


def test_the_targets_identities_are_not_learnt_from(
    bench: Any, small: Tiny, moved: Callable[..., list[str]], weights: Callable[..., Any]
) -> None:
    honest, blind = bench.honest_and_blind(small())
    # Some epoch has predicted labels beside an image's own; the last one need not, on every CPU.
    assert 1 < max(bench.values("positives")) < 26
    assert moved(weights(honest.encoder), blind.encoder) == []


@pytest.mark.parametrize("source", [False, True])
def test_what_it_went_without_is_recorded(bench: Any, small: Tiny, source: bool) -> None:
    told: list[str] = []
    training = make(bench, small(), source=source)
    object.__setattr__(training.context, "notice", told.append)
    MmclTraining(training.context, training.encoder)
    assert json.loads((training.context.folder / "mmcl.json").read_text()) == {
        "camstyle": False,
        "source_loss": False,
        "starts_from": "source" if source else "pretrain",
    }
    assert [("without a source loss" in text) for text in told] == [True] * source


def test_source_images_are_never_shown(bench: Any, small: Tiny) -> None:
    class Closed:
        train = bench.dataset.train  # the table alone: stage 1 asks whether it holds tracklets

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the source's {name} was asked for")

    context = bench.context(
        "warmup",
        small(epochs=1),
        parents=bench.parents("source"),
        datasets={"target": bench.dataset, "source": Closed()},
    )
    assert warmup(context) == {}
    assert (context.folder / "encoder.pt").is_file()


def test_the_stage_runs_mmcl_and_leaves_an_encoder(bench: Any, small: Tiny) -> None:
    start, state = bench.stage_result(small(epochs=1))
    assert not torch.equal(state["conv1.weight"], start["conv1.weight"])
    assert bench.values("positives") == [1.0]


@pytest.mark.gpu
def test_it_trains_on_a_gpu(bench: Any, small: Tiny) -> None:
    context = bench.context("warmup", small(), parents=bench.parents("pretrain"))
    warmup(replace(context, device=torch.device("cuda")))
    state = torch.load(context.folder / "encoder.pt", weights_only=True)
    assert all(torch.isfinite(value.float()).all() for value in state.values())
