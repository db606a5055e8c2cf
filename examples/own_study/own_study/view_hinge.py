"""A loss with parameters of its own: the twin need not point closer to its view than asked."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gclbench.losses.view_invariance import ViewTerms
from gclbench.registry import register
from gclbench.schema import Model


class ViewHingeParameters(Model):
    """What settings may say: `{name: view_hinge, cosine: 0.9}`."""

    cosine: float = Field(default=0.8, gt=-1, le=1, description="the cosine that is close enough")
    power: Literal[1, 2] = Field(default=1, description="1: the gap itself, 2: its square")


@register("losses", "view_hinge", revision=1, parameters=ViewHingeParameters)
def view_hinge(terms: ViewTerms, *, parameters: ViewHingeParameters) -> Tensor:
    """View hinge: mean of max(0, cosine - cos(g, f)) ** power, the twin g against its view f.

    Source    the hinge of torch's CosineEmbeddingLoss, turned round: it stops where a pair is
              close enough, so that twins that G drew badly do not pull for ever.
    Shapes    terms.view, terms.generated (B, D), of any length -> ().
    Gradient  reaches the generated twin of pairs below `cosine`, never the view.
    Weight    lambda_vi, because it reads `ViewTerms`.
    """
    cosines = F.cosine_similarity(terms.generated, terms.view.detach(), dim=-1)
    return F.relu(parameters.cosine - cosines).pow(parameters.power).mean()
