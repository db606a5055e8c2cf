"""Conventions that every augmentation keeps, and what the mixing ones share.

An augmentation is a frozen dataclass. `sample` owns all chance and returns parameters; `apply` is
pure and leaves its input alone, so a draw can be replayed. Class attributes say where it belongs:

role      "view": makes the generated twin x'_new of each image. "mix": blends pairs of the batch.
space     what `apply` takes and returns:
          "image"      images (B, 3, H, W), ImageNet-normalised float
          "structure"  what guides G, as `guide` says: the gray projections (B, 8, H, W) ("mesh")
                       or the gray images (B, 1, H, W) ("gray") -> s_new (B, 1, H, W)
          "oracle"     true renders (B, 8, 3, H, W), already normalised -> images (B, 3, H, W)
          "identity"   part features f_id (B, C, parts, 1), which G then decodes
          "embedding"  embeddings f (B, E)
guide     of the space "structure": where s_ori and s_new come from, "mesh" or "gray".
pick      of the guide "mesh", an optional method of one that only chooses among projections: whose
          projection each row takes for a draw, and at which view, both (B,) int64; then no other
          is read. `apply` gives the same.
control   ours, not the paper's: a yardstick that belongs to no method.

Index a of a projection is the view turned by a * 45 degrees about the vertical axis, 0 its own
view. lam weighs each row's own value, 1 - lam its partner's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.mixing import mix

Role = Literal["view", "mix"]
Space = Literal["image", "structure", "oracle", "identity", "embedding"]
VIEWS = 8


@dataclass(frozen=True)
class MixParams:
    """partner (B,) the row that each row is mixed with; lam in 0.5-1, one per batch (D-21)."""

    partner: Tensor
    lam: float


@dataclass(frozen=True)
class MixAugmentation:
    """Convex mixing with a random partner: lam* x_i + (1 - lam*) x_j.

    Source    GCL+ (arXiv 2301.00725), Eq. (4): lam ~ Beta(alpha, alpha), lam* = max(lam, 1 - lam).
              Partners are a random permutation, so a row may meet itself or its own cluster
              (D-20).
    """

    alpha: float = 0.6  # shape of the Beta distribution, > 0

    role: ClassVar[Role] = "mix"
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise UsageError(f"alpha is {self.alpha}, it must be above 0.")

    def sample(self, batch_size: int, rng: torch.Generator) -> MixParams:
        partner = torch.randperm(batch_size, generator=rng)
        # A Beta variable is a share of two Gamma variables.
        shape = torch.full((2,), float(self.alpha), dtype=torch.float64)
        a, b = torch._standard_gamma(shape, generator=rng).tolist()
        lam = a / (a + b) if a + b > 0 else 1.0  # both underflow only where lam tends to 0 or 1
        return MixParams(partner, max(lam, 1 - lam))

    def apply(self, x: Tensor, params: MixParams) -> Tensor:
        return mix(x, params.partner.to(x.device), params.lam)


@dataclass(frozen=True)
class AngleParams:
    """index (B,) int64 in 1..7: the view each row is turned to, in steps of 45 degrees."""

    index: Tensor


@dataclass(frozen=True)
class AngleAugmentation:
    """Pick one turned view of each row, uniformly among `angles` of them (never the own view).

    7: 45 to 315 degrees as the paper says; 6 leaves 315 out, as the public code does (D-08).
    """

    angles: int = 7

    role: ClassVar[Role] = "view"

    def __post_init__(self) -> None:
        if not 1 <= self.angles < VIEWS:
            raise UsageError(f"angles is {self.angles}, it must lie between 1 and {VIEWS - 1}.")

    def sample(self, batch_size: int, rng: torch.Generator) -> AngleParams:
        return AngleParams(torch.randint(1, self.angles + 1, (batch_size,), generator=rng))

    def choose(self, views: Tensor, params: AngleParams) -> Tensor:
        """views (B, 8, ...) -> (B, ...), row b its view index[b]."""
        if views.ndim < 3 or views.shape[1] != VIEWS or len(views) != len(params.index):
            raise ShapeError(
                f"views are {tuple(views.shape)}, expected ({len(params.index)}, {VIEWS}, ...)."
            )
        rows = torch.arange(len(views), device=views.device)
        return views[rows, params.index.to(views.device)]


@dataclass(frozen=True)
class PartnerParams:
    """partner (B,): the row whose structure each row takes."""

    partner: Tensor


@dataclass(frozen=True)
class PartnerAugmentation:
    """Take the structure of another row: never the own one, in a batch of two or more."""

    role: ClassVar[Role] = "view"
    space: ClassVar[Space] = "structure"
    control: ClassVar[bool] = False

    def sample(self, batch_size: int, rng: torch.Generator) -> PartnerParams:
        circle = torch.randperm(batch_size, generator=rng)
        partner = torch.empty_like(circle)
        partner[circle] = circle.roll(-1)
        return PartnerParams(partner)

    def partners(self, structures: Tensor, params: PartnerParams) -> Tensor:
        """structures (B, ...) -> row b is the structure of its partner."""
        if len(structures) != len(params.partner):
            raise ShapeError(f"{len(structures)} structures for {len(params.partner)} partners.")
        return structures[params.partner.to(structures.device)]
