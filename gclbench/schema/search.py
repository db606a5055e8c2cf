"""What `search:` of a study may say: what is varied, and how Optuna walks through it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gclbench.schema.model import Model

MOST_POINTS = 100_000
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Choice = str | bool | int | _Finite


class Dimension(Model):
    """What a search may give a setting: one of `choices`, or a number from `low` to `high`.

    A grid search needs choices, or low, high and step. With `whole` all three are whole numbers.
    Where steps do not end at `high`, the last one below it is the highest value.
    """

    choices: tuple[_Choice, ...] = ()
    low: _Finite | None = None
    high: _Finite | None = None
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    log: bool = False
    whole: bool = False

    @property
    def size(self) -> int | None:
        """How many values there are; None for a range without steps."""
        if self.low is None or self.high is None:
            return len(self.choices)
        return None if self.step is None else int(self._steps(self.step)) + 1

    def value(self, place: int) -> str | bool | int | float:
        """The value at a place from 0, as the file would write it: 0.3 + 2 * 0.1 is 0.5.

        Raises ValueError for a range without steps.
        """
        if self.low is None or self.high is None:
            return self.choices[place]
        if self.step is None:
            raise ValueError("a range without steps has no places")
        exact = Decimal(repr(self.low)) + place * Decimal(repr(self.step))
        return int(exact) if self.whole else float(exact)

    def values(self) -> list[str | bool | int | float]:
        """All values in order. Raises ValueError for a range without steps."""
        return [self.value(place) for place in range(self.size or 0)]

    @model_validator(mode="after")
    def _is_a_list_or_a_range(self) -> Dimension:
        bounds = self.low is not None and self.high is not None
        if bool(self.choices) == bounds or (self.low is None) != (self.high is None):
            raise ValueError("give either choices, or low and high")
        if self.choices:
            self._check_choices()
        elif self.low is not None and self.high is not None:
            self._check_range(self.low, self.high)
        return self

    def _check_choices(self) -> None:
        if self.log or self.whole or self.step is not None:
            raise ValueError("choices go without log, whole and step")
        for place, choice in enumerate(self.choices):
            for before in self.choices[:place]:
                # Optuna finds a choice by comparing: it cannot tell 1, 1.0 and true apart.
                if choice == before or str(choice) == str(before):
                    twice = f"{choice!r} is there twice"
                    same = "" if repr(choice) == repr(before) else f": it equals {before!r}"
                    raise ValueError(twice + same)

    def _check_range(self, low: float, high: float) -> None:
        if not low < high:
            raise ValueError("low must be below high")
        if not math.isfinite(high - low):
            raise ValueError("low and high are too far apart")
        if self.log and (self.step is not None or low <= 0):
            raise ValueError("a log range has no step and begins above 0")
        for name in ("low", "high", "step") if self.whole else ():
            value = getattr(self, name)
            if value is not None and not float(value).is_integer():
                raise ValueError(f"{name} must be a whole number, not {value:g}")
        if self.step is not None:
            self._check_steps(self.step, high - low)

    def _check_steps(self, step: float, width: float) -> None:
        if not math.isfinite(width / step) or width / step > 2**53:
            raise ValueError(f"step {step:g} is too small for the range")
        if self._steps(step) < 1:
            raise ValueError(f"step {step:g} is larger than the range")

    def _steps(self, step: float) -> Decimal:
        """Whole steps from low to high, counted as the file writes the numbers."""
        return (Decimal(repr(self.high)) - Decimal(repr(self.low))) // Decimal(repr(step))


class Search(Model):
    """A search space for `gclbench tune`, and how Optuna walks through it.

    Objectives are maximised, "seconds" (training time) minimised. mAP is that of held-out training
    identities (`validation_share` of them), never of the test set. The pruner looks at the same
    mAP after every epoch of stage 3, from `warmup_epochs` on.
    """

    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    sampler: Literal["grid", "tpe", "random", "nsga2"] = "tpe"
    pruner: Literal["none", "median"] = "none"
    warmup_epochs: Annotated[int, Field(ge=0)] = 2
    startup_trials: Annotated[int, Field(ge=1)] = 5
    population: Annotated[int, Field(ge=2)] = 8
    trials: Annotated[int, Field(ge=1)] = 20
    objectives: tuple[Literal["mAP", "seconds"], ...] = ("mAP",)
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.25

    @model_validator(mode="after")
    def _parts_go_together(self) -> Search:
        if len(set(self.objectives)) != len(self.objectives) or "mAP" not in self.objectives:
            raise ValueError("objectives are mAP, or mAP and seconds")
        if len(self.objectives) > 1 and self.sampler != "nsga2":
            raise ValueError("several objectives need the sampler nsga2")
        if len(self.objectives) > 1 and self.pruner != "none":
            raise ValueError("several objectives allow no pruner")
        for name, dimension in self.space.items():
            if self.sampler == "grid" and not dimension.choices and dimension.step is None:
                raise ValueError(f"{name} needs choices or a step for the sampler grid")
        if self.sampler == "grid":
            self._grid_can_be_walked()
        return self

    def _grid_can_be_walked(self) -> None:
        points = math.prod(dimension.size or 1 for dimension in self.space.values())
        if points > MOST_POINTS:
            raise ValueError(f"a grid of {points:,} points; {MOST_POINTS:,} are the most")
