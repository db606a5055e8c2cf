"""A loss of one's own: the generated twin points where its view points."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gclbench.losses.view_invariance import ViewTerms
from gclbench.registry import register


@register("losses", "view_cosine", revision=1)
def view_cosine(terms: ViewTerms) -> Tensor:
    """View cosine: mean of 1 - cos(g, f), the twin g against its view f, without negatives.

    Source    the similarity of SimSiam (Chen and He, CVPR 2021), without its predictor.
    Shapes    terms.view, terms.generated (B, D), of any length -> (), from 0 to 2.
    Gradient  reaches the generated twin, never the view: the view stays the target.
    Weight    lambda_vi, because it reads `ViewTerms`.
    """
    return (1 - F.cosine_similarity(terms.generated, terms.view.detach(), dim=-1)).mean()
