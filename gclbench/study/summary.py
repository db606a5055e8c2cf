"""What a plan amounts to, for a reader: counts by stage, and what from before is not reused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COUNTS = ("requested", "unique", "cached", "to_run")
HEADINGS = ("asked for", "unique", "cached", "to run")


def table(summary: dict[str, Any]) -> str:
    """The counts and the cost of `OpenStudy.summary` as lines of text."""
    lines = [f"{summary['cells']} cells, {summary['controls']} controls", ""]
    lines.append(
        "".join((f"{'stage':<10}", f"{HEADINGS[0]:>11}", *(f"{h:>9}" for h in HEADINGS[1:])))
    )
    lines += [_line(name, counts) for name, counts in rows(summary)]
    cost = summary["cost"]
    warnings = [f"warning: {cost['warning']}"] if cost["warning"] else []
    return "\n".join([*lines, "", cost["text"], *warnings])


def rows(summary: dict[str, Any]) -> list[tuple[str, list[int]]]:
    """(stage, counts in the order of `COUNTS`), and their sum as 'all'."""
    found = [
        (stage, [summary[count][stage] for count in COUNTS]) for stage in summary["requested"]
    ]
    total = [sum(column) for column in zip(*(counts for _, counts in found), strict=True)]
    return [*found, ("all", total)]


def outdated_line(folders: Sequence[str], home: Path) -> str:
    """Say how many artifacts no plan asks for any more, and where they lie."""
    counts = Counter(folder.rpartition("/")[0] for folder in folders)
    where = ", ".join(f"{count} in {home / stage}" for stage, count in sorted(counts.items()))
    what = "1 artifact" if len(folders) == 1 else f"{len(folders)} artifacts"
    verb = "is" if len(folders) == 1 else "are"
    return (
        f"{what} from before the kernel fix {verb} not reused (docs/kernels.md): {where}. They "
        "can be deleted; --json names their folders."
    )


def _line(name: str, counts: Sequence[object]) -> str:
    first, *others = counts
    return f"{name:<10}{first!s:>11}{''.join(f'{count!s:>9}' for count in others)}"
