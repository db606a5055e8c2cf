"""SCL against a loop written from docs/specs/scl.md: images, tracklets, both ways of updating."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from plain_parts import (
    HEAD,
    Sgd,
    Steps,
    assert_same_change,
    assert_same_losses,
    chance,
    cross_entropy,
    drawn,
    frames_drawn,
    multi,
    pictures,
    shuffled,
    staged,
    unit,
)
from torch import Tensor

from gclbench.networks.stripe_heads import StripeHeads

FLIP = multi(pad_px=0, erase_probability=0.0)
SETTINGS = {
    "epochs": 3,
    "batch_size": 5,
    "frames": 2,
    "lr": 0.02,
    "new_layer_lr_factor": 3.0,
    "lr_step_epochs": 3,
    "weight_decay": 0.02,
    "positives": 2,
    "negatives": 9,
    "init_epochs": 1,
    "lambda_t": 0.4,
    "lambda_p": 0.3,
    "lambda_g": 0.6,
    "lambda_c": 0.1,
    "alpha": 1.5,
    "temperature": 0.2,
}


class Memories:
    """G (N, E), S (N, P, E / P) and the mixture M (N, E)."""

    def __init__(self, size: int, parts: int, dim: int) -> None:
        self.g, self.s = torch.zeros(size, dim), torch.zeros(size, parts, dim // parts)
        self.m = torch.zeros(size, dim)

    def visit(self, rows: Tensor, v: Tensor, local: Tensor, old: float) -> None:
        for i, one, stripes in zip(rows, v, local, strict=True):
            self.g[i] = unit(old * self.g[i] + (1 - old) * one)
            self.s[i] = unit(old * self.s[i] + (1 - old) * stripes)

    def nearest(self, i: int, v: Tensor, local: Tensor, cams: Any) -> list[int]:
        """All others, nearest first (section 3)."""
        d = {}
        for j in range(len(self.g)):
            stripes = ((local - self.s[j]) ** 2).sum(dim=1).mean()
            same = 0.1 if cams[i] == cams[j] else 0.0
            d[j] = float(0.6 * ((v - self.g[j]) ** 2).sum() + 0.4 * stripes) + same
        return sorted((j for j in d if j != i), key=lambda j: (d[j], j))


def candidates(
    memories: Memories, rows: Tensor, v: Tensor, local: Tensor, cams: Any, others: Any
) -> list[list[int]]:
    """Each anchor's row, then its positives, then its negatives; `others`: drawn ones at first."""
    if others is not None:
        order = torch.randperm(len(memories.g), generator=others).tolist()[:12]
        lists = []
        for i in rows.tolist():
            lists.append([i, *(order[11] if j == i else j for j in order[:11])])
        return lists
    return [
        [i, *memories.nearest(i, one, stripes, cams)[:11]]
        for i, one, stripes in zip(rows.tolist(), v, local, strict=True)
    ]


class Live(torch.autograd.Function):
    """Scores of today, whose slope reads the memory as it is by then, and then changes it."""

    @staticmethod
    def forward(context: Any, u: Tensor, memory: Tensor, lists: Any, place: int) -> Tensor:
        context.save_for_backward(u)
        context.rest = memory, lists, place
        return torch.stack([memory[chosen] @ row for row, chosen in zip(u, lists, strict=True)])

    @staticmethod
    def backward(context: Any, slopes: Tensor) -> Any:
        (u,), (memory, lists, place) = context.saved_tensors, context.rest
        found = [slope @ memory[chosen] for slope, chosen in zip(slopes, lists, strict=True)]
        pull(memory, [chosen[place] for chosen in lists], u)
        return torch.stack(found), None, None, None


def pull(memory: Tensor, rows: list[int], vectors: Tensor) -> None:
    for j, row in zip(rows, vectors, strict=True):
        memory[j] = unit((memory[j] + row) / 2)


def side_loss(u: Tensor, memory: Tensor, lists: Any, weights: list[float], live: bool) -> Tensor:
    """Section 4 for one side."""
    terms = []
    for place, weight in enumerate(weights):
        if live:
            scores = Live.apply(u, memory, lists, place)
        else:
            scores = torch.stack(
                [memory[c].clone() @ row for row, c in zip(u, lists, strict=True)]
            )
        terms.append(weight * cross_entropy(scores / 0.2, [place] * len(u)))
    return torch.stack(terms).sum()


