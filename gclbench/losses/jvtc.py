"""JVTC's two target losses (Li and Zhang, ECCV 2020; specs: jvtc.md 3.1, 3.4 and 4).

A batch holds M images in K augmented copies: rows b*K .. b*K + K - 1 are image b. Features are raw
embeddings of any length, normalised here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import ShapeError, UsageError


def local_loss(features: Tensor, copies: int, temperature: float) -> Tensor:
    """L_local: each row finds its own image among the batch's images.

    Value     mean over rows of cross-entropy(x.v_i / temperature), v_i = normalise(mean of the K
              raw rows of image i).
    Shapes    features (M*K, D) -> ().
    Gradient  reaches the rows and, through v, the means.
    """
    groups = _groups(features, copies, temperature)
    means = F.normalize(groups.mean(dim=1), dim=-1)
    logits = F.normalize(features, dim=-1) @ means.T / temperature
    targets = torch.arange(len(groups), device=features.device).repeat_interleave(copies)
    return F.cross_entropy(logits, targets)


def global_loss(
    features: Tensor,
    copies: int,
    bank: Tensor,
    labels: Tensor,
    indices: Tensor,
    temperature: float,
) -> Tensor:
    """L_global: soft classification over all bank rows; those of the same label share the target.

    Value     -mean over rows of sum_j T_j log softmax_j(x.B_j / temperature), T_j = [y_j = y] /
              count.
    Shapes    features (M*K, D), bank (N, D), labels (N,) int64, indices (M,) the images' rows ->
              ().
    Gradient  reaches the features, never the bank; bank rows are used as they are (no
              normalising).
    Raises    ShapeError; UsageError for an image whose label is -1.
    """
    groups = _groups(features, copies, temperature)
    if indices.shape != groups.shape[:1] or labels.shape != bank.shape[:1]:
        raise ShapeError(
            f"indices are {tuple(indices.shape)} for {len(groups)} images, "
            f"labels {tuple(labels.shape)} for {len(bank)} rows."
        )
    labels, rows = labels.to(bank.device), bank.detach()
    own = labels[indices.to(bank.device)]
    if bool((own < 0).any()):
        raise UsageError("an image of the batch has no class (label -1).")
    same = (labels[None, :] == own[:, None]).to(rows.dtype)
    # sum_j T_j (x.B_j) = x.(T B): the mean row of the class stands for all its members.
    centres = (same / same.sum(dim=1, keepdim=True)) @ rows
    unit = F.normalize(features, dim=-1)
    normaliser = (unit @ rows.T / temperature).logsumexp(dim=1)
    aim = (unit * centres.repeat_interleave(copies, dim=0)).sum(dim=1) / temperature
    return (normaliser - aim).mean()


def _groups(features: Tensor, copies: int, temperature: float) -> Tensor:
    if not temperature > 0:
        raise UsageError(f"temperature is {temperature}, it must be above 0.")
    if features.ndim != 2 or copies < 1 or len(features) % copies or not len(features):
        raise ShapeError(f"features are {tuple(features.shape)}, not (M*{copies}, D).")
    return features.view(-1, copies, features.shape[1])
