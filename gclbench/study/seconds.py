"""Seconds of stage runs as a profile's own table has them: baselines/seconds/<profile>.csv.

A column for each kind of CPU (the words of `tracking.machine`) holds CPU seconds of one stage run
at the profile's sizes, epochs and images. `method` and `target` left empty stand for all that have
no line of their own. Lines of the stage `data` are seconds per 1,000 images: `images` rendered,
`projections` and `oracle` views drawn from eight sides. `megabytes`: what a run leaves on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gclbench.content_folders import read_table
from gclbench.errors import ContentError
from gclbench.study.likes import Guess

_COLUMNS = ("stage", "method", "target", "megabytes")


@dataclass(frozen=True)
class SecondsTable:
    """The table of one profile for one kind of CPU: (stage, method, target) -> seconds, MB."""

    profile: str
    cpu_kind: str
    lines: Mapping[tuple[str, str, str], Guess]

    def guess(self, stage: str, method: str, target: str, growth: float = 1.0) -> Guess | None:
        """Return the line that fits best, its seconds times `growth`; None without any."""
        for key in ((stage, method, target), (stage, method, ""), (stage, "", "")):
            if key in self.lines:
                line = self.lines[key]
                return Guess(line.seconds * growth, line.megabytes)
        return None

    def per_image(self, what: str) -> float:
        """Return the seconds that making one image takes; 0 where the table has none."""
        line = self.lines.get(("data", what, ""))
        return line.seconds / 1000.0 if line else 0.0


def read_seconds(path: Path, cpu_kind: str) -> SecondsTable | None:
    """Read a table's column for a kind of CPU.

    A kind that it lacks takes the first one, whose name the table then bears. None for a table of
    no kind at all. Raises ContentError.
    """
    table = read_table(path)
    missing = [name for name in _COLUMNS if name not in table.header]
    if missing:
        raise ContentError(str(path), 1, missing[0], "this column is missing")
    kinds = [name for name in table.header if name not in (*_COLUMNS, "source")]
    if not kinds:
        return None
    kind = cpu_kind if cpu_kind in kinds else kinds[0]
    lines = {}
    for line, row in table.rows:
        if row[kind]:
            key = (str(row["stage"]), str(row["method"]), str(row["target"]))
            seconds = _number(path, line, row, kind)
            megabytes = _number(path, line, row, "megabytes")
            lines[key] = Guess(seconds, megabytes)
    return SecondsTable(path.stem, kind, lines)


def _number(path: Path, line: int, row: Mapping[Any, Any], column: str) -> float:
    try:
        return float(row[column] or 0)
    except (TypeError, ValueError):
        problem = f"'{row[column]}' is not a number"
        raise ContentError(str(path), line, column, problem) from None
