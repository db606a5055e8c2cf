"""How much a stage run has to go through, counted before it runs and written into its record."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gclbench.errors import GclbenchError
from gclbench.plan import Node
from gclbench.schema import Stage

if TYPE_CHECKING:
    from gclbench.datasets.amounts import Part


def images_of(node: Node) -> int:
    """Return the images of all training sets that a node reads; evaluation: query and gallery.

    0 where it reads none. See `datasets.amounts.count_images`, also for what is raised.
    """
    from gclbench.datasets.amounts import count_images

    if node.stage is Stage.PRETRAIN:
        pretrain = node.resolved().pretrain
        return pretrain.people * pretrain.images_per_person if node.roles else 0
    part: Part = "test" if node.stage is Stage.EVALUATE else "train"
    return sum(count_images(role, data, part) for role, data in node.data().values())


def known_images(node: Node) -> int | None:
    """As `images_of`; None where that cannot be told."""
    with suppress(GclbenchError):
        return images_of(node)
    return None
