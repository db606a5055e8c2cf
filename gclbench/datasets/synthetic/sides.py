"""What only one side of a person of the world shows: the true factors behind failed rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gclbench.datasets.synthetic.naming import named_shots, path_of
from gclbench.datasets.synthetic.people import Person
from gclbench.datasets.synthetic.shots import plan_world
from gclbench.datasets.synthetic.spec import world_spec
from gclbench.schema.settings import WorldSettings


@dataclass(frozen=True)
class Appearance:
    """The person on an image, and where they face: yaw 0 the camera, 180 away from it."""

    person: Person
    yaw_deg: float

    @property
    def turned_away_deg(self) -> float:
        """How far the body is from showing its front or its back squarely, 0-90."""
        from_front = abs((self.yaw_deg + 180) % 360 - 180)
        return min(from_front, 180 - from_front)


def train_appearances(role: str, sizes: WorldSettings) -> dict[str, Appearance]:
    """Who is on each training image of a twin, by the image's path.

    Raises UnknownNameError for a role without a twin.
    """
    world = plan_world(world_spec(role), sizes)
    return {
        path_of(world, "train", name): Appearance(world.people[shot.person], shot.yaw_deg)
        for name, shot in named_shots(world, "train")
    }


def one_sided(person: Person) -> tuple[str, ...]:
    """Name what is to be seen from the front only, or from the back only."""
    found = []
    if person.front_print != person.back_print:
        sides = (("front", person.front_print), ("back", person.back_print))
        found += [f"{side} print ({kind})" for side, kind in sides if kind != "none"]
    elif person.front_print != "none" and not np.allclose(
        person.front_colour, person.back_colour, atol=40
    ):
        found.append("print in other colours on the back")
    if person.inner is not None:
        found.append("open jacket")
    if person.backpack is not None:
        found.append("backpack")
    return tuple(found)
