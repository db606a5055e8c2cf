"""What the numbers of a table were computed on, and the footnotes where that differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gclbench.schema import NodeRecord

NOT_RECORDED = "not recorded"
_ASPECTS = {
    "cpu": "kinds of CPU",
    "device": "devices",
    "torch": "versions of torch",
    "numpy": "versions of numpy",
    "gclbench": "versions of gclbench",
}


@dataclass(frozen=True)
class Computed:
    """What the stages of one cell ran on; where they differ, each, joined by ' + '."""

    cpu: str = NOT_RECORDED
    device: str = NOT_RECORDED
    torch: str = NOT_RECORDED
    numpy: str = NOT_RECORDED
    gclbench: str = NOT_RECORDED


def computed_on(records: Iterable[NodeRecord]) -> Computed:
    """Summarise the records of a cell's stages, as many as are there."""
    facts = [_facts(record) for record in records]
    if not facts:
        return Computed()
    return Computed(**{name: _joined(fact[name] for fact in facts) for name in _ASPECTS})


def computed_notes(cells: Iterable[Computed]) -> list[str]:
    """Return a footnote for each thing in which cells differ, with how many cells have which."""
    known = list(cells)
    notes = []
    for name, what in _ASPECTS.items():
        counts = Counter(str(getattr(cell, name)) for cell in known)
        if len(counts) > 1:
            notes.append(f"Computed on several {what}: {_listed(counts)}.")
    return notes


def joined(cells: Iterable[Computed], name: str) -> str:
    """What cells were computed on in one respect (a field of `Computed`), each different once."""
    return " + ".join(sorted({getattr(cell, name) for cell in cells}))


def _facts(record: NodeRecord) -> dict[str, str]:
    cpu = ", ".join(filter(None, (record.cpu_model, record.instruction_set)))
    versions = {name: record.versions.get(name, "") for name in ("torch", "numpy", "gclbench")}
    return {"cpu": cpu, "device": record.device, **versions}


def _joined(values: Iterable[str]) -> str:
    return " + ".join(sorted({value or NOT_RECORDED for value in values}))


def _listed(counts: Mapping[str, int]) -> str:
    """The most frequent first; what was not recorded last."""
    ordered = sorted(counts.items(), key=lambda item: (item[0] == NOT_RECORDED, -item[1], item[0]))
    return "; ".join(
        f"{value} ({count} cell{'' if count == 1 else 's'})" for value, count in ordered
    )
