"""`gclbench report` over what was asked for and finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError
from gclbench.plan import Node
from gclbench.results.tables import settings_given
from gclbench.tracking import RunStore

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asked(world: Any, tmp_path: Path) -> Callable[..., None]:
    """Note that a study was asked for and (in the fake world) finished."""

    class Everything(set[str]):
        def __contains__(self, key: object) -> bool:
            return True

    def remember(
        study: str, profile: str = "laptop", task: str = "market1501", **overrides: Any
    ) -> None:
        home = tmp_path / "results"
        home.mkdir(exist_ok=True)
        world.done = Everything()
        store = RunStore(f"sqlite:///{home / 'store.db'}")
        where = {"study": study, "profile": profile, "overrides": overrides}
        cell = {"row": "baseline", "task": task, "node_key": "k"}
        store.remember([{**where, **cell, "seed": seed} for seed in (0, 1)])
        store.close()

    return remember


def test_nothing_measured_is_exit_3_with_the_command_to_run(cli: Cli, world: Any) -> None:
    code, _, err = cli("report", "table6", "profile=smoke")
    assert code == 3
    assert "gclbench run ablation=table6 profile=smoke" in err


def test_another_profile_than_the_measured_one_is_exit_3(
    cli: Cli, asked: Callable[..., None]
) -> None:
    asked("table6", "smoke")
    assert cli("report", "table6")[0] == 3
    assert cli("report", "table6", "profile=smoke")[0] == 0


def test_a_report_takes_all_measured_seeds(
    cli: Cli, world: Any, asked: Callable[..., None]
) -> None:
    asked("table6")
    code, out, _ = cli("report", "table6")
    assert code == 0
    assert world.questions[-1].seeds == (0, 1)
    assert "Seeds: 0, 1" in out


def test_a_format_without_a_folder_is_printed(cli: Cli, asked: Callable[..., None]) -> None:
    asked("table6")
    _, out, _ = cli("report", "table6", "format=latex")
    assert out.startswith(r"\documentclass")
    assert out.rstrip().endswith(r"\end{document}")


def test_a_folder_gets_the_formats_asked_for(
    cli: Cli, asked: Callable[..., None], tmp_path: Path
) -> None:
    asked("table6")
    out = tmp_path / "out"
    assert cli("report", "table6", "format=csv,html", f"out={out}")[0] == 0
    assert sorted(path.name for path in out.iterdir()) == ["table6.csv", "table6.html"]


def test_without_a_table_everything_measured_is_written(
    cli: Cli, asked: Callable[..., None], tmp_path: Path
) -> None:
    asked("table6")
    asked("world_check", "smoke")
    out = tmp_path / "out"
    assert cli("report", "format=csv", f"out={out}")[0] == 0
    assert [p.relative_to(out).as_posix() for p in sorted(out.rglob("*.csv"))] == [
        "smoke/world_check.csv",
        "table6.csv",
    ]


def test_other_settings_have_a_folder_of_their_own(
    cli: Cli, asked: Callable[..., None], tmp_path: Path
) -> None:
    asked("table6")
    asked("table6", **{"gan.epochs": 3})
    out = tmp_path / "out"
    cli("report", "format=csv", f"out={out}")
    folders = sorted(path.parent.name for path in out.rglob("table6.csv"))
    assert len(folders) == 2
    assert folders[1].startswith("settings-")


def test_a_table_says_what_was_set_for_every_row(cli: Cli, asked: Callable[..., None]) -> None:
    asked("table6", **{"gan.epochs": 3, "warmup.method": "mmcl"})
    words = ("gan.epochs=3", "warmup.method=mmcl")
    for form in ((), ("format=markdown",), ("format=latex",), ("format=html",)):
        _, out, _ = cli("report", "table6", *words, *form)
        assert "Set for every row: gan.epochs=3, warmup.method=mmcl." in " ".join(out.split())


def test_settings_are_listed_as_they_are_typed_and_data_is_not_one() -> None:
    given = {"warmup.method": "mmcl", "joint.losses": ["l_vi", "l_mix"], "data.root": "/data"}
    assert settings_given(given) == [
        "Set for every row: joint.losses=[l_vi,l_mix], warmup.method=mmcl."
    ]
    assert settings_given({"data.root": "/data"}) == []


def test_a_table_names_its_rows_that_the_paper_does_not_have(
    cli: Cli, asked: Callable[..., None]
) -> None:
    asked("table8")
    asked("table9", task="duke2market")
    _, out, _ = cli("report", "table8")
    assert "Not in the paper's table: SCL, SpCL, Cluster Contrast." in " ".join(out.split())
    assert "Set for every row" not in out
    assert "Not in the paper's table" not in cli("report", "table9")[1]


def test_asked_for_but_not_finished_is_nothing_measured(
    cli: Cli, world: Any, asked: Callable[..., None]
) -> None:
    asked("table6")
    world.done = set[Node]()
    assert cli("report", "table6")[0] == 3


@pytest.mark.parametrize("content", [b"a letter to a friend " * 40, bytes(9000)])
def test_a_store_that_is_none_is_one_line_and_exit_3(
    cli: Cli, world: Any, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "results" / "store.db"
    path.parent.mkdir()
    path.write_bytes(content)
    for words in (("table6",), ()):
        code, out, err = cli("report", *words)
        assert (code, out, err.count("\n")) == (3, "", 1)
        assert f"{path} is damaged or not a store of gclbench" in err
    assert path.read_bytes() == content


def test_a_recipe_by_itself_is_reported_with_the_tasks_it_was_run_on(
    cli: Cli, world: Any, asked: Callable[..., None]
) -> None:
    asked("recipe_scl", task="duke2market")
    asked("recipe_scl", task="dukemtmc-reid")
    for words in (("recipe=scl",), ("recipe_scl",), ()):
        code, out, _ = cli("report", *words, "format=csv")
        assert code == 0
        assert out.count("recipe_scl,scl,") == 2 * 4
        assert world.questions[-1].tasks == ("dukemtmc-reid", "duke2market")
    cli("report", "recipe=scl", "task=duke2market")
    assert world.questions[-1].tasks == ("duke2market",)


def test_a_recipe_that_was_never_run_names_the_command(cli: Cli, world: Any) -> None:
    code, _, err = cli("report", "recipe=scl", "task=duke2market", "profile=smoke")
    assert code == 3
    assert "gclbench run recipe=scl task=duke2market profile=smoke" in err


def test_what_cannot_be_shown_is_said_and_the_rest_is_shown(
    cli: Cli, world: Any, asked: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gclbench.study import opened

    asked("table6")
    asked("table7")
    known = opened.open_study

    def open_study(question: Any) -> Any:
        if question.studies == ("table6",):
            raise DataMissingError("Market-1501 is away.", "Bring it back.")
        return known(question)

    monkeypatch.setattr(opened, "open_study", open_study)
    code, out, err = cli("report")
    assert (code, err) == (5, "error: table6: Market-1501 is away. Bring it back.\n")
    assert "Table 7" in out
    code, out, err = cli("report", "table6")
    assert (code, out) == (3, "")
