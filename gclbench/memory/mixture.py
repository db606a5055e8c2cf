"""SCL's mixture memory: every update pulls a row half-way to a feature, in a given order."""

from __future__ import annotations

from gclbench.memory.bank import LookUpTable


class MixtureBank(LookUpTable):
    """Rows M (N, D), zero at first; M_j <- normalise((M_j + u) / 2), BUC's rule for clusters.

    Source    Pang et al., arXiv 2010.07608, and its code (scl.md 2). A row's first update leaves
              normalise(u); a feature longer than 1 weighs more than the row it meets.
    """
