"""What the value of a word may be: read from a command line's text, or taken from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from gclbench.devices import read_device
from gclbench.errors import OverrideError, UsageError
from gclbench.user_paths import user_path

T = TypeVar("T")
MOST_SEEDS = 10_000
_DIGITS = 18  # more than anything is counted in, and than Python reads without complaint


class Completed(Enum):
    """What the shell completes in the value of a word that has no list of values."""

    NOTHING = "nothing"
    FILES = "files"
    FOLDERS = "folders"


@dataclass(frozen=True)
class Kind:
    """`read` turns (word, text) into a value; `take` does the same for a Python value.

    Both raise OverrideError. `many`: the value is a tuple, written with commas.
    """

    read: Callable[[str, str], Any]
    take: Callable[[str, Any], Any]
    many: bool = False
    completed: Completed = Completed.NOTHING

    def value(self, word: str, given: Any) -> Any:
        """A value given in Python: text is read as on a command line."""
        return self.read(word, given) if isinstance(given, str) else self.take(word, given)


def whole(word: str, text: str, least: int = 1) -> int:
    """Read a whole number of `least` or more. Raises OverrideError."""
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS or int(text) < least:
        raise OverrideError(f"{word}: '{text}' is not a whole number of {least} or more.")
    return int(text)


def _count(word: str, value: Any) -> int:
    return whole(word, str(value))


def _names(word: str, text: str) -> tuple[str, ...]:
    items = tuple(item.strip() for item in text.strip("[]").split(",") if item.strip())
    if not items:
        raise OverrideError(f"{word}={text} names nothing.", f"Write {word}=a,b.")
    return _once(word, text, items)


def _once(word: str, text: object, items: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(items)) != len(items):
        raise OverrideError(f"{word}={text} names something twice.", "Name it once.")
    return items


def _taken_names(word: str, value: Any) -> tuple[str, ...]:
    items = tuple(value) if isinstance(value, Iterable) else (value,)
    if not items or not all(isinstance(item, str) and item for item in items):
        raise OverrideError(f"{word}: {value!r} is not a list of names.", f"Write {word}=['a'].")
    return _once(word, value, items)


def _seeds(word: str, text: str) -> tuple[int, ...]:
    return _once(word, text, tuple(n for part in _names(word, text) for n in _range(word, part)))


def _range(word: str, text: str) -> Iterable[int]:
    """`3` or `0-4`, both ends included."""
    first, dash, last = text.partition("-")
    if not (first and dash):
        return (whole(word, text, least=0),)
    low, high = (whole(word, end.strip(), least=0) for end in (first, last))
    if not low <= high < low + MOST_SEEDS:
        raise OverrideError(
            f"{word}={text} is not a range of 1 to {MOST_SEEDS} numbers.", f"Write {word}=0-4."
        )
    return range(low, high + 1)


def _taken_seeds(word: str, value: Any) -> tuple[int, ...]:
    items = tuple(value) if isinstance(value, Iterable) else (value,)
    if not items:
        raise OverrideError(f"{word}: {value!r} names nothing.", f"Write {word}=[0, 1].")
    return _once(word, value, tuple(whole(word, str(item), least=0) for item in items))


def _text(word: str, value: Any) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _device(word: str, value: Any) -> str:
    return read_device(str(value))


def _path(word: str, value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise OverrideError(f"{word}: {value!r} is not a path.")
    try:
        return user_path(value)
    except UsageError as error:
        raise OverrideError(f"{word}: {error.message}", error.remedy) from error


def _paths(word: str, value: Any) -> tuple[Path, ...]:
    one = isinstance(value, str | os.PathLike)
    return tuple(_path(word, item) for item in ((value,) if one else value))


def _switch(word: str, value: Any) -> bool:
    text = str(value).lower() if isinstance(value, bool) else value
    if text not in ("true", "false"):
        raise OverrideError(f"{word}={value} is not known.", "Write true or false.")
    return bool(text == "true")


def _settings(word: str, value: Any) -> dict[str, Any]:
    """Settings given in Python, dotted or nested, checked as those of a file are."""
    from gclbench.schema.overrides import check_overrides, flatten

    if not isinstance(value, Mapping):
        raise OverrideError(f"{word}: {value!r} is not a mapping of settings to values.")
    flat = {
        key: list(item) if isinstance(item, tuple) else item
        for key, item in flatten(value).items()
    }
    check_overrides(flat)
    return flat


COUNT = Kind(_count, _count)
NAMES = Kind(_names, _taken_names, many=True)
SEEDS = Kind(_seeds, _taken_seeds, many=True)
SETTINGS = Kind(_settings, _settings, many=True)
SWITCH = Kind(_switch, _switch)
TEXT = Kind(_text, _text)
DEVICE = Kind(_device, _device)
FILE = Kind(_path, _path, completed=Completed.FILES)
FILE_NAME = Kind(_text, _text, completed=Completed.FILES)
FOLDER = Kind(_path, _path, completed=Completed.FOLDERS)
FOLDERS = Kind(_paths, _paths, many=True, completed=Completed.FOLDERS)
