"""Components on a command line: `rotation,d_mixup`, or `[{name: multi, erase_probability: 0.3}]`.

Words in braces are read as YAML reads them in a file, so that one spelling serves both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gclbench.errors import ContentError, OverrideError
from gclbench.plain_yaml import read_text

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NO_TEXT = ("true", "false", "null")


def read_choice(key: str, text: str) -> Any:
    """One component: its name, or a mapping. Raises OverrideError where braces do not close."""
    return _yaml(key, text) if "{" in text else text.strip("'\"")


def read_choices(key: str, text: str) -> list[Any]:
    """Several components; the outer brackets may be left out. Raises OverrideError."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "{" in inner:
        items = _yaml(key, f"[{inner}]")
        return list(items)
    return [item.strip().strip("'\"") for item in inner.split(",") if item.strip()]


def _yaml(key: str, text: str) -> Any:
    try:
        return read_text(text, key)[0]
    except ContentError as error:
        raise OverrideError(
            f"{key}={text} cannot be read: {error.problem}.",
            f"For example: {key}='{{name: multi, erase_probability: 0.3}}'.",
        ) from None


def write_choice(value: Any) -> str:
    """A value as it is typed on a command line: the inverse of the two above."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_inside(item)}' for name, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(write_choice, value))}]"
    return "null" if value is None else str(value)


def _inside(value: Any) -> str:
    """As above, inside of braces: text that YAML would read as something else is quoted."""
    word = isinstance(value, str) and _WORD.fullmatch(value) and value.lower() not in _NO_TEXT
    return json.dumps(value) if isinstance(value, str) and not word else write_choice(value)
