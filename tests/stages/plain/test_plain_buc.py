"""BUC against a loop written from docs/specs/buc.md: images and tracklets, all steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from plain_parts import (
    Steps,
    assert_same_change,
    assert_same_losses,
    chance,
    cross_entropy,
    drawn,
    frames_drawn,
    pictures,
    seen_at_test,
    sgd_as_the_codes,
    shuffled,
    squared,
    staged,
    unit,
)
from sklearn.metrics import silhouette_score
from torch import Tensor

from gclbench.stages.buc_views import CropAndFlip

VIEWS = CropAndFlip(0.64, 2.0, 3.0, 0.5)
SETTINGS = {
    "merge_fraction": 0.25,
    "size_penalty": 0.1,
    "first_epochs": 2,
    "later_epochs_tracklets": 1,
    "later_epochs_images": 2,
    "batch_size": 5,
    "frames": 2,
    "lr": 0.05,
    "lr_drop_epoch": 1,
    "later_lr": 0.03,
    "trunk_lr_factor": 0.4,
    "weight_decay": 0.02,
    "temperature": 0.3,
    "dropout": 0.3,
}


def tracklet_rows(encoder: Any, data: Any) -> Tensor:
    """e: the normalised mean of all frames' global averages."""
    pooled = seen_at_test(encoder, data, lambda output: output.pooled)
    if data.train.starts is not None:
        lengths = np.diff(data.train.starts).tolist()
        pooled = torch.stack([part.mean(dim=0) for part in pooled.split(lengths)])
    return unit(pooled)


def merged(rows: Tensor, labels: list[int], merges: int) -> list[int]:
    """Section 3.2, over all pairs of samples in the shuffled list's order."""
    d, sizes = squared(rows), [labels.count(label) for label in labels]
    pairs = [
        (d[i, j] + 0.1 * (sizes[i] + sizes[j]), i, j)
        for i in range(len(labels))
        for j in range(i + 1, len(labels))
        if labels[i] != labels[j]
    ]
    now = list(labels)
    for _, i, j in sorted(pairs):
        if merges and now[i] != now[j]:
            low, high = sorted((now[i], now[j]))
            now = [low if label == high else label for label in now]
            merges -= 1
    known = sorted(set(now))
    return [known.index(label) for label in now]


def plain(encoder: Any, data: Any) -> tuple[Steps, list[dict[str, float]], dict[str, Tensor]]:
    table, video = data.train, data.train.starts is not None
    n, dim, steps, ended = len(table), encoder.embedding_dim, list[dict[str, float]](), []
    frozen = [encoder.conv1, encoder.bn1, encoder.layer1, encoder.layer2] if video else []
    for part in frozen:
        part.requires_grad_(False)
    order = torch.randperm(n, generator=chance("list"))
    labels = torch.empty(n, dtype=torch.long)
    labels[order] = torch.arange(n)
    epoch, best = 0, (-2.0, encoder.state_dict())
    for step in range(3):
        v = torch.zeros(int(labels.max()) + 1, dim)
        rate = 0.4 * (0.05 if step == 0 else 0.03)
        optimizer = sgd_as_the_codes(encoder, rate, 1 / 0.4, 0.02)
        for within in range(2 if step == 0 or not video else 1):
            encoder.train()
            for part in frozen:
                part.eval()
            views, drops = chance("augment", epoch), chance("dropout", epoch)
            frames = chance("frames", epoch)
            for rows in shuffled(n, 5, chance("order", epoch)):
                images = pictures(data, frames_drawn(table, rows, 2, frames))
                pooled = encoder.pool(drawn(VIEWS, images, views))[0]
                pooled = torch.stack([p.mean(dim=0) for p in pooled.split(len(pooled) // 5)])
                x = unit(encoder.embed(pooled))
                draws = torch.rand(x.shape, generator=drops, dtype=torch.float64)
                x = torch.where(draws >= 0.3, x / 0.7, torch.zeros(()))
                loss = cross_entropy(x @ v.T / 0.3, labels[rows].tolist())
                loss.backward()
                optimizer.step(0.1 if step == 0 and within >= 1 else 1.0)
                v = v.clone()
                for label, row in zip(labels[rows].tolist(), x.detach(), strict=True):
                    v[label] = unit((v[label] + row) / 2)
                steps.append({"loss": loss.item()})
            epoch += 1
        e = tracklet_rows(encoder, data)
        clusters = int(labels.max()) + 1
        score = silhouette_score(e.numpy(), labels.numpy()) if clusters < n else 0.0
        ended.append({"step": step, "step_clusters": clusters, "silhouette": score})
        if score > best[0]:
            best = score, {k: value.clone() for k, value in encoder.state_dict().items()}
        if step < 2:
            labels[order] = torch.tensor(merged(e[order], labels[order].tolist(), n // 4))
    return steps, ended, best[1]


@pytest.mark.parametrize("kind", ["images", "tracklets"])
def test_buc_equals_a_plain_trainer(
    bench: Any, video: Any, tiny: Callable[..., Any], kind: str
) -> None:
    place = video if kind == "tracklets" else bench
    stage = staged(place, tiny(warmup={"method": "buc", "buc": SETTINGS}))
    steps, ended, best = plain(stage.copy(), place.dataset)
    assert_same_losses(stage.steps, steps)
    listed = [epoch for epoch in stage.epochs if "step" in epoch]
    for found, expected in zip(listed, ended, strict=True):
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-5, abs=0)
    scores = [expected["silhouette"] for expected in ended]
    assert listed[-1]["result_step"] == scores.index(max(scores))
    assert_same_change(stage.start, stage.training.encoder.state_dict(), best)