def plain(encoder: Any, data: Any, live: bool) -> tuple[Steps, Memories, Any]:
    table, parts = data.train, encoder.parts
    heads = StripeHeads(encoder.channels, parts, encoder.embedding_dim, chance("stripes")).train()
    named = dict(encoder.named_parameters())
    new = [named.pop(name) for name in HEAD]
    groups = [(list(named.values()), 0.02), ([*new, *heads.parameters()], 0.06)]
    optimizer = Sgd(groups, 0.9, 0.02, nesterov=True)
    memories, steps = Memories(len(table), parts, encoder.embedding_dim), list[dict[str, float]]()
    encoder.train()

    def see(rows: Tensor, count: int, views: Any) -> tuple[Tensor, Tensor]:
        """Of the mean over frames: v_g and the stripes' v_l."""
        pooled, stripes = encoder.pool(drawn(FLIP, pictures(data, rows), views))
        each = len(rows) // count
        pooled = torch.stack([p.mean(dim=0) for p in pooled.split(each)])
        stripes = torch.stack([p.mean(dim=0) for p in stripes.split(each)])
        return unit(encoder.embed(pooled)), heads(stripes)

    fill(memories, see, encoder, heads, data)
    for epoch in range(3):
        views, frames = chance("augment", epoch), chance("frames", epoch)
        others = chance("negatives", epoch) if epoch < 1 else None
        weights = [0.4] if epoch < 1 else [0.4, *[1.5 * 0.6 / 2] * 2]
        for rows in shuffled(len(table), 5, chance("order", epoch), tail="keep"):
            v, local = see(frames_drawn(table, rows, 2, frames), len(rows), views)
            lists = candidates(memories, rows, v.detach(), local.detach(), table.cams, others)
            whole = local.flatten(1)
            # Autograd goes back through what was made last.
            near = 0.7 * side_loss(v, memories.m, lists, weights, live)
            far = 0.3 * side_loss(whole, memories.m, lists, weights, live)
            (near + far).backward()
            if not live:
                for vectors in (whole.detach(), v.detach()):
                    for place in reversed(range(len(weights))):
                        pull(memories.m, [chosen[place] for chosen in lists], vectors)
            optimizer.step(0.1 ** ((epoch + 1) // 3))
            memories.visit(rows, v.detach(), local.detach(), 0.5)
            steps.append({"loss": (near + far).item(), "local": far.item(), "global": near.item()})
    return steps, memories, heads


def fill(memories: Memories, see: Any, encoder: Any, heads: Any, data: Any) -> None:
    """One pass without slopes, in train mode; of a tracklet all frames."""
    views, table = chance("augment", "fill"), data.train
    for rows in shuffled(len(table), 5, chance("order", "fill"), tail="keep"):
        with torch.no_grad():
            if table.starts is None:
                v, local = see(rows, len(rows), views)
            else:
                v, local = see_all(rows, encoder, heads, data, views)
        memories.visit(rows, v, local, 0.0)


def see_all(rows: Tensor, encoder: Any, heads: Any, data: Any, views: Any) -> Any:
    """All frames, first ones first, ten at a time."""
    starts = data.train.starts
    shown = [
        (t, place, int(starts[i]) + t)
        for place, i in enumerate(rows.tolist())
        for t in range(int(starts[i + 1] - starts[i]))
    ]
    shown.sort(key=lambda one: one[:2])
    seen = []
    for first in range(0, len(shown), 2 * len(rows)):
        part = [row for _, _, row in shown[first : first + 2 * len(rows)]]
        seen.append(encoder.pool(drawn(FLIP, pictures(data, part), views)))
    pooled, stripes = (torch.cat(each) for each in zip(*seen, strict=True))
    of = [[n for n, (_, p, _) in enumerate(shown) if p == place] for place in range(len(rows))]
    pooled, stripes = (torch.stack([x[own].mean(dim=0) for own in of]) for x in (pooled, stripes))
    return unit(encoder.embed(pooled)), heads(stripes)


@pytest.mark.parametrize("kind, live", [("images", False), ("images", True), ("tracklets", False)])
def test_scl_equals_a_plain_trainer(
    bench: Any, video: Any, tiny: Callable[..., Any], kind: str, live: bool
) -> None:
    place = video if kind == "tracklets" else bench
    section = {**SETTINGS, "update_in_backward": live}
    stage = staged(place, tiny(warmup={"method": "scl", "scl": section}))
    encoder = stage.copy()
    steps, memories, heads = plain(encoder, place.dataset, live)
    assert_same_losses(stage.steps, steps)
    training = stage.training
    assert_same_change(stage.start, training.encoder.state_dict(), encoder.state_dict())
    first = StripeHeads(
        encoder.channels, encoder.parts, encoder.embedding_dim, chance("stripes")
    ).state_dict()
    biases = [name for name in first if name.endswith("bias") and name.startswith("linear")]
    assert_same_change(first, training.heads.state_dict(), heads.state_dict(), free=biases)
    for found, expected in (
        (training.memory.rows.rows, memories.g),
        (training.memory.stripes, memories.s),
        (training.mixture.rows, memories.m),
    ):
        assert torch.allclose(found, expected, rtol=0, atol=1e-5)
