"""Before anything is trained: artifacts that are not what was committed move out of the way.

Looked at is what a run relies on: evaluations, whose numbers it prints, the epochs of stage 3,
which it draws, and the parents of what it trains. See `plan.verify` for what is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gclbench.plan import ArtifactStore, Node
from gclbench.schema import Stage
from gclbench.schema.record import EPOCHS_FILE
from gclbench.study.opened import OpenStudy

_ALL = None
_Look = tuple[Node, tuple[str, ...] | None]


def make_sound(opened: OpenStudy, say: Callable[[Node, str], None]) -> None:
    """Set damaged artifacts aside, so that they are made anew, and say each one.

    What is made anew rests on parents of its own: they are looked at too. Raises what
    `OpenStudy.check_needs` raises for what is to be made anew, and GclbenchError where the results
    folder may not be written to.
    """
    seen: set[tuple[str, bool]] = set()
    moved = False
    while looks := [look for look in _relied_on(opened) if _place(look) not in seen]:
        for node, names in looks:
            seen.add(_place((node, names)))
            text = _set_aside(opened.artifacts, node, names)
            if text:
                moved = True
                say(node, text)
    if moved:
        opened.check_needs()


def _place(look: _Look) -> tuple[str, bool]:
    return look[0].key, look[1] is _ALL


def _relied_on(opened: OpenStudy) -> Iterator[_Look]:
    """Finished nodes with the names of their files that count; None for all."""
    has = opened.artifacts.has
    parents = {key for node in opened.needed() if not has(node) for key in node.parents.values()}
    for node in filter(has, opened.plan.nodes):
        if node.key in parents or node.stage is Stage.EVALUATE:
            yield node, _ALL
        elif node.stage is Stage.JOINT:
            yield node, (EPOCHS_FILE,)


def _set_aside(artifacts: ArtifactStore, node: Node, names: tuple[str, ...] | None) -> str:
    """Say what became of a damaged artifact; '' for a sound one."""
    if not artifacts.problem(node, names):
        return ""
    moved = artifacts.set_aside(node.stage.value, node.key)
    if moved is None:  # another process has done it
        return ""
    return f"{moved.problem}; set aside as {moved.place}, and made anew."
