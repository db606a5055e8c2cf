"""The files of a search: trials.csv, sensitivity.csv, summary.md and the plots."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gclbench.atomic import OUT_REMEDY, write_atomically
from gclbench.reporting.csv_text import csv_text
from gclbench.reporting.ink import mark_of
from gclbench.reporting.render.markdown import code, escape, line, plain_table
from gclbench.search.figures import last_word, shown, text_of
from gclbench.search.results import STATE_DAMAGED, Results, TrialRow

_COLUMNS = (
    "number",
    "state",
    "validation_mAP",
    "test_mAP",
    "test_R1",
    "clusters",
    "seconds",
    "reused",
    "retry_of",
    "node",
    "error",
)
_MISSING = "-"


def write_files(results: Results, out: Path) -> list[Path]:
    """Write every file of a search into `out` and return their paths."""
    from gclbench.search.plots import write_all

    texts = {"trials.csv": trials_csv(results), "summary.md": summary(results)}
    if results.sensitivity:
        texts["sensitivity.csv"] = sensitivity_csv(results)
    written = []
    for name, text in texts.items():
        written.append(write_atomically(out / name, text.encode(), remedy=OUT_REMEDY))
    return [*written, *write_all(results, out, mark_of(results.profile))]


def trials_csv(results: Results) -> str:
    """One line per trial, a column per parameter under its full name; empty is unknown."""
    lines: list[list[Any]] = [[*_COLUMNS[:2], *results.parameters, *_COLUMNS[2:]]]
    for row in results.trials:
        known = [row.params.get(name) for name in results.parameters]
        lines.append([row.number, row.state, *known, *_cells(row)])
    return csv_text(lines)


def _cells(row: TrialRow) -> list[Any]:
    scores = [row.values.get("mAP"), row.test_mAP, row.test_R1, row.clusters, row.seconds]
    return [*scores, str(row.reused).lower(), row.retry_of, row.node, row.error]


def sensitivity_csv(results: Results) -> str:
    """The sensitivity table; the first column is the parameter's full name."""
    head = [results.parameters[0], "clusters", "validation_mAP", "test_mAP", "test_R1"]
    rows = [
        [line.value, line.clusters, line.mAP, line.test_mAP, line.test_R1]
        for line in results.sensitivity
    ]
    return csv_text([head, *rows])


def summary(results: Results) -> str:
    """The report in Markdown: counts, best, importance, sensitivity, trials."""
    parts = [
        f"# {line(results.title)}",
        f"Search {code(results.study)}, stored as {code(results.name)}. {counts_line(results)}",
        f"{line(results.origin)} One seed cannot tell small differences from chance.",
        "mAP of *validation* is that of held-out training identities: the search looks at nothing "
        "else. Test scores are reported beside it and chose nothing.",
        "## Best",
        *(f"- trial {row.number}: {_best_line(row)}" for row in results.best),
        "" if results.best else "No trial is complete.",
        line(damage_line(results)),
        "## Importance",
        *map(_listed, importance_lines(results)),
        *(_sensitivity_part(results) if results.sensitivity else ()),
        "## Trials",
        _trials_table(results),
    ]
    return "\n\n".join(part for part in _joined(parts) if part) + "\n"


def _listed(text: str) -> str:
    """A line of a list, or one that stands alone."""
    item = text.removeprefix("- ")
    return f"- {line(item)}" if item != text else line(text)


def _joined(parts: Iterable[str]) -> list[str]:
    """Keep the items of one list together: a blank line between them would tear it apart."""
    blocks: list[str] = []
    for part in parts:
        if part.startswith("- ") and blocks and blocks[-1].startswith("- "):
            blocks[-1] += f"\n{part}"
        else:
            blocks.append(part)
    return blocks


