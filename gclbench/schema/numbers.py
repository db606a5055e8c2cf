"""Bounded numbers that several sections of the settings are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
# Weights of old moments in Adam, which refuses 1: nothing new would ever count.
Decay = Annotated[float, Field(ge=0, lt=1)]
