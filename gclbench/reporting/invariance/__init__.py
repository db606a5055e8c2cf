"""Retrieval by true factor: data first (`build_task`), then tables, CSV, JSON and plots."""

from gclbench.reporting.invariance.data import (
    FACTORS,
    CellFactors,
    Factor,
    FactorAp,
    FactorLine,
    FactorPanel,
    TaskInvariance,
    build_task,
)
from gclbench.reporting.invariance.tables import to_csv, to_object, to_tables

__all__ = [
    "FACTORS",
    "CellFactors",
    "Factor",
    "FactorAp",
    "FactorLine",
    "FactorPanel",
    "TaskInvariance",
    "build_task",
    "to_csv",
    "to_object",
    "to_tables",
]
