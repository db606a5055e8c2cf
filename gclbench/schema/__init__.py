"""Frozen pydantic models: settings, studies, recipes, layouts, records. No torch, no I/O."""

from gclbench.schema.layout import Flag, Layout, Panel
from gclbench.schema.model import Model
from gclbench.schema.record import NodeRecord, PublishedNumber, RunStatus
from gclbench.schema.settings import Settings
from gclbench.schema.study import Criterion, Profile, Recipe, Role, Row, Stage, Study, Task

__all__ = [
    "Criterion",
    "Flag",
    "Layout",
    "Model",
    "NodeRecord",
    "Panel",
    "Profile",
    "PublishedNumber",
    "Recipe",
    "Role",
    "Row",
    "RunStatus",
    "Settings",
    "Stage",
    "Study",
    "Task",
]
