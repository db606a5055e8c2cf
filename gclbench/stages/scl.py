"""SCL as stage 1: selective contrastive learning, a positive for every near neighbour.

Source     Pang et al., "Fully Unsupervised Person Re-identification via Selective Contrastive
           Learning", ACM TOMM (arXiv 2010.07608), and its public code (scl.md).
Differs    - The global head is E_id's own (Linear, BatchNorm; 512 features for 2,048), the stripes
             are E_id's parts (4 for 8). What is evaluated is the global feature alone: the
             stripes' heads are dropped, and so is the code's test distance (scl.md 6), which adds
             the stripes and a bonus for another camera.
           - All gradients of a step come from one state of the mixture memory, which is updated
             afterwards in the code's order. `update_in_backward` brings back the code's way, where
             the slope of a positive sees what the ones before it have written.
           - A last batch of one sample joins the one before it: BatchNorm needs two.
Tracklets  A sample is an image or a tracklet: one row in each memory, one camera. A step sees
           `frames` of a tracklet, each flipped or not for itself; the averages over an image and
           over its stripes are averaged over them, then embedded (scl.md 1). The first pass, which
           fills the memories, sees all kept frames (the code's: as many as a step).
Source set It has none: after UDA's supervised start, only the target is trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.augmentations.multi import Multi, MultiParameters
from gclbench.evaluation.preprocess import to_network
from gclbench.losses.scl import position_gradient, position_weights, selective_loss
from gclbench.memory.bank import MemoryBank
from gclbench.memory.mixture import MixtureBank
from gclbench.networks.id_encoder import IdEncoder
from gclbench.networks.stripe_heads import StripeHeads
from gclbench.pseudolabels.scl import Distances, draw, negatives_left, select
from gclbench.registry import register
from gclbench.stages.context import StageContext
from gclbench.stages.frames import all_rows_of, frames_of, mean_by_place, rows_of
from gclbench.stages.loop import shuffled_batches
from gclbench.stages.supervised import set_lr, sgd_with_new_layers

# The code flips; cropping and erasing are commented out there.
SCL_AUGMENTATION = Multi(MultiParameters(pad_px=0, erase_probability=0.0))
_MOMENTUM = 0.5  # of the memories that neighbours are searched in


class NeighbourMemory:
    """The global memory G and the stripes' memory S: unit rows, refreshed half-way at a visit."""

    def __init__(self, size: int, parts: int, dim: int, device: torch.device) -> None:
        self.parts = parts
        # Any unit rows will do until `visit` with momentum 0 has filled them.
        self.rows = MemoryBank(F.normalize(torch.ones(size, dim, device=device)))
        stripes = torch.ones(size * parts, dim // parts, device=device)
        self.stripe_rows = MemoryBank(F.normalize(stripes))

    def visit(self, indices: Tensor, features: Tensor, stripes: Tensor, momentum: float) -> None:
        """Refresh `indices` (B,), each once, with features (B, E) and stripes (B, S, E/S)."""
        self.rows.update(indices, features, momentum)
        places = indices[:, None] * self.parts + torch.arange(self.parts, device=indices.device)
        self.stripe_rows.update(places.flatten(), stripes.flatten(0, 1), momentum)

    @property
    def stripes(self) -> Tensor:
        """S as (N, S, E/S)."""
        return self.stripe_rows.rows.unflatten(0, (-1, self.parts))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows.state_dict(), "stripes": self.stripe_rows.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows.load_state_dict(state["rows"])
        self.stripe_rows.load_state_dict(state["stripes"])


@register("warmups", "scl", revision=1)
class SclTraining:
    """SCL: each sample attracts its nearest neighbours and repels the next ones (ACM TOMM)."""

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        self.context, self.encoder = context, encoder
        self.settings = settings = context.settings.warmup.scl
        self.epochs = settings.epochs
        self.target, device = context.datasets["target"], context.device
        self.images = self.target.images("train")
        self.frames = frames_of(self.target, settings.frames)
        self.size, dim, parts = len(self.target.train), encoder.embedding_dim, encoder.parts
        # Too few samples: said before hours of training.
        negatives_left(self.size, settings.positives, settings.negatives)
        self.cams = torch.from_numpy(self.target.train.cams).to(device)
        self.heads = StripeHeads(
            encoder.channels, parts, dim, context.torch_generator("stripes")
        ).to(device)
        self.distances = Distances(settings.lambda_g, settings.lambda_c)
        self.memory = NeighbourMemory(self.size, parts, dim, device)
        self.mixture = MixtureBank(self.size, dim, device)
        self.optimizer = sgd_with_new_layers(
            encoder,
            list(self.heads.parameters()),
            settings.lr,
            settings.new_layer_lr_factor,
            settings.weight_decay,
        )

    def begin_epoch(self, epoch: int) -> Sequence[Tensor]:
        """Fill the memories before the first epoch, then draw batches (SCL counts from 1)."""
        self.encoder.train()
        self.heads.train()
        if epoch == 0:
            self._fill()
        settings = self.settings
        self.selects = epoch >= settings.init_epochs
        positives = settings.positives if self.selects else 0
        self.weights = position_weights(positives, settings.lambda_t, settings.alpha)
        set_lr(self.optimizer, 0.1 ** ((epoch + 1) // settings.lr_step_epochs))
        self.frame_draws = self.context.torch_generator("frames", epoch)
        self.augment = self.context.torch_generator("augment", epoch)
        self.others = self.context.torch_generator("negatives", epoch)
        return self._batches(self.context.torch_generator("order", epoch))

    def _batches(self, generator: torch.Generator) -> list[Tensor]:
        """All samples, shuffled."""
        every = torch.arange(self.size)
        batches = shuffled_batches(every, self.settings.batch_size, generator, drop_last=False)
        if len(batches) > 1 and len(batches[-1]) == 1:
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    @torch.no_grad()
    def _fill(self) -> None:
        """One pass in training mode, as in the code: flipped images, the batches' statistics."""
        self.frame_draws = self.context.torch_generator("frames", "fill")
        self.augment = self.context.torch_generator("augment", "fill")
        see = self._see if self.target.train.starts is None else self._see_all
        for batch in self._batches(self.context.torch_generator("order", "fill")):
            self.memory.visit(batch.to(self.context.device), *see(batch), momentum=0.0)

    def _see(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return v_g (B, E) and the stripes' v_l (B, S, E/S) of flipped images, of length 1."""
        rows = rows_of(self.target, batch, self.frames, self.frame_draws)
        output = self.encoder(self._flipped(rows), self.frames)
        stripes = output.f_id
        if self.frames > 1:
            stripes = stripes.unflatten(0, (-1, self.frames)).mean(dim=1)
        return F.normalize(output.embedding), self.heads(stripes)

    def _see_all(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """As `_see`, of all kept frames; no more of them at a time than a step has."""
        rows, places = all_rows_of(self.target, batch)
        parts = rows.split(len(batch) * self.frames)
        seen = [self.encoder.pool(self._flipped(part)) for part in parts]
        pooled, stripes = (
            mean_by_place(torch.cat(each), places) for each in zip(*seen, strict=True)
        )
        return F.normalize(self.encoder.embed(pooled)), self.heads(stripes)

    def _flipped(self, rows: Tensor) -> Tensor:
        """The images of some rows, each flipped or not for itself."""
        images = to_network(self.images[rows.numpy()]).to(self.context.device)
        height_px, width_px = images.shape[-2:]
        chance = SCL_AUGMENTATION.sample(len(rows), self.augment, height_px, width_px)
        return SCL_AUGMENTATION.apply(images, chance)

    def step(self, batch: Tensor) -> dict[str, Tensor | float]:
        rows = batch.to(self.context.device)
        features, stripes = self._see(batch)
        candidates = self._candidates(rows, features.detach(), stripes.detach())
        # The local features come first: autograd goes back through the newest loss first.
        sides = {
            "local": (self.settings.lambda_p, stripes.flatten(1)),
            "global": (1 - self.settings.lambda_p, features),
        }
        seen = self.mixture.rows[candidates]
        losses = {
            name: weight * selective_loss(vectors, seen, self.weights, self.settings.temperature)
            for name, (weight, vectors) in sides.items()
        }
        total = torch.stack(list(losses.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        if self.settings.update_in_backward:
            self._walk_back(list(sides.values()), candidates, seen)
        else:
            total.backward()
            for _, vectors in sides.values():
                self._pull(candidates[:, : len(self.weights)], vectors.detach())
        self.optimizer.step()
        self.memory.visit(rows, features.detach(), stripes.detach(), _MOMENTUM)
        return {"loss": total, **losses}

    def _candidates(self, rows: Tensor, features: Tensor, stripes: Tensor) -> Tensor:
        """Rows of the memory, (B, C): positives (self first), then negatives."""
        settings = self.settings
        if not self.selects:
            wanted = settings.positives + settings.negatives
            return draw(rows, self.size, wanted, self.others)
        same_camera = self.cams[rows][:, None] == self.cams[None, :]
        memory = self.memory
        distances = self.distances(
            features, stripes, memory.rows.rows, memory.stripes, same_camera
        )
        return select(distances, rows, settings.positives, settings.negatives)

    def _pull(self, positives: Tensor, vectors: Tensor) -> None:
        """Pull the mixture rows of all positives (B, P) to the anchors, last position first."""
        rows = positives.flip(1).T.flatten()
        self.mixture.update(rows, vectors.repeat(positives.shape[1], 1))

    def _walk_back(
        self, sides: Sequence[tuple[float, Tensor]], candidates: Tensor, seen: Tensor
    ) -> None:
        """The code's backward pass: each position's slope, then its update of the memory."""
        slopes = []
        for weight, vectors in sides:
            fixed = vectors.detach()
            slope = torch.zeros_like(fixed)
            for position in reversed(range(len(self.weights))):
                now = self.mixture.rows[candidates]
                part = position_gradient(fixed, seen, now, position, self.settings.temperature)
                slope += weight * float(self.weights[position]) * part
                self._pull(candidates[:, position : position + 1], fixed)
            slopes.append(slope)
        torch.autograd.backward([vectors for _, vectors in sides], slopes)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": self.memory.state_dict(),
            "mixture": self.mixture.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self.state_dict():
            getattr(self, name).load_state_dict(state[name])
