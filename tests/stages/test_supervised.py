"""Training with identity labels: classes, loss, rates, resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.seeding import torch_generator
from gclbench.stages.loop import train
from gclbench.stages.pretrain import new_encoder
from gclbench.stages.supervised import (
    SupervisedTraining,
    class_indices,
    identity_loss,
    new_classifier,
    set_lr,
    sgd_with_new_layers,
)

NEW_LAYERS = {"feat.weight", "feat.bias", "feat_bn.weight", "feat_bn.bias"}


def make_training(bench: Any, epochs: int = 3, **context: Any) -> SupervisedTraining:
    made = bench.context("source", **context)
    return SupervisedTraining(
        made, new_encoder(made), bench.dataset,
        epochs=epochs, batch_size=8, lr=0.05, factor=2.0, weight_decay=5e-4,
    )  # fmt: skip


def test_classes_are_numbered_in_the_order_of_sorted_ids() -> None:
    dataset = SimpleNamespace(train=SimpleNamespace(pids=np.array([40, 7, 7, 1500, 40])))
    assert class_indices(dataset).tolist() == [1, 0, 0, 2, 1]  # type: ignore[arg-type]


def test_identity_loss_equals_a_loop_over_rows(bench: Any) -> None:
    encoder = new_encoder(bench.context("source")).eval()
    classifier = new_classifier(16, 3, torch_generator(0, "classifier"))
    images = torch.randn(4, 3, 64, 32, generator=torch_generator(0, "images"))
    labels = torch.tensor([0, 2, 1, 2])
    rows = []
    for image, label in zip(images, labels, strict=True):
        scores = classifier.weight @ encoder(image[None]).embedding[0].clamp(min=0)
        rows.append((scores.exp().sum().log() - scores[label]).item())
    got = identity_loss(encoder, classifier, images, labels)
    assert got.item() == pytest.approx(sum(rows) / 4, abs=1e-6)


def test_new_layers_learn_faster_by_the_factor_and_all_are_optimised(bench: Any) -> None:
    encoder = new_encoder(bench.context("source"))
    extra = [torch.nn.Parameter(torch.zeros(2))]
    optimizer = sgd_with_new_layers(encoder, extra, 0.01, 10.0, 5e-4)
    rates = {
        id(parameter): group["lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    named = dict(encoder.named_parameters())
    assert len(rates) == len(named) + 1
    assert {name for name in named if rates[id(named[name])] == 0.1} == NEW_LAYERS
    assert rates[id(extra[0])] == 0.1


def test_set_lr_starts_from_the_initial_rates_every_time(bench: Any) -> None:
    optimizer = sgd_with_new_layers(new_encoder(bench.context("source")), [], 0.01, 10.0, 0.0)
    for factor in (0.5, 0.1, 1.0, 0.5):
        set_lr(optimizer, factor)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.005, 0.05])


def test_the_rate_follows_a_cosine_over_the_epochs(bench: Any) -> None:
    training = make_training(bench, epochs=4)
    rates = []
    for epoch in range(4):
        training.begin_epoch(epoch)
        rates.append(training.optimizer.param_groups[0]["lr"])
    wanted = [0.05 * 0.5 * (1 + np.cos(np.pi * epoch / 4)) for epoch in range(4)]
    assert rates == pytest.approx(wanted, rel=1e-5)


def test_an_epoch_visits_distinct_images_in_full_batches(bench: Any) -> None:
    batches = make_training(bench).begin_epoch(0)
    seen = torch.cat(list(batches))
    assert [len(batch) for batch in batches] == [8] * (len(bench.dataset.train) // 8)
    assert len(seen.unique()) == len(seen)


def test_labels_are_learnt(bench: Any) -> None:
    training = make_training(bench, epochs=12)
    train(training, training.context)
    losses = bench.values("loss")
    assert losses[-1] < 0.7 * losses[0]


def test_labels_matter(bench: Any, weights: Callable[[Any], dict[str, Any]]) -> None:
    one = make_training(bench, epochs=1, folder="one")
    train(one, one.context)
    bench.dataset = bench.dataset.relabelled()
    other = make_training(bench, epochs=1, folder="other")
    train(other, other.context)
    assert not torch.equal(one.encoder.feat.weight, other.encoder.feat.weight)


def test_a_stopped_training_resumes_to_the_bits_of_an_undisturbed_one(
    bench: Any, moved: Callable[..., list[str]], weights: Callable[[Any], dict[str, Any]]
) -> None:
    whole = make_training(bench, folder="whole")
    train(whole, whole.context)
    first = make_training(bench, folder="stopped")
    steps = bench.steps

    def stop(*args: Any) -> None:
        bench.steps += 1
        if bench.steps > steps + 4:  # in the second epoch of three batches
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(first, replace(first.context, progress=stop))
    resumed = make_training(bench, folder="stopped")
    trained = bench.steps
    train(resumed, resumed.context)
    assert bench.steps - trained == 6
    assert moved(weights(whole.encoder), resumed.encoder) == []
    assert moved(weights(whole.classifier), resumed.classifier) == []
