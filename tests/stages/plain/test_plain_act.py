"""ACT, and UDAP before it, against a loop written from docs/specs/act.md."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from plain_parts import (
    Adam,
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
    pairwise,
    pictures,
    relu,
    rho_rule,
    seen_at_test,
    some_of,
    staged,
    unit,
)
from torch import Tensor

VIEWS = multi(pad_px=0, min_area=0.02, max_area=0.2)
SETTINGS = {
    "iterations": 2,
    "epochs": 2,
    "batch_images": 6,
    "instances": 3,
    "margin": 0.4,
    "lr": 0.002,
    "keep_base": 0.3,
    "source_weight": 0.2,
    "udap_iterations": 2,
    "udap_epochs": 1,
    "udap_batch_images": 9,
    "udap_lr": 0.02,
    "udap_momentum": 0.8,
    "k1": 5,
    "k2": 2,
    "rho": 0.2,
    "min_samples": 3,
}


class Labels:
    """Labels of all images, and who is an inlier (sections 3.1 and 3.2)."""

    def __init__(
        self, encoder: Any, data: Any, source: Any, eps: float | None, raw: bool = False
    ) -> None:
        seen = [seen_at_test(encoder, of, lambda output: output.pooled) for of in (data, source)]
        rows, theirs = ((part if raw else unit(part)).numpy() for part in seen)
        far = ((rows[:, None] - theirs[None]) ** 2).sum(axis=2).clip(min=1e-5)
        w = (1 - np.exp(-far)).min(axis=1)
        w = w / (w.max() + 1e-3)
        d = 0.8 * classic_jaccard(rows, 5, 2) + 0.2 * (w[:, None] + w[None])
        d[np.eye(len(d), dtype=bool)] = 0
        self.eps = eps or rho_rule(d, 0.2)
        found = clusters(d, self.eps, 3)
        self.inliers = set(np.flatnonzero(found >= 0).tolist())
        inside = sorted(self.inliers)
        self.of = {}
        for i in range(len(rows)):
            near = inside[int((unit(seen[0])[inside] @ unit(seen[0])[i]).argmax())]
            self.of[i] = int(found[i] if i in self.inliers else found[near])

    def some(self, inliers: bool) -> dict[int, int]:
        return {i: label for i, label in self.of.items() if (i in self.inliers) == inliers}


def each(output: Any, labels: list[int]) -> Tensor:
    """Tri(x1) + Tri(x2) of every sample, batch-hard."""
    total = torch.zeros(len(labels))
    for rows in (output.pooled, relu(output.embedding)):
        d, parts = pairwise(rows), []
        for a, label in enumerate(labels):
            same = [d[a, j] for j, other in enumerate(labels) if other == label]
            others = [d[a, j] for j, other in enumerate(labels) if other != label]
            gap = 0.4 + torch.stack(same).max() - torch.stack(others).min() if others else d[a, a]
            parts.append(relu(gap) if others else 0 * gap)
        total = total + torch.stack(parts)
    return total


def best(losses: Tensor, share: float) -> list[int]:
    """Where the int(size * share) smallest losses stand, the smallest one first."""
    order = sorted(range(len(losses)), key=lambda i: (losses[i].item(), i))
    return order[: min(len(order), max(2, int(len(losses) * share + 1e-9)))]


def one_batch(labels: dict[int, int], generator: torch.Generator) -> Tensor | None:
    """Two people drawn at random, three images of each; nothing where there are fewer."""
    people = sorted(set(labels.values()))
    if len(people) < 2:
        return None
    order = torch.randperm(len(people), generator=generator)[:2].tolist()
    own = [[i for i in sorted(labels) if labels[i] == people[p]] for p in order]
    return torch.cat([some_of(rows, 3, generator) for rows in own])


def udap(encoder: Any, data: Any, source: Any, steps: Steps) -> None:
    optimizer = Sgd([(list(encoder.parameters()), 0.02)], 0.8, 0.0, nesterov=False)
    eps = None
    for epoch in range(2):
        labels = Labels(encoder, data, source, eps, raw=True)
        eps, views = labels.eps, chance("augment", epoch)
        for batch in of_people(labels.some(True), 3, 3, chance("order", epoch)):
            output = encoder(drawn(VIEWS, pictures(data, batch), views))
            own = [labels.of[i] for i in batch.tolist()]
            loss = every_positive_pair(output.pooled, own, 0.4)
            loss = loss + every_positive_pair(relu(output.embedding), own, 0.4)
            loss.backward()
            optimizer.step()
            steps.append({"loss": loss.item()})


def co_teaching(encoder: Any, co: Any, data: Any, source: Any, steps: Steps) -> list[int]:
    main = Adam(encoder.parameters(), 0.002, 0.0)
    other = Adam(co.parameters(), 0.002, 0.0)
    eps, brought = None, []
    co.train()
    for iteration in range(2):
        labels = Labels(encoder, data, source, eps)
        eps, share = labels.eps, 0.3 + 0.7 * (iteration + 1) / 2
        for epoch in (2 + 2 * iteration, 3 + 2 * iteration):
            views, noisy = chance("augment", epoch), chance("noisy", epoch)
            batches = of_people(labels.some(True), 2, 3, chance("order", epoch))
            # Every other batch is the main network's, and brings outliers.
            drawn_outliers = [one_batch(labels.some(False), noisy) for _ in batches[1::2]]
            for number, batch in enumerate(batches):
                images = drawn(VIEWS, pictures(data, batch), views)
                own = [labels.of[i] for i in batch.tolist()]
                learner, optimizer = (encoder, main) if number % 2 else (co, other)
                if number % 2 == 0:
                    with torch.no_grad():
                        kept = best(each(encoder(images), own), share)
                    images, own = images[kept], [own[k] for k in kept]
                elif (rows := drawn_outliers[number // 2]) is not None:
                    more = drawn(VIEWS, pictures(data, rows), views)
                    theirs = [labels.of[i] for i in rows.tolist()]
                    with torch.no_grad():
                        kept = best(each(co(more), theirs), share)
                    images = torch.cat([images, more[kept]])
                    own += [theirs[k] for k in kept]
                    brought.append(len(kept))
                loss = each(learner(images), own).mean()
                loss.backward()
                optimizer.step()
                steps.append({"loss": loss.item()})
    return brought


def test_act_equals_a_plain_trainer(bench: Any, other: Any, tiny: Callable[..., Any]) -> None:
    stage = staged(bench, tiny(warmup={"method": "act", "act": SETTINGS}), other)
    encoder, steps = stage.copy(), list[dict[str, float]]()
    encoder.train()
    udap(encoder, bench.dataset, other, steps)
    co = copy.deepcopy(encoder)
    brought = co_teaching(encoder, co, bench.dataset, other, steps)
    assert_same_losses(stage.steps, steps)
    # Nothing decays: of the shift that BatchNorm takes away Adam moves rounding.
    free = ("feat.bias", "feat_bn.running_mean")
    for found, network in ((stage.training.encoder, encoder), (stage.training.co, co)):
        assert_same_change(stage.start, found.state_dict(), network.state_dict(), free=free)
    assert 0 < min(brought, default=0) < 6  # some of the outliers
