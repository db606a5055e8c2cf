"""What a stage is given: its settings, chance, parents, data, and where to write and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from gclbench.datasets.base import Dataset
from gclbench.schema import Settings
from gclbench.seeding import numpy_generator, torch_generator
from gclbench.weight_files.own import on_device, read_own


class CheckpointFolder(Protocol):
    """Where a stage keeps its epochs; `gclbench.plan.checkpoints.Checkpoints` is the real one."""

    def save(self, epoch: int, state: dict[str, Any]) -> Path: ...

    def latest(self) -> tuple[int, dict[str, Any]] | None: ...


def _unheard(text: str) -> None:
    """Where nobody listens to notices."""


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may touch.

    `parents` maps a stage name to its finished artifact's folder; `datasets` has "target" and, for
    UDA, "source" ("pretrain" for pre-training). Files written to `folder` become the artifact.
    `log(name, value, step)` stores a metric; `progress(epoch, epochs, step, steps, metrics)`
    shows it; `notice(text)` tells the user something once.
    """

    stage: str
    settings: Settings
    seed: int
    parents: Mapping[str, Path]
    datasets: Mapping[str, Dataset]
    folder: Path
    checkpoints: CheckpointFolder
    device: torch.device
    log: Callable[[str, float, int], None]
    progress: Callable[[int, int, int, int, dict[str, float]], None]
    notice: Callable[[str], None] = _unheard

    def torch_generator(self, *names: str | int) -> torch.Generator:
        """The named stream of this stage; a CPU generator, so that every device draws the same."""
        return torch_generator(self.seed, self.stage, *names)

    def numpy_generator(self, *names: str | int) -> np.random.Generator:
        return numpy_generator(self.seed, self.stage, *names)

    def load(self, parent: str, name: str) -> dict[str, Any]:
        """Load `name` (a state dict) from a parent's artifact onto the device.

        Raises CheckpointError for a file that is missing or damaged; DeviceError or
        DataMissingError where the device, memory or the system is at fault, not the file.
        """
        path = self.parents[parent] / name
        again = f"Delete the folder {path.parent} and run the same command again."
        state: dict[str, Any] = on_device(read_own(path, again), self.device, str(path))
        return state
