"""Time slots of a twin: when people walk, and how the hour and the weather change the light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from gclbench.datasets.synthetic.cameras import SceneCamera
from gclbench.datasets.synthetic.spec import Slot


def lit(camera: SceneCamera, slot: Slot) -> SceneCamera:
    """Return an outdoor camera as it is in a slot; its scene and pitch stay."""
    turned = Rotation.from_euler("y", slot.sun_deg, degrees=True).apply(camera.light)
    turned = turned * np.array([1.0, slot.height, 1.0])
    tint = slot.exposure * (1 + slot.warmth * np.array([1.0, 0.0, -1.0]))
    return replace(camera, light=turned / np.linalg.norm(turned), gain=camera.gain * tint)


def slots_of_visits(
    visits: int, slots: int, return_share: float, rng: np.random.Generator
) -> list[int]:
    """Draw the slot (0-based) of each visit of one person.

    Most people walk in one slot; with probability `return_share` the second half of the visits is
    in another one, as somebody's who comes back another day.
    """
    first, second = (int(slot) for slot in rng.permutation(slots)[:2])
    again = second if rng.random() < return_share else first
    return [first if visit < (visits + 1) // 2 else again for visit in range(visits)]
