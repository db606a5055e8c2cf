"""Pieces of plain training loops: networks, pictures and chance are the stages', nothing else is.

A plain trainer is written from a method's description. It shares E_id, the drawing and applying of
augmentations and the named streams of chance with the stage; optimisers, memories, labels, losses,
schedules and the order of everything are done again here, slowly.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from sklearn.cluster import DBSCAN
from torch import Tensor
from torch.nn import functional as F

from gclbench.augmentations.multi import Multi
from gclbench.evaluation.preprocess import to_network
from gclbench.registry import REGISTRY
from gclbench.seeding import torch_generator
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder
from tests.reciprocal import jaccard_loop

SEED = 3
HEAD = ("feat.weight", "feat.bias", "feat_bn.weight", "feat_bn.bias")  # not in an ImageNet file
Steps = list[dict[str, float]]


def chance(*names: str | int) -> torch.Generator:
    """The stage's stream of that name."""
    return torch_generator(SEED, "warmup", *names)


# --- the stage, and how it is compared -----------------------------------------------------------


@dataclass
class Stage:
    """A stage that was trained: what it began and ended with, and all that it reported."""

    training: Any
    start: dict[str, Tensor]
    steps: Steps = field(default_factory=list)

    @property
    def epochs(self) -> list[dict[str, float]]:
        text = (self.training.context.folder / "epochs.json").read_text(encoding="utf-8")
        epochs: list[dict[str, float]] = json.loads(text)
        return epochs

    def copy(self) -> Any:
        """E_id as it was in the beginning."""
        encoder = copy.deepcopy(self.training.encoder)
        encoder.load_state_dict(self.start)
        return encoder


def staged(bench: Any, settings: Any, source: Any = None) -> Stage:
    """Train `warmup.method` to its end; `source`: a dataset beside the target."""
    parent = "pretrain" if source is None else "source"
    datasets = {"target": bench.dataset} | ({} if source is None else {"source": source})
    seen: Steps = []
    context = replace(
        bench.context(
            "warmup", settings, seed=SEED, parents=bench.parents(parent), datasets=datasets
        ),
        progress=lambda epoch, epochs, step, steps, losses: seen.append(losses),
    )
    encoder = load_encoder(context, parent)
    settled(shifted(encoder), bench.dataset)
    start = {name: value.clone() for name, value in encoder.state_dict().items()}
    training = REGISTRY.bound(settings.warmup.method)(context, encoder)
    train(training, context)
    training.encoder = encoder
    return Stage(training, start, seen)


def assert_same_losses(found: Steps, expected: Steps, rtol: float = 1e-5) -> None:
    """Every loss of every step, relative to its size; one that is 0 must be 0."""
    assert len(found) == len(expected) > 1, (len(found), len(expected))
    for number, (got, wanted) in enumerate(zip(found, expected, strict=True)):
        for name, value in wanted.items():
            assert abs(got[name] - value) <= rtol * abs(value), (number, name, got[name], value)


def assert_same_change(
    start: dict[str, Tensor],
    found: dict[str, Tensor],
    expected: dict[str, Tensor],
    rtol: float = 1e-5,
    free: Iterable[str] = (),
) -> None:
    """What training did to every tensor, relative to how much it did.

    `free`: what is not compared.
    """
    moved = 0
    for name, value in expected.items():
        if not value.is_floating_point():
            assert torch.equal(found[name], value), name
            continue
        if name in free:
            continue
        change = value - start[name]
        moved += int(bool(change.abs().sum() > 0))
        gap = (found[name] - value).norm()
        assert gap <= rtol * change.norm() + 1e-12 * value.norm(), (name, gap, change.norm())
    assert moved > 0


@torch.no_grad()
def shifted(encoder: Any) -> Any:
    """E_id with a shift before its last BatchNorm, which takes it away again.

    Only weight decay moves it. From 0 on Adam would make whole steps of the rounding of its slope.
    """
    shift = torch.linspace(0.5, 1.5, encoder.embedding_dim)
    encoder.feat.bias += shift
    encoder.feat_bn.running_mean += shift
    return encoder


