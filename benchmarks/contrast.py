"""The contrast with a memory bank, forward and backward, against a loop over the batch.

The reference does for each image what the loss says: draw K rows of other labels, gather them,
three cross-entropies with the positive at index 0. Both sides draw positives and negatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.features import clustered_rows
from benchmarks.harness import Arrays, Side, largest_difference, markdown, measure

BATCH, TEMPERATURE = 16, 0.04
CASES = {
    "small": ((500, 32, 500), (500, 32, 100)),
    "full": (
        (12_936, 512, 8_192),
        (12_936, 2048, 8_192),
        (12_936, 512, 12_936),
        (12_936, 2048, 12_936),
    ),
}
STEPS = {"small": 2, "full": 30}


def ours(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    import torch
    import torch.nn.functional as F

    from gclbench.kernels.contrast import bank_logsumexp
    from gclbench.losses import view_invariance as losses

    bank, labels, indices, view, generated = _input(case)

    def step() -> Any:
        rng = torch.Generator().manual_seed(0)
        positive = bank[losses.sample_positives(labels, indices, rng)]
        mask = losses.sample_negative_mask(labels, labels[indices], case["k"], rng)
        lse = bank_logsumexp(F.normalize(generated), bank, mask, TEMPERATURE)
        terms = losses.ViewTerms(view, generated, positive, bank[indices], lse, TEMPERATURE)
        return losses.l_vi(terms) + losses.l_vi_prime(terms) + losses.l_vi_dprime(terms)

    return _work(step, case, view, generated)


def reference(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    import torch
    import torch.nn.functional as F

    from gclbench.losses import view_invariance as losses

    bank, labels, indices, view, generated = _input(case)
    target = torch.zeros(1, dtype=torch.long)

    def step() -> Any:
        rng = torch.Generator().manual_seed(0)
        positives = losses.sample_positives(labels, indices, rng)
        total = torch.zeros(())
        for b in range(BATCH):
            others = torch.nonzero(labels != labels[indices[b]])[:, 0]
            drawn = others[torch.randperm(len(others), generator=rng)[: case["k"]]]
            f, g = F.normalize(view[b], dim=0), F.normalize(generated[b], dim=0)
            p, negatives = bank[positives[b]], bank[drawn] @ g
            for positive in (f @ p, g @ f, g @ p):
                logits = torch.cat([positive[None], negatives]) / TEMPERATURE
                total = total + F.cross_entropy(logits[None], target)
        return total / BATCH

    return _work(step, case, view, generated)


def read_the_bank(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    """The floor: every number of the bank is looked at once."""
    bank = _input(case)[0]

    def work() -> Arrays:
        for _ in range(case["steps"]):
            bank.sum()
        return {}

    return work


def report(sizes: str) -> str:
    columns = [
        "N", "d", "K", "ours (ms)", "loop over the batch (ms)", "ratio", "peak GB",
        "loop's peak GB", "largest difference of loss and gradients", "bank read once (ms)",
    ]  # fmt: skip
    rows = [_row(*case, STEPS[sizes]) for case in CASES[sizes]]
    return (
        "## Contrast with the memory bank\n\n"
        f"L_vi + L'_vi + L''_vi, batch {BATCH}, forward and backward with all draws, float32. "
        "With K = N every negative is admitted, so that both sides see the same ones and can be "
        "compared. The loop keeps every image's K gathered rows until the backward pass, as "
        "autograd does by itself: a good part of its time is memory.\n\n" + markdown(columns, rows)
    )


def _row(n: int, d: int, k: int, steps: int) -> list[str]:
    case = {"n": n, "d": d, "k": k, "steps": steps}
    own, arrays = measure(Side("benchmarks.contrast:ours", 3), case)
    loop, expected = measure(Side("benchmarks.contrast:reference", 3), case)
    floor, _ = measure(Side("benchmarks.contrast:read_the_bank", 3), case)
    return [
        f"{n:,}",
        str(d),
        f"{k:,}",
        f"{1000 * own.seconds / steps:.1f}",
        f"{1000 * loop.seconds / steps:.1f}",
        f"{loop.seconds / own.seconds:.1f}",
        f"{own.peak_gb:.2f}",
        f"{loop.peak_gb:.2f}",
        f"{largest_difference(arrays, expected):.1e}" if k == n else "",
        f"{1000 * floor.seconds / steps:.1f}",
    ]


def _input(case: Mapping[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
    import torch

    bank = torch.from_numpy(clustered_rows(case["n"], case["d"]))
    rng = torch.Generator().manual_seed(1)
    labels = torch.randint(-1, case["n"] // 17, (case["n"],), generator=rng)
    clustered = torch.nonzero(labels >= 0)[:, 0]
    indices = clustered[torch.randperm(len(clustered), generator=rng)[:BATCH]]
    view, generated = (
        (bank[indices] + torch.randn(BATCH, case["d"], generator=rng) / case["d"] ** 0.5)
        .clone()
        .requires_grad_()
        for _ in range(2)
    )
    return bank, labels, indices, view, generated


def _work(
    step: Callable[[], Any], case: Mapping[str, Any], view: Any, generated: Any
) -> Callable[[], Arrays]:
    def work() -> Arrays:
        loss: Any = None
        for _ in range(case["steps"]):
            view.grad = generated.grad = None
            # Of a step nothing is kept: graphs that live on would count as the loop's memory.
            loss = step()
            loss.backward()
            loss = loss.detach()
        return {
            "loss": loss.numpy(),
            "view": view.grad.numpy().copy(),
            "generated": generated.grad.numpy().copy(),
        }

    return work
