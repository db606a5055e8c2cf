"""Cells of rows that are not run on every task, and of tasks with settings of their own."""

from __future__ import annotations

import pytest

from gclbench.errors import UsageError
from gclbench.plan import build_cells
from gclbench.schema import Recipe, Row, Study, Task

RECIPE = Recipe(recipe="r", title="R", reference="", setting="usl", runs_here=True)
STUDY = Study(
    study="t8",
    title="T",
    recipe="r",
    report="t8",
    tasks=(
        Task(name="market1501", setting="usl", label="M", target="market1501"),
        Task(
            name="msmt17",
            setting="usl",
            label="MS",
            target="msmt17",
            set={"warmup.frame_bin": 1},
        ),
    ),
    rows=(
        Row(key="both", label="Both"),
        Row(key="one", label="One", tasks=("market1501",), set={"joint.epochs": 3}),
    ),
)


def test_a_row_has_cells_on_its_own_tasks_alone() -> None:
    names = [cell.name for cell in build_cells(STUDY, RECIPE, seeds=[0])]
    assert names == ["t8/both/market1501/0", "t8/both/msmt17/0", "t8/one/market1501/0"]


def test_a_task_brings_its_settings() -> None:
    bins = {
        (cell.row.key, cell.task.name): cell.settings.warmup.frame_bin
        for cell in build_cells(STUDY, RECIPE, seeds=[0])
    }
    assert bins == {("both", "market1501"): 100, ("both", "msmt17"): 1, ("one", "market1501"): 100}


def test_a_seed_that_is_asked_for_twice_is_one_cell() -> None:
    cells = build_cells(STUDY, RECIPE, seeds=[3, 0, 3], rows=["one"])
    assert [cell.seed for cell in cells] == [3, 0]


def test_rows_that_run_on_none_of_the_tasks_asked_for_are_refused() -> None:
    with pytest.raises(UsageError, match=r"t8 runs none of the rows one on msmt17.*market1501"):
        build_cells(STUDY, RECIPE, rows=["one"], tasks=["msmt17"])
    assert build_cells(STUDY, RECIPE, rows=[], tasks=["msmt17"]) == []


def test_a_system_known_by_its_numbers_does_not_run() -> None:
    printed = Recipe(
        recipe="r",
        title="R",
        reference="",
        setting="usl",
        runs_here=False,
        published={"table8": ("tssl",)},
    )
    with pytest.raises(UsageError, match="published numbers only"):
        build_cells(STUDY, printed)
