"""SpCL against a loop written from docs/baselines/spcl.md and the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
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
from torch.func import functional_call

VIEWS = multi()
SETTINGS = {
    "epochs": 3,
    "iterations": 3,
    "batch_size": 6,
    "images_per_person": 3,
    "lr": 0.004,
    "lr_step_epochs": 2,
    "weight_decay": 0.05,
    "k1": 5,
    "k2": 2,
    "eps": 0.5,
    "eps_gap": 0.2,
    "min_samples": 2,
    "independence_share": 0.6,
    "temperature": 0.2,
    "momentum": 0.3,
}


def members(labels: np.ndarray, i: int) -> set[int]:
    """Who is in i's cluster; an outlier is alone."""
    return {i} if labels[i] < 0 else set(np.flatnonzero(labels == labels[i]).tolist())


def apart(one: np.ndarray, other: np.ndarray, i: int) -> float:
    """1 - intersection over union of i's two clusters."""
    a, b = members(one, i), members(other, i)
    return 1 - len(a & b) / len(a | b)


def self_paced(rows: Tensor, limit: float | None) -> tuple[np.ndarray, int, float | None]:
    """Clusters that a wider radius leaves alone, of each what a smaller one keeps together."""
    d = jaccard(rows, 5, 2)
    normal, tight, wide = (clusters(d, eps, 2) for eps in (0.5, 0.3, 0.7))
    groups = [np.flatnonzero(normal == c) for c in range(normal.max(initial=-1) + 1)]
    independence = [min(apart(normal, wide, i) for i in group) for group in groups]
    if limit is None and groups:
        ordered = sorted(independence)
        limit = ordered[min(len(ordered) - 1, round(0.6 * len(ordered)))]
    kept = []
    for group, value in zip(groups, independence, strict=True):
        loose = [apart(normal, tight, i) for i in group]
        core = [i for i, looseness in zip(group, loose, strict=True) if looseness <= min(loose)]
        if limit is not None and value <= limit and len(core) > 1:
            kept.append(core)
    labels = np.full(len(normal), -1)
    for number, core in enumerate(kept):
        labels[core] = number
    alone = np.flatnonzero(labels < 0)
    labels[alone] = len(kept) + np.arange(len(alone))
    return labels, len(kept), limit


def plain(encoder: Any, data: Any, source: Any) -> tuple[Steps, Tensor, list[int]]:
    optimizer = Adam(encoder.parameters(), 0.004, 0.05)
    memory, people = unit(seen_at_test(encoder, data)), np.zeros(0, dtype=np.int64)
    if source is not None:
        people = np.unique(source.train.pids, return_inverse=True)[1]
        memory = torch.cat([unit(centres(unit(seen_at_test(encoder, source)), people)), memory])
    classes = len(memory) - len(data.train)
    limit: float | None = None
    steps, found = list[dict[str, float]](), list[int]()
    for epoch in range(3):
        labels, kept, limit = self_paced(memory[classes:], limit)
        found.append(kept)
        groups = np.concatenate([np.arange(classes), classes + labels])
        order = chance("order", epoch)
        batches = of_several_cameras(labels, data.train.cams, 3, 6, 3, order)
        others: list[Tensor | None] = [None] * 3
        if source is not None:
            order = chance("source order", epoch)
            others = [*of_several_cameras(people, source.train.cams, 3, 6, 3, order)]
        views = chance("augment", epoch)
        for rows, source_rows in zip(batches, others, strict=True):
            means, losses, seen = centres(memory, groups), {}, []
            if source_rows is not None:
                images = drawn(VIEWS, pictures(source, source_rows), views)
                # Running statistics are the target's: these copies are thrown away.
                spare = {name: value.clone() for name, value in encoder.named_buffers()}
                f = unit(functional_call(encoder, spare, images).embedding)
                own = people[source_rows.numpy()]
                losses["source"] = cross_entropy(f @ means.T / 0.2, own)
                seen += list(zip(own, f.detach(), strict=True))
            f = unit(encoder(drawn(VIEWS, pictures(data, rows), views)).embedding)
            own = classes + rows.numpy()
            losses["target"] = cross_entropy(f @ means.T / 0.2, groups[own])
            seen += list(zip(own, f.detach(), strict=True))
            total = torch.stack(list(losses.values())).sum()
            total.backward()
            optimizer.step(0.1 if epoch >= 2 else 1.0)
            for place, row in seen:
                memory[place] = unit(0.3 * memory[place] + 0.7 * row)
            steps.append({"loss": total.item(), **{k: v.item() for k, v in losses.items()}})
    return steps, memory, found


@pytest.mark.parametrize("beside", [False, True])
def test_spcl_equals_a_plain_trainer(
    bench: Any, other: Any, tiny: Callable[..., Any], beside: bool
) -> None:
    source = other if beside else None
    stage = staged(bench, tiny(warmup={"method": "spcl", "spcl": SETTINGS}), source)
    encoder = stage.copy()
    steps, memory, found = plain(encoder, bench.dataset, source)
    assert_same_losses(stage.steps, steps)
    assert_same_change(stage.start, stage.training.encoder.state_dict(), encoder.state_dict())
    assert torch.allclose(stage.training.bank.rows, memory, rtol=0, atol=1e-5)
    assert [epoch["clusters"] for epoch in stage.epochs] == found
    assert min(found) > 0
    assert max(epoch["dissolved"] for epoch in stage.epochs) > 0
