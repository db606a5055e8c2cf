"""ECN's invariance loss: every image is its own class, its nearest memory rows count as well."""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.errors import ShapeError, UsageError


def exemplar_loss(
    features: Tensor, bank: Tensor, indices: Tensor, temperature: float, neighbours: int = 0
) -> Tensor:
    """-sum_j w_j log softmax_j(x.B_j / temperature), mean over the batch.

    Source    ECN (Zhong et al., CVPR 2019) and its public code: w is 1 for the
              image itself and 1 / k for the others of the k = `neighbours` rows nearest to x (the
              image itself usually is among the k, which leaves k - 1). 0 neighbours: itself alone.
    Shapes    features (B, D), used as they are (after ECN's dropout they have no length 1);
              bank (N, D); indices (B,) the images' own rows -> ().
    Gradient  reaches the features, never the bank; the choice of neighbours has none.
    Memory    B x N numbers. k is at most N.
    Raises    ShapeError; UsageError for temperature <= 0 or k < 0.
    """
    if not temperature > 0 or neighbours < 0:
        raise UsageError(
            f"temperature is {temperature} and neighbours {neighbours}, "
            "they must be above 0 and at least 0."
        )
    if features.ndim != 2 or bank.ndim != 2 or features.shape[1] != bank.shape[1]:
        raise ShapeError(
            f"features are {tuple(features.shape)} and the bank {tuple(bank.shape)}, "
            "not (B, D) and (N, D)."
        )
    if indices.shape != features.shape[:1]:
        raise ShapeError(f"indices are {tuple(indices.shape)}, expected ({len(features)},).")
    logits = features @ bank.detach().T / temperature
    log_shares = logits.log_softmax(dim=1)
    own = indices.to(bank.device)[:, None]
    loss = -log_shares.gather(1, own)[:, 0]
    k = min(neighbours, len(bank))
    if k:
        near = logits.detach().topk(k, dim=1).indices
        others = torch.where(near == own, 0.0, log_shares.gather(1, near))
        loss = loss - others.sum(dim=1) / k
    return loss.mean()
