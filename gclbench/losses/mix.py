"""L_mix: a mixed view stands where the mix of its two prototypes stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import UsageError
from gclbench.kernels.logits import masked_logsumexp
from gclbench.losses.prototype import prototype_logits
from gclbench.registry import register


@dataclass(frozen=True)
class MixTerms:
    """mixed (B, D) f'_mix, prototypes (C, D), targets and partner_targets (B,) in 0..C-1.

    `lam`, a number or (B,), weighs each row's own cluster (`targets`), 1 - lam the partner's.
    `form`: "paper" Eq. (14), "code" the soft cross-entropy (D-19). `unit`: see `PrototypeTerms`.
    """

    mixed: Tensor
    prototypes: Tensor
    targets: Tensor
    partner_targets: Tensor
    lam: float | Tensor
    form: Literal["paper", "code"] = "paper"
    unit: bool = False


@register("losses", "l_mix", revision=1)
def l_mix(terms: MixTerms) -> Tensor:
    """L_mix: pull a mixed view to the mixed prototype, push it from all others (Eq. 14).

    paper     log(1 + sum over c not in {i, j} of e^(f.p_c) / e^(f.p_mix)), with p_mix = lam p_i +
              (1 - lam) p_j; partners of one cluster leave C - 1 negatives and p_mix = p_i (D-20);
              a row that has no negatives (i and j are all clusters) adds 0.
    code      -sum_c t_c log softmax_c(f.p), t = lam onehot(i) + (1 - lam) onehot(j).
    Gradient  reaches the mixed embedding, never the prototypes.
    """
    if terms.form not in ("paper", "code"):
        raise UsageError(f"form is '{terms.form}'.", "Allowed: code, paper.")
    logits = prototype_logits(terms.mixed, terms.prototypes, terms.unit)
    scores = logits if terms.form == "paper" else logits.log_softmax(dim=1)
    own = scores.gather(1, terms.targets[:, None])[:, 0]
    partner = scores.gather(1, terms.partner_targets[:, None])[:, 0]
    lam = torch.as_tensor(terms.lam, dtype=logits.dtype, device=logits.device)
    aim = lam * own + (1 - lam) * partner  # f.p_mix is linear in the prototypes
    if terms.form == "code":
        return -aim.mean()
    others = torch.ones_like(logits, dtype=torch.bool)
    others.scatter_(1, terms.targets[:, None], False)
    others.scatter_(1, terms.partner_targets[:, None], False)
    return F.softplus(masked_logsumexp(logits, others) - aim).mean()
