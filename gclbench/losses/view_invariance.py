"""L_vi, L'_vi, L''_vi: a view and its generated twin against a memory bank (Rotation Contrast).

For an image with embedding f (`view`), its generated view g (`generated`), a bank row p of the
same pseudo identity (`positive`) and negatives k, all compared by cosine at temperature tau:

    L_vi   = log(1 + sum_k e^(g.k/tau) / e^(f.p/tau))
    L'_vi  = log(1 + sum_k e^(g.k/tau) / e^(g.f/tau))
    L''_vi = log(1 + sum_k e^(g.k/tau) / e^(g.p/tau))

Source    GCL+ (arXiv 2301.00725), Eqs. (8)-(10); specs: gcl.md 4. The anchor of the negatives is g
          in all three, so one log-sum-exp serves them all.
Gradient  reaches view and generated, never a bank row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.contrast import bank_logsumexp
from gclbench.kernels.logits import masked_logsumexp
from gclbench.kernels.sampling import one_of_each, thinned
from gclbench.registry import register

PrimePositive = Literal["paper", "code"]


@dataclass(frozen=True)
class ViewTerms:
    """What the three losses read; `negative_lse` is computed once, by `negatives_logsumexp`.

    view, generated, positive, own_row (B, D) of any length; negative_lse (B,). `own_row` is each
    image's stored bank row, read only with prime_positive "code" (D-09).
    """

    view: Tensor
    generated: Tensor
    positive: Tensor
    own_row: Tensor
    negative_lse: Tensor
    temperature: float
    prime_positive: PrimePositive = "paper"


def view_invariance(
    view: Tensor,
    generated: Tensor,
    positive: Tensor,
    negatives: Tensor,
    *,
    temperature: float,
    mask: Tensor | None = None,
) -> Tensor:
    """L_vi: pull a view towards a bank positive, push its generated twin from K negatives.

    Source    GCL+ (arXiv 2301.00725), Eq. (8), as printed. Differs: negatives may be masked per
              row (D-13); an anchor without negatives adds 0.
    Shapes    view, generated, positive (B, D), negatives (K, D) or (B, K, D), mask bool (B, K) ->
              ().
    Expects   any length: rows are normalised here (cosine); temperature > 0, no unit.
    Gradient  reaches view and generated, never positive or negatives.
    Raises    ShapeError naming the axis; UsageError for temperature <= 0.
    """
    lse = negatives_logsumexp(generated, negatives, mask, temperature)
    return _contrast(lse, _cosine(view, positive.detach()), temperature)


def view_invariance_prime(
    view: Tensor,
    generated: Tensor,
    negatives: Tensor,
    *,
    temperature: float,
    mask: Tensor | None = None,
) -> Tensor:
    """L'_vi: pull the generated twin towards its own view, push it from the negatives.

    Eq. (9) as printed; pass the image's stored row as `view` for the code's form (D-09).
    Gradient reaches view and generated. Otherwise see `view_invariance`.
    """
    lse = negatives_logsumexp(generated, negatives, mask, temperature)
    return _contrast(lse, _cosine(generated, view), temperature)


def view_invariance_dprime(
    generated: Tensor,
    positive: Tensor,
    negatives: Tensor,
    *,
    temperature: float,
    mask: Tensor | None = None,
) -> Tensor:
    """L''_vi: pull the generated twin towards a bank positive, push it from the negatives.

    Eq. (10) as printed. Gradient reaches generated. Otherwise see `view_invariance`.
    """
    lse = negatives_logsumexp(generated, negatives, mask, temperature)
    return _contrast(lse, _cosine(generated, positive.detach()), temperature)


def negatives_logsumexp(
    generated: Tensor, bank: Tensor, mask: Tensor | None, temperature: float
) -> Tensor:
    """Return log sum_k e^(g.k/tau) over the admitted negatives; -inf where there is none.

    Shapes    generated (B, D), bank (N, D) or (B, N, D), mask bool (B, N) or None (all) -> (B,).
    Gradient  reaches generated only. Rows are normalised here.
    """
    if not temperature > 0:
        raise UsageError(f"temperature is {temperature}, it must be above 0.")
    if bank.shape[-1] != generated.shape[-1]:
        raise ShapeError(
            f"negatives have {bank.shape[-1]} columns (axis D), generated {generated.shape[-1]}."
        )
    if bank.ndim == 3 and bank.shape[0] != generated.shape[0]:
        raise ShapeError(f"negatives have {len(bank)} rows (axis B), generated {len(generated)}.")
    unit, rows = F.normalize(generated, dim=-1), F.normalize(bank.detach(), dim=-1)
    if mask is None:
        mask = torch.ones(len(unit), rows.shape[-2], dtype=torch.bool, device=unit.device)
    if bank.ndim == 2:
        return bank_logsumexp(unit, rows, mask, temperature)
    return masked_logsumexp((rows @ unit[:, :, None])[..., 0] / temperature, mask)


@register("losses", "l_vi", revision=2)
def l_vi(terms: ViewTerms) -> Tensor:
    """L_vi: a view towards a bank positive, its generated twin away from negatives (Eq. 8)."""
    similarity = _cosine(terms.view, terms.positive.detach())
    return _contrast(terms.negative_lse, similarity, terms.temperature)


@register("losses", "l_vi_prime", revision=2)
def l_vi_prime(terms: ViewTerms) -> Tensor:
    """L'_vi: the generated twin towards its own view, away from negatives (Eq. 9)."""
    if terms.prime_positive not in ("paper", "code"):
        raise UsageError(f"prime_positive is '{terms.prime_positive}'.", "Allowed: code, paper.")
    target = terms.view if terms.prime_positive == "paper" else terms.own_row.detach()
    return _contrast(terms.negative_lse, _cosine(terms.generated, target), terms.temperature)


