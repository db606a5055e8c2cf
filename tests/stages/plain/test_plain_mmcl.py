"""MMCL against a loop written from docs/specs/mmcl.md: labels, loss, memory and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from plain_parts import (
    Steps,
    assert_same_change,
    assert_same_losses,
    chance,
    drawn,
    multi,
    pictures,
    sgd_as_the_codes,
    shuffled,
    staged,
    unit,
)
from torch import Tensor

from gclbench.augmentations.crop_rotate_jitter import CropRotateJitter

CROP = CropRotateJitter(0.64, 1.0, 2.0, 3.0, 10.0, 0.2)
FLIP_ERASE = multi(pad_px=0, min_area=0.02, max_area=0.2, min_aspect=0.3, max_aspect=3.0)
SETTINGS = {
    "epochs": 4,
    "batch_size": 5,
    "lr": 0.02,
    "new_layer_lr_factor": 3.0,
    "lr_step_epochs": 3,
    "weight_decay": 0.02,
    "single_label_epochs": 1,
    "threshold": 0.35,
    "least_rank": 2,
    "delta": 3.0,
    "hard_share": 0.2,
    "memory_momentum": 0.6,
    "memory_ramp_epochs": 2,
}


def multi_label(memory: Tensor, i: int) -> set[int]:
    """Section 3.3: walk from the most similar on, until one has not i near enough itself."""

    def ranks(row: int) -> list[int]:
        scores = memory @ memory[row]
        return sorted(range(len(memory)), key=lambda j: (j != row, -float(scores[j]), j))

    own = ranks(i)
    near = int((memory @ memory[i] > 0.35).sum())
    limit, step = max(near, 2), 1
    for place in range(limit):
        if ranks(own[place]).index(i) > limit:
            break
        step = max(step, place)
    return {i, *own[: max(0, min(step + 1, near))]}


def loss_of(scores: Tensor, positives: set[int]) -> Tensor:
    """Section 4, for one image; scores (N,)."""
    others = [s for j, s in enumerate(scores) if j not in positives]
    hard = sorted((j for j in range(len(scores)) if j not in positives), key=lambda j: -scores[j])
    hard = hard[: max(1, int(0.2 * len(others)))]
    pull = torch.stack([(1 - scores[j]) ** 2 for j in sorted(positives)]).mean()
    return 3.0 * pull + torch.stack([(1 + scores[j]) ** 2 for j in hard]).mean()


def plain(encoder: Any, data: Any) -> tuple[Steps, Tensor]:
    optimizer = sgd_as_the_codes(encoder, 0.02, 3.0, 0.02)
    memory, steps = torch.zeros(len(data.train), encoder.embedding_dim), list[dict[str, float]]()
    encoder.train()
    for epoch in range(4):
        views = chance("augment", epoch)
        for rows in shuffled(len(memory), 5, chance("order", epoch), tail="keep"):
            images = drawn(FLIP_ERASE, drawn(CROP, pictures(data, rows), views), views)
            f = unit(encoder(images).embedding)
            labels = [multi_label(memory, int(i)) if epoch >= 1 else {int(i)} for i in rows]
            scores = f @ memory.T
            losses = [loss_of(s, found) for s, found in zip(scores, labels, strict=True)]
            loss = torch.stack(losses).mean()
            loss.backward()
            old = 0.6 * min(epoch / 2, 1)
            for i, row in zip(rows, f.detach(), strict=True):
                memory[i] = unit(old * memory[i] + (1 - old) * row)
            optimizer.step(0.1 if epoch >= 3 else 1.0)
            mean = sum(len(found) for found in labels) / len(labels)
            steps.append({"loss": loss.item(), "positives": mean})
    return steps, memory


def test_mmcl_equals_a_plain_trainer(bench: Any, tiny: Callable[..., Any]) -> None:
    stage = staged(bench, tiny(warmup={"method": "mmcl", "mmcl": SETTINGS}))
    encoder = stage.copy()
    steps, memory = plain(encoder, bench.dataset)
    assert_same_losses(stage.steps, steps)
    assert_same_change(stage.start, stage.training.encoder.state_dict(), encoder.state_dict())
    assert torch.allclose(stage.training.memory.rows, memory, rtol=0, atol=1e-4)
    labels = {step["positives"] for step in steps}
    assert len(labels) > 3  # or the labels were never put to the test
