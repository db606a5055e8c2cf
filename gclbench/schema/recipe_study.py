"""A recipe by itself: the study of one row behind `gclbench run recipe=NAME task=TASK`.

It goes by the name `recipe_NAME` wherever a study is named, and fills a table of that name.
"""

from __future__ import annotations

from itertools import permutations

from gclbench.schema.layout import Layout, Panel
from gclbench.schema.settings import VIDEO_ROLES
from gclbench.schema.study import Recipe, Role, Row, Study, Task

PREFIX = "recipe_"

# Role -> a task's name alone, its name in source2target, and its label; as the published tables.
_NAMES: dict[Role, tuple[str, str, str]] = {
    "market1501": ("market1501", "market", "Market"),
    "dukemtmc_reid": ("dukemtmc-reid", "duke", "Duke"),
    "msmt17": ("msmt17", "msmt", "MSMT17"),
    "mars": ("mars", "mars", "MARS"),
    "dukemtmc_videoreid": ("dukemtmc-videoreid", "dukev", "DukeMTMC-VideoReID"),
}


def named_tasks() -> tuple[Task, ...]:
    """Every task that can be asked for by name: each dataset unlabelled, then UDA.

    UDA goes from any image dataset to any other; the paper has none between tracklets.
    """
    alone = [
        Task(name=name, setting="usl", label=label, target=role)
        for role, (name, _, label) in _NAMES.items()
    ]
    pairs = [
        Task(
            name=f"{_NAMES[source][1]}2{_NAMES[target][1]}",
            setting="uda",
            label=f"{_NAMES[source][2]}→{_NAMES[target][2]}",
            target=target,
            source=source,
        )
        for source, target in permutations([role for role in _NAMES if role not in VIDEO_ROLES], 2)
    ]
    return (*alone, *pairs)


def recipe_of(study: str) -> str | None:
    """Return the recipe that a study's name stands for, or None."""
    return study.removeprefix(PREFIX) if study.startswith(PREFIX) else None


def recipe_study(recipe: Recipe) -> Study:
    """Return the study of a recipe: one row, which stops where the recipe does, on any task."""
    name = f"{PREFIX}{recipe.recipe}"
    row = Row(key=recipe.recipe, label=recipe.title, stop=recipe.stop)
    return Study(
        study=name,
        title=recipe.title,
        recipe=recipe.recipe,
        tasks=named_tasks(),
        rows=(row,),
        report=name,
    )


def recipe_layout(recipe: Recipe) -> Layout:
    """Return the table of `recipe_study`: unsupervised tasks, then UDA."""
    names = {
        setting: tuple(task.name for task in named_tasks() if task.setting == setting)
        for setting in ("usl", "uda")
    }
    return Layout(
        report=f"{PREFIX}{recipe.recipe}",
        title=recipe.title,
        caption=f"The recipe by itself ({recipe.reference}).",
        panels=(
            Panel(title="Fully unsupervised", tasks=names["usl"]),
            Panel(title="UDA", tasks=names["uda"]),
        ),
    )
