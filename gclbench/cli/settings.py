"""What `gclbench list settings` prints: for a reader, as JSON, and as docs/settings.md."""

from __future__ import annotations

from typing import Any

from gclbench.errors import UsageError

_PAGE = """# Settings

Every setting of a run, section by section. A file (`set:`) and the command line take the dotted
name: `joint.temperature=0.05`. `gclbench list settings [SECTION]` prints the same, `--json` for
programs. This page is written by

    gclbench list settings --markdown > docs/settings.md

*Stages* are those whose artifacts a setting is part of: change it, and they and all that stands on
them are made anew. Of a warm-up's section that is so where `warmup.method` names it. A profile, a
recipe and a study change these defaults: `gclbench show cell STUDY:ROW:TASK:SEED` says what holds
in a cell, and where it comes from. Symbols are the paper's; in a warm-up's section, its own
paper's.
"""


def items(section: str = "") -> list[dict[str, Any]]:
    """One plain dict per setting. Raises UnknownNameError for a section that there is not."""
    from gclbench.plan.readers import stages_of
    from gclbench.schema.reference import rows_of

    return [
        {
            "name": row.name,
            "default": row.default,
            "type": row.kind,
            "range": row.limits,
            "unit": row.unit,
            "symbol": row.symbol,
            "description": row.description,
            "stages": [stage.value for stage in stages_of(row.name)],
        }
        for row in rows_of(section)
    ]


def only(name: str) -> dict[str, Any]:
    """What `items` says of one setting. Raises UsageError for another name, also a section's."""
    found = [item for item in items(name) if item["name"] == name]
    if not found:
        raise UsageError(f"'{name}' is a section.", f"Use: gclbench list settings {name}")
    return found[0]


def text(found: list[dict[str, Any]]) -> str:
    """Two lines a setting: name, default and facts; below them what it is."""
    lines = []
    for item in found:
        facts = [item["type"], item["range"], _unit(item), item["symbol"]]
        stages = ", ".join(item["stages"])
        lines.append(f"{item['name']} = {shown(item['default'])}")
        lines.append(f"    {item['description']}")
        lines.append(f"    {'; '.join(filter(None, facts))} [{stages}]")
    return "\n".join(lines)


def page() -> str:
    """docs/settings.md."""
    from gclbench.reporting.render.markdown import plain_table
    from gclbench.schema.reference import section_of, sections

    heads = ("setting", "default", "meaning", "type, range, unit", "symbol", "stages")
    found, parts = items(), [_PAGE]
    for section in sections():
        inside = [item for item in found if section_of(item["name"]) == section.name]
        if inside:
            table = plain_table(heads, [_cells(item) for item in inside])
            parts.append(f"\n## {section.name}\n\n{section.summary}\n\n{table}\n")
    return "".join(parts)


def shown(value: Any) -> str:
    """A value as a command line takes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {shown(each)}' for name, each in value.items())}}}"
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return repr(value) if isinstance(value, float) and float(short) != value else short


def _cells(item: dict[str, Any]) -> tuple[str, ...]:
    """A line of the page, escaped; names and values as code."""
    from gclbench.reporting.render.markdown import escape

    facts = ", ".join(filter(None, (item["type"], item["range"], _unit(item))))
    stages = ", ".join(item["stages"])
    name, default = item["name"].rpartition(".")[2], shown(item["default"])
    words = map(escape, (item["description"], facts, item["symbol"], stages))
    return (f"`{name}`", f"`{default}`", *words)


def _unit(item: dict[str, Any]) -> str:
    return f"in {item['unit']}" if item["unit"] else ""
