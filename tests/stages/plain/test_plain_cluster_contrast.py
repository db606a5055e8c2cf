"""Cluster Contrast against a loop written from its page in docs/baselines/ and the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from plain_parts import (
    Adam,
    Steps,
    assert_same_change,
    assert_same_losses,
    centres,
    chance,
    clusters,
    cross_entropy,
    drawn,
    jaccard,
    multi,
    of_several_cameras,
    pictures,
    seen_at_test,
    staged,
    unit,
)
from torch import Tensor

VIEWS = multi()
SETTINGS = {
    "epochs": 3,
    "iterations": 3,
    "batch_size": 8,
    "images_per_person": 3,
    "lr": 0.004,
    "lr_step_epochs": 2,
    "weight_decay": 0.05,
    "k1": 5,
    "k2": 2,
    "eps": 0.6,
    "min_samples": 3,
    "temperature": 0.2,
    "momentum": 0.3,
}


def lessons(update: str, memory: Tensor, own: list[int], f: Tensor) -> list[tuple[int, Tensor]]:
    """Which row learns what of a batch, in order."""
    if update == "each":
        return list(zip(own, f, strict=True))
    out = []
    for label in sorted(set(own)):
        rows = f[[place for place, value in enumerate(own) if value == label]]
        hardest = rows[int((rows @ memory[label]).argmin())]
        out.append((label, hardest if update == "hard" else unit(rows.mean(dim=0))))
    return out


def plain(encoder: Any, data: Any, update: str) -> tuple[Steps, Tensor, list[int]]:
    optimizer = Adam(encoder.parameters(), 0.004, 0.05)
    steps, found, memory = list[dict[str, float]](), list[int](), torch.zeros(0)
    for epoch in range(3):
        rows = unit(seen_at_test(encoder, data))
        labels = clusters(jaccard(rows, 5, 2), 0.6, 3)
        found.append(int(labels.max()) + 1)
        memory, views = unit(centres(rows, labels)), chance("augment", epoch)
        order = chance("order", epoch)
        for batch in of_several_cameras(labels, data.train.cams, 3, 8, 3, order):
            f = unit(encoder(drawn(VIEWS, pictures(data, batch), views)).embedding)
            own = labels[batch.numpy()].tolist()
            loss = cross_entropy(f @ memory.T / 0.2, own)
            loss.backward()
            optimizer.step(0.1 if epoch >= 2 else 1.0)
            memory = memory.clone()
            for label, row in lessons(update, memory, own, f.detach()):
                memory[label] = unit(0.3 * memory[label] + 0.7 * row)
            steps.append({"loss": loss.item()})
    return steps, memory, found


@pytest.mark.parametrize("update", ["each", "hard", "mean"])
def test_cluster_contrast_equals_a_plain_trainer(
    bench: Any, tiny: Callable[..., Any], update: str
) -> None:
    section = {**SETTINGS, "update": update}
    stage = staged(bench, tiny(warmup={"method": "cluster_contrast", "cluster_contrast": section}))
    encoder = stage.copy()
    steps, memory, found = plain(encoder, bench.dataset, update)
    assert_same_losses(stage.steps, steps)
    assert_same_change(stage.start, stage.training.encoder.state_dict(), encoder.state_dict())
    assert torch.allclose(stage.training.bank.rows, memory, rtol=0, atol=1e-5)
    assert [epoch["clusters"] for epoch in stage.epochs] == found
    assert min(found) > 1