def settled(encoder: Any, data: Any) -> None:
    """Fit running statistics to the pictures, so that test features do not lie in a heap."""
    norms = [part for part in encoder.modules() if hasattr(part, "running_mean")]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        encoder.train()(pictures(data, np.arange(len(data.images("train")))))
    for norm in norms:
        norm.momentum = 0.1


# --- pictures and features -----------------------------------------------------------------------


def pictures(data: Any, rows: Any) -> Tensor:
    return to_network(data.images("train")[np.asarray(rows)])


def frames_drawn(table: Any, samples: Tensor, frames: int, generator: torch.Generator) -> Any:
    """Rows of the pictures of some samples: `frames` of each tracklet in time, or the image."""
    if table.starts is None:
        return samples
    out: list[int] = []
    for sample in samples.tolist():
        first, length = int(table.starts[sample]), int(np.diff(table.starts)[sample])
        if length >= frames:
            picks = torch.randperm(length, generator=generator)[:frames]
        else:
            picks = torch.randint(length, (frames,), generator=generator)
        out += [first + pick for pick in sorted(picks.tolist())]
    return torch.tensor(out)


def drawn(augmentation: Any, images: Tensor, generator: torch.Generator) -> Tensor:
    height_px, width_px = images.shape[2:]
    params = augmentation.sample(len(images), generator, height_px, width_px)
    views: Tensor = augmentation.apply(images, params)
    return views


def unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=-1, keepdim=True).clamp(min=1e-12)


def seen_at_test(encoder: Any, data: Any, read: Callable[[Any], Tensor] | None = None) -> Tensor:
    """What `read` takes of E_id's answers to the plain training images; f where not told."""
    encoder.eval()
    with torch.no_grad():
        output = encoder(pictures(data, np.arange(len(data.images("train")))))
    encoder.train()
    return output.embedding if read is None else read(output)


def multi(**parameters: Any) -> Multi:
    from gclbench.augmentations.multi_parameters import MultiParameters

    return Multi(MultiParameters(**parameters))


# --- optimisers ----------------------------------------------------------------------------------


class Sgd:
    """SGD with momentum; weight decay is part of the slope. Groups: (parameters, rate)."""

    def __init__(
        self,
        groups: Sequence[tuple[Sequence[Tensor], float]],
        momentum: float,
        weight_decay: float,
        nesterov: bool,
    ) -> None:
        self.groups, self.momentum = groups, momentum
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.velocity: dict[int, Tensor] = {}

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """One step at `factor` times the rates; slopes are forgotten after it."""
        for parameters, rate in self.groups:
            for parameter in parameters:
                if parameter.grad is None:
                    continue
                slope = parameter.grad + self.weight_decay * parameter
                key = id(parameter)
                before = self.velocity.get(key)
                now = slope if before is None else self.momentum * before + slope
                self.velocity[key] = now
                move = slope + self.momentum * now if self.nesterov else now
                parameter -= factor * rate * move
                parameter.grad = None


class Adam:
    """Adam (0.9, 0.999, 1e-8); weight decay is part of the slope."""

    def __init__(self, parameters: Iterable[Tensor], rate: float, weight_decay: float) -> None:
        self.parameters, self.rate, self.weight_decay = list(parameters), rate, weight_decay
        self.means: dict[int, tuple[Tensor, Tensor]] = {}
        self.count = 0

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        self.count += 1
        for parameter in self.parameters:
            if parameter.grad is None:
                continue
            slope = parameter.grad + self.weight_decay * parameter
            zero = torch.zeros_like(slope)
            first, second = self.means.get(id(parameter), (zero, zero))
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            self.means[id(parameter)] = first, second
            mean, square = first / (1 - 0.9**self.count), second / (1 - 0.999**self.count)
            parameter -= factor * self.rate * mean / (square.sqrt() + 1e-8)
            parameter.grad = None


