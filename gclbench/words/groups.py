"""Words that several verbs share, by what they are about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from gclbench.content_folders import DEFAULT_PROFILE
from gclbench.errors import OverrideError, UsageError
from gclbench.user_paths import user_path
from gclbench.words import values
from gclbench.words.kinds import (
    COUNT,
    DEVICE,
    FOLDER,
    FOLDERS,
    NAMES,
    SEEDS,
    SETTINGS,
    TEXT,
)
from gclbench.words.model import Words
from gclbench.words.word import word

# As gclbench.schema.recipe_study names the study of a recipe by itself.
_PREFIX = "recipe_"


def default_home() -> Path:
    """The results folder where none is named."""
    return results_folder(None)


def results_folder(named: str | Path | None) -> Path:
    """The folder that was named, else $GCLBENCH_HOME, else results/."""
    return user_path(named or os.environ.get("GCLBENCH_HOME") or "results")


@dataclass(frozen=True, kw_only=True)
class HomeWords(Words):
    """The results folder."""

    home: Path = word(
        "results folder (default: $GCLBENCH_HOME or results/)", FOLDER, "DIR", factory=default_home
    )


@dataclass(frozen=True, kw_only=True)
class ResultsWords(HomeWords):
    """The results folder and its database."""

    store: str | None = word("database (default: HOME/store.db)", TEXT, "URL")


@dataclass(frozen=True, kw_only=True)
class SizesWords(Words):
    """A profile, settings over it, and the folders where both are looked up."""

    profile: str = word(
        "sizes: smoke, laptop (default), paper, ...",
        TEXT,
        "NAME",
        DEFAULT_PROFILE,
        values=values.profiles,
    )
    content: tuple[Path, ...] = word(
        "a folder of content of yours", FOLDERS, "DIR", (), option="--content"
    )
    settings: Mapping[str, Any] = word(
        "any setting, such as joint.temperature=0.05", SETTINGS, "VALUE", factory=dict
    )


@dataclass(frozen=True, kw_only=True)
class DataWords(SizesWords):
    """Which data: the built-in world, or real images by `data.root`."""

    data: str | None = word(
        "built-in world (default); real data: data.root=DIR",
        TEXT,
        "synthetic",
        values=values.worlds,
    )

    def check(self, spelled: Mapping[str, str]) -> None:
        super().check(spelled)
        if self.data not in (None, *values.worlds()):
            raise OverrideError(
                f"data={self.data} is not known.",
                "data=synthetic is the built-in world (the default); data.root=DIR is real data.",
            )
        if self.data and "data.root" in self.settings:
            raise OverrideError("data=synthetic and data.root contradict each other.", "Give one.")


@dataclass(frozen=True, kw_only=True)
class StudyWords(Words):
    """What is asked about."""

    one_study: ClassVar[bool] = False

    study: tuple[str, ...] = word(
        "what was run; also ablation=NAME, or NAME alone",
        NAMES,
        "NAME",
        (),
        values=values.studies,
        also=("ablation",),
        bare=True,
    )

    def check(self, spelled: Mapping[str, str]) -> None:
        super().check(spelled)
        if self.one_study and len(self.study) > 1:
            raise OverrideError(f"{len(self.study)} studies are named.", "Name one.")

    @property
    def studies(self) -> tuple[str, ...]:
        """The studies that are named."""
        return self.study


@dataclass(frozen=True, kw_only=True)
class PartWords(StudyWords):
    """A part of a study."""

    tasks: tuple[str, ...] | None = word(
        "only these of the study", NAMES, "a,b", values=values.tasks, also=("task",)
    )
    rows: tuple[str, ...] | None = word(
        "only these of the study", NAMES, "a,b", values=values.rows, also=("row",)
    )
    seeds: tuple[int, ...] | None = word(
        "or 0-4, or 0,3-5 (default: all that were run)", SEEDS, "0,1,2", also=("seed",)
    )


@dataclass(frozen=True, kw_only=True)
class QuestionWords(PartWords):
    """A study, or recipes by themselves on tasks that are named; not both, where they `clash`."""

    clash: ClassVar[bool] = True

    recipe: tuple[str, ...] = word(
        "instead: a recipe by itself (gclbench list recipes)",
        NAMES,
        "NAME[,NAME]",
        (),
        values=values.recipes,
    )

    def check(self, spelled: Mapping[str, str]) -> None:
        super().check(spelled)
        if self.clash and self.study and self.recipe:
            said = f"'{spelled['study']}' and '{spelled['recipe']}' are both given."
            raise OverrideError(said, "Give one.")

    @property
    def studies(self) -> tuple[str, ...]:
        """The studies that are named; a recipe by itself is the study recipe_NAME."""
        return (*self.study, *(f"{_PREFIX}{name}" for name in self.recipe))


def require_study(words: StudyWords, example: str = "ablation=table6") -> None:
    """Raise UsageError when no study was named, or a recipe without a task."""
    if not words.studies:
        raise UsageError(
            "no study is named.",
            f"For example: gclbench {words.verb} {example}. "
            "`gclbench list ablations` shows what there is.",
        )
    alone = [name.removeprefix(_PREFIX) for name in words.studies if name.startswith(_PREFIX)]
    if alone and getattr(words, "tasks", None) is None:
        from gclbench.schema.recipe_study import named_tasks

        raise UsageError(
            f"the recipe '{alone[0]}' by itself has no task.",
            f"Add tasks=NAME. Allowed: {', '.join(task.name for task in named_tasks())}.",
        )


@dataclass(frozen=True, kw_only=True)
class DeviceWords(Words):
    """Where networks run."""

    device: str = word(
        "where networks run (default: auto)",
        DEVICE,
        "auto|cpu|cuda",
        "auto",
        values=values.devices,
    )


@dataclass(frozen=True, kw_only=True)
class WorkersWords(DeviceWords):
    """How many work, and who is told."""

    workers: int | None = word("processes (default: as the profile says)", COUNT, "N")
    observers: tuple[str, ...] = word(
        "more Sacred observers: mongo://..., file://...", NAMES, "URL,URL", ()
    )


@dataclass(frozen=True, kw_only=True)
class RunningWords(WorkersWords):
    """How nodes are run."""

    executor: str | None = word(
        "in this process, or in workers",
        TEXT,
        "inline|local",
        values=values.executors,
        closed=True,
    )


@dataclass(frozen=True, kw_only=True)
class ReportFileWords(Words):
    """Files of a report."""

    format: tuple[str, ...] = word(
        "which report files",
        NAMES,
        "markdown,latex,csv,html,pdf,png,svg",
        (),
        values=values.formats,
        closed=True,
    )
    out: Path | None = word("where to (default: HOME/reports)", FOLDER, "DIR")
