"""Stage 1: an unsupervised method of choice warms up E_id (kind `warmups`)."""

from __future__ import annotations

import torch

from gclbench.registry import REGISTRY, register
from gclbench.stages.context import StageContext
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder


@register("stages", "warmup", revision=1)
def warmup(context: StageContext) -> dict[str, float]:
    """Stage 1: train E_id without target labels by `warmup.method`."""
    encoder = load_encoder(context, "source" if "source" in context.parents else "pretrain")
    method = REGISTRY.lookup("warmups", context.settings.warmup.method).component
    training = method(context, encoder)
    train(training, context)
    torch.save(encoder.state_dict(), context.folder / "encoder.pt")
    return {}
