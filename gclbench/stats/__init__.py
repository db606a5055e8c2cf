"""Aggregates, intervals and paired comparison; NumPy and SciPy only."""

from gclbench.stats.paired import Interval, paired_difference
from gclbench.stats.summary import Summary, summarise, t_interval

__all__ = ["Interval", "Summary", "paired_difference", "summarise", "t_interval"]
