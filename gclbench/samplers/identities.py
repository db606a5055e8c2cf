"""Batches of P identities x K images, for losses that compare within and between identities.

As the samplers of public re-ID code: identities are shuffled, each comes once per pass with K of
its images, drawn without replacement where it has as many, else with.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.registry import register
from gclbench.samplers.base import Pool
from gclbench.samplers.identities_parameters import IdentitiesParameters


class IdentityGroups:
    """Rows (n,) of a training set, grouped by their labels (n,)."""

    def __init__(self, rows: Tensor, labels: Tensor) -> None:
        order = torch.argsort(labels, stable=True)
        sizes = torch.unique_consecutive(labels[order], return_counts=True)[1]
        self.members = list(rows[order].split(sizes.tolist())) if len(rows) else []

    def epoch(self, people: int, images: int, generator: torch.Generator) -> list[Tensor]:
        """One pass: batches of `people` * `images` rows; the short last one is dropped."""
        order = torch.randperm(len(self.members), generator=generator).tolist()
        drawn = [_draw(self.members[group], images, generator) for group in order]
        whole = len(drawn) // people
        return [torch.cat(drawn[b * people : (b + 1) * people]) for b in range(whole)]

    def batch(self, people: int, images: int, generator: torch.Generator) -> Tensor | None:
        """One batch of identities drawn at random; None where there are fewer than `people`."""
        if len(self.members) < people:
            return None
        order = torch.randperm(len(self.members), generator=generator)[:people].tolist()
        return torch.cat([_draw(self.members[group], images, generator) for group in order])


def _draw(members: Tensor, images: int, generator: torch.Generator) -> Tensor:
    if len(members) >= images:
        return members[torch.randperm(len(members), generator=generator)[:images]]
    return members[torch.randint(len(members), (images,), generator=generator)]


@register("samplers", "identities", revision=1, parameters=IdentitiesParameters)
def identities(
    pool: Pool, rng: torch.Generator, *, parameters: IdentitiesParameters
) -> list[Tensor]:
    """Identities: batches of P pseudo identities with K images each; P is batch size / K.

    A pass visits every identity once, whatever its size. Raises UsageError where not even one
    identity fits into a batch.
    """
    people = pool.batch_size // parameters.images
    if not people:
        raise UsageError(
            f"a batch of {pool.batch_size} holds no {parameters.images} images of an identity.",
            "Raise joint.batch_size, or lower the parameter images of the sampler.",
        )
    rows = torch.from_numpy(pool.rows)
    groups = IdentityGroups(rows, torch.from_numpy(pool.labels)[rows])
    return groups.epoch(people, parameters.images, rng)
