"""Stages 2 and 3 on tracklets: one memory row, label and draw each, embeddings over T frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gclbench.evaluation.features import evaluating
from gclbench.evaluation.preprocess import to_network
from gclbench.stages.evaluate import evaluate_stage
from gclbench.stages.gan_warmup import GanTraining
from gclbench.stages.joint import JointTraining
from gclbench.stages.loop import train

T = 3
ROWS = {
    "multi": ["multi"],
    "multi_mixup": ["multi", "mixup"],
    "rotation": ["rotation"],
    "rotation_fmixup": ["rotation", "f_mixup"],
    "rotation_dmixup": ["rotation", "d_mixup"],
    "gray_dmixup": ["gray_switch", "d_mixup"],
    "none": ["none"],
    "oracle_rotation": ["oracle_rotation"],
}


@pytest.fixture
def make(video: Any, tiny: Any) -> Callable[..., JointTraining]:
    def training(row: str = "multi", folder: str = "own", **values: Any) -> JointTraining:
        losses = ["l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix"][: 3 + len(ROWS[row])]
        joint = {"augmentations": ROWS[row], "losses": losses, **values}
        settings = tiny(joint=joint, data={"video.mars_frames": T})
        parents = video.parents("warmup", "gan")
        return JointTraining(video.context("joint", settings, parents=parents, folder=folder))

    return training


@pytest.mark.parametrize("row", ROWS)
def test_every_row_takes_a_step_with_finite_losses(make: Any, row: str) -> None:
    training = make(row)
    losses = training.step(training.begin_epoch(0)[0])
    assert ("l_mix" in losses) == (len(ROWS[row]) == 2)
    assert all(np.isfinite(value.item()) for value in losses.values())


def test_f_mixup_of_identities_takes_tracklets_too(make: Any) -> None:
    training = make("rotation_fmixup", f_mixup_layer="identity")
    assert np.isfinite(training.step(training.begin_epoch(0)[0])["l_mix"].item())


def test_a_tracklet_has_one_memory_row_of_all_its_frames(make: Any, video: Any) -> None:
    training = make()
    images, spans = video.dataset.images("train"), video.dataset.train.spans
    assert len(training.memory.rows) == len(video.dataset.train)
    with evaluating(training.encoder), torch.no_grad():
        for sample, row in enumerate(training.memory.rows):
            frames = to_network(images[spans[sample] : spans[sample + 1]])
            pooled = training.encoder(frames).pooled.mean(dim=0, keepdim=True)
            expected = F.normalize(training.encoder.embed(pooled))[0]
            torch.testing.assert_close(row, expected, atol=1e-5, rtol=1e-4)


def test_a_step_sees_t_frames_and_refreshes_one_row_per_tracklet(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make("rotation_dmixup", memory_momentum=0.2)
    batch = training.begin_epoch(0)[0]
    seen: list[Any] = []
    forward = training.encoder.forward

    def spy(images: torch.Tensor, frames: int) -> Any:
        output = forward(images, frames)
        seen.append((images, output))
        return output

    monkeypatch.setattr(training.encoder, "forward", spy)
    old = training.memory.rows.clone()
    training.step(batch)
    assert {len(images) for images, _ in seen} == {T * len(batch)}
    assert {output.f_id.shape[0] for _, output in seen} == {T * len(batch)}
    view = seen[0][1].embedding
    assert len(view) == len(batch)
    expected = old.clone()
    expected[batch] = F.normalize(0.2 * old[batch] + 0.8 * F.normalize(view.detach()))
    assert torch.allclose(training.memory.rows, expected, atol=1e-6)


def test_frames_are_drawn_anew_in_every_epoch_and_repeat(make: Any) -> None:
    training = make()
    states = []
    for epoch in (0, 1, 0):
        training.begin_epoch(epoch)
        states.append(training.frame_draws.get_state())
    assert torch.equal(states[0], states[2])
    assert not torch.equal(states[0], states[1])


@pytest.mark.parametrize("row", ["multi", "rotation_dmixup"])
def test_a_kill_ends_with_the_same_bits(make: Any, row: str, weights: Any, moved: Any) -> None:
    whole = make(row, folder="whole")
    train(whole, whole.context)
    cut = make(row, folder="cut")
    cut.epochs = 1
    train(cut, cut.context)
    resumed = make(row, folder="cut")
    train(resumed, resumed.context)
    assert moved(weights(whole.encoder), resumed.encoder) == []
    assert torch.equal(whole.memory.rows, resumed.memory.rows)


def test_stage_2_sees_one_frame_of_each_tracklet(
    video: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = GanTraining(video.context("gan", tiny(), parents=video.parents("warmup")))
    seen: list[torch.Tensor] = []
    structures = training.guides.structures

    def spy(images: torch.Tensor, rows: torch.Tensor, draws: Any) -> Any:
        seen.append(rows)
        return structures(images, rows, draws)

    monkeypatch.setattr(training.guides, "structures", spy)
    visited: list[int] = []
    for epoch in range(2):
        for batch in training.begin_epoch(epoch):
            training.step(batch)
            visited += batch.tolist()
    spans = video.dataset.train.spans
    rows = torch.cat(seen).tolist()
    assert len(rows) == len(visited)
    assert all(spans[s] <= row < spans[s + 1] for s, row in zip(visited, rows, strict=True))
    assert len(set(rows)) > len(set(visited))  # another frame at another visit


def test_evaluation_ranks_tracklets_and_says_so(video: Any, tiny: Any) -> None:
    import json

    context = video.context("evaluate", tiny(), parents=video.parents("joint"))
    metrics = evaluate_stage(context)
    written = json.loads((context.folder / "evaluation.json").read_text())
    assert metrics["valid_queries"] == video.dataset.people - 1
    assert written["protocol"] == "mars_without_queries"
    assert written["gallery_size"] == len(video.dataset.gallery.pids)
    assert not (context.folder / "invariance.npz").exists()
