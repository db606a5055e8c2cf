"""The labelled start (a source, or the pre-training's people) against a plain loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from plain_parts import (
    HEAD,
    Sgd,
    Steps,
    assert_same_change,
    assert_same_losses,
    cross_entropy,
    drawn,
    frames_drawn,
    multi,
    pictures,
    relu,
    shuffled,
)

from gclbench.seeding import torch_generator
from gclbench.stages.pretrain import load_encoder, new_encoder, pretrain, source

VIEWS = multi()
SETTINGS = {"epochs": 3, "batch_size": 5, "lr": 0.03, "weight_decay": 0.02}


def plain(encoder: Any, data: Any, factor: float, chance: Any) -> tuple[Steps, torch.Tensor]:
    """Cross-entropy on ReLU(f); the rate falls as a cosine by epoch, the first one whole."""
    people = sorted(set(data.train.pids.tolist()))
    classifier = torch.empty(len(people), encoder.embedding_dim)
    classifier.normal_(0.0, 0.001, generator=chance("classifier")).requires_grad_()
    named = dict(encoder.named_parameters())
    head = [named.pop(name) for name in HEAD]
    groups = [(list(named.values()), 0.03), ([*head, classifier], 0.03 * factor)]
    optimizer, steps = Sgd(groups, 0.9, 0.02, nesterov=True), list[dict[str, float]]()
    encoder.train()
    for epoch in range(3):
        views, frames = chance("augment", epoch), chance("frames", epoch)
        for rows in shuffled(len(data.train), 5, chance("order", epoch)):
            images = pictures(data, frames_drawn(data.train, rows, 1, frames))
            f = encoder(drawn(VIEWS, images, views)).embedding
            own = [people.index(pid) for pid in data.train.pids[rows].tolist()]
            loss = cross_entropy(relu(f) @ classifier.T, own)
            loss.backward()
            optimizer.step(0.5 * (1 + math.cos(math.pi * epoch / 3)))
            steps.append({"loss": loss.item()})
    return steps, classifier.detach()


@pytest.mark.parametrize("stage", ["source", "source of tracklets", "pretrain"])
def test_the_labelled_start_equals_a_plain_trainer(
    bench: Any, video: Any, tiny: Callable[..., Any], stage: str
) -> None:
    place = video if "tracklets" in stage else bench
    stage = stage.split()[0]
    section = dict(SETTINGS, **({"new_layer_lr_factor": 3.0} if stage == "source" else {}))
    seen: Steps = []
    context = replace(
        place.context(
            stage,
            tiny(**{stage: section}),
            seed=3,
            parents=place.parents("pretrain") if stage == "source" else {},
            datasets={stage: place.dataset},
        ),
        progress=lambda epoch, epochs, step, steps, losses: seen.append(losses),
    )
    encoder = load_encoder(context, "pretrain") if stage == "source" else new_encoder(context)
    start = {name: value.clone() for name, value in encoder.state_dict().items()}
    (source if stage == "source" else pretrain)(context)
    steps, classifier = plain(
        encoder,
        place.dataset,
        3.0 if stage == "source" else 1.0,
        lambda *names: torch_generator(3, stage, *names),
    )
    assert_same_losses(seen, steps)
    left = torch.load(context.folder / "encoder.pt", weights_only=True)
    biases = ("feat.bias",)  # from 0 on, only rounding moves it
    assert_same_change(start, left, encoder.state_dict(), free=biases)
    if stage == "source":
        found = torch.load(context.folder / "classifier.pt", weights_only=True)["weight"]
        assert torch.allclose(found, classifier, rtol=0, atol=1e-7)
