"""Where the values of words come from: content's files, the schema, fixed lists.

The fixed lists repeat what rooms above know (tests hold them equal): to ask those would load them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

from gclbench.content_folders import content_files, content_folders, read_content
from gclbench.errors import GclbenchError
from gclbench.words.remembered import remembered
from gclbench.words.word import Typed

EXECUTORS = ("inline", "local")
PACKAGE = Path(__file__).resolve().parents[1]
_COMPONENT = re.compile(r"^@register\(\s*\"(\w+)\",\s*\"(\w+)\"", re.MULTILINE)
_SEARCH = re.compile(r"^search:", re.MULTILINE)


def worlds(typed: Typed | None = None) -> Iterable[str]:
    return ("synthetic",)


def executors(typed: Typed) -> Iterable[str]:
    return EXECUTORS


def devices(typed: Typed) -> Iterable[str]:
    return ("auto", "cpu", "cuda")


def formats(typed: Typed) -> Iterable[str]:
    return ("csv", "html", "latex", "markdown", "pdf", "png", "svg")


def weight_formats(typed: Typed) -> Iterable[str]:
    return ("state_dict", "torchscript", "onnx")


def truth(typed: Typed) -> Iterable[str]:
    return ("true", "false")


def profiles(typed: Typed) -> Iterable[str]:
    return of_content("profiles", typed)


def recipes(typed: Typed) -> Iterable[str]:
    return of_content("baselines", typed)


def studies(typed: Typed) -> Iterable[str]:
    """Studies that are run: all but those with a search."""
    return [name for name, path in _study_files(typed) if not _searches(path)]


def searches(typed: Typed) -> Iterable[str]:
    return [name for name, path in _study_files(typed) if _searches(path)]


def _searches(path: Path) -> bool:
    """Whether a study has a search; one that cannot be read is offered, to be told why."""
    with suppress(GclbenchError):
        return _SEARCH.search(read_content(path, "text")) is not None
    return False


def of_content(kind: str, typed: Typed) -> list[str]:
    """The names of a kind of content, without reading it."""
    return sorted(content_files(content_folders(typed.content), kind))


def rows(typed: Typed) -> Iterable[str]:
    """The rows of the studies that are named."""
    named = [row for facts in _facts(typed) for row in facts["rows"]]
    return dict.fromkeys([*named, *typed.names("recipe")])


def tasks(typed: Typed) -> Iterable[str]:
    """The tasks of the studies that are named; of recipes, and where none is, those with names."""
    named = [task for facts in _facts(typed) for task in facts["tasks"]]
    return dict.fromkeys(named) if named else _remembered("tasks", [], _named_tasks)


def datasets(typed: Typed) -> Iterable[str]:
    return components("datasets")


def components(kind: str) -> list[str]:
    """The components of a kind that the package registers, read off its sources."""
    return sorted(name for each, name in _registered() if each == kind)


def component_kinds() -> list[str]:
    return sorted({kind for kind, _ in _registered()})


def prepare() -> None:
    """Find what every completion of settings and tasks asks for, so that the first is fast too."""
    settings()
    tasks(Typed())


def settings() -> dict[str, dict[str, Any]]:
    """Dotted key -> the values that it can have, if they can be listed, and whether many."""
    found: dict[str, dict[str, Any]] = _remembered("settings", [], _settings)
    for facts in found.values():
        if facts["kind"]:
            facts["values"] = [*facts["values"], *components(facts["kind"])]
    return found


@cache
def _registered() -> frozenset[tuple[str, str]]:
    texts = (_text(path) for path in sorted(PACKAGE.glob("*/*.py")))
    return frozenset((kind, name) for text in texts for kind, name in _COMPONENT.findall(text))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _study_files(typed: Typed) -> Iterator[tuple[str, Path]]:
    files = content_files(content_folders(typed.content), "ablations")
    return ((name, paths[0]) for name, paths in sorted(files.items()))


def _facts(typed: Typed) -> Iterator[dict[str, list[str]]]:
    """Rows and tasks of the studies that are named and can be read."""
    wanted = typed.names("study")
    for name, path in _study_files(typed) if wanted else ():
        if name in wanted:
            # A file that is being written may be wrong in any way.
            with suppress(GclbenchError, OSError, LookupError, TypeError):
                crc = zlib.crc32(str(path).encode())
                yield _remembered(f"{name}-{crc:08x}", [path], lambda path=path: _study(path))


def _study(path: Path) -> dict[str, list[str]]:
    """The names of rows and tasks; only sweeps, which make rows, take the time of the schema."""
    from gclbench.plain_yaml import read_yaml

    study, _ = read_yaml(path)
    if "sweeps" in study:
        from gclbench.content import load_study

        study = load_study(path).model_dump(include={"rows", "tasks"})
    return {
        "rows": [str(row["key"]) for row in study["rows"]],
        "tasks": [str(task["name"]) for task in study["tasks"]],
    }


def _named_tasks() -> list[str]:
    from gclbench.schema.recipe_study import named_tasks

    return [task.name for task in named_tasks()]


def _settings() -> dict[str, dict[str, Any]]:
    from gclbench.schema.dotted import setting_types

    return {key: _setting(annotation) for key, annotation in setting_types().items()}


def _setting(annotation: Any) -> dict[str, Any]:
    from gclbench.schema.choice import choice_type

    parts = [part for part in get_args(annotation) if part is not ...]
    kind = choice_type(annotation)
    return {
        "values": list(dict.fromkeys(_listed(annotation))),
        "kind": kind.kind if kind else "",
        "path": annotation == (str | None),  # all that are text and may be left out
        "many": get_origin(annotation) is tuple and len(parts) > 0,
    }


def _listed(annotation: Any) -> Iterator[str]:
    """The values of a type that can be listed: switches, words, none."""
    if annotation is bool:
        yield from ("true", "false")
    elif annotation is type(None):
        yield "none"
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from _listed(part)


def _remembered(name: str, sources: list[Path], find: Any) -> Any:
    """As `remembered`, found anew when the schema changes too."""
    schema = [PACKAGE / "content.py", *sorted((PACKAGE / "schema").glob("*.py"))]
    return remembered(name, [*sources, *schema], find)
