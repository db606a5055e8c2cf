"""Groups of words: what they check beyond a single word."""

from __future__ import annotations

import pytest

from gclbench.errors import OverrideError, UsageError
from gclbench.schema.recipe_study import PREFIX, named_tasks
from gclbench.words import groups
from gclbench.words.groups import require_study
from gclbench.words.verbs import (
    FigureWords,
    InvarianceWords,
    OpenWords,
    PlanWords,
    ReportWords,
    RunWords,
    TuneWords,
)


def test_data_synthetic_is_the_default_said_aloud() -> None:
    assert PlanWords.parse(["data=synthetic"]).settings == {}


def test_data_synthetic_and_a_root_contradict_each_other() -> None:
    with pytest.raises(OverrideError, match="contradict"):
        PlanWords.parse(["data=synthetic", "data.root=/data"])


def test_a_run_without_a_study_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match="gclbench run ablation=table6"):
        require_study(RunWords.parse([]))
    with pytest.raises(UsageError, match="gclbench tune study=dbscan_eps"):
        require_study(TuneWords.parse([]), "study=dbscan_eps")


def test_a_recipe_is_the_study_of_its_name() -> None:
    parsed = RunWords.parse(["recipe=scl,jvtc", "task=market1501,duke2market"])
    assert parsed.studies == ("recipe_scl", "recipe_jvtc")
    assert parsed.tasks == ("market1501", "duke2market")
    require_study(parsed)
    assert groups._PREFIX == PREFIX


def test_a_study_and_a_recipe_clash_but_in_a_report() -> None:
    with pytest.raises(OverrideError, match="'ablation' and 'recipe' are both given"):
        OpenWords.parse(["recipe=scl", "ablation=table6"])
    assert ReportWords.parse(["table6", "recipe=scl"]).studies == ("table6", "recipe_scl")


def test_a_recipe_without_a_task_is_told_the_tasks() -> None:
    with pytest.raises(UsageError, match=r"tasks=NAME.*duke2market") as caught:
        require_study(RunWords.parse(["recipe=scl"]))
    assert all(task.name in str(caught.value) for task in named_tasks())
    with pytest.raises(UsageError, match="'scl' by itself"):
        require_study(RunWords.parse(["ablation=table6,recipe_scl"]))


@pytest.mark.parametrize("model", [FigureWords, InvarianceWords, TuneWords])
def test_verbs_of_one_study_refuse_two(model: type[OpenWords]) -> None:
    with pytest.raises(OverrideError, match="2 studies are named"):
        model.parse(["table6,table5"])
