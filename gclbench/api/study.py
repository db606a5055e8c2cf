"""`gclbench.open`: a study as an object that plans, runs and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gclbench.errors import TrainingError
from gclbench.study.opened import OpenStudy, open_study
from gclbench.study.question import Question
from gclbench.study.summary import COUNTS, HEADINGS, outdated_line, rows, table

if TYPE_CHECKING:
    import pandas as pd

    from gclbench.api.results import Results
    from gclbench.running.run import RunOutcome


@dataclass(frozen=True)
class Plan:
    """What a run would do: cells, and stage runs by stage. Prints and draws itself as a table."""

    opened: OpenStudy
    summary: dict[str, Any]

    @property
    def cells(self) -> pd.DataFrame:
        """A row per cell: study, row, task, seed, node (key of its evaluation), cached."""
        import pandas as pd

        plan, has = self.opened.plan, self.opened.artifacts.has
        lines = [
            (c.study, c.row.key, c.task.name, c.seed, key, has(plan.node(key)))
            for c in self.opened.cells
            for key in (plan.evaluate_key(c),)
        ]
        return pd.DataFrame(lines, columns=["study", "row", "task", "seed", "node", "cached"])

    @property
    def stages(self) -> pd.DataFrame:
        """Stage runs by stage: asked for, unique after sharing, cached, to run."""
        import pandas as pd

        counts = dict(rows(self.summary))
        return pd.DataFrame(counts.values(), index=list(counts), columns=list(COUNTS))

    @property
    def nodes(self) -> pd.DataFrame:
        """A row per stage run, in the order in which they run: key, stage, label, seed, cached."""
        import pandas as pd

        has = self.opened.artifacts.has
        lines = [(n.key, n.stage.value, n.label, n.seed, has(n)) for n in self.opened.plan.nodes]
        return pd.DataFrame(lines, columns=["node", "stage", "label", "seed", "cached"])

    def __str__(self) -> str:
        lines = [table(self.summary)]
        if self.summary["before_kernel_fix"]:
            home = self.opened.question.home
            lines.append(outdated_line(self.summary["before_kernel_fix"], home))
        return "\n\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = f"<p>{self.summary['cells']} cells, {self.summary['controls']} controls</p>"
        frame = self.stages.rename(columns=dict(zip(COUNTS, HEADINGS, strict=True)))
        return head + str(frame.to_html())


class Study:
    """One study or several, opened by `gclbench.open`: nothing runs before `run` is called."""

    def __init__(self, question: Question) -> None:
        self.opened = open_study(question)

    @property
    def name(self) -> str:
        return ", ".join(study.study for study in self.opened.studies)

    def plan(self) -> Plan:
        """What `run` would do now, and cost.

        Raises, as `run` does, for everything that stage runs need from outside and that is not
        there: UsageError, DataMissingError, MissingExtraError, or a ManyFaultsError of several.
        """
        self.opened.check_needs()
        return Plan(self.opened, self.opened.summary())

    def run(self, *, progress: bool = False, check: bool = True) -> Results:
        """Run what is missing, and return the results; finished work is reused.

        `progress` shows what the command line shows. Ctrl-C stops as there, with KeyboardInterrupt
        and nothing lost. Raises what `plan` raises, and TrainingError naming the stage runs that
        failed, unless `check` is False; what is done stays done and is in `results()`.
        """
        from gclbench.executors.events import Outcome
        from gclbench.running.run import run_study

        self.opened.check_needs()
        outcome = self._watched() if progress else run_study(self.opened, _unheard)
        if outcome.count(Outcome.INTERRUPTED):
            raise KeyboardInterrupt
        if check and outcome.errors:
            raise _failure(self.opened, outcome)
        return self.results()

    def _watched(self) -> RunOutcome:
        from rich.console import Console

        from gclbench.running.display import watch
        from gclbench.running.run import run_study

        with watch(self.opened, Console(stderr=True)) as display:
            return run_study(self.opened, display)

    def results(self) -> Results:
        """What is finished now; nothing runs."""
        from gclbench.api.results import Results
        from gclbench.results.measured import Measured

        return Results(Measured(self.opened))

    def __repr__(self) -> str:
        question = self.opened.question
        cells = len(self.opened.cells)
        return f"<study {self.name}: {cells} cells, profile {question.profile}>"


def _unheard(event: object) -> None:
    """Nobody listens."""


def _failure(opened: OpenStudy, outcome: RunOutcome) -> TrainingError:
    failed = [f"{opened.plan.node(key).label}: {text}" for key, text in outcome.errors.items()]
    return TrainingError(
        f"{len(failed)} of {len(outcome.outcomes)} stage runs failed. {' '.join(failed)}",
        "What is done is kept: study.results() reads it, study.run() tries the rest again.",
    )
