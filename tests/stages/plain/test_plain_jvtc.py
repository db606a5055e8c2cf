"""JVTC against a loop written from docs/specs/jvtc.md: images, tracklets, beside a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from plain_parts import (
    assert_same_change,
    assert_same_losses,
    chance,
    clusters,
    cross_entropy,
    drawn,
    endless,
    frames_drawn,
    log_shares,
    multi,
    pictures,
    reciprocal,
    relu,
    rho_rule,
    sgd_as_the_codes,
    squared,
    staged,
    unit,
)
from torch import Tensor

VIEWS = multi(pad_px=0, min_area=0.02, max_area=0.2)
SETTINGS = {
    "method": "jvtc",
    "epochs": 4,
    "batch_images": 5,
    "copies": 2,
    "lr": 0.01,
    "new_layer_lr_factor": 3.0,
    "lr_step_epochs": 4,
    "weight_decay": 0.02,
    "global_from_epoch": 2,
    "joint_from_epoch": 4,
    "refresh_every_epochs": 2,
    "k1": 7,
    "k2": 4,
    "rho": 0.08,
    "eps_factor": 0.9,
    "eps_factor_with_source": 1.2,
    "local_temperature": 0.3,
    "global_temperature": 0.2,
    "global_weight": 0.7,
    "memory_momentum_step": 0.2,
    "memory_momentum_max": 0.5,
    "frame_bin": 100,
    "smoothing_bins": 2.0,
}


def reranked(d: np.ndarray, mix: float) -> np.ndarray:
    """Section 3.4, step 2."""
    shifted = d - d.min(axis=0)
    o = (shifted / shifted.max(axis=0)).T
    return (1 - mix) * reciprocal(o, 4, 8, round(7 / 2) + 1) + mix * o


def cluster(d: np.ndarray, factor: float) -> np.ndarray:
    # The rule leaves out zeros, and whether a float32 is one must not matter here.
    assert d[np.triu_indices(len(d), 1)].min() > 1e-6
    eps = factor * rho_rule(d, 0.08)
    # Every image is within eps of itself, also where another one is nearer to it in `d`.
    return clusters(np.where(np.eye(len(d), dtype=bool), 0, d), eps, 1)


def travel_times(labels: np.ndarray, cams: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Section 3.5: P[to, from, bin]."""
    count = cams.max() + 1
    bins = int(times.max() - times.min()) // 100 + 1
    votes = np.zeros((count, count, bins))
    for label in np.unique(labels):
        own = labels == label
        seen = [c for c in range(count) if (own & (cams == c)).any()]
        at = {c: times[own & (cams == c)] for c in seen}
        mean = {c: here.sum() / (len(here) + 1e-7) for c, here in at.items()}
        for j in seen:
            for t in at[j] if len(at[j]) > 1 else ():
                votes[j, j, int((t - at[j].min()) / 100)] += len(at[j])
            for k in seen:
                if k > j:
                    to, origin = (j, k) if mean[j] > mean[k] else (k, j)
                    votes[to, origin, int((mean[to] - mean[origin]) / 100)] += 1
    smooth = np.zeros_like(votes)
    for b in range(bins):
        for s in range(max(0, b - 6), min(bins, b + 7)):
            weight = np.exp(-((s - b) ** 2) / (2 * 2.0**2)) / (2.0 * np.sqrt(2 * np.pi))
            smooth[:, :, s] += weight * votes[:, :, b]
    p: np.ndarray = smooth / (smooth.sum(axis=2, keepdims=True) + 1e-7)
    return p


