"""YAML as plain data, with the line of every key. No tag is obeyed and no code is run."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gclbench.content_folders import read_content
from gclbench.errors import ContentError

Place = tuple[str | int, ...]

_MAPPING, _LIST = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_SCALARS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "null", "str")}
MAX_BYTES = 300_000  # some seconds; the longest that is shipped has 5,000
_MAX_DEPTH = 20
_MAX_WHOLE = 2**63
_MAX_VALUES = 100_000  # a few lines of aliases of aliases would fill the memory


def read_yaml(path: Path) -> tuple[Any, dict[Place, int]]:
    """Read a file with `read_text`. Raises ContentError."""
    return read_text(read_content(path, "syntax", MAX_BYTES), str(path))


def read_text(text: str, file: str) -> tuple[Any, dict[Place, int]]:
    """Return plain data and the line (from 1) of every key and item, by its path in the data.

    Only text, numbers, switches, null, lists and mappings are allowed: tags that would build other
    objects, and a key that stands twice in one mapping, raise ContentError.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            root = yaml.compose(text)
    except RecursionError:
        raise ContentError(file, None, "syntax", "is nested too deeply") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ContentError(file, line, "syntax", str(error.problem)) from None
    except YAMLError as error:
        raise ContentError(file, None, "syntax", str(error).split("\n")[0]) from None
    if root is None:
        return None, {}
    lines: dict[Place, int] = {}
    return _plain(root, (), yaml, file, lines), lines


def _plain(node: Node, at: Place, yaml: YAML, file: str, lines: dict[Place, int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(at, line)
    if len(at) > _MAX_DEPTH:  # also stops an alias that contains itself
        raise ContentError(file, line, dotted(at[:1]), "is nested too deeply")
    if len(lines) > _MAX_VALUES:
        raise ContentError(file, line, dotted(at[:1]), f"over {_MAX_VALUES} values")
    _check_tag(node, at, file)
    if isinstance(node, MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, key_line = str(key_node.value), key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode) or key == "<<":
                raise ContentError(file, key_line, key, "keys must be plain words")
            if key in mapping:
                raise ContentError(file, key_line, key, "this key stands twice")
            lines[(*at, key)] = key_line
            mapping[key] = _plain(value_node, (*at, key), yaml, file, lines)
        return mapping
    if isinstance(node, SequenceNode):
        return [_plain(item, (*at, i), yaml, file, lines) for i, item in enumerate(node.value)]
    return _scalar(node, at, yaml, file)


def _check_tag(node: Node, at: Place, file: str) -> None:
    nested = {_MAPPING} if isinstance(node, MappingNode) else {_LIST}
    allowed = _SCALARS if isinstance(node, ScalarNode) else nested
    if str(node.tag) not in allowed:
        tag = str(node.tag).rsplit(":", 1)[-1]
        text = f"values of type '{tag}' are not allowed"
        raise ContentError(file, node.start_mark.line + 1, dotted(at), text)


def _scalar(node: Node, at: Place, yaml: YAML, file: str) -> Any:
    try:
        value = yaml.constructor.construct_object(node)
        if isinstance(value, int) and abs(value) >= _MAX_WHOLE:
            raise ValueError
    except Exception:  # what ruamel raises for `!!bool maybe` or 5,000 digits differs
        kind = str(node.tag).rsplit(":", 1)[-1]
        shown = str(node.value)[:40]
        text = f"'{shown}' is no value of type '{kind}' that can be used"
        raise ContentError(file, node.start_mark.line + 1, dotted(at), text) from None
    return value


def dotted(at: Place) -> str:
    """A place as a reader counts: rows[1].set.joint.epochs for ("rows", 0, "set", ...)."""
    words = ""
    for part in at:
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return words.removeprefix(".")
