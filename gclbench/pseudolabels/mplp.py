"""MPLP: who is likely the same person, by a memory of all images (Wang and Zhang, CVPR 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError

_PAIR_SCORES = 1 << 24  # scores held at a time while neighbours' lists are looked at
_FIRST_WALK = 8  # neighbours tested at once; doubled from round to round


@torch.no_grad()
def positive_labels(
    memory: Tensor, indices: Tensor, *, threshold: float = 0.6, least_rank: int = 10
) -> Tensor:
    """Multi-labels of the images `indices`: bool (B, N), row b true at the positives of its image.

    Image i has K neighbours with M_i . M_j > threshold, itself counted. From the most similar on
    they are accepted until one is met in whose own list i stands at a rank (from 0) above
    max(K, least_rank). The nearest is accepted without that test. i itself is always a positive.

    Source    mmcl.md 3.3. Lists are sorted by descending score, equal scores by index; differs
              where rows are equal: every image comes first in its own list.
    Shapes    memory (N, D) unit rows, or zero for images never seen (these are alone); indices
              (B,).
    Cost      B + (neighbours tested, each once) rows of N scores, some 2^24 at a time. When most
              rows have become alike that tends to B*N rows of scores.
    Raises    ShapeError; UsageError for an index outside the memory.
    """
    _check(memory, indices)
    indices = indices.to(memory.device)
    scores = memory[indices] @ memory.T
    near = (scores > threshold).sum(dim=1)
    scores.scatter_(1, indices[:, None], torch.inf)
    order = scores.sort(dim=1, descending=True, stable=True).indices
    accepted = torch.minimum(_accepted(memory, order, near, near.clamp(min=least_rank)), near)
    ranks = torch.arange(len(memory), device=memory.device)
    labels = torch.zeros_like(scores, dtype=torch.bool)
    labels.scatter_(1, order, ranks < accepted[:, None])
    return labels.scatter_(1, indices[:, None], True)


def _check(memory: Tensor, indices: Tensor) -> None:
    if memory.ndim != 2 or not len(memory) or indices.ndim != 1:
        raise ShapeError(
            f"memory is {tuple(memory.shape)} and indices {tuple(indices.shape)}, "
            "not (N, D) and (B,)."
        )
    if bool((indices < 0).any()) or bool((indices >= len(memory)).any()):
        raise UsageError(f"an index lies outside the memory's {len(memory)} rows.")


def _accepted(memory: Tensor, order: Tensor, near: Tensor, limit: Tensor) -> Tensor:
    """How many of its list each image accepts before the threshold is asked: (B,) int64.

    A failure at place r accepts r entries, two at least. Places from `near` on are not looked at:
    the threshold takes them away anyway.
    """
    accepted = near.clamp(min=2)
    start, width = 1, _FIRST_WALK
    walking = torch.nonzero(near > start)[:, 0]
    while len(walking):
        stop = min(start + width, order.shape[1])
        places = torch.arange(start, stop, device=order.device)
        asked = places < near[walking, None]
        failed = torch.zeros_like(asked)
        rows, columns = torch.nonzero(asked, as_tuple=True)
        pairs = order[walking[rows], 0], order[walking[rows], start + columns]
        failed[rows, columns] = _own_rank(memory, *pairs) > limit[walking[rows]]
        ends = failed.any(dim=1)
        first = start + failed.int().argmax(dim=1)
        accepted[walking[ends]] = first[ends].clamp(min=2)
        walking = walking[~ends & (near[walking] > stop)]
        start, width = stop, 2 * width
    return accepted


def _own_rank(memory: Tensor, images: Tensor, neighbours: Tensor) -> Tensor:
    """The place, from 0, of images (P,) in the lists of their neighbours (P,): (P,) int64."""
    by_neighbour = torch.argsort(neighbours, stable=True)
    ranks = torch.empty_like(neighbours)
    columns = torch.arange(len(memory), device=memory.device)
    for part in by_neighbour.split(max(1, _PAIR_SCORES // len(memory))):
        asked, list_of = torch.unique(neighbours[part], return_inverse=True)
        lists = memory[asked] @ memory.T
        lists.scatter_(1, asked[:, None], torch.inf)
        theirs = lists[list_of]
        own = theirs.gather(1, images[part, None])
        before = (theirs > own) | ((theirs == own) & (columns < images[part, None]))
        ranks[part] = before.sum(dim=1)
    return ranks
