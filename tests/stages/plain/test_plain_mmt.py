"""MMT against a loop written from docs/baselines/mmt.md and the paper."""

from __future__ import annotations

import copy
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
    classic_jaccard,
    clusters,
    drawn,
    hardest_triplets,
    log_shares,
    multi,
    of_several_cameras,
    pairwise,
    pictures,
    rho_rule,
    seen_at_test,
    shifted,
    staged,
    unit,
)
from torch import Tensor

from gclbench.networks.build import build_id_encoder
from gclbench.stages.mmt import MmtTraining

VIEWS = multi()
SETTINGS = {
    "epochs": 3,
    "iterations": 3,
    "batch_size": 8,
    "images_per_person": 3,
    "lr": 0.004,
    "weight_decay": 0.05,
    "teacher_momentum": 0.6,
    "soft_ce_weight": 0.3,
    "soft_triplet_weight": 0.6,
    "label_smoothing": 0.2,
    "k1": 4,
    "k2": 2,
    "rho": 0.06,
    "min_samples": 2,
}


class Network:
    """E_id and centres (C, E) that its embedding is classified by."""

    def __init__(self, encoder: Any) -> None:
        self.encoder, self.centres = encoder, torch.zeros(0)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.encoder(images)
        return output.pooled, output.embedding @ self.centres.T

    def parameters(self) -> list[Tensor]:
        return [self.centres, *self.encoder.parameters()]


@torch.no_grad()
def second_of(encoder: Any, settings: Any, data: Any) -> Any:
    """The same trunk; a head drawn anew, whose statistics are those of the images."""
    other = copy.deepcopy(encoder)
    head = build_id_encoder(settings.network.id_encoder, chance("second")).feat
    other.feat.load_state_dict(head.state_dict())
    f = other.feat(seen_at_test(other, data, lambda output: output.pooled))
    other.feat_bn.running_mean.copy_(f.mean(dim=0))
    other.feat_bn.running_var.copy_(f.var(dim=0))
    other.feat_bn.num_batches_tracked.fill_(1)
    return shifted(other)


def loss_of(
    answer: tuple[Tensor, Tensor], taught: tuple[Tensor, Tensor], labels: list[int]
) -> dict[str, Tensor]:
    """One student, whose soft labels are the other one's teacher's."""
    (rows, logits), (other_rows, other_logits) = answer, taught
    shares, count = log_shares(logits), logits.shape[1]
    hard = torch.full_like(shares, 0.2 / count)
    for place, label in enumerate(labels):
        hard[place, label] += 0.8
    soft = log_shares(other_logits).exp()
    triplets = hardest_triplets(rows, labels)
    own, theirs = pairwise(rows), pairwise(other_rows)
    hard_tri, soft_tri = [], []
    for a, (p, n) in enumerate(triplets):
        right = log_shares(torch.stack([own[a, n], own[a, p]]))
        judged = log_shares(torch.stack([theirs[a, n], theirs[a, p]])).exp()
        hard_tri.append(-right[0])
        soft_tri.append(-(judged * right).sum())
    return {
        "ce": -0.7 * (hard * shares).sum(dim=1).mean(),
        "soft_ce": -0.3 * (soft * shares).sum(dim=1).mean(),
        "triplet": 0.4 * torch.stack(hard_tri).mean(),
        "soft_triplet": 0.6 * torch.stack(soft_tri).mean(),
    }


def plain(encoder: Any, second: Any, data: Any) -> tuple[Steps, list[Network], float]:
    teachers = [Network(encoder), Network(second)]
    students = [Network(copy.deepcopy(encoder)), Network(copy.deepcopy(second))]
    steps, eps = list[dict[str, float]](), 0.0
    for epoch in range(3):
        rows = [unit(seen_at_test(teacher.encoder, data)) for teacher in teachers]
        d = classic_jaccard(torch.cat(rows, dim=1) / 2**0.5, 4, 2)
        eps = eps or rho_rule(d, 0.06)
        labels = clusters(d, eps, 2)
        for student, teacher, own in zip(students, teachers, rows, strict=True):
            student.centres = unit(centres(own, labels)).requires_grad_()
            teacher.centres = student.centres.detach().clone()
            student.encoder.train()
        optimizer = Adam([p for s in students for p in s.parameters()], 0.004, 0.05)
        views = [chance("augment", number, epoch) for number in (1, 2)]
        batches = of_several_cameras(labels, data.train.cams, 3, 8, 3, chance("order", epoch))
        for number, batch in enumerate(batches):
            seen = [drawn(VIEWS, pictures(data, batch), view) for view in views]
            answers = [student(images) for student, images in zip(students, seen, strict=True)]
            with torch.no_grad():
                taught = [teacher(images) for teacher, images in zip(teachers, seen, strict=True)]
            own = labels[batch.numpy()].tolist()
            parts = [loss_of(answers[0], taught[1], own), loss_of(answers[1], taught[0], own)]
            losses = {name: parts[0][name] + parts[1][name] for name in parts[0]}
            total = torch.stack(list(losses.values())).sum()
            total.backward()
            optimizer.step()
            old = min(1 - 1 / (3 * epoch + number + 1), 0.6)
            with torch.no_grad():
                for student, teacher in zip(students, teachers, strict=True):
                    for theirs, value in zip(
                        teacher.parameters(), student.parameters(), strict=True
                    ):
                        theirs.copy_(old * theirs + (1 - old) * value)
            steps.append({"loss": total.item(), **{k: v.item() for k, v in losses.items()}})
    return steps, [*teachers, *students], eps


def test_mmt_equals_a_plain_trainer(
    bench: Any, tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_anew = MmtTraining._second
    monkeypatch.setattr(MmtTraining, "_second", lambda *own: shifted(drawn_anew(*own)))
    settings = tiny(warmup={"method": "mmt", "mmt": SETTINGS})
    stage = staged(bench, settings)
    encoder = stage.copy()
    second = second_of(encoder, settings, bench.dataset)
    starts = [copy.deepcopy(network.state_dict()) for network in (encoder, second)] * 2
    steps, networks, eps = plain(encoder, second, bench.dataset)
    assert_same_losses(stage.steps, steps)
    assert np.isclose(stage.training.eps, eps, rtol=1e-5, atol=0)
    found = [*stage.training.teachers, *stage.training.students]
    for start, learner, network in zip(starts, found, networks, strict=True):
        assert_same_change(start, learner.encoder.state_dict(), network.encoder.state_dict())
        assert torch.allclose(learner.centres, network.centres, rtol=0, atol=1e-5)
