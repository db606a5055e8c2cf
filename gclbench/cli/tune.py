"""`gclbench tune`: search settings by Optuna, judged on held-out identities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, NamedKeyValues, read_words
from gclbench.cli.exit import code_of_kinds
from gclbench.cli.output import SPINNER, say, say_json, screen
from gclbench.study.asking import question_of
from gclbench.words.groups import require_study
from gclbench.words.verbs import TuneWords

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial
    from rich.console import Console

    from gclbench.search.results import Results
    from gclbench.search.tuning import Tuning


def tune(
    words: NamedKeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Search the settings that a study names, and show what they do; finished work is reused.

    A trial is judged by the mAP of held-out training identities. The test set's mAP is printed
    beside it and chooses nothing.

    \b
    Examples:
      gclbench tune study=dbscan_eps trials=30
      gclbench tune study=temperature trials=12 workers=2 profile=smoke
      gclbench tune study=joint_eps_temperature store=postgresql://me:secret@host/reid
    """
    parsed = read_words(TuneWords, words, content)
    require_study(parsed, "study=dbscan_eps")
    from gclbench.running.display import teller
    from gclbench.search.report import write_files
    from gclbench.search.results import build_results, ended
    from gclbench.search.run import run_search
    from gclbench.search.tuning import open_tuning, start

    console = screen(stderr=True, quiet=as_json)
    tuning = start(open_tuning(question_of(parsed), parsed.trials))
    teller(console)(_heading(tuning, parsed))
    threads = tuning.open({}).profile.threads
    with _watch(console, tuning) as on_trial:
        trials = run_search(tuning, on_trial, parsed.workers or 1, threads)
    profile = tuning.question.profile
    results = build_results(tuning.study, tuning.name, tuning.origin, trials, profile)
    written = write_files(results, parsed.out or parsed.home / "reports" / "tune" / results.study)
    if as_json:
        say_json(as_object(results))
    else:
        _show(results, written)
    finished, kinds = ended(trials, tuning.goal.since)
    raise typer.Exit(code_of_kinds(kinds, measured=finished > 0))


def as_object(results: Results) -> dict[str, Any]:
    """The contract of `gclbench tune --json`; `best` is {} before any trial is complete.

    With two objectives `best` is the trial of the Pareto front with the highest mAP.
    """
    best = {}
    if results.best:
        row = results.best[0]
        best = {
            "number": row.number,
            "params": dict(row.params),
            "values": dict(row.values),
            "test_mAP": row.test_mAP,
            "node": row.node,
        }
    return {"study": results.name, "trials": results.counts, "best": best}


def _heading(tuning: Tuning, parsed: TuneWords) -> str:
    search, wanted = tuning.search, tuning.goal.trials
    words = [f"{tuning.study.title}: {search.sampler}, {wanted} trials"]
    if tuning.grid_size is not None and (parsed.trials or search.trials) > tuning.grid_size:
        words.append(f"the grid has no more than {tuning.grid_size} points")
    return f"{', '.join(words)}; profile {tuning.question.profile}."


@contextmanager
def _watch(console: Console, tuning: Tuning) -> Iterator[Callable[[FrozenTrial], None]]:
    """Give what prints a line per trial; in a terminal a count moves below them."""
    from gclbench.running.display import teller
    from gclbench.search.report import trial_line
    from gclbench.search.results import row_of

    done, tell = 0, teller(console)
    with console.status(_status(0, tuning), spinner=SPINNER) as status:

        def on_trial(trial: FrozenTrial) -> None:
            nonlocal done
            done += trial.state.name in ("COMPLETE", "PRUNED")
            tell(trial_line(row_of(trial, tuning.search)))
            status.update(_status(done, tuning))

        yield on_trial


def _status(done: int, tuning: Tuning) -> str:
    return f"{done} of {tuning.goal.trials} trials finished"


def _show(results: Results, written: Sequence[Path]) -> None:
    from gclbench.search.figures import text_of
    from gclbench.search.report import counts_line, damage_line, importance_lines

    say(f"{counts_line(results)} {results.origin}")
    if results.counts["damaged"]:
        say(damage_line(results))
    front = len(results.objectives) > 1
    for row in results.best:
        seconds = f", {row.values['seconds']:.0f} s" if front else ""
        test = "-" if row.test_mAP is None else f"{row.test_mAP:.1f}"
        head = "Pareto front" if front else "best"
        say(
            f"{head}: trial {row.number}, {text_of(row)}: validation mAP "
            f"{row.values['mAP']:.1f}{seconds} (test mAP {test}, which chose nothing)",
        )
    for line in importance_lines(results):
        say(line)
    for path in written:
        say(f"wrote {path}")