def counts_line(results: Results) -> str:
    """`12 trials: 11 complete, 1 pruned, 0 failed.`"""
    counts = results.counts
    words = ", ".join(f"{counts[word]} {word}" for word in ("complete", "pruned", "failed"))
    more = "".join(f", {counts[word]} {word}" for word in ("running", "damaged") if counts[word])
    return f"{sum(counts.values())} trials: {words}{more}."


def damage_line(results: Results) -> str:
    """Name the trials that have no part in anything, and say what to do; '' for none."""
    rows = [row for row in results.trials if row.state == STATE_DAMAGED]
    if not rows:
        return ""
    names = ", ".join(f"{row.number} ({row.node[:12] or 'no node'})" for row in rows)
    return (
        f"Damaged, part of nothing (trial and node): {names}. Their stored scores cannot be. They "
        "stay in the store, whose sampler has seen them: search anew with store=URL or home=DIR."
    )


def _best_line(row: TrialRow) -> str:
    exact = ", ".join(code(f"{name}={value}") for name, value in row.params.items())
    seconds = f", {row.values['seconds']:.0f} s" if "seconds" in row.values else ""
    return (
        f"{exact}: validation mAP {_score(row.values['mAP'])}{seconds} "
        f"(test mAP {_score(row.test_mAP)}, R1 {_score(row.test_R1)})"
    )


def importance_lines(results: Results) -> list[str]:
    """What moves the mAP most, first; or one line that says why it is not known."""
    shares = sorted(results.importance.shares.items(), key=lambda item: (-item[1], item[0]))
    if not shares:
        return [results.importance.text]
    return [f"{results.importance.text}:", *(f"- {name}: {share:.2f}" for name, share in shares)]


def _sensitivity_part(results: Results) -> list[str]:
    head = [last_word(results.parameters[0]), "N", "mAP (validation)", "mAP (test)", "R1 (test)"]
    rows = [
        [
            shown(line.value),
            _MISSING if line.clusters is None else f"{line.clusters:.0f}",
            _score(line.mAP),
            _score(line.test_mAP),
            _score(line.test_R1),
        ]
        for line in results.sensitivity
    ]
    note = "In the form of the paper's Table 5; N is the number of clusters in the last epoch."
    return ["## Sensitivity", note, _markdown(head, rows)]


def _trials_table(results: Results) -> str:
    names = [last_word(name) for name in results.parameters]
    head = ["trial", "state", *names, "mAP (validation)", "mAP (test)", "seconds", "training"]
    rows = [
        [
            str(row.number),
            row.state.lower(),
            *(shown(row.params.get(name, _MISSING)) for name in results.parameters),
            _score(row.values.get("mAP")),
            _score(row.test_mAP),
            _MISSING if row.seconds is None else f"{row.seconds:.0f}",
            "reused" if row.reused else row.error or "trained",
        ]
        for row in results.trials
    ]
    return _markdown(head, rows)


def _markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return plain_table([*map(escape, heads)], [[*map(escape, row)] for row in rows])


def _score(value: float | None) -> str:
    return _MISSING if value is None else f"{value:.1f}"


def trial_line(row: TrialRow) -> str:
    """One line on screen: number, values, mAP (validation, test), reused or trained, seconds."""
    head = f"trial {row.number:>3}  {text_of(row)}"
    again = "" if row.retry_of is None else f"  (again: trial {row.retry_of} was cut off)"
    if row.state == STATE_DAMAGED:
        return f"{head}  {row.error}{again}"
    if row.state == "FAIL":
        return f"{head}  failed: {row.error}{again}"
    seconds = "" if row.seconds is None else f"  {row.seconds:.0f} s"
    if row.state == "PRUNED":
        epoch = max(row.reported, default=0)
        score = _score(row.reported.get(epoch))
        return f"{head}  pruned after epoch {epoch}, mAP {score}{seconds}{again}"
    scores = f"validation mAP {_score(row.values['mAP'])}  test mAP {_score(row.test_mAP)}"
    return f"{head}  {scores}  {'reused' if row.reused else 'trained'}{seconds}{again}"
