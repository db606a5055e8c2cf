"""`gclbench show KIND NAME`: one ablation, baseline, profile, report or component, resolved."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gclbench.cli import cell, settings, tracked
from gclbench.cli.arguments import AsJson, ContentFolders, KeyValues
from gclbench.cli.list import CONTENT_KINDS, SETTING_KIND, all_kinds, printed
from gclbench.cli.output import say, say_json
from gclbench.cli.verbs import KINDS
from gclbench.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gclbench.content import Content
    from gclbench.registry import Entry

CELL_KIND = "cell"
RUN_KIND = "run"
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def show(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As in `gclbench list`.")],
    name: Annotated[str, typer.Argument(metavar="NAME")] = "",
    words: KeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Show one thing: its resolved YAML, or a component's docstring, parameters and settings.

    A cell is STUDY:ROW:TASK:SEED: each of its settings with where it comes from, and the keys of
    its stages. It takes profile=, home=, data.root= and settings, as `gclbench run` does. A run is
    named by its id, which may be shortened; without one the last runs are listed (home=, store=).

    \b
    Examples:
      gclbench show ablations table6
      gclbench show baselines gcl_plus
      gclbench show augmentations d_mixup --json
      gclbench show cell table6:rotation_dmixup:market1501:0 profile=laptop
      gclbench show run
      gclbench show run 3fb0c1d2
    """
    if kind == RUN_KIND:
        _show_run(name, words or (), as_json)
        return
    if not name:
        raise UsageError(f"which of the {kind}?", f"`gclbench list {kind}` names them.")
    if kind == CELL_KIND:
        described = cell.describe(name, words or (), content or ())
        if as_json:
            say_json(described)
        else:
            say(cell.text(described))
        return
    if words:
        raise UsageError(
            f"{kind} take no words, not {words[0]}.", "Only `show cell` and `show run` do."
        )
    facts = facts_of(kind, name, content or ())
    if as_json:
        say_json(facts)
        return
    docstring = facts.pop("docstring", None)
    if docstring:
        say(f"{docstring}\n")
    say(_yaml(facts).rstrip("\n"))


def _show_run(name: str, words: Sequence[str], as_json: bool) -> None:
    if not name or "=" in name:
        found: Any = tracked.last_runs([*([name] if name else []), *words])
        text = tracked.table(found)
    else:
        described = tracked.describe(name, words)
        found, text = described, tracked.lines(described)
    if as_json:
        say_json(found)
    else:
        say("\n".join(text))


def facts_of(kind: str, name: str, content: Sequence[Path]) -> dict[str, Any]:
    """Return everything known of one name, as plain data. Raises UnknownNameError."""
    kind = KINDS.get(kind, kind)
    if kind in CONTENT_KINDS:
        from gclbench.content import Content

        return _of_content(Content(content), kind, name)
    if kind == SETTING_KIND:
        return {"kind": kind, **settings.only(name)}
    entry = _component(kind, name)
    return {
        "kind": kind,
        "name": name,
        "revision": entry.revision,
        "module": entry.module,
        "docstring": entry.docstring,
        "parameters": _parameters(entry.parameters),
        "settings": dict(entry.settings),
    }


def _component(kind: str, name: str) -> Entry:
    """What is known of a component; users' packages are asked where it is none of ours."""
    from gclbench.study.catalog import announce, everything

    registry = announce()
    if not registry.has(kind, name):
        registry = everything()
    if kind not in registry.kinds():
        raise UnknownNameError("kind", kind, all_kinds(registry))
    return registry.lookup(kind, name)


def _of_content(content: Content, kind: str, name: str) -> dict[str, Any]:
    head = {"kind": kind, "file": str(content.path(kind, name))}
    if kind == "baselines":
        from gclbench.content import resolve_settings

        recipe = content.recipe(name)
        shown = {**head, **recipe.model_dump(mode="json"), "published": printed(content, recipe)}
        if not recipe.runs_here:
            return shown
        resolved = resolve_settings(None, recipe, None, None).model_dump(mode="json")
        return {**shown, "settings": resolved}
    if kind == "published":
        numbers = [number.model_dump(mode="json") for number in content.published(name)]
        return {**head, "name": name, "numbers": numbers}
    read = {"ablations": content.study, "profiles": content.profile, "reports": content.layout}
    return {**head, **read[kind](name).model_dump(mode="json")}


def _parameters(model: type[BaseModel] | None) -> dict[str, dict[str, Any]]:
    """What settings may tell a component: `{name: NAME, parameter: value}`."""
    schema = {} if model is None else model.model_json_schema()
    fields: dict[str, dict[str, Any]] = schema.get("properties", {})
    return {name: _parameter(field) for name, field in fields.items()}


def _parameter(field: dict[str, Any]) -> dict[str, Any]:
    """Default, type, range and description, as far as it has them."""
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    first = kinds[0] if kinds else field
    limits = [f"{word} {first[key]:g}" for key, word in _LIMITS.items() if key in first]
    facts = {
        "default": field.get("default", "required"),
        "type": " or ".join(_kind(kind) for kind in field.get("anyOf", [field])),
        "range": ", ".join(limits),
        "description": field.get("description", ""),
    }
    return {name: value for name, value in facts.items() if value != ""}


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return f"one of {', '.join(map(str, field['enum']))}"
    return str(field.get("const", field.get("type", "anything")))


def _yaml(value: Any) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 99
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()
