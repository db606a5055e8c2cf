"""ECN against a loop written from docs/baselines/ecn.md and the paper, beside a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from plain_parts import (
    Steps,
    assert_same_change,
    assert_same_losses,
    chance,
    cross_entropy,
    drawn,
    endless,
    log_shares,
    multi,
    pictures,
    relu,
    sgd_as_the_codes,
    staged,
    unit,
)
from torch import Tensor

VIEWS = multi()
SETTINGS = {
    "epochs": 3,
    "batch_size": 5,
    "lr": 0.02,
    "new_layer_lr_factor": 3.0,
    "lr_step_epochs": 2,
    "weight_decay": 0.02,
    "frozen_stages": 1,
    "dropout": 0.25,
    "temperature": 0.2,
    "neighbours": 3,
    "neighbours_from_epoch": 2,
    "memory_momentum_step": 0.3,
    "target_weight": 0.4,
}


def invariance(logits: Tensor, own: int, neighbours: int) -> Tensor:
    """Weight 1 for the own row, 1 / k for each other one among the k nearest; logits (N,)."""
    shares = log_shares(logits)
    nearest = sorted(range(len(logits)), key=lambda j: -logits[j].item())[:neighbours]
    return -shares[own] - sum(
        (shares[j] / neighbours for j in nearest if j != own), torch.zeros(())
    )


def plain(encoder: Any, data: Any, source: Any, classifier: Tensor | None) -> tuple[Steps, Tensor]:
    frozen = [encoder.conv1, encoder.bn1, encoder.layer1]
    for part in frozen:
        part.requires_grad_(False)
    extra = [] if classifier is None else [classifier]
    optimizer = sgd_as_the_codes(encoder, 0.02, 3.0, 0.02, extra)
    memory, steps = torch.zeros(len(data.train), encoder.embedding_dim), list[dict[str, float]]()
    people = None if source is None else sorted(set(source.train.pids.tolist()))
    per_epoch = len((data if source is None else source).train) // 5

    def dropped(rows: Tensor) -> Tensor:
        stays = torch.rand(rows.shape, generator=drops) >= 0.25
        return torch.where(stays, rows / 0.75, torch.zeros(()))

    for epoch in range(3):
        encoder.train()
        for part in frozen:
            part.eval()
        views, drops = chance("augment", epoch), chance("dropout", epoch)
        for step in range(epoch * per_epoch, (epoch + 1) * per_epoch):
            losses = {}
            if classifier is not None and people is not None:
                rows = endless(len(source.train), 5, step, "source")
                f = encoder(drawn(VIEWS, pictures(source, rows), views)).embedding
                labels = [people.index(pid) for pid in source.train.pids[rows].tolist()]
                losses["source"] = cross_entropy(dropped(relu(f)) @ classifier.T, labels)
            rows = endless(len(data.train), 5, step, "target")
            f = encoder(drawn(VIEWS, pictures(data, rows), views)).embedding
            f = dropped(unit(f))
            logits = f @ memory.T / 0.2
            near = 3 if epoch >= 1 else 0
            parts = [invariance(row, int(i), near) for row, i in zip(logits, rows, strict=True)]
            losses["target"] = torch.stack(parts).mean()
            total = losses["target"]
            if "source" in losses:
                total = 0.6 * losses["source"] + 0.4 * total
            total.backward()
            optimizer.step(0.1 if epoch >= 2 else 1.0)
            for i, row in zip(rows, f.detach(), strict=True):
                memory[i] = unit(0.3 * epoch * memory[i] + (1 - 0.3 * epoch) * row)
            steps.append({"loss": total.item(), **{k: v.item() for k, v in losses.items()}})
    return steps, memory


@pytest.mark.parametrize("beside", [False, True])
def test_ecn_equals_a_plain_trainer(
    bench: Any, other: Any, tiny: Callable[..., Any], beside: bool
) -> None:
    source = other if beside else None
    stage = staged(bench, tiny(warmup={"method": "ecn", "ecn": SETTINGS}), source)
    encoder, classifier = stage.copy(), None
    if beside:
        first = torch.load(bench.parent("source") / "classifier.pt", weights_only=True)
        classifier = first["weight"].clone().requires_grad_()
    steps, memory = plain(encoder, bench.dataset, source, classifier)
    assert_same_losses(stage.steps, steps)
    assert_same_change(stage.start, stage.training.encoder.state_dict(), encoder.state_dict())
    assert torch.allclose(stage.training.bank.rows, memory, rtol=0, atol=1e-4)
    if classifier is not None:
        assert_same_change(
            first, stage.training.source.classifier.state_dict(), {"weight": classifier.detach()}
        )
