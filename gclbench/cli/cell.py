"""`gclbench show cell STUDY:ROW:TASK:SEED`: its settings, each with where it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.cli.arguments import read_words
from gclbench.cli.settings import shown
from gclbench.errors import UsageError
from gclbench.words.kinds import whole
from gclbench.words.verbs import ShowWords

if TYPE_CHECKING:
    from gclbench.content import Content
    from gclbench.schema.layers import Layer
    from gclbench.study.opened import OpenStudy

_DEFAULT = "default"
_FILES = {"profile": "profiles", "recipe": "baselines"}
_PLAIN = re.compile(r"[\w./-]+")


def describe(address: str, words: Sequence[str], content: Sequence[Path]) -> dict[str, Any]:
    """Return what is known of a cell, as plain data: its settings and its stages.

    `address` is STUDY:ROW:TASK:SEED. Raises UsageError for one of another form, UnknownNameError
    for a part that there is not, and what `gclbench plan` raises for the words.
    """
    from gclbench.study.opened import open_study
    from gclbench.study.question import Question

    study, row, task, seed = _parts(address)
    given = read_words(ShowWords, words, content)
    asked = Question(
        studies=(study,),
        home=given.home,
        profile=given.profile,
        seeds=(seed,),
        rows=(row,),
        tasks=(task,),
        overrides=given.settings,
        content_dirs=given.content,
    )
    opened = open_study(asked)
    if not opened.cells:
        raise UsageError(
            f"row '{row}' is a control that needs the rendered world.", "Leave data.root out."
        )
    return {
        "cell": address,
        "stop": opened.cells[0].stop.value,
        "settings": _settings(opened),
        "stages": _stages(opened),
    }


def text(described: Mapping[str, Any]) -> str:
    """YAML with a comment on each line; sections of warm-ups that are not at work are left out."""
    head = f"cell: {described['cell']}\nstop: {described['stop']}\nstages:"
    return "\n".join(
        [head, *_aligned(_stage_lines(described)), *_aligned(_setting_lines(described))]
    )


def _stage_lines(described: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"  {stage}: {node['key']}", "made" if node["cached"] else "not made yet")
        for stage, node in described["stages"].items()
    ]


def _setting_lines(described: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lines of nested YAML, each with its comment; a line that opens a section has none."""
    settings = described["settings"]
    idle = _idle_sections(settings)
    lines: list[tuple[str, str]] = []
    section: list[str] = []
    for name, fact in settings.items():
        *inside, last = name.split(".")
        if ".".join(inside) not in idle:
            lines += [(head, "") for head in _heads(section, inside)]
            lines.append((f"{'  ' * len(inside)}{last}: {_yaml(fact['value'])}", fact["from"]))
            section = inside
    return lines


def _idle_sections(settings: Mapping[str, Any]) -> set[str]:
    """Sections of warm-ups other than `warmup.method`."""
    sections = {name.rpartition(".")[0] for name in settings if name.startswith("warmup.")}
    method = settings["warmup.method"]["value"]
    name = method["name"] if isinstance(method, dict) else method
    return sections - {"warmup", f"warmup.{name}"}


def _aligned(lines: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(line) for line, _ in lines)
    return [f"{line:<{width}}  # {comment}" if comment else line for line, comment in lines]


def _parts(address: str) -> tuple[str, str, str, int]:
    parts = address.split(":")
    if len(parts) != 4 or not all(parts):
        raise UsageError(
            f"'{address}' is no cell: it is STUDY:ROW:TASK:SEED.",
            "For example: gclbench show cell table6:rotation_dmixup:market1501:0",
        )
    study, row, task, seed = parts
    return study, row, task, whole("the seed of a cell", seed, least=0)


def _settings(opened: OpenStudy) -> dict[str, dict[str, Any]]:
    """Dotted name -> value, and the words for where it comes from."""
    from gclbench.schema.dotted import flatten
    from gclbench.schema.layers import layers, origins

    cell, study = opened.cells[0], opened.studies[0]
    recipe = opened.content.recipe(study.recipe)
    given = layers(opened.profile, recipe, study, cell.task, cell.row, opened.question.overrides)
    places = {id(layer): _place(layer, study.study, opened.content) for layer in given}
    found = origins(given)
    return {
        name: {
            "value": value,
            "from": places[id(found[name])] if name in found else _DEFAULT,
        }
        for name, value in flatten(cell.settings.model_dump(mode="json")).items()
    }


def _place(layer: Layer, study: str, content: Content) -> str:
    """A layer in words, with its file: "recipe gcl_plus (.../gcl_plus.yaml)"."""
    words = f"{layer.kind} {layer.name}".strip()
    kind = _FILES.get(layer.kind, "ablations")
    name = layer.name if layer.kind in _FILES else study
    if not layer.name or name not in content.names(kind):  # a recipe by itself has no study's file
        return words
    return f"{words} ({content.path(kind, name)})"


def _stages(opened: OpenStudy) -> dict[str, dict[str, Any]]:
    nodes = [opened.plan.node(key) for key in opened.plan.chain(opened.cells[0])]
    return {
        node.stage.value: {"key": node.key, "cached": opened.artifacts.has(node)} for node in nodes
    }


def _heads(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The lines that open the sections which the line before was not in."""
    same = 0
    while same < min(len(before), len(now)) and before[same] == now[same]:
        same += 1
    return [f"{'  ' * depth}{now[depth]}:" for depth in range(same, len(now))]


def _yaml(value: Any) -> str:
    """A value as a file takes it: null, and text in quotes where it needs them."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return shown(value)
