"""The words of a command line: run-level words (`seeds=0,1`) and settings (`joint.lr=0.01`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.content import DEFAULT_PROFILE
from gclbench.errors import OverrideError, UnknownNameError, UsageError, suggestion

if TYPE_CHECKING:
    from gclbench.study.question import Question

PLAN_WORDS = (
    "ablation",
    "data",
    "device",
    "executor",
    "home",
    "observers",
    "profile",
    "rows",
    "seeds",
    "store",
    "tasks",
    "workers",
)
RECIPE_WORDS = ("recipe", "task")
RUN_WORDS = (*PLAN_WORDS, *RECIPE_WORDS, "format", "out")
TUNE_WORDS = (
    "data",
    "device",
    "home",
    "observers",
    "out",
    "profile",
    "store",
    "study",
    "trials",
    "workers",
)
INVARIANCE_WORDS = (
    *("ablation", "data", "format", "home", "out", "profile", "rows", "seeds", "store", "tasks"),
)
CHECK_WORDS = ("data", "deep", "home", "profile")
MAKE_WORDS = ("home", "out", "profile", "role")
REPORT_WORDS = (
    *("data", "format", "home", "out", "profile", "rows", "seeds", "store", "tasks"),
    *RECIPE_WORDS,
)
# Two words for one thing: only one of each pair may be given.
_RIVALS = (("ablation", "recipe"), ("task", "tasks"))


@dataclass(frozen=True)
class Words:
    """A parsed command line. None means 'as the study or the profile says'.

    `overrides` are the dotted words as typed; `gclbench.content` gives them their types.
    """

    studies: tuple[str, ...] = ()
    profile: str = DEFAULT_PROFILE
    seeds: tuple[int, ...] | None = None
    rows: tuple[str, ...] | None = None
    tasks: tuple[str, ...] | None = None
    overrides: tuple[str, ...] = ()
    executor: str | None = None
    workers: int | None = None
    trials: int | None = None
    device: str = "auto"
    home: Path = Path("results")
    store: str | None = None
    observers: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    out: Path | None = None
    role: str = ""
    deep: bool = False
    content_dirs: tuple[Path, ...] = ()
    dataset: str | None = None
    archive: Path | None = None
    weights: Path | None = None


def parse_words(
    words: Sequence[str],
    allowed: Sequence[str] = RUN_WORDS,
    *,
    content: Sequence[Path] = (),
    environment: dict[str, str] | None = None,
) -> Words:
    """Sort words into run-level words and overrides of settings.

    Raises OverrideError for a word without '=', a word given twice, an unknown run-level word, or
    a value of the wrong kind.
    """
    values = dict(os.environ) if environment is None else environment
    home = Path(values.get("GCLBENCH_HOME") or "results")
    parsed = Words(home=home, content_dirs=tuple(content))
    overrides: list[str] = []
    for key, value in _pairs(words, allowed):
        if "." in key:
            overrides.append(f"{key}={value}")
        else:
            parsed = replace(parsed, **_run_level(key, value))
    for pair in _RIVALS:
        if _keys(words).issuperset(pair):
            raise OverrideError(f"'{pair[0]}' and '{pair[1]}' are both given.", "Give one.")
    if any(word.startswith("data.root=") for word in overrides) and "data" in _keys(words):
        raise OverrideError("data=synthetic and data.root contradict each other.", "Give one.")
    return replace(parsed, overrides=tuple(overrides))


def split_words(
    words: Sequence[str], own: Sequence[str], shared: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """Take out the words that one verb alone knows; the rest goes to `parse_words`.

    Raises OverrideError as `parse_words` does, and for a word of the verb's without value.
    """
    pairs = _pairs(words, (*own, *shared))
    for key, value in pairs:
        if key in own and not value:
            raise OverrideError(f"{key}= has no value.", "Give one, or leave the word out.")
    mine = {key: value for key, value in pairs if key in own}
    return mine, [f"{key}={value}" for key, value in pairs if key not in own]


def to_request(words: Words) -> Question:
    """Type the overrides and return what the runtime takes."""
    from gclbench.content import parse_overrides
    from gclbench.study.question import Question

    return Question(
        studies=words.studies,
        profile=words.profile,
        seeds=words.seeds,
        rows=words.rows,
        tasks=words.tasks,
        overrides=parse_overrides(list(words.overrides)),
        executor=words.executor,
        workers=words.workers,
        device=words.device,
        home=words.home,
        store=words.store,
        content_dirs=words.content_dirs,
        observers=words.observers,
    )


def with_all_seeds(words: Words) -> Question:
    """As `to_request`, with all seeds that were asked for before where none is named."""
    from gclbench.tracking import known_store

    request = to_request(words)
    store = known_store(request.home, request.store) if request.seeds is None else None
    if store is None:
        return request
    found = {
        seed
        for study in request.studies
        for seed in store.seeds_of(study, request.profile, request.overrides)
    }
    store.close()
    return replace(request, seeds=tuple(sorted(found)) or None)


def require_study(words: Words, verb: str, example: str = "ablation=table6") -> None:
    """Raise UsageError when no ablation was named, or a recipe without a task."""
    if not words.studies:
        raise UsageError(
            f"no {example.partition('=')[0]} is named.",
            f"For example: gclbench {verb} {example}. "
            "`gclbench list ablations` shows what there is.",
        )
    from gclbench.schema.recipe_study import named_tasks, recipe_of

    recipe = next((name for name in map(recipe_of, words.studies) if name), None)
    if recipe and words.tasks is None:
        raise UsageError(
            f"the recipe '{recipe}' by itself has no task.",
            f"Add task=NAME. Allowed: {', '.join(task.name for task in named_tasks())}.",
        )


def check_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """Return the formats in order, each once. Raises UnknownNameError."""
    from gclbench.reporting.ink import FORMATS
    from gclbench.reporting.render import SUFFIXES

    for name in formats:
        if name not in (*SUFFIXES, *FORMATS):
            raise UnknownNameError("format", name, (*SUFFIXES, *FORMATS))
    return tuple(dict.fromkeys(formats))


def _pairs(words: Sequence[str], allowed: Sequence[str]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for word in words:
        key, equals, value = word.partition("=")
        key = key.strip()
        if not equals or not key:
            first = next((name for name in ("ablation", "study") if name in allowed), None)
            hint = f"{first}={word}" if first else "seeds=0,1"
            raise OverrideError(f"'{word}' is not of the form key=value.", f"For example: {hint}")
        if "." not in key and key not in allowed:
            raise OverrideError(f"unknown word '{key}'.", _hint(key, allowed))
        if any(key == known for known, _ in pairs):
            raise OverrideError(f"'{key}' is given twice.", "Give it once.")
        pairs.append((key, value.strip()))
    return pairs


def _keys(words: Sequence[str]) -> set[str]:
    return {word.partition("=")[0].strip() for word in words}


def _hint(key: str, allowed: Sequence[str]) -> str:
    return f"{suggestion(key, allowed)} Settings have a dot: joint.temperature=0.05."


def _run_level(key: str, value: str) -> dict[str, Any]:
    if not value:
        raise OverrideError(f"{key}= has no value.", "Give one, or leave the word out.")
    return _READERS[key](key, value)


def _names(field: str) -> Callable[[str, str], dict[str, Any]]:
    def read(key: str, value: str) -> dict[str, Any]:
        items = tuple(item.strip() for item in value.strip("[]").split(",") if item.strip())
        if not items:
            raise OverrideError(f"{key}={value} names nothing.", f"Write {key}=a,b.")
        if len(set(items)) != len(items):
            raise OverrideError(f"{key}={value} names something twice.", "Name it once.")
        return {field: items}

    return read


def _recipes(key: str, value: str) -> dict[str, Any]:
    from gclbench.schema.recipe_study import PREFIX

    names = _names("studies")(key, value)["studies"]
    return {"studies": tuple(f"{PREFIX}{name}" for name in names)}


def _seeds(key: str, value: str) -> dict[str, Any]:
    items = _names("seeds")(key, value)["seeds"]
    seeds = tuple(whole(key, item, least=0) for item in items)
    if len(set(seeds)) != len(seeds):
        raise OverrideError(f"{key}={value} names something twice.", "Name it once.")
    return {"seeds": seeds}


def _count(key: str, value: str) -> dict[str, Any]:
    return {key: whole(key, value, least=1)}


def whole(key: str, text: str, least: int = 1) -> int:
    """Read a whole number of `least` or more. Raises OverrideError."""
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise OverrideError(f"{key}: '{text}' is not a whole number of {least} or more.")
    return int(text)


def _text(key: str, value: str) -> dict[str, Any]:
    return {key: value}


def _path(key: str, value: str) -> dict[str, Any]:
    return {key: Path(value).expanduser()}


def _switch(key: str, value: str) -> dict[str, Any]:
    if value not in ("true", "false"):
        raise OverrideError(f"{key}={value} is not known.", "Write true or false.")
    return {key: value == "true"}


def _data(key: str, value: str) -> dict[str, Any]:
    if value != "synthetic":
        raise OverrideError(
            f"data={value} is not known.",
            "data=synthetic is the built-in world (the default); data.root=DIR is real data.",
        )
    return {}


_READERS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "ablation": _names("studies"),
    "archive": _path,
    "data": _data,
    "dataset": _text,
    "deep": _switch,
    "device": _text,
    "executor": _text,
    "format": lambda key, value: {
        "formats": check_formats(_names("formats")(key, value)["formats"])
    },
    "home": _path,
    "observers": _names("observers"),
    "out": _path,
    "profile": _text,
    "role": _text,
    "recipe": _recipes,
    "rows": _names("rows"),
    "seeds": _seeds,
    "store": _text,
    "study": lambda key, value: {"studies": (value,)},
    "task": _names("tasks"),
    "tasks": _names("tasks"),
    "trials": _count,
    "weights": _path,
    "workers": _count,
}
