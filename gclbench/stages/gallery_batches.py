"""Batches of a few images of each label, from several cameras where there are any.

Source    the sampler that SpCL and Cluster Contrast share in their public codes: labels are
          shuffled, each gives one of its images at random and then images of other cameras; of the
          same one where there is no other; nothing more where it has one image.
Differs   the others are drawn without replacement as soon as there are enough (the codes want one
          to spare), and a batch goes on into the next pass instead of being dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gclbench.errors import UsageError

Ints = NDArray[np.int64]


class GalleryGroups:
    """Rows of a training set by their labels (N,), -1 for rows to leave out, with cameras (N,)."""

    def __init__(self, labels: Ints, cams: Ints) -> None:
        rows = np.flatnonzero(labels >= 0)
        rows = rows[np.argsort(labels[rows], kind="stable")]
        ends = np.flatnonzero(np.diff(labels[rows])) + 1
        self.members = np.split(rows, ends) if len(rows) else []
        self.cams = cams

    def batches(
        self, number: int, batch_size: int, images: int, generator: torch.Generator
    ) -> list[Tensor]:
        """`number` batches of `batch_size` rows, up to `images` of a label in a row.

        A label's rows may be parted by the end of a batch. No batch where there is no label.
        """
        if min(number, batch_size, images) < 1:
            raise UsageError("batches need a number, a size and images per label of at least 1.")
        if not self.members:
            return []
        wanted, rows = number * batch_size, list[int]()
        while len(rows) < wanted:
            for drawn in self._pass(images, generator):
                rows += drawn
                if len(rows) >= wanted:
                    break
        return list(torch.tensor(rows[:wanted]).split(batch_size))

    def _pass(self, images: int, generator: torch.Generator) -> Iterator[list[int]]:
        for group in torch.randperm(len(self.members), generator=generator).tolist():
            yield self._draw(self.members[group], images, generator)

    def _draw(self, members: Ints, images: int, generator: torch.Generator) -> list[int]:
        place = int(torch.randint(len(members), (1,), generator=generator))
        first = int(members[place])
        others = members[self.cams[members] != self.cams[first]]
        if not len(others):
            others = np.delete(members, place)
        if not len(others) or images == 1:
            return [first]
        if len(others) >= images - 1:
            chosen = torch.randperm(len(others), generator=generator)[: images - 1]
        else:
            chosen = torch.randint(len(others), (images - 1,), generator=generator)
        return [first, *others[chosen.numpy()].tolist()]
