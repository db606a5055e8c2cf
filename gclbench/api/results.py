"""Results for a notebook: frames by pandas, tables that draw themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gclbench.errors import DataMissingError, UnknownNameError
from gclbench.reporting import TableData
from gclbench.reporting.render import render
from gclbench.reporting.untrained import Untrained, reasons
from gclbench.results.measured import Measured, Score
from gclbench.results.tables import tables_of
from gclbench.schema import Study as Declared

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

COLUMNS = (
    *("study", "row", "task", "seed", "metric", "value", "node", "data", "profile", "device"),
)


@dataclass(frozen=True)
class Table:
    """The measured table of a study, and the published one where the paper has it.

    It draws itself in a notebook (HTML) and as text.
    """

    data: tuple[TableData, ...]
    folders: tuple[Path, ...] = ()

    def to_markdown(self) -> str:
        return render("markdown", self.data, self.folders)

    def to_latex(self) -> str:
        """A whole document; the table alone is between `\\\\begin{table*}` and its end."""
        return render("latex", self.data, self.folders)

    def to_html(self) -> str:
        return render("html", self.data, self.folders)

    def to_csv(self) -> str:
        """The measured numbers, one a line, in full precision."""
        return render("csv", self.data, self.folders)

    def _repr_html_(self) -> str:
        """The page's body alone: its style would be the notebook's too."""
        page = self.to_html()
        return page.partition("<body>")[2].partition("</body>")[0] or page

    def __str__(self) -> str:
        from gclbench.reporting.render import terminal

        return "\n\n".join(terminal.render(table, None).plain for table in self.data)


class Results:
    """What is finished of a study, as it is when it is first looked at; nothing runs here."""

    def __init__(self, found: Measured) -> None:
        self._found = found

    def frame(self) -> pd.DataFrame:
        """A row per cell, seed and metric.

        Columns: study, row, task, seed, metric, value (percent; N counts clusters), node (key of
        the evaluation), data, profile, device. A cell that is not finished, or is among `damaged`
        or `untrained`, has no row.
        """
        import pandas as pd

        return pd.DataFrame(self._lines(), columns=list(COLUMNS))

    def _lines(self) -> Iterator[tuple[Any, ...]]:
        opened = self._found.opened
        for study, row, task, seed, score in self._scores():
            where = opened.data_label(task), opened.question.profile, _device(score)
            for metric, value in score.metrics.items():
                yield (study.study, row, task, seed, metric, value, score.node, *where)

    def _scores(self) -> Iterator[tuple[Declared, str, str, int, Score]]:
        for study in self._found.opened.studies:
            for (row, task), by_seed in self._found.scores(study).items():
                for seed, score in sorted(by_seed.items()):
                    yield study, row, task, seed, score

    def table(self, study: str | None = None) -> Table:
        """The table of a study as the paper prints it; `study` is needed where several are open.

        Raises UnknownNameError, and UsageError for a search, which fills no table.
        """
        opened = self._found.opened
        chosen = _one({each.study: each for each in opened.studies}, study)
        return Table(tuple(tables_of(self._found, chosen)), tuple(opened.content.folders))

    def queries(self, row: str, task: str, seed: int | None = None) -> pd.DataFrame:
        """A row per query of a cell; of every seed where none is named.

        Columns: seed, query (its place), pid, ap and inp (percent, NaN: skipped), first_match (the
        rank of the first right image, from 1; 0: skipped). Raises UnknownNameError for a cell that
        the study does not ask for, DataMissingError for one that is not finished.
        """
        import pandas as pd

        frames = [self._queries(*found) for found in self._finished(row, task, seed)]
        return pd.concat(frames, ignore_index=True)

    def _finished(self, row: str, task: str, seed: int | None) -> list[tuple[int, Score]]:
        cells = [f"{c.row.key} {c.task.name}" for c in self._found.opened.cells]
        if f"{row} {task}" not in cells:
            raise UnknownNameError("cell", f"{row} {task}", dict.fromkeys(cells))
        found = {
            each: score
            for _, its_row, its_task, each, score in self._scores()
            if (its_row, its_task) == (row, task) and seed in (None, each)
        }
        if not found:
            what = "" if seed is None else f" with seed {seed}"
            self._refuse_untrained(row, task, seed, f"{row} on {task}{what}")
            raise DataMissingError(f"{row} on {task}{what} is not finished.", "Call study.run().")
        return sorted(found.items())

    def _refuse_untrained(self, row: str, task: str, seed: int | None, cell: str) -> None:
        for each in self._untrained():
            if (each.row, each.task) == (row, task) and seed in (None, each.seed):
                raise DataMissingError(
                    f"{cell} has no result of its own: {reasons(each.idle)}.",
                    "Change what it says, and run again.",
                )

    def _queries(self, seed: int, score: Score) -> pd.DataFrame:
        import pandas as pd

        arrays = self._found.arrays(score.node)
        columns = {
            "pid": arrays["pids"].astype(int),
            "ap": 100.0 * arrays["ap"],
            "inp": 100.0 * arrays["inp"],
            "first_match": arrays["first_match"].astype(int),
        }
        frame = pd.DataFrame({"query": range(len(arrays["ap"])), **columns})
        frame.insert(0, "seed", seed)
        return frame

    def damaged(self) -> pd.DataFrame:
        """Finished evaluations whose stored numbers cannot be: row, task, seed, node."""
        import pandas as pd

        lost = [
            (each.row, each.task, each.seed, each.node)
            for study in self._found.opened.studies
            for each in self._found.damaged(study)
        ]
        return pd.DataFrame(lost, columns=["row", "task", "seed", "node"])

    def untrained(self) -> pd.DataFrame:
        """Finished cells of which a stage took no step: row, task, seed, why.

        Their numbers are those of the encoder that the stage was given; tables mark them.
        """
        import pandas as pd

        lines = [
            (each.row, each.task, each.seed, reasons(each.idle)) for each in self._untrained()
        ]
        return pd.DataFrame(lines, columns=["row", "task", "seed", "why"])

    def _untrained(self) -> Iterator[Untrained]:
        for study in self._found.opened.studies:
            yield from (each for each in self._found.idle(study) if each.whole)

    def __repr__(self) -> str:
        opened = self._found.opened
        done = sum(1 for _ in self._scores())
        names = ", ".join(study.study for study in opened.studies)
        return f"<results of {names}: {done} of {len(opened.cells)} cells are measured>"


def _device(score: Score) -> str:
    return " + ".join(sorted({record.device for record in score.records if record.device}))


def _one(studies: dict[str, Declared], name: str | None) -> Declared:
    if name is None and len(studies) == 1:
        return next(iter(studies.values()))
    if name not in studies:
        raise UnknownNameError("study", name or "", studies)
    return studies[name]
