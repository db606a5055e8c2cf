"""Stripe shuffle: horizontal stripes of the image change places."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from gclbench.augmentations.base import Role, Space
from gclbench.errors import ShapeError
from gclbench.registry import register
from gclbench.schema import Model


class StripeShuffleParameters(Model):
    """What settings may say: `{name: stripe_shuffle, probability: 0.3}`."""

    probability: float = Field(default=0.5, ge=0, le=1, description="share of shuffled images")
    stripes: int = Field(default=4, ge=2, le=64, description="stripes that an image is cut into")


@dataclass(frozen=True)
class StripeOrder:
    """order (B, stripes) int64: row b shows stripe order[b, i] at place i, from the top."""

    order: Tensor


@register("augmentations", "stripe_shuffle", revision=1, parameters=StripeShuffleParameters)
@dataclass(frozen=True)
class StripeShuffle:
    """Stripe shuffle: stripes change places, so that where a colour is worn cannot decide alone.

    Source    the jigsaw of Noroozi and Favaro (ECCV 2016), cut into stripes as part-based re-ID
              cuts people (Sun et al., ECCV 2018); probability and number of stripes are ours.
    Chance    an image is shuffled with `probability`; every order is then as likely as another,
              also the one that it had: one in stripes! stays as it was.
    Shapes    images (B, 3, H, W), ImageNet-normalised -> the same. Stripe i ends at row
              round((i + 1) H / stripes): where H cannot be divided, heights differ by one row.
    Raises    ShapeError for other images, or fewer rows than stripes.
    """

    parameters: StripeShuffleParameters = field(default_factory=StripeShuffleParameters)

    role: ClassVar[Role] = "view"
    space: ClassVar[Space] = "image"
    control: ClassVar[bool] = False

    def sample(
        self, batch_size: int, rng: torch.Generator, height_px: int, width_px: int
    ) -> StripeOrder:
        # Every row draws as much, shuffled or not: one row's luck never moves another's.
        stripes = self.parameters.stripes
        draws = torch.rand(batch_size, 1 + stripes, generator=rng, dtype=torch.float64)
        shuffled = draws[:, :1] < self.parameters.probability
        return StripeOrder(torch.where(shuffled, draws[:, 1:].argsort(1), torch.arange(stripes)))

    def apply(self, images: Tensor, params: StripeOrder) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or len(images) != len(params.order):
            raise ShapeError(
                f"images are {tuple(images.shape)}, expected ({len(params.order)}, 3, H, W)."
            )
        rows = source_rows(params.order, images.shape[2]).to(images.device)
        return images.gather(2, rows[:, None, :, None].expand_as(images))


def source_rows(order: Tensor, height_px: int) -> Tensor:
    """order (B, stripes) -> int64 (B, H): the row of the image that each row shows."""
    stripes = order.shape[1]
    if height_px < stripes:
        raise ShapeError(f"an image of {height_px} rows cannot be cut into {stripes} stripes.")
    ends = [round(i * height_px / stripes) for i in range(stripes + 1)]
    parts = [torch.arange(top, end) for top, end in pairwise(ends)]
    return torch.stack([torch.cat([parts[i] for i in row]) for row in order.tolist()])
