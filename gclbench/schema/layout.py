"""How a report lays a study out (reports/*.yaml): columns, groups, captions; no arithmetic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gclbench.schema.model import Model
from gclbench.schema.names import Name

# N: clusters that the last epoch of stage 3 trained on; NMI: their agreement with the truth, 0-100
Metric = Literal["mAP", "R1", "R5", "R10", "N", "NMI"]

# The axis of a plot over the epochs of stage 3; and by a metric's name in tables its name in an
# epoch, and the factor to what tables show.
EPOCH = "epoch"
CURVES = {"mAP": ("mAP", 1.0), "R1": ("R1", 1.0), "N": ("clusters", 1.0), "NMI": ("nmi", 100.0)}


class Panel(Model):
    """A block of columns that stands under its own heading, such as 'Fully unsupervised'."""

    title: str
    tasks: tuple[str, ...]


class Flag(Model):
    """A tick column: the row has a tick where its published flag `column` is 1."""

    column: str
    label: str
    group: str = ""


class TextColumn(Model):
    """A column of words beside the label: `column` of the published file, such as `reference`."""

    column: str
    label: str


class Plot(Model):
    """A line plot beside the table: `metrics` over an axis of the study's sweeps, or the epochs.

    `axis` is the name of a sweep's axis, or "epoch" (metrics of stage 3 after each epoch, one line
    a row). `stated` is the value that the paper chooses.
    """

    axis: str
    label: str
    metrics: tuple[Metric, ...]
    stated: float | None = None


class Layout(Model):
    """One table: rows come from the study, printed numbers from baselines/published/.

    A published table also shows the rows that no row of the study measures. `remarks` stand below
    it: where other tables or texts print another number for the same thing.
    """

    report: Name
    title: str
    caption: str
    published: str | None = None
    panels: tuple[Panel, ...]
    metrics: tuple[Metric, ...] = ("mAP", "R1", "R5", "R10")
    texts: tuple[TextColumn, ...] = ()
    flags: tuple[Flag, ...] = ()
    remarks: tuple[str, ...] = ()
    row_groups: dict[str, str] = Field(default_factory=dict)
    plots: tuple[Plot, ...] = ()
