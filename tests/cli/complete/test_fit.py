"""What fits at the cursor."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.cli.complete.fit import Candidate, complete
from gclbench.content import Content
from gclbench.schema.dotted import setting_types
from gclbench.words.kinds import Completed


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)


def fitting(line: str) -> list[str]:
    *before, current = line.split(" ")
    found = complete(before, current)
    assert not isinstance(found, Completed)
    return [each.text for each in found]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("r", ["report", "run"]),
        ("--v", ["--version"]),
        ("mesh ", ["estimate", "import", "render", "--help"]),
        ("data ch", ["check"]),
        ("nothing ", []),
        ("run abl", ["ablation="]),
        ("run tas", ["tasks="]),
        ("run task=duke2m", ["task=duke2market", "task=duke2msmt"]),
        ("run table6 task=duke", ["task=dukemtmc-reid", "task=duke2market"]),
        ("run ablation=table7,table1", ["ablation=table7,table10"]),
        ("run ablation=table1", ["ablation=table10"]),
        ("run table7,table1", ["table7,table10"]),
        ("run table6 rows=ba", ["rows=baseline"]),
        ("run ablation=table6 rows=none,ba", ["rows=none,baseline"]),
        ("run recipe=scl row=", ["row=scl"]),
        ("run study=temp", []),
        ("tune study=temp", ["study=temperature"]),
        ("run profile=s", ["profile=smoke"]),
        ("run format=csv,p", ["format=csv,pdf", "format=csv,png"]),
        ("run executor=", ["executor=inline", "executor=local"]),
        ("run device=c", ["device=cpu", "device=cuda"]),
        ("run joint.tem", ["joint.temperature="]),
        ("run joi", ["joint."]),
        ("run data.mesh.s", ["data.mesh.source="]),
        ("run data.mesh.source=par", ["data.mesh.source=params"]),
        ("run joint.nothing=", []),
        ("run gan.view=mesh", ["gan.view=mesh_switch"]),
        ("doctor joint", []),
        ("doctor --sweep ", ["old", "all"]),
        ("plan --", ["--json", "--content", "--help"]),
        ("list rec", ["recipes"]),
        ("list fig", ["figures"]),
        ("show augmentations mix", ["mixup"]),
        ("show recipes gcl", ["gcl", "gcl_plus"]),
        ("show figures table1", ["table11", "table12"]),
        ("figure vi", ["views"]),
        ("figure views ablation=table1", ["ablation=table10"]),
        ("checkpoint export abc format=t", ["format=torchscript"]),
        ("data check role=mar", ["role=market1501", "role=mars"]),
        ("data check rol", []),
        ("data check mars deep=", ["deep=true", "deep=false"]),
        ("completion ", ["bash", "fish", "zsh"]),
        ("import hom", ["home="]),
    ],
)
def test_the_words_that_fit(line: str, words: list[str]) -> None:
    assert fitting(line) == words


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("run home=", Completed.FOLDERS),
        ("run --content ", Completed.FOLDERS),
        ("export out=x", Completed.FILES),
        ("import ", Completed.FILES),
        ("checkpoint show ", Completed.FILES),
        ("embed checkpoint=e", Completed.FILES),
        ("run data.root=/d", Completed.FILES),
        ("run store=", Completed.NOTHING),
        ("run seeds=", Completed.NOTHING),
        ("checkpoint export format=t", Completed.NOTHING),
        ("run workers=", Completed.NOTHING),
    ],
)
def test_files_are_left_to_the_shell(line: str, kind: Completed) -> None:
    *before, current = line.split(" ")
    assert complete(before, current) is kind


def test_a_word_is_offered_once_and_an_empty_one_gets_everything() -> None:
    found = fitting("run table6 profile=smoke ")
    assert "rows=" in found
    assert not {"profile=", "study=", "ablation=", "table6", "task="} & set(found)
    assert {"table6", "study=", "joint.", "data."} <= set(fitting("run "))


def test_every_setting_is_reached_part_by_part() -> None:
    def below(start: str) -> list[str]:
        found = [word for word in fitting(f"run {start}") if "." in word]
        ends = [word[:-1] for word in found if word.endswith("=")]
        return ends + [end for word in found if word.endswith(".") for end in below(word)]

    assert sorted(below("")) == sorted(setting_types())


def test_more_to_type_means_no_space() -> None:
    assert complete(["run"], "ablation=table10") == [Candidate("ablation=table10", more=True)]
    assert complete(["run"], "profile=sm") == [Candidate("profile=smoke")]
    (candidate,) = complete(["tune"], "trials")  # type: ignore[misc]
    assert (candidate.text, candidate.more) == ("trials=", True)
    assert "finished trials" in candidate.help


def test_content_of_ones_own_is_offered_and_what_a_shell_would_run_is_not(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "mine" / "ablations"
    folder.mkdir(parents=True)
    (folder / "own.yaml").touch()
    (folder / "own$(reboot).yaml").touch()
    assert fitting(f"run --content {folder.parent} own") == ["own"]
    assert "own$(reboot)" in Content((folder.parent,)).names("ablations")
