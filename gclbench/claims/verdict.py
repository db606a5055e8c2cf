"""What the measured numbers say about a claim, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Verdict:
    """A status with its effect and interval, in points (0-100).

    `status` goes by the whole interval: inside the claimed range, outside, or across its edge.
    `holds` goes by `value` alone: whether the point estimate meets the claim (None: not measured).
    """

    status: Status
    value: float
    low: float
    high: float
    holds: bool | None
    detail: str = ""

    @property
    def interval(self) -> tuple[float, float]:
        return self.low, self.high


def judge(
    value: float,
    interval: tuple[float, float],
    at_least: float | None,
    at_most: float | None,
    detail: str = "",
) -> Verdict:
    """Return the verdict on `at_least <= value <= at_most`, either bound may be absent."""
    floor = -math.inf if at_least is None else at_least
    ceiling = math.inf if at_most is None else at_most
    low, high = interval
    if math.isnan(value):
        return Verdict(Status.UNDECIDED, value, low, high, None, detail)
    if low >= floor and high <= ceiling:
        status = Status.SUPPORTED
    elif high < floor or low > ceiling:
        status = Status.REFUTED
    else:  # also when the interval is unknown
        status = Status.UNDECIDED
    return Verdict(status, value, low, high, floor <= value <= ceiling, detail)
