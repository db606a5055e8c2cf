"""A file in the place of stage 1: published weights, or E_id of another run.

Source     docs/specs/gcl.md, section 9, and what the official codes do with each layout.
Differs    MMCL's head has no linear layer: E_id's is an identity here, so that f is the same, but
           stage 3 trains it along. Linear layer and BatchNorm of BUC are used as they are, without
           its dropout.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gclbench.datasets.base import Bytes
from gclbench.digest import file_digest
from gclbench.errors import CheckpointError, UsageError
from gclbench.evaluation.preprocess import to_network
from gclbench.networks.checkpoints import LoadReport
from gclbench.networks.fit import load_encoder_file
from gclbench.networks.id_encoder import IdEncoder
from gclbench.networks.layouts import Refit
from gclbench.registry import register
from gclbench.stages.context import StageContext
from gclbench.user_paths import user_path

REPORT_FILE = "checkpoint.json"
_BATCH = 64


@register("warmups", "checkpoint", revision=1)
class CheckpointWarmup:
    """A file of yours as E_id, nothing trained: JVTC, GCL, MMCL, ACT, BUC or gclbench's own.

    `warmup.checkpoint.path` names it; what was taken, ignored and kept stands in
    `checkpoint.json`. Raises DataMissingError, CheckpointError.
    """

    epochs = 0

    def __init__(self, context: StageContext, encoder: IdEncoder) -> None:
        settings = context.settings.warmup.checkpoint
        if settings.path is None:
            raise UsageError(
                "warmup.method=checkpoint needs a file.", "Name it: warmup.checkpoint.path=FILE."
            )
        path = user_path(settings.path)
        report = load_encoder_file(encoder, path, settings.head)
        refit = report.refit if settings.refit == "auto" else settings.refit
        if refit != "none":
            refit_statistics(
                encoder, refit, context.datasets["target"].images("train"), context.device
            )
        _write_report(context.folder, path, report, refit)
        context.notice(f"{path.name}: {report}; running statistics taken anew: {refit}.")


def _write_report(folder: Path, path: Path, report: LoadReport, refit: Refit) -> None:
    described = {"file": path.name, "sha256": file_digest(path), **asdict(report), "refit": refit}
    text = json.dumps(described, indent=1)
    (folder / REPORT_FILE).write_text(text, encoding="utf-8")


@torch.no_grad()
def refit_statistics(
    encoder: IdEncoder, which: Refit, images: Bytes, device: str | torch.device
) -> None:
    """Take running statistics anew from images (N, H, W, 3): plain means over equal batches.

    "head" fits the embedding's BatchNorm on the trunk as it is, "all" every BatchNorm at once, as
    in training. Raises CheckpointError when the result is not finite.
    """
    chosen = encoder.feat_bn if which == "head" else encoder
    norms = [
        part for part in chosen.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    momenta = [norm.momentum for norm in norms]
    encoder.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative
        norm.train()
    for rows in np.array_split(np.arange(len(images)), -(-len(images) // _BATCH)):
        encoder(to_network(images[rows], device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        if norm.running_var is None or not torch.isfinite(norm.running_var).all():
            raise CheckpointError(
                "the statistics of the loaded network are not finite.",
                "The file is damaged, or of another network.",
            )
