"""Evaluation of a stage's E_id on the target's query and gallery; per-query AP is kept."""

from __future__ import annotations

import json

import numpy as np

from gclbench.evaluation.protocol import evaluate
from gclbench.registry import register
from gclbench.stages.context import StageContext
from gclbench.stages.pretrain import load_encoder


@register("stages", "evaluate", revision=2)
def evaluate_stage(context: StageContext) -> dict[str, float]:
    """mAP, R1, R5, R10, mINP in percent; `per_query.npz` holds every AP (NaN: skipped)."""
    (parent,) = context.parents
    encoder = load_encoder(context, parent)
    target = context.datasets["target"]
    result = evaluate(encoder, target, context.settings.evaluate, context.device)
    described = {**result.describe(), "checkpoint": "last epoch"}
    (context.folder / "evaluation.json").write_text(json.dumps(described, indent=1))
    np.savez(context.folder / "per_query.npz", ap=result.ap, pids=target.query.pids)
    return {
        **result.metrics(),
        "valid_queries": float(result.valid_queries),
        "skipped_queries": float(result.skipped_queries),
    }
