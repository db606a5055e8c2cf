"""Stage 1, SCL on tracklets: a row each, frames averaged before the heads, resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gclbench.evaluation.features import extract_features
from gclbench.evaluation.preprocess import to_network
from gclbench.plan import Checkpoints
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder
from gclbench.stages.scl import SclTraining

Tiny = Callable[..., Any]
Moved = Callable[..., list[str]]
SMALL = {
    "epochs": 3,
    "batch_size": 4,
    "frames": 3,
    "positives": 2,
    "negatives": 6,
    "init_epochs": 1,
    "lr": 0.01,
}


def make(bench: Any, tiny: Tiny, folder: str = "own", **changes: Any) -> SclTraining:
    settings = tiny(warmup={"method": "scl", "scl": {**SMALL, **changes}})
    parents = bench.parents("pretrain")
    context = bench.context("warmup", settings, parents=parents, folder=folder)
    return SclTraining(context, load_encoder(context, "pretrain"))


def memories(training: SclTraining) -> list[torch.Tensor]:
    memory = training.memory
    return [r.clone() for r in (memory.rows.rows, memory.stripes, training.mixture.rows)]


def test_every_tracklet_has_one_row_and_one_camera(video: Any, tiny: Tiny) -> None:
    training = make(video, tiny)
    count, images = len(video.dataset.train), len(video.dataset.train.paths)
    assert count < images
    batches = training.begin_epoch(0)
    assert sorted(torch.cat(batches).tolist()) == list(range(count))
    for rows in memories(training):
        assert len(rows) == count
    assert len(training.memory.rows.rows.unique(dim=0)) == count
    assert training.cams.tolist() == video.dataset.train.cams.tolist()


def test_tracklets_of_one_frame_are_images_bit_for_bit(
    bench: Any, tiny: Tiny, moved: Moved, weights: Callable[[Any], Any]
) -> None:
    images = make(bench, tiny, "images", frames=1)
    single = replace(bench.dataset)
    starts = np.arange(len(bench.dataset.train) + 1)
    object.__setattr__(single, "train", replace(bench.dataset.train, starts=starts))
    bench.dataset = single
    tracklets = make(bench, tiny, "tracklets", frames=1)
    for training in (images, tracklets):
        train(training, training.context)
    assert moved(weights(images.encoder), tracklets.encoder) == []
    assert moved(weights(images.heads), tracklets.heads) == []
    for one, other in zip(memories(images), memories(tracklets), strict=True):
        assert torch.equal(one, other)


def test_frames_are_not_read_where_samples_are_images(
    bench: Any, tiny: Tiny, moved: Moved, weights: Callable[[Any], Any]
) -> None:
    few, many = make(bench, tiny, "few", frames=1), make(bench, tiny, "many", frames=5)
    for training in (few, many):
        train(training, training.context)
    assert moved(weights(few.encoder), many.encoder) == []


@pytest.fixture
def unflipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(self: SclTraining, rows: torch.Tensor) -> torch.Tensor:
        return to_network(self.images[rows.numpy()])

    monkeypatch.setattr(SclTraining, "_flipped", plain)


def by_hand(
    training: SclTraining, tracklets: list[list[int]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Averages over each tracklet's frames, one frame at a time, then the heads (eval mode)."""
    pooled, stripes = [], []
    for rows in tracklets:
        seen = [training.encoder(to_network(training.images[[row]])) for row in rows]
        pooled.append(torch.stack([each.pooled[0] for each in seen]).mean(0))
        stripes.append(torch.stack([each.f_id[0] for each in seen]).mean(0))
    features = F.normalize(training.encoder.embed(torch.stack(pooled)))
    return features, training.heads(torch.stack(stripes))