def joint_distance(rows: np.ndarray, p: np.ndarray, cams: np.ndarray, times: np.ndarray) -> Any:
    n = len(rows)
    d = np.zeros((n, n))
    for q in range(n):
        for g in range(n):
            gap = int(times[q] - times[g])
            to, origin = (cams[q], cams[g]) if gap > 0 else (cams[g], cams[q])
            seen = p[to, origin, abs(gap) // 100]
            look = 1 / (1 + np.exp(-5 * float(rows[q] @ rows[g])))
            d[q, g] = 1 - look / (1 + 2 * np.exp(-5 * seen))
    return d


def refreshed(bank: Tensor, table: Any, factor: float, joint: bool) -> np.ndarray:
    rows = bank.numpy()
    labels = cluster(reranked(squared(rows), 0.3), factor)
    if joint:
        p = travel_times(labels, table.cams, table.frames)
        labels = cluster(reranked(joint_distance(rows, p, table.cams, table.frames), 0.5), factor)
    return labels


def target_loss(f: Tensor, rows: Tensor, bank: Tensor, labels: np.ndarray | None) -> Any:
    """The local loss of copies f (2 B, E) of some images and, with labels, the global one."""
    x, losses = unit(f), {}
    means = torch.stack([unit(f[2 * i : 2 * i + 2].mean(dim=0)) for i in range(len(rows))])
    own = [b // 2 for b in range(len(f))]
    losses["local"] = cross_entropy(x @ means.T / 0.3, own)
    if labels is not None:
        shares, parts = log_shares(x @ bank.T / 0.2), []
        for b, row in enumerate(shares):
            same = np.flatnonzero(labels == labels[int(rows[b // 2])])
            parts.append(-row[same].mean())
        losses["global"] = 0.7 * torch.stack(parts).mean()
    return losses, means.detach()


def plain(encoder: Any, data: Any, source: Any, classifier: Tensor | None) -> Any:
    extra = [] if classifier is None else [classifier]
    optimizer = sgd_as_the_codes(encoder, 0.01, 3.0, 0.02, extra)
    n, steps, found = len(data.train), list[dict[str, float]](), []
    bank = torch.rand(n, encoder.embedding_dim, generator=chance("bank"))
    per_epoch = n // 5 if source is None else len(source.train) // 10
    people = [] if source is None else sorted(set(source.train.pids.tolist()))
    labels, encoder = None, encoder.train()
    for epoch in range(1, 5):
        if epoch in (2, 4):
            labels = refreshed(bank, data.train, 0.9 if source is None else 1.2, epoch == 4)
            found.append(labels)
        views, frames = chance("augment", epoch - 1), chance("frames", epoch - 1)
        for step in range((epoch - 1) * per_epoch, epoch * per_epoch):
            rows = endless(n, 5, step, "target")
            images = pictures(data, frames_drawn(data.train, rows, 1, frames))
            images = torch.stack([image for image in images for _ in range(2)])
            f = encoder(drawn(VIEWS, images, views)).embedding
            losses, means = target_loss(f, rows, bank, labels)
            if classifier is not None:
                others = endless(len(source.train), 10, step, "source")
                images = drawn(VIEWS, pictures(source, others), views)
                own = [people.index(pid) for pid in source.train.pids[others].tolist()]
                logits = relu(encoder(images).embedding) @ classifier.T
                losses["source"] = cross_entropy(logits, own)
            total = torch.stack(list(losses.values())).sum()
            total.backward()
            optimizer.step(0.1 ** (epoch // 4))
            old = min(0.2 * epoch, 0.5)
            bank[rows] = old * bank[rows] + (1 - old) * means
            steps.append({"loss": total.item(), **{k: v.item() for k, v in losses.items()}})
    return steps, bank, found


@pytest.mark.parametrize("kind", ["images", "tracklets", "source"])
def test_jvtc_equals_a_plain_trainer(
    bench: Any, video: Any, other: Any, tiny: Callable[..., Any], kind: str
) -> None:
    place, source = video if kind == "tracklets" else bench, other if kind == "source" else None
    stage = staged(place, tiny(warmup=SETTINGS), source)
    encoder, classifier = stage.copy(), None
    if source is not None:
        first = torch.load(bench.parent("source") / "classifier.pt", weights_only=True)
        classifier = first["weight"].clone().requires_grad_()
    steps, bank, found = plain(encoder, place.dataset, source, classifier)
    assert_same_losses(stage.steps, steps)
    assert_same_change(stage.start, stage.training.encoder.state_dict(), encoder.state_dict())
    assert torch.allclose(stage.training.bank.rows, bank, rtol=0, atol=1e-5)
    assert stage.training.labels.tolist() == found[-1].tolist()
    assert all(1 < len(set(labels.tolist())) < len(labels) for labels in found)
    if classifier is not None:
        assert_same_change(
            first, stage.training.source.classifier.state_dict(), {"weight": classifier.detach()}
        )


def test_a_source_is_left_aside_where_it_is_not_to_be_learnt(
    bench: Any, other: Any, tiny: Callable[..., Any]
) -> None:
    stage = staged(bench, tiny(warmup={**SETTINGS, "source_loss": False}), other)
    assert stage.training.source is None
    assert all("source" not in step for step in stage.steps)
