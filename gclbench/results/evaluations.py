"""Finished nodes as numbers. What is stored and cannot be is an error here, never a number."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gclbench.errors import DamagedResultError
from gclbench.plan import ArtifactStore, Cell, Node
from gclbench.reporting.damaged import Damaged
from gclbench.schema import NodeRecord
from gclbench.schema.record import EPOCHS_FILE
from gclbench.schema.plausible import impossible

METRICS = ("mAP", "R1", "R5", "R10")
PER_QUERY = "per_query.npz"
EPOCHS = EPOCHS_FILE
_UNREADABLE = (EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation: its record, and the AP of every query, 0-1 (NaN: skipped)."""

    record: NodeRecord
    ap: np.ndarray


def read_evaluation(artifacts: ArtifactStore, node: Node) -> Evaluation:
    """Read a finished evaluation.

    Raises DamagedResultError where a byte of it is not what was committed, and, naming the folder
    to delete, where manifest or APs hold numbers that cannot be, or lack one.
    """
    folder = artifacts.sound(node)
    record = artifacts.read(node)
    missing = [name for name in METRICS if name not in record.metrics]
    if missing:
        raise damaged_result(node, folder, f"{', '.join(missing)} is missing")
    arrays = read_arrays(node, folder / PER_QUERY)
    if "ap" not in arrays:
        raise damaged_result(node, folder, f"{PER_QUERY} has no AP")
    problem = impossible(record.metrics, arrays["ap"], arrays.get("visual_ap"))
    if problem:
        raise damaged_result(node, folder, problem)
    return Evaluation(record, arrays["ap"])


def read_arrays(node: Node, path: Path) -> Mapping[str, np.ndarray]:
    """Read the arrays of a file of a node's. Raises DamagedResultError where that fails."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    except _UNREADABLE as error:
        raise damaged_result(node, path.parent, f"{path.name} cannot be read") from error


def read_epochs(artifacts: ArtifactStore, node: Node) -> list[dict[str, float]]:
    """Read the metrics of each epoch of a trained node.

    Raises DamagedResultError as `read_evaluation` does.
    """
    folder = artifacts.sound(node, (EPOCHS,))
    try:
        epochs: list[dict[str, float]] = json.loads((folder / EPOCHS).read_bytes())
        problem = next(filter(None, map(impossible, epochs)), "")
    except (AttributeError, *_UNREADABLE) as error:
        raise damaged_result(node, folder, f"{EPOCHS} cannot be read") from error
    if problem:
        raise damaged_result(node, folder, problem)
    return epochs


def damaged_result(node: Node, folder: Path, problem: str) -> DamagedResultError:
    """The error for stored numbers that cannot be."""
    return DamagedResultError(
        f"{node.label} has stored a result that cannot be: {problem}.",
        f"Delete {folder} and run the same command again.",
    )


def damage_of(cell: Cell, node: Node) -> Damaged:
    """What tables say of a cell's node whose stored numbers cannot be."""
    return Damaged(cell.row.key, cell.task.name, cell.seed, node.key, node.stage.value)
