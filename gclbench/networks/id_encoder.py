"""E_id: the identity encoder, the only network that survives training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.errors import ShapeError
from gclbench.networks.initialise import initialise
from gclbench.networks.layers import Dense
from gclbench.networks.resnet import ResNet, Stem
from gclbench.registry import register
from gclbench.schema.settings import IdEncoderSettings


class IdOutput(NamedTuple):
    """What E_id sees in a batch.

    `f_id` (B, C, parts, 1): averages over horizontal stripes; `embedding` (B, E): f, after
    BatchNorm and NOT normalised; `pooled` (B, C): the global average that the embedding reads.
    Of B tracklets with T frames each, f_id has a row per frame (B * T), the others per tracklet.
    """

    f_id: Tensor
    embedding: Tensor
    pooled: Tensor


@register("networks", "id_encoder", revision=1)
class IdEncoder(ResNet):
    """E_id: (B, 3, H, W), ImageNet-normalised -> IdOutput.

    Source    GCL+ section 3.2 and the JVTC code: ResNet, last stride 1; Linear, then BatchNorm1d
              without ReLU (D-06). Parameter names are torchvision's plus `feat` and `feat_bn`.
    Stem      resnet50 has ResNet's own (H / 16); resnet18 is for small images: a 3x3 stride-2
              convolution without max pool (H / 8), so that 64x32 leaves an 8x4 map.
    Tracklets with `frames` = T: (B * T, 3, H, W), the frames of a tracklet one after the other.
              Their global averages are averaged, then embedded (BUC's order).
    Raises    ShapeError when the last map is lower than `parts`, or frames are missing.
    Weights   from `generator` when given, else zero until `load_id_checkpoint` fills them.
    """

    def __init__(
        self, settings: IdEncoderSettings, *, generator: torch.Generator | None = None
    ) -> None:
        stem: Stem = "standard" if settings.depth == "resnet50" else "small"
        super().__init__(settings.depth, settings.width, stem)
        self.parts = settings.parts
        self.feat = Dense(self.channels, settings.embedding_dim)
        self.feat_bn = nn.BatchNorm1d(settings.embedding_dim)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if generator is not None:
            initialise(self, "resnet", generator)

    @property
    def embedding_dim(self) -> int:
        return self.feat.out_features

    def forward(self, images: Tensor, frames: int = 1) -> IdOutput:
        pooled, stripes = self.pool(images)
        if frames > 1:
            pooled = _over_frames(pooled, frames)
        return IdOutput(stripes, self.embed(pooled), pooled)

    def pool(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the global average (B, C) and the stripes' (B, C, parts, 1): no head is run."""
        if images.dim() != 4 or images.shape[1] != 3:
            raise ShapeError(f"images have shape {tuple(images.shape)}, expected (B, 3, H, W).")
        maps = self.trunk(images)
        if maps.shape[2] < self.parts:
            raise ShapeError(
                f"a map of height {maps.shape[2]} cannot be cut into {self.parts} parts; "
                f"images of height {images.shape[2]} are too small."
            )
        return maps.mean((2, 3)), self._stripes(maps)

    def embed(self, pooled: Tensor) -> Tensor:
        """Return f (B, E) of pooled vectors (B, C): the head alone."""
        return self.feat_bn(self.feat(pooled))

    def _stripes(self, maps: Tensor) -> Tensor:
        batch, channels, height, width = maps.shape
        if height % self.parts:
            return F.adaptive_avg_pool2d(maps, (self.parts, 1))
        rows = maps.reshape(batch, channels, self.parts, height // self.parts, width)
        return rows.mean((3, 4))[..., None]

    @contextmanager
    def fixed_statistics(self) -> Iterator[None]:
        """Training passes inside use batch statistics but leave the running ones as they are."""
        norms = [
            part
            for part in self.modules()
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) and part.track_running_stats
        ]
        if not self.training:
            norms = []
        for norm in norms:
            norm.track_running_stats = False
        try:
            yield
        finally:
            for norm in norms:
                norm.track_running_stats = True


def _over_frames(pooled: Tensor, frames: int) -> Tensor:
    if len(pooled) % frames:
        raise ShapeError(f"{len(pooled)} images are no tracklets of {frames} frames.")
    return pooled.unflatten(0, (-1, frames)).mean(dim=1)
