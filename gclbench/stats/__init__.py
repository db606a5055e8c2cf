"""Aggregates, intervals and paired comparison; NumPy and SciPy only."""

from gclbench.stats.paired import Interval, paired_difference
from gclbench.stats.summary import Summary, summarise, t_interval
from gclbench.stats.unpaired import group_difference

__all__ = [
    "Interval",
    "Summary",
    "group_difference",
    "paired_difference",
    "summarise",
    "t_interval",
]
