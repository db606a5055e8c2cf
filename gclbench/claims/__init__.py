"""Claims and measured numbers -> supported, refuted or undecided."""

from gclbench.claims.criteria import check
from gclbench.claims.ordering import check_ordering
from gclbench.claims.verdict import Status, Verdict

__all__ = ["Status", "Verdict", "check", "check_ordering"]
