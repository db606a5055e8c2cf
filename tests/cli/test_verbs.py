"""The verbs as a user meets them, over made-up training: output, files, exit codes."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError, ManyFaultsError, UsageError

Cli = Callable[..., tuple[int, str, str]]
STAGES = ["pretrain", "source", "warmup", "gan", "joint", "evaluate"]
VERBS = (
    *("run", "plan", "tune", "report", "figure", "invariance", "mesh"),
    *("export", "import", "list", "show", "doctor"),
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(cli: Cli, verb: str) -> None:
    code, out, err = cli(verb, "--help")
    assert (code, err) == (0, "")
    assert "Examples:" in out
    assert f"gclbench {verb}" in out


def test_the_top_help_names_verbs_and_exit_codes(cli: Cli) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    assert all(verb in out for verb in VERBS)
    assert "130 interrupted" in out


def test_no_verb_at_all_prints_the_help_and_is_exit_2(cli: Cli) -> None:
    code, out, err = cli()
    assert code == 2
    assert "gclbench run ablation=table6" in out + err
    assert "error:" not in out + err


def test_version_is_printed(cli: Cli) -> None:
    assert cli("--version")[1].startswith("gclbench 0.")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("runn",), "runn"),
        (("run", "--jso"), "--jso"),
        (("show", "ablations"), "gclbench list ablations"),
        (("run",), "no study is named"),
        (("run", "=table6"), "not of the form key=value"),
        (("run", "tabel6"), "Did you mean 'table6'"),
        (("run", "recipe=scl"), "Add tasks=NAME"),
        (("run", "recipe=slc", "task=market1501"), "Did you mean 'scl'"),
        (("run", "ablatoin=table6"), "Did you mean 'ablation'"),
        (("run", "ablation=tabel6"), "Did you mean 'table6'"),
        (("run", "ablation=table6", "profile=smoek"), "Did you mean 'smoke'"),
        (("run", "ablation=table6", "rows=rotatoin"), "rotation"),
        (("run", "ablation=table6", "tasks=market"), "market1501"),
        (("plan", "ablation=table6", "joint.epoch=1"), "Did you mean 'joint.epochs'"),
        (("plan", "ablation=table6", "joint.epochs=many"), "joint.epochs"),
        (("plan", "ablation=table6", "joint.epochs=0"), "joint.epochs"),
        (("plan", "ablation=table6", "joint.augmentations=multi"), "cannot be overridden"),
        (("report", "tabel6"), "Did you mean 'table6'"),
        (("report", "table6", "format=latex,csv"), "several formats need a folder"),
        (("list", "ablatons"), "Did you mean 'ablations'"),
        (("show", "ablations", "tabel6"), "Did you mean 'table6'"),
        (("figure", "veiws", "ablation=table6"), "Did you mean 'views'"),
        (("figure", "views", "ablation=table6", "seeds=0,1"), "one of seeds"),
        (
            ("figure", "views", "ablation=table6", "out=grid.gif"),
            "not a .png or .pdf",
        ),
        (("figure", "generation", "out=grid.png"), "not a .md or .csv file"),
        (("figure", "views", "rows=rotation,multi"), "one of rows"),
        (("figure", "views", "ablation=table6,world_check"), "2 studies are named"),
        (("figure", "fig3", "ablation=table66"), "Did you mean 'table6'"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(
    cli: Cli, world: Any, words: tuple[str, ...], part: str
) -> None:
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert part in err
    assert "Traceback" not in err


def test_a_content_folder_that_is_not_there_is_exit_3(cli: Cli, world: Any) -> None:
    code, _, err = cli("plan", "ablation=table6", "--content", "nowhere")
    assert code == 3
    assert "nowhere" in err


def test_broken_content_names_file_line_key_and_the_nearest_word(
    cli: Cli, world: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "mine" / "ablations"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("study: mine\ntitel: x\n", encoding="utf-8")
    code, _, err = cli("run", "ablation=mine", "--content", str(folder.parent))
    assert code == 2
    assert "mine.yaml:" in err
    assert err.count("\n") == 1


def test_plan_json_has_the_promised_keys(cli: Cli, world: Any) -> None:
    code, out, _ = cli("plan", "ablation=table6", "--json")
    plan = json.loads(out)
    assert code == 0
    counts = ["cells", "controls", "requested", "unique", "cached", "to_run"]
    assert list(plan) == [*counts, "cost", "before_kernel_fix"]
    assert (plan["cells"], plan["controls"]) == (28, 8)
    for counts in (plan["requested"], plan["unique"], plan["cached"]):
        assert sorted(counts) == sorted(STAGES)
    assert plan["unique"]["warmup"] == plan["unique"]["gan"] == 4


def test_plan_prints_a_table_that_adds_up(cli: Cli, world: Any) -> None:
    _, out, _ = cli("plan", "ablation=table6", "rows=baseline")
    lines = list(takewhile(bool, out.splitlines()[3:]))
    rows = {line.split()[0]: [int(n) for n in line.split()[1:]] for line in lines}
    for column in range(4):
        assert rows["all"][column] == sum(rows[stage][column] for stage in STAGES)


def test_plan_ends_with_the_cost(cli: Cli, world: Any) -> None:
    world.cost = {"text": "about 2 CPU hours", "warning": "too little disk."}
    lines = cli("plan", "ablation=table6", "rows=baseline")[1].splitlines()
    assert lines[-2:] == ["about 2 CPU hours", "warning: too little disk."]
    assert json.loads(cli("plan", "ablation=table6", "--json")[1])["cost"] == world.cost
    assert cli("run", "ablation=table6", "rows=baseline")[2] == "warning: too little disk.\n"


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_what_is_needed_is_asked_for_before_anything_runs(cli: Cli, world: Any, verb: str) -> None:
    world.needs = ManyFaultsError([DataMissingError("gone.", "Get it."), UsageError("no.")])
    code, out, err = cli(verb, "ablation=table6")
    assert (code, out) == (2, "")
    assert err == "error: 2 faults, nothing was run:\n  1. gone. Get it.\n  2. no.\n"
    assert not world.done


def test_plan_says_where_artifacts_from_before_the_kernel_fix_lie(
    cli: Cli, world: Any, tmp_path: Path
) -> None:
    assert "kernel fix" not in cli("plan", "ablation=table6", "rows=baseline")[1]
    world.outdated = ["artifacts/joint/a1", "artifacts/joint/b2", "artifacts/warmup/c3"]
    _, out, _ = cli("plan", "ablation=table6", "rows=baseline")
    folder = tmp_path / "results" / "artifacts"
    assert out.splitlines()[-1] == (
        "3 artifacts from before the kernel fix are not reused (docs/kernels.md): "
        f"2 in {folder / 'joint'}, 1 in {folder / 'warmup'}. They can be deleted; --json names "
        "their folders."
    )
    world.outdated = world.outdated[:1]
    assert (
        "\n1 artifact from before the kernel fix is not reused"
        in cli("plan", "ablation=table6")[1]
    )
    _, out, _ = cli("plan", "ablation=table6", "--json")
    assert json.loads(out)["before_kernel_fix"] == ["artifacts/joint/a1"]


def test_run_prints_tables_and_files_and_remembers_them(cli: Cli, world: Any) -> None:
    code, out, err = cli("run", "ablation=table6", "profile=smoke", "seeds=0")
    assert (code, err) == (0, "")
    assert out.startswith("Table 6: augmentations")
    assert "Rotation + D-Mixup" in out
    assert out.count("Table 6: augmentations") == 2
    assert "(published)" in out
    assert "Criteria of this study" in out
    home = world.questions[0].home
    latest = home / "reports" / "table6" / "latest"
    files = sorted(path.name for path in latest.iterdir())
    assert files == ["table6.csv", "table6.html", "table6.md", "table6.tex"]
    again = cli("run", "ablation=table6", "profile=smoke", "seeds=0")
    assert "Everything was reused" in again[1]


def test_progress_of_a_run_goes_to_stderr_in_lines_of_80_columns(
    loud_cli: Cli, world: Any
) -> None:
    code, out, err = loud_cli("run", "ablation=table6", "profile=smoke", "seeds=0")
    lines = err.splitlines()
    assert code == 0
    assert lines[0] == "names  sMarket = synthetic_market1501, sDuke = synthetic_dukemtmc_reid"
    assert sum(line.startswith("done   evaluate ") for line in lines) == 36
    assert any(re.match(r"Rotation \+ D-Mixup +sDuke→sMarket +seed 0  mAP", x) for x in lines)
    assert max(map(len, lines)) <= 80
    assert "start  " not in out


def test_reports_of_other_questions_are_kept_side_by_side(cli: Cli, world: Any) -> None:
    for words in ((), ("seeds=1",), ("joint.lr=0.01",), ("rows=baseline,multi",), ()):
        assert cli("run", "ablation=table6", "profile=smoke", "format=csv", *words)[0] == 0
    reports = world.questions[0].home / "reports" / "table6"
    folders = sorted(path.name for path in reports.iterdir() if path.name != "latest")
    assert len(folders) == 4
    assert all(name.startswith("smoke-") for name in folders)
    texts = {name: (reports / name / "table6.csv").read_text() for name in folders}
    assert len(set(texts.values())) == 4
    assert sum("joint.lr=0.01" in text for text in texts.values()) == 1
    assert (reports / "latest").resolve().name in folders
    assert (reports / "latest" / "table6.csv").read_text().count("\n") == 1 + 9 * 4 * 4
    assert "joint.lr" not in (reports / "latest" / "table6.csv").read_text()


def test_without_links_a_text_names_the_latest_report(
    cli: Cli, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **words: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert cli("run", "ablation=table6", "profile=smoke", "format=csv")[0] == 0
    reports = world.questions[0].home / "reports" / "table6"
    name = (reports / "latest.txt").read_text().strip()
    assert (reports / name / "table6.csv").is_file()
    assert not (reports / "latest").exists()


def test_a_warm_up_recipe_by_itself_stops_at_the_warm_up(cli: Cli, world: Any) -> None:
    code, out, _ = cli("plan", "recipe=scl,gcl_plus", "task=market1501", "--json")
    assert code == 0
    assert json.loads(out)["requested"] == dict(zip(STAGES, (2, 0, 2, 1, 1, 2), strict=True))
    code, out, err = cli("run", "recipe=scl", "task=market1501", "profile=smoke")
    assert (code, err) == (0, "")
    latest = world.questions[0].home / "reports" / "recipe_scl" / "latest"
    files = sorted(path.name for path in latest.iterdir())
    assert files == ["recipe_scl.csv", "recipe_scl.html", "recipe_scl.md", "recipe_scl.tex"]


def test_run_writes_a_tidy_csv_of_measured_numbers(cli: Cli, world: Any, tmp_path: Path) -> None:
    cli("run", "ablation=table6", "format=csv", f"out={tmp_path / 'here'}")
    with (tmp_path / "here" / "table6.csv").open(newline="", encoding="utf-8") as handle:
        records = list(csv.DictReader(handle))
    assert len(records) == 9 * 4 * 4
    tail = ["std", "low", "high", "n_seeds", "data", "node", "damaged", "untrained"]
    how = ["seeds", "profile", "settings", "cpu", "device", "version"]
    assert list(records[0])[-14:] == [*tail, *how]
    assert {(record["seeds"], record["profile"]) for record in records} == {("0", "laptop")}
    assert {record["data"] for record in records} == {
        "synthetic_market1501",
        "synthetic_dukemtmc_reid",
    }


def test_words_reach_the_question(cli: Cli, world: Any) -> None:
    cli(
        *("run", "ablation=table6", "rows=baseline", "tasks=market1501", "seeds=3,4"),
        *("workers=2", "executor=inline", "device=cpu", "gan.epochs=2"),
    )
    request = world.questions[0]
    assert (request.rows, request.tasks, request.seeds) == (("baseline",), ("market1501",), (3, 4))
    assert (request.workers, request.executor, request.device) == (2, "inline", "cpu")
    assert dict(request.overrides) == {"gan.epochs": 2}


def test_several_studies_run_in_one_call(cli: Cli, world: Any) -> None:
    code, out, _ = cli("run", "ablation=table6,world_check", "seeds=0", "tasks=market1501")
    assert code == 0
    assert "Table 6: augmentations" in out
    assert "World check" in out


def test_a_failed_stage_beside_finished_cells_is_exit_5(cli: Cli, world: Any) -> None:
    world.fail = {"gan duke2market": ("TrainingError", "the loss is not finite")}
    code, out, err = cli("run", "ablation=table6", "seeds=0")
    assert code == 5
    assert "error: gan sDuke→sMarket seed 0: the loss is not finite" in err
    assert "not tried because an earlier stage failed" in out


def test_a_run_without_any_finished_cell_is_exit_1(cli: Cli, world: Any) -> None:
    world.fail = {"pretrain": ("RuntimeError", "RuntimeError: worker was killed")}
    assert cli("run", "ablation=table6")[0] == 1


def test_missing_data_found_while_running_is_exit_3(cli: Cli, world: Any) -> None:
    world.fail = {"warmup": ("DataMissingError", "cannot read 0001.jpg.")}
    code, _, err = cli("run", "ablation=table6", "rows=baseline")
    assert code == 3
    assert "0001.jpg" in err


def test_an_interrupted_run_is_exit_130_and_says_how_to_go_on(cli: Cli, world: Any) -> None:
    world.interrupt_after = 3
    code, _, err = cli("run", "ablation=table6")
    assert code == 130
    assert "the same command continues" in err
    assert "3 stage runs done" in err


def test_a_fault_of_ours_shows_a_traceback_and_is_exit_1(
    cli: Cli, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:

    def broken(request: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("gclbench.api.study.open_study", broken)
    code, _, err = cli("plan", "ablation=table6")
    assert code == 1
    assert "ZeroDivisionError" in err