@pytest.mark.usefixtures("unflipped")
def test_a_step_averages_the_drawn_frames_before_the_heads(
    video: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make(video, tiny)
    training.begin_epoch(0)
    training.encoder.eval(), training.heads.eval()
    first = video.dataset.train.spans
    drawn = [[first[i], first[i] + 1, first[i] + 2] for i in (2, 6, 3)]
    flat = torch.tensor(np.concatenate(drawn))
    monkeypatch.setattr("gclbench.stages.scl.rows_of", lambda *asked: flat)
    with torch.no_grad():
        found = training._see(torch.tensor([2, 6, 3]))
        for one, other in zip(found, by_hand(training, drawn), strict=True):
            assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.usefixtures("unflipped")
def test_the_first_pass_averages_all_frames_whatever_their_order(video: Any, tiny: Tiny) -> None:
    training = make(video, tiny, frames=1)  # so that frames come in several parts
    training.encoder.eval(), training.heads.eval()
    batch = [7, 4, 1, 2]  # of 4, 1, 2 and 3 frames
    spans = list(pairwise(video.dataset.train.spans.tolist()))
    every = [list(range(*spans[i])) for i in batch]
    assert [len(rows) for rows in every] == [4, 1, 2, 3]
    with torch.no_grad():
        found = training._see_all(torch.tensor(batch))
        for rows in (every, [rows[::-1] for rows in every]):
            for one, other in zip(found, by_hand(training, rows), strict=True):
                assert torch.allclose(one, other, atol=1e-5)


def test_the_first_pass_sees_every_kept_frame_once_in_parts_of_a_steps_size(
    video: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    plain = SclTraining._flipped

    def note(self: SclTraining, rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows.tolist())
        return plain(self, rows)

    monkeypatch.setattr(SclTraining, "_flipped", note)
    make(video, tiny, frames=2).begin_epoch(0)
    assert sorted(row for part in seen for row in part) == list(
        range(len(video.dataset.train.paths))
    )
    assert max(len(part) for part in seen) <= 4 * 2


def test_frames_are_drawn_anew_at_each_visit_from_a_stream_of_their_own(
    video: Any, tiny: Tiny
) -> None:
    draws = []
    for changes in ({}, {"lambda_c": 0.5}):
        training = make(video, tiny, f"{len(draws)}", **changes)
        training.begin_epoch(0)
        draws.append([training.frame_draws.get_state()])
        training.begin_epoch(1)
        draws[-1].append(training.frame_draws.get_state())
    assert not torch.equal(draws[0][0], draws[0][1])
    for one, other in zip(*draws, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("live", [False, True])
def test_a_killed_run_ends_with_the_same_bits(
    video: Any, tiny: Tiny, live: bool, moved: Moved, weights: Callable[[Any], Any]
) -> None:
    whole = make(video, tiny, "whole", update_in_backward=live)
    train(whole, whole.context)
    killed = make(video, tiny, "killed", update_in_backward=live)
    losses = [
        value.item()
        for epoch in range(2)
        for batch in killed.begin_epoch(epoch)
        for value in killed.step(batch).values()
    ]
    assert np.isfinite(losses).all()
    Checkpoints(killed.context.folder / "checkpoints").save(2, killed.state_dict())
    resumed = make(video, tiny, "killed", update_in_backward=live)
    train(resumed, resumed.context)
    assert moved(weights(whole.encoder), resumed.encoder) == []
    assert moved(weights(whole.heads), resumed.heads) == []
    for one, other in zip(memories(whole), memories(resumed), strict=True):
        assert torch.equal(one, other)
        assert one.isfinite().all()


def test_what_leaves_ranks_a_tracklet_the_same_in_any_order_of_its_frames(
    video: Any, tiny: Tiny
) -> None:
    training = make(video, tiny, epochs=1)
    train(training, training.context)
    images, starts = video.dataset.images("gallery"), video.dataset.gallery.starts
    turned = np.concatenate([np.arange(a, b)[::-1] for a, b in pairwise(starts)])
    assert not np.array_equal(turned, np.arange(len(images)))
    features = [
        extract_features(training.encoder, shown, 8, starts=starts)
        for shown in (images, images[turned])
    ]
    assert torch.allclose(*features, atol=1e-5)
