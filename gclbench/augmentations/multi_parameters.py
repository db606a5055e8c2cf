"""What `multi` can be told; apart from it, so that a plan reads it without torch."""

from __future__ import annotations

from pydantic import Field, model_validator

from gclbench.schema.model import Model


class MultiParameters(Model):
    """Probabilities and limits; area is a share of the image, aspect = height / width."""

    flip_probability: float = Field(default=0.5, ge=0, le=1, description="mirror left and right")
    pad_px: int = Field(default=10, ge=0, description="crop from this border, at 256 px of height")
    erase_probability: float = Field(default=0.5, ge=0, le=1, description="erase a rectangle")
    min_area: float = Field(default=0.02, gt=0, lt=1, description="smallest erased area")
    max_area: float = Field(default=0.4, gt=0, lt=1, description="largest erased area")
    min_aspect: float = Field(default=0.3, gt=0, description="flattest erased rectangle")
    max_aspect: float = Field(default=3.33, gt=0, description="steepest erased rectangle")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> MultiParameters:
        if self.min_area > self.max_area or self.min_aspect > self.max_aspect:
            raise ValueError("erasing needs min_area <= max_area and min_aspect <= max_aspect")
        return self