def sgd_as_the_codes(
    encoder: Any, rate: float, factor: float, weight_decay: float, extra: Iterable[Tensor] = ()
) -> Sgd:
    """Nesterov, 0.9; the head and `extra` are `factor` times as fast as the trunk."""
    named = dict(encoder.named_parameters())
    head = [named.pop(name) for name in HEAD]
    groups = [(list(named.values()), rate), ([*head, *extra], factor * rate)]
    return Sgd(groups, 0.9, weight_decay, nesterov=True)


# --- batches -------------------------------------------------------------------------------------


def shuffled(
    count: int, size: int, generator: torch.Generator, tail: str = "drop"
) -> list[Tensor]:
    """A pass in batches. The short last one: dropped, or kept, one of one sample never alone."""
    order = torch.randperm(count, generator=generator)
    batches = [order[first : first + size] for first in range(0, count, size)]
    if tail == "drop":
        return [batch for batch in batches if len(batch) == size]
    if len(batches[-1]) == 1:
        return [*batches[:-2], torch.cat(batches[-2:])]
    return batches


def endless(count: int, size: int, number: int, stream: str) -> Tensor:
    """Batch `number` of pass after pass, each shuffled by itself, short ends dropped."""
    turn, place = divmod(number, count // size)
    return shuffled(count, size, chance(stream, turn))[place]


def of_several_cameras(
    labels: Any, cams: Any, number: int, size: int, images: int, generator: torch.Generator
) -> list[Tensor]:
    """The sampler of SpCL and MMT: of each label one image, then others of other cameras."""
    labels, cams = np.asarray(labels), np.asarray(cams)
    people = [np.flatnonzero(labels == label) for label in range(labels.max(initial=-1) + 1)]
    rows: list[int] = []
    while len(rows) < number * size:
        for person in torch.randperm(len(people), generator=generator).tolist():
            own = people[person].tolist()
            place = int(torch.randint(len(own), (1,), generator=generator))
            first, rest = own[place], own[:place] + own[place + 1 :]
            others = [row for row in own if cams[row] != cams[first]] or rest
            rows.append(first)
            if others and images > 1:
                enough = len(others) >= images - 1
                picks = (
                    torch.randperm(len(others), generator=generator)[: images - 1]
                    if enough
                    else torch.randint(len(others), (images - 1,), generator=generator)
                )
                rows += [others[pick] for pick in picks.tolist()]
            if len(rows) >= number * size:
                break
    return [torch.tensor(rows[size * b : size * b + size]) for b in range(number)]


def of_people(
    labels: dict[int, int], people: int, images: int, generator: torch.Generator
) -> list[Tensor]:
    """One pass over the labels of some rows: batches of `people` labels, `images` of each."""
    members: dict[int, list[int]] = {}
    for row in sorted(labels):
        members.setdefault(labels[row], []).append(row)
    groups = [members[label] for label in sorted(members)]
    order = torch.randperm(len(groups), generator=generator).tolist()
    sets = [some_of(groups[place], images, generator) for place in order]
    return [
        torch.cat(sets[first : first + people])
        for first in range(0, len(sets) - people + 1, people)
    ]


def some_of(rows: Sequence[int], images: int, generator: torch.Generator) -> Tensor:
    """Without replacement where there are enough."""
    if len(rows) >= images:
        picks = torch.randperm(len(rows), generator=generator)[:images]
    else:
        picks = torch.randint(len(rows), (images,), generator=generator)
    return torch.tensor(rows)[picks]


# --- labels --------------------------------------------------------------------------------------


def squared(rows: Any) -> np.ndarray:
    """Squared distances of all rows (N, D), float64."""
    rows = np.asarray(rows, dtype=np.float64)
    gaps: np.ndarray = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    return gaps


def reciprocal(d: np.ndarray, k2: int, full: int, half: int) -> np.ndarray:
    """k-reciprocal Jaccard distance of d (N, N), in which next to nothing is nothing."""
    found = jaccard_loop(d, k2, full, half)
    return np.where(found < 1e-6, 0, found)


def jaccard(rows: Any, k1: int, k2: int) -> np.ndarray:
    """As GCL, SpCL and Cluster Contrast: the table has k1 entries, the image itself among them."""
    return reciprocal(squared(rows), k2, k1, round(k1 / 2) + 1)


def classic_jaccard(rows: Any, k1: int, k2: int) -> np.ndarray:
    """As ACT, MMT, SSG: k1 entries beside the image itself, distances over the row's largest."""
    d = squared(rows)
    return reciprocal(d / d.max(axis=1, keepdims=True), k2, k1 + 1, round(k1 / 2) + 1)


def rho_rule(distances: np.ndarray, rho: float, zeros: bool = False) -> float:
    """Mean of the smallest share rho of all pair distances; those of 0 count if `zeros`."""
    pairs = np.sort(distances[np.triu_indices(len(distances), 1)])
    pairs = pairs if zeros else pairs[pairs > 0]
    return float(pairs[: max(1, round(rho * len(pairs)))].mean())


def clusters(distances: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """DBSCAN's labels. A distance next to eps would leave the answer to rounding."""
    beside = np.abs(distances - eps)
    assert beside[beside > 0].min() > 1e-6
    model = DBSCAN(eps=eps + 1e-9, min_samples=min_samples, metric="precomputed")
    labels: np.ndarray = model.fit_predict(distances)
    return labels


def centres(rows: Tensor, labels: Any) -> Tensor:
    """The mean row of each label, -1 left out; not normalised."""
    labels = torch.as_tensor(labels)
    return torch.stack([rows[labels == label].mean(dim=0) for label in range(labels.max() + 1)])


def log_shares(logits: Tensor) -> Tensor:
    """log softmax over the last axis."""
    return logits - logits.exp().sum(dim=-1, keepdim=True).log()


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return -torch.stack(
        [row[t] for row, t in zip(log_shares(logits), targets, strict=True)]
    ).mean()


def pairwise(rows: Tensor) -> Tensor:
    """Distances (not squared) of all rows; of a row to itself 1e-6, as with a floor of 1e-12."""
    gaps = ((rows[:, None] - rows[None]) ** 2).sum(dim=2)
    return torch.where(gaps < 1e-12, torch.full_like(gaps, 1e-12), gaps).sqrt()


def hardest_triplets(rows: Tensor, labels: Sequence[int]) -> list[tuple[int, int]]:
    """For each row its farthest positive (itself at worst) and its nearest negative."""
    d, out = pairwise(rows).tolist(), []
    for a, label in enumerate(labels):
        same = [j for j, other in enumerate(labels) if other == label]
        others = [j for j, other in enumerate(labels) if other != label]
        out.append((max(same, key=lambda j: d[a][j]), min(others, key=lambda j: d[a][j])))
    return out


def every_positive_pair(rows: Tensor, labels: Sequence[int], margin: float) -> Tensor:
    """Mean over pairs a < b of one label of max(0, margin + |a - b| - nearest negative of a).

    A pair without a negative costs 0, a batch without a pair too.
    """
    d, losses = pairwise(rows), []
    for a, label in enumerate(labels):
        others = [d[a, j] for j, other in enumerate(labels) if other != label]
        for b in range(a + 1, len(labels)):
            if labels[b] == label:
                gap = margin + d[a, b] - torch.stack(others).min() if others else 0 * d[a, b]
                losses.append(relu(gap))
    return torch.stack(losses).mean() if losses else 0 * d.sum()


def relu(values: Tensor) -> Tensor:
    return F.relu(values)