@register("losses", "l_vi_dprime", revision=2)
def l_vi_dprime(terms: ViewTerms) -> Tensor:
    """L''_vi: the generated twin towards a bank positive, away from negatives (Eq. 10)."""
    similarity = _cosine(terms.generated, terms.positive.detach())
    return _contrast(terms.negative_lse, similarity, terms.temperature)


def sample_negative_mask(
    labels: Tensor, anchor_labels: Tensor, k: int, rng: torch.Generator
) -> Tensor:
    """Draw up to k bank rows of another label per anchor, outliers (-1) included.

    Shapes    labels (N,), anchor_labels (B,), both int64 -> bool (B, N), on the CPU.
    Chance    without replacement, independently per anchor; an anchor with at most k candidates
              takes them all (D-13). The generator is not used when that holds for every anchor.
    Raises    UsageError for an anchor that is itself an outlier, or k < 1.
    """
    labels, anchor_labels = labels.cpu(), anchor_labels.cpu()
    if k < 1:
        raise UsageError(f"k is {k}, it must be at least 1.")
    _refuse_outlier_anchors(anchor_labels)
    return thinned(labels[None, :] != anchor_labels[:, None], k, rng)


def sample_positives(
    labels: Tensor,
    anchor_indices: Tensor,
    rng: torch.Generator,
    *,
    exclude_self: bool = False,
) -> Tensor:
    """Draw one bank row of each anchor's pseudo identity (D-10: one for all terms).

    Shapes    labels (N,) int64, anchor_indices (B,) rows of the bank -> row indices (B,), on the
              CPU.
    Limits    with `exclude_self` an anchor alone in its cluster still gets its own row.
    Raises    UsageError for an anchor that is an outlier.
    """
    labels, anchor_indices = labels.cpu(), anchor_indices.cpu()
    anchors = labels[anchor_indices]
    _refuse_outlier_anchors(anchors)
    candidates = labels[None, :] == anchors[:, None]
    if exclude_self:
        own = anchor_indices[:, None]
        candidates.scatter_(1, own, candidates.sum(dim=1, keepdim=True) == 1)
    return one_of_each(candidates, rng)


def _refuse_outlier_anchors(anchor_labels: Tensor) -> None:
    if bool((anchor_labels < 0).any()):
        raise UsageError("an anchor is an outlier (label -1).", "Train on clustered images only.")


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    if a.shape != b.shape:
        raise ShapeError(f"rows to compare are {tuple(a.shape)} and {tuple(b.shape)}, not (B, D).")
    return (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(dim=-1)


def _contrast(negative_lse: Tensor, similarity: Tensor, temperature: float) -> Tensor:
    if not temperature > 0:
        raise UsageError(f"temperature is {temperature}, it must be above 0.")
    return F.softplus(negative_lse - similarity / temperature).mean()
