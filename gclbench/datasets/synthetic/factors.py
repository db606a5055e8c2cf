"""What is true of every image of the world: view, light, pose, clothes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.synthetic.naming import named_shots
from gclbench.datasets.synthetic.people import Person
from gclbench.datasets.synthetic.shots import World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Factors:
    """True factors of N images, in the order of the split's table.

    yaw_deg (N,): the body's direction, 0 faces the camera; light (N,): natural logarithm of the
    mean brightness that camera, time slot and exposure multiply with; pose (N, 23, 3): joint
    rotations as axis-angle vectors in radians, the body's own direction left out; clothes (N, 6):
    mean RGB, 0-255, of what is worn above and below the waist.
    """

    yaw_deg: Floats
    light: Floats
    pose: Floats
    clothes: Floats


def true_factors(world: World, split: str, names: Sequence[str]) -> Factors:
    """Return the factors of a split's images, given their file names in the order wanted."""
    by_name = dict(named_shots(world, split))
    shots = [by_name[name] for name in names]
    clothes = np.stack([_clothes(person) for person in world.people])
    gain = [float(np.mean(world.camera_of(shot).gain)) * shot.exposure for shot in shots]
    return Factors(
        yaw_deg=np.array([shot.yaw_deg for shot in shots]),
        light=np.log(np.array(gain)),
        pose=np.stack([shot.pose.reshape(24, 3)[1:] for shot in shots]),
        clothes=clothes[[shot.person for shot in shots]],
    )


def _clothes(person: Person) -> Floats:
    """Shirt (with its stripes, or what an open jacket shows) and trousers, as mean colours."""
    parts = [person.upper, person.upper]
    parts += [colour for colour in (person.stripes, person.inner) if colour is not None]
    return np.concatenate([np.mean(parts, axis=0), person.lower])
