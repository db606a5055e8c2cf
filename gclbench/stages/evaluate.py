"""Evaluation of a stage's E_id on the target's query and gallery; per-query AP is kept."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from gclbench.evaluation.camera_time import evaluate_with_camera_time
from gclbench.evaluation.protocol import evaluate, evaluate_factors
from gclbench.registry import register
from gclbench.schema.plausible import refuse_impossible
from gclbench.stages.context import StageContext
from gclbench.stages.loop import last_epoch
from gclbench.stages.pretrain import load_encoder


@register("stages", "evaluate", revision=4)
def evaluate_stage(context: StageContext) -> dict[str, float]:
    """mAP, R1, R5, R10, mINP in percent; what is kept of each query in `per_query.npz`.

    It has, one row a query, `pids`, `ap` and `inp` (fractions, NaN: skipped), `first_match` (its
    rank, from 1 on; 0: skipped) and the list's beginning without junk and the camera's own images
    of the identity: `nearest` (Q, 50), rows of the gallery, and `nearest_distances` (-1 and
    infinity behind the end).
    With `evaluate.camera_time` these are of the joint ranking, and visual_mAP, ... (`visual_ap`)
    of the ranking by look alone.
    On the world, `invariance.npz` holds the APs by viewpoint, light and pose gap and by clothing.
    After stage 3 `clusters` and `nmi` are those of the labels that the last epoch trained on.
    Raises ImpossibleResultError, with no score written, for numbers that cannot be.
    """
    (parent,) = context.parents
    encoder = load_encoder(context, parent)
    target = context.datasets["target"]
    settings = context.settings.evaluate
    arrays: dict[str, Any] = {"pids": target.query.pids}
    if settings.camera_time:
        both = evaluate_with_camera_time(encoder, target, settings, context.device)
        result, metrics, described = both.joint, both.metrics(), both.describe()
        arrays["visual_ap"] = both.visual.ap
    else:
        result = evaluate(encoder, target, settings, context.device)
        metrics, described = result.metrics(), result.describe()
    labels = last_epoch(context.parents[parent])
    metrics = {
        **metrics,
        "valid_queries": float(result.valid_queries),
        "skipped_queries": float(result.skipped_queries),
        **{name: labels[name] for name in ("clusters", "nmi") if name in labels},
    }
    refuse_impossible(metrics, result.ap, arrays.get("visual_ap"))
    which = f"step {labels['result_step']:g}" if "result_step" in labels else "last epoch"
    described |= {"checkpoint": which, "split": settings.split}
    (context.folder / "evaluation.json").write_text(json.dumps(described, indent=1))
    np.savez(context.folder / "per_query.npz", **result.per_query(), **arrays)
    # A tracklet has no one viewpoint, light or pose: its factors are not binned.
    binned = settings.split == "test" and target.query.starts is None
    if binned and target.factors("query") is not None:
        scores = evaluate_factors(encoder, target, settings, context.device)
        factors: dict[str, Any] = {f"{name}_ap": score.ap for name, score in scores.items()}
        factors |= {f"{name}_edges": score.edges for name, score in scores.items()}
        np.savez(context.folder / "invariance.npz", **factors)
    return metrics
