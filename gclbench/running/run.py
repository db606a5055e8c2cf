"""A study is run: what is missing goes through an executor, and every node says how it ended."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gclbench.errors import UnknownNameError
from gclbench.executors.events import Event, EventSink, NodeFailed, NodeNotice, Outcome
from gclbench.executors.inline import InlineExecutor
from gclbench.executors.local import LocalExecutor
from gclbench.running.sound import make_sound
from gclbench.running.worker import RunConfig, run_node
from gclbench.study.opened import OpenStudy
from gclbench.tracking.store import RunStore
from gclbench.words.values import EXECUTORS


@dataclass(frozen=True)
class RunOutcome:
    """How each node ended (by key), and the messages of those that failed."""

    outcomes: Mapping[str, Outcome]
    errors: Mapping[str, str]

    def count(self, outcome: Outcome) -> int:
        return sum(1 for value in self.outcomes.values() if value is outcome)


def run_study(opened: OpenStudy, on_event: EventSink) -> RunOutcome:
    """Run what is not done yet. After Ctrl-C the next call goes on from there.

    Raises UnknownNameError for an executor that nobody has.
    """
    errors: dict[str, str] = {}

    def listen(event: Event) -> None:
        if isinstance(event, NodeFailed):
            errors[event.node.key] = event.error
        on_event(event)

    executor = _executor(opened)
    make_sound(opened, lambda node, text: on_event(NodeNotice(node.key, text)))
    store = RunStore(opened.store_url)
    store.remember(asked_for(opened))
    store.close()
    run = functools.partial(run_node, run_config(opened))
    return RunOutcome(executor.execute(opened.needed(), opened.artifacts.has, run, listen), errors)


def run_config(opened: OpenStudy) -> RunConfig:
    """What a worker needs beside the node."""
    question = opened.question
    return RunConfig(
        home=question.home.resolve(),
        store=opened.store_url,
        threads=opened.profile.threads,
        device=question.device,
        observers=question.observers,
        engine=opened.engine,
    )


def _executor(opened: OpenStudy) -> InlineExecutor | LocalExecutor:
    if opened.engine == "inline":
        return InlineExecutor()
    if opened.engine == "local":
        return LocalExecutor(workers=opened.workers, threads=opened.profile.threads)
    raise UnknownNameError("executor", opened.engine, EXECUTORS)


def asked_for(opened: OpenStudy) -> list[dict[str, Any]]:
    """What the store remembers of a question: reports are made of what was asked for."""
    return [
        {
            "study": cell.study,
            "profile": opened.question.profile,
            "overrides": dict(opened.question.overrides),
            "seed": cell.seed,
            "row": cell.row.key,
            "task": cell.task.name,
            "node_key": opened.plan.evaluate_key(cell),
        }
        for cell in opened.cells
    ]
