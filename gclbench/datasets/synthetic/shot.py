"""One image to draw, as the plan of a twin says it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """One image to draw. Angles degrees, framing in image heights; pid -1 junk, 0 distractor.

    Only in the grammar "msmt" is 0 an identity like any other, and `slot` an index of slots; only
    in twins of tracklets are several shots one tracklet.
    """

    split: str
    pid: int
    person: int
    camera: int
    frame: int
    yaw_deg: float
    phase: float
    pose: Floats = field(repr=False)
    fill: float
    shift_right: float
    shift_up: float
    exposure: float
    scene_offset: float
    scene_lift: float
    noise_seed: int
    empty: bool = False  # a bad box without a person
    slot: int = 0
    tracklet: int = 0  # of this person, counted from 0
    box: int = 0  # place in the tracklet, as its name counts
