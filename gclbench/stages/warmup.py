"""Stage 1: an unsupervised method of choice warms up E_id (kind `warmups`)."""

from __future__ import annotations

import torch

from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import REGISTRY, register
from gclbench.stages.context import StageContext
from gclbench.stages.demands import check_demands
from gclbench.stages.loop import train
from gclbench.stages.pretrain import load_encoder, new_encoder


@register("stages", "warmup", revision=2)
def warmup(context: StageContext) -> dict[str, float]:
    """Stage 1: train E_id without target labels by `warmup.method`.

    Raises UsageError where the method demands another task; see `stages.demands`.
    """
    method = context.settings.warmup.method
    held = [each for each in context.datasets.values() if each.train.starts is not None]
    check_demands(
        method.name,
        "this task",
        sourced="source" in context.parents,
        tracklets=[each.label for each in held],
    )
    encoder = _start(context)
    training = REGISTRY.bound(method)(context, encoder)
    train(training, context)
    torch.save(encoder.state_dict(), context.folder / "encoder.pt")
    return {}


def _start(context: StageContext) -> IdEncoder:
    """E_id as the last parent left it; a new one where a file takes their place."""
    for parent in ("source", "pretrain"):
        if parent in context.parents:
            return load_encoder(context, parent)
    return new_encoder(context)
