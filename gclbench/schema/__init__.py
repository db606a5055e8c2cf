"""Frozen pydantic models: settings, studies, recipes, layouts, records. No torch, no I/O."""

from gclbench.schema.layout import Flag, Layout, Panel, Plot, TextColumn
from gclbench.schema.model import Model
from gclbench.schema.record import Conditions, NodeRecord, PublishedNumber, RunStatus
from gclbench.schema.settings import Settings
from gclbench.schema.study import (
    Axis,
    Criterion,
    Dimension,
    Profile,
    Recipe,
    Role,
    Row,
    Search,
    Stage,
    Study,
    Sweep,
    Task,
)

__all__ = [
    "Axis",
    "Conditions",
    "Criterion",
    "Dimension",
    "Flag",
    "Layout",
    "Model",
    "NodeRecord",
    "Panel",
    "Plot",
    "Profile",
    "PublishedNumber",
    "Recipe",
    "Role",
    "Row",
    "RunStatus",
    "Search",
    "Settings",
    "Stage",
    "Study",
    "Sweep",
    "Task",
    "TextColumn",
]
