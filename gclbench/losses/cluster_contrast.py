"""Classification of unit features among the centres of a memory (SpCL, Cluster Contrast)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.losses.prototype import prototype_logits


def centre_loss(
    features: Tensor,
    centres: Tensor,
    targets: Tensor,
    temperature: float,
    *,
    slopes: Tensor | None = None,
) -> Tensor:
    """-log softmax of x.c / temperature at the own centre, mean over the batch.

    Source    SpCL (Ge et al., NeurIPS 2020): centres are means of memory rows and not
              normalised again; Cluster Contrast (Dai et al., ACCV 2022): rows of a
              memory of clusters. The public SpCL code adds 1e-6 to the sum and inside the
              logarithm against overflow; this is exact.
    Shapes    features (B, D), normalised here; centres (C, D); targets (B,) in 0 ... C - 1 -> ().
    Gradient  reaches the features, never the centres. With `slopes` (C, D) the value is that of
              `centres`, while the gradient of x.c is c of `slopes`: the SpCL code's, whose memory
              has moved when it is asked for the slope.
    Raises    ShapeError; UsageError for temperature <= 0.
    """
    if not temperature > 0:
        raise UsageError(f"temperature is {temperature}, it must be above 0.")
    logits = prototype_logits(features, centres, unit=True)
    if slopes is not None:
        moved = prototype_logits(features, slopes, unit=True)
        logits = moved + (logits - moved).detach()
    return F.cross_entropy(logits / temperature, targets)
