"""SSG against a loop written from docs/baselines/ssg.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from plain_parts import (
    Sgd,
    Steps,
    assert_same_change,
    assert_same_losses,
    chance,
    classic_jaccard,
    clusters,
    drawn,
    every_positive_pair,
    multi,
    of_people,
    pictures,
    relu,
    rho_rule,
    seen_at_test,
    staged,
)
from torch import Tensor

VIEWS = multi(pad_px=0, min_area=0.02, max_area=0.2)
SETTINGS = {
    "iterations": 2,
    "epochs": 2,
    "batch_images": 4,
    "instances": 2,
    "margin": 0.4,
    "lr": 0.03,
    "momentum": 0.8,
    "weight_decay": 0.02,
    "k1": 4,
    "k2": 2,
    "rho": 0.1,
    "min_samples": 2,
}


def averages(output: Any) -> list[Tensor]:
    """Of the whole map, its upper and its lower half: four parts of two rows each."""
    parts = output.f_id[..., 0]
    return [output.pooled, parts[:, :, :2].mean(dim=2), parts[:, :, 2:].mean(dim=2)]


def plain(encoder: Any, data: Any) -> tuple[Steps, list[float], list[Any]]:
    optimizer = Sgd([(list(encoder.parameters()), 0.03)], 0.8, 0.02, nesterov=False)
    steps, eps, found, labels = list[dict[str, float]](), list[float](), [], np.zeros((3, 0))
    for epoch in range(4):
        if epoch in (0, 2):
            rows = seen_at_test(encoder, data, averages)
            distances = [classic_jaccard(part, 4, 2) for part in rows]
            eps = eps or [rho_rule(d, 0.1, zeros=True) for d in distances]
            labels = np.stack(
                [clusters(d, radius, 2) for d, radius in zip(distances, eps, strict=True)]
            )
            found.append(labels)
        known = {i: labels[0, i] for i in np.flatnonzero((labels >= 0).all(axis=0)).tolist()}
        views = chance("augment", epoch)
        encoder.train()
        for batch in of_people(known, 2, 2, chance("order", epoch)):
            output = encoder(drawn(VIEWS, pictures(data, batch), views))
            whole, upper, lower = averages(output)
            own = labels[:, batch.numpy()].tolist()
            losses = {
                "embedding": every_positive_pair(relu(output.embedding), own[0], 0.4),
                "whole": every_positive_pair(whole, own[0], 0.4),
                "upper": every_positive_pair(upper, own[1], 0.4),
                "lower": every_positive_pair(lower, own[2], 0.4),
            }
            total = torch.stack(list(losses.values())).sum()
            total.backward()
            optimizer.step()
            steps.append({"loss": total.item(), **{k: v.item() for k, v in losses.items()}})
    return steps, eps, found


def test_ssg_equals_a_plain_trainer(bench: Any, tiny: Callable[..., Any]) -> None:
    stage = staged(bench, tiny(warmup={"method": "ssg", "ssg": SETTINGS}))
    encoder = stage.copy()
    steps, eps, found = plain(encoder, bench.dataset)
    assert_same_losses(stage.steps, steps)
    assert_same_change(stage.start, stage.training.encoder.state_dict(), encoder.state_dict())
    assert np.allclose(stage.training.eps, eps, rtol=1e-5, atol=0)
    assert stage.training.labels.tolist() == found[-1].tolist()
    assert not np.array_equal(*found)
    groupings = [tuple(labels) for labels in found[-1].tolist()]
    assert len(set(groupings)) == 3
