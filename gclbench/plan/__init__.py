"""Study -> cells -> graph of nodes with keys; the artifact store and its checkpoints. No torch."""

from gclbench.plan.cells import Cell, build_cells
from gclbench.plan.checkpoints import Checkpoints
from gclbench.plan.graph import Plan, build_plan
from gclbench.plan.node import Node
from gclbench.plan.store import ArtifactStore, Workspace

__all__ = [
    "ArtifactStore",
    "Cell",
    "Checkpoints",
    "Node",
    "Plan",
    "Workspace",
    "build_cells",
    "build_plan",
]
