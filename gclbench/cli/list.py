"""`gclbench list KIND`: what there is, from content and from the registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gclbench.cli import settings
from gclbench.cli.arguments import ContentFolders
from gclbench.cli.output import say, say_json, say_raw
from gclbench.cli.verbs import KINDS
from gclbench.errors import UnknownNameError, UsageError
from gclbench.screen import columns, padded

if TYPE_CHECKING:
    from gclbench.content import Content
    from gclbench.registry import Registry
    from gclbench.schema import Recipe

CONTENT_KINDS = ("ablations", "baselines", "profiles", "published", "reports")
FIGURE_KIND = "figures"
SETTING_KIND = "settings"


def list_names(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="Leave out to see all kinds.")
    ] = "",
    section: Annotated[
        str, typer.Argument(metavar="[SECTION]", help="Of the settings: joint, warmup.scl, ...")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print all settings as docs/settings.md has them.")
    ] = False,
    content: ContentFolders = None,
) -> None:
    """List content (ablations, baselines, profiles, ...), components, figures or settings.

    \b
    Examples:
      gclbench list
      gclbench list ablations
      gclbench list baselines --json
      gclbench list augmentations
      gclbench list figures
      gclbench list settings joint
    """
    if (section or as_markdown) and kind != SETTING_KIND:
        raise UsageError(
            "a section and --markdown are for settings.", "Use: gclbench list settings joint"
        )
    if as_markdown:
        say_raw(settings.page())
        return
    items = kinds() if not kind else describe_kind(kind, content or (), section)
    if as_json:
        say_json(items)
        return
    if kind == SETTING_KIND:
        say(settings.text(items))
        return
    lines = [_cells(item) for item in items]
    widths = [max(map(columns, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (padded(cell, width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip())


def _cells(item: dict[str, Any]) -> tuple[str, ...]:
    """What a line of the list shows of a name: all of one kind have as many cells."""
    if "runs_here" not in item:
        return str(item["name"]), str(item.get("title", ""))
    state = "runs here" if item["runs_here"] else "published numbers only"
    state += ", reimplemented" if item["reimplemented"] else ""
    return item["name"], item["title"], item["reference"], item["setting"], state


def kinds() -> list[dict[str, Any]]:
    """Every kind that can be listed."""
    from gclbench.study.catalog import everything

    content = [{"name": name, "title": "content"} for name in CONTENT_KINDS]
    components = [{"name": name, "title": "components"} for name in everything().kinds()]
    figures = [{"name": FIGURE_KIND, "title": "pictures that `gclbench figure` draws"}]
    others = {"name": SETTING_KIND, "title": "what a run can be told, with defaults and meaning"}
    return sorted([*content, *components, *figures, others], key=lambda item: item["name"])


def all_kinds(registry: Registry) -> list[str]:
    """The names of `kinds`."""
    return [*CONTENT_KINDS, FIGURE_KIND, SETTING_KIND, *registry.kinds()]


def describe_kind(
    kind: str, content: list[Path] | tuple[Path, ...], section: str = ""
) -> list[dict[str, Any]]:
    """Return one plain dict per name, sorted; settings of a `section` in the schema's order.

    Raises UnknownNameError for a kind, or a section, that nobody has.
    """
    kind = KINDS.get(kind, kind)
    if kind in CONTENT_KINDS:
        from gclbench.content import Content

        return [_of_content(Content(content), kind, name) for name in Content(content).names(kind)]
    if kind == FIGURE_KIND:
        return _figures()
    if kind == SETTING_KIND:
        return settings.items(section)
    from gclbench.study.catalog import everything

    registry = everything()
    if kind not in registry.kinds():
        raise UnknownNameError("kind", kind, all_kinds(registry))
    return [
        {
            "name": entry.name,
            "title": entry.summary,
            "revision": entry.revision,
            "module": entry.module,
        }
        for entry in registry.entries(kind)
    ]


def _figures() -> list[dict[str, Any]]:
    from gclbench.runtime.figures.registry import FIGURES

    return [
        {
            "name": figure.name,
            "title": figure.summary,
            "ablation": figure.study,
            "rows": list(figure.rows),
            "targets": list(figure.targets),
        }
        for figure in FIGURES.values()
    ]


def printed(content: Content, recipe: Recipe) -> list[dict[str, Any]]:
    """The published rows of a recipe, one object for each dataset, numbers as printed."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number in content.published_of(recipe):
        row = rows.setdefault(
            (number.table, number.row_key, number.dataset),
            {
                "table": number.table,
                "row": number.row_key,
                **number.columns,
                "setting": number.setting,
                "dataset": number.dataset,
                "metrics": {},
            },
        )
        row["metrics"][number.metric] = number.printed
    return list(rows.values())


def _of_content(content: Content, kind: str, name: str) -> dict[str, Any]:
    if kind == "ablations":
        study = content.study(name)
        return {
            "name": name,
            "title": study.title,
            "recipe": study.recipe,
            "report": study.report,
            "verb": "run" if study.search is None else "tune",
            "rows": [row.key for row in study.rows],
            "tasks": [task.name for task in study.tasks],
        }
    if kind == "baselines":
        recipe = content.recipe(name)
        return {
            "name": name,
            "title": recipe.title,
            "runs_here": recipe.runs_here,
            "reimplemented": recipe.reimplemented,
            "reference": recipe.reference,
            "setting": recipe.setting,
            "published": printed(content, recipe),
        }
    if kind == "profiles":
        return {"name": name, "title": content.profile(name).title}
    if kind == "reports":
        return {"name": name, "title": content.layout(name).title}
    numbers = content.published(name)
    return {"name": name, "title": f"{len(numbers)} published numbers", "numbers": len(numbers)}
