"""A recipe by itself: tasks by name, one row that stops where the recipe does."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

import pytest

from gclbench.schema import Recipe, Role, Stage
from gclbench.schema.recipe_study import named_tasks, recipe_layout, recipe_of, recipe_study
from gclbench.schema.settings import VIDEO_ROLES

PUBLISHED = Path(__file__).resolve().parents[2] / "baselines" / "published"
FACTS = {"title": "X", "reference": "CVPR", "setting": "usl", "runs_here": True}


def test_every_role_is_a_target_and_every_image_dataset_a_source() -> None:
    tasks = named_tasks()
    roles = set(get_args(Role))
    assert {task.target for task in tasks if task.source is None} == roles
    images = roles - set(VIDEO_ROLES)
    pairs = [(task.source, task.target) for task in tasks if task.source]
    assert len(pairs) == len(set(pairs)) == len(images) * (len(images) - 1)
    assert {role for pair in pairs for role in pair} == images
    assert all(source != target for source, target in pairs)


@pytest.mark.parametrize("table, setting", [("table8", "usl"), ("table9", "uda")])
def test_tasks_have_the_names_of_the_published_tables(table: str, setting: str) -> None:
    with (PUBLISHED / f"{table}.csv").open(encoding="utf-8") as handle:
        printed = {row["dataset"] for row in csv.DictReader(handle)}
    assert printed <= {task.name for task in named_tasks() if task.setting == setting}


def test_source_and_target_stand_in_the_names_order() -> None:
    task = next(task for task in named_tasks() if task.name == "duke2market")
    assert (task.source, task.target) == ("dukemtmc_reid", "market1501")
    assert task.label == "Duke→Market"


@pytest.mark.parametrize("stop", [None, Stage.WARMUP])
def test_the_row_stops_where_the_recipe_does(stop: Stage | None) -> None:
    recipe = Recipe(recipe="mine", **FACTS, **({"stop": stop} if stop else {}))
    study = recipe_study(recipe)
    assert (study.study, study.recipe, study.report) == ("recipe_mine", "mine", "recipe_mine")
    assert [(row.key, row.label, row.stop) for row in study.rows] == [
        ("mine", "X", stop or Stage.JOINT)
    ]


def test_the_table_has_a_place_for_every_task() -> None:
    layout = recipe_layout(Recipe(recipe="mine", **FACTS))
    assert layout.report == "recipe_mine"
    placed = [name for panel in layout.panels for name in panel.tasks]
    assert sorted(placed) == sorted(task.name for task in named_tasks())


def test_a_studys_name_says_whether_it_is_a_recipe() -> None:
    assert recipe_of("recipe_scl") == "scl"
    assert recipe_of("table6") is None
