"""What a user asks for, as typed values: the first of the rooms question, study, run, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gclbench.content_folders import DEFAULT_PROFILE
from gclbench.tracking.place import store_url


@dataclass(frozen=True)
class Question:
    """What a user asks for; None takes the study's or the profile's own value.

    `searching` opens the cell of a study with a search: `overrides` then hold a trial's values.
    """

    studies: tuple[str, ...]
    home: Path
    profile: str = DEFAULT_PROFILE
    seeds: tuple[int, ...] | None = None
    rows: tuple[str, ...] | None = None
    tasks: tuple[str, ...] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    executor: str | None = None
    workers: int | None = None
    store: str | None = field(default=None, repr=False)  # it may hold a password
    device: str = "auto"
    content_dirs: tuple[Path, ...] = ()
    observers: tuple[str, ...] = field(default=(), repr=False)
    searching: bool = False

    @property
    def store_url(self) -> str:
        """The database of runs: the one that was named, else the results folder's own."""
        return store_url(self.home, self.store)
