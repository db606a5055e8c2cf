"""Reports: data first (`TableData`), ink second (`gclbench.reporting.render`)."""

from gclbench.reporting.damaged import Damaged
from gclbench.reporting.published import build_published_table, printed_rows, rows_of, unprinted
from gclbench.reporting.table import (
    Cell,
    Column,
    Entry,
    FlagHead,
    Line,
    Mark,
    PanelData,
    RowInfo,
    TableData,
    build_table,
)
from gclbench.reporting.untrained import Untrained

__all__ = [
    "Cell",
    "Column",
    "Damaged",
    "Entry",
    "FlagHead",
    "Line",
    "Mark",
    "PanelData",
    "RowInfo",
    "TableData",
    "Untrained",
    "build_published_table",
    "build_table",
    "printed_rows",
    "rows_of",
    "unprinted",
]
