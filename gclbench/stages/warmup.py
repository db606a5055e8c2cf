"""Stage 1: an unsupervised method of choice warms up E_id (kind `warmups`)."""

from __future__ import annotations

import torch

from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import REGISTRY, register
from gclbench.stages.context import StageContext
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder, new_encoder


@register("stages", "warmup", revision=1)
def warmup(context: StageContext) -> dict[str, float]:
    """Stage 1: train E_id without target labels by `warmup.method`."""
    encoder = _start(context)
    method = REGISTRY.lookup("warmups", context.settings.warmup.method).component
    training = method(context, encoder)
    train(training, context)
    torch.save(encoder.state_dict(), context.folder / "encoder.pt")
    return {}


def _start(context: StageContext) -> IdEncoder:
    """E_id as the last parent left it; a new one where a file takes their place."""
    for parent in ("source", "pretrain"):
        if parent in context.parents:
            return load_encoder(context, parent)
    return new_encoder(context)
