"""The tables and figures besides Table 6 at the sizes of smoke: every cell gets a number."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content

STUDIES = ("table4", "table5", "table7", "fig5", "fig6", "fig7", "fig8", "deviations")
NAMES = f"ablation={','.join(STUDIES)}"
# At most two rows of each study, one task; chosen so that few generators are trained.
PART = {
    "table4": ("gray_switch", "mesh_switch"),
    "table5": ("eps_0.40",),
    "table7": ("vi", "vi_vi1_vi2_proto"),
    "fig5": ("alpha_0.2",),
    "fig6": ("beta_0.0", "tau_0.10"),
    "fig7": ("lambda_vi_5", "lambda_mix_5"),
    "fig8": ("trad",),
    "deviations": ("d05_stripes", "d19_soft"),
}
FEWER = (
    *("data.world.people_train=8", "data.world.people_test=6", "pretrain.epochs=1"),
    *("pretrain.people=8", "source.epochs=1", "warmup.epochs=1", "gan.epochs=1"),
    *("joint.epochs=1", "joint.batch_size=4"),
)
TASK = {study: "market1501" if study == "fig8" else "duke2market" for study in PART}
SUFFIXES = ("csv", "html", "md", "tex")
ALL = "format=markdown,latex,csv,html"


def words(*studies: str) -> tuple[str, ...]:
    rows = ",".join(row for study in studies for row in PART[study])
    tasks = ",".join(sorted({TASK[study] for study in studies}))
    return (f"rows={rows}", f"tasks={tasks}", "profile=smoke", *FEWER)


@pytest.fixture(scope="module")
def part(cli_at: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Some rows of every study over one results folder, and what the command answered."""
    cli = cli_at(tmp_path_factory.mktemp("part") / "results")
    return cli, cli("run", f"ablation={','.join(PART)}", "executor=inline", *words(*PART))


def measured(folder: Path, study: str) -> dict[tuple[str, str, str], float]:
    with (folder / f"{study}.csv").open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["node"]]
    return {(r["row_key"], r["dataset"], r["metric"]): float(r["value"]) for r in rows}


def asked(study: str, rows: tuple[str, ...], tasks: tuple[str, ...]) -> set[tuple[str, str, str]]:
    content = Content(environment={})
    metrics = content.layout(str(content.study(study).report)).metrics
    return {(row, task, metric) for row in rows for task in tasks for metric in metrics}


def check(folder: Path, study: str, rows: tuple[str, ...], tasks: tuple[str, ...]) -> None:
    values = measured(folder, study)
    assert set(values) == asked(study, rows, tasks)
    for (_, _, metric), value in values.items():
        assert math.isfinite(value)
        assert value >= 0
        assert value <= 100 or metric == "N"
    assert all((folder / f"{study}.{suffix}").stat().st_size > 0 for suffix in SUFFIXES)


def test_the_command_ends_well(part: Any) -> None:
    assert (part[1].code, part[1].err) == (0, "")


@pytest.mark.parametrize("study", PART)
def test_every_asked_cell_of_a_study_has_a_number_and_every_file_is_written(
    part: Any, study: str
) -> None:
    check(part[0].latest(study), study, PART[study], (TASK[study],))


def test_what_rows_share_is_trained_once(part: Any) -> None:
    stages = [manifest["stage"] for manifest in part[0].manifests().values()]
    assert {stage: stages.count(stage) for stage in sorted(set(stages))} == {
        "evaluate": 13,
        "gan": 4,  # rotation, the two switches, stripes
        "joint": 13,
        "pretrain": 1,
        "source": 1,
        "warmup": 2,
    }


def test_rows_that_switch_something_end_with_other_weights(part: Any) -> None:
    joint = [m for m in part[0].manifests().values() if m["stage"] == "joint"]
    assert len({manifest["files"]["encoder.pt"] for manifest in joint}) == len(joint)


def test_reports_without_new_results_do_not_change_a_byte(part: Any, tmp_path: Path) -> None:
    cli, _ = part
    written = []
    for name in ("first", "second"):
        out = tmp_path / name
        for study in PART:
            report = cli("report", study, *words(study), ALL, f"out={out}")
            assert (report.code, report.err) == (0, "")
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert set(written[0]) == {f"{study}.{suffix}" for study in PART for suffix in SUFFIXES}
    assert written[0] == written[1]
    ran = [path for study in PART for path in (cli.latest(study)).iterdir()]
    assert written[0] == {p.name: p.read_bytes() for p in ran if p.name in written[0]}


@pytest.fixture(scope="module")
def whole(cli_at: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    cli = cli_at(tmp_path_factory.mktemp("whole") / "results")
    return cli, cli("run", NAMES, "profile=smoke", "executor=inline")


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_all_rows_and_tasks_of_a_study_have_numbers(whole: Any, study: str) -> None:
    cli, answer = whole
    assert (answer.code, answer.err) == (0, "")
    described = Content(environment={}).study(study)
    rows = tuple(row.key for row in described.rows)
    check(
        cli.latest(study),
        study,
        rows,
        tuple(task.name for task in described.tasks),
    )


@pytest.mark.slow
def test_a_second_call_for_all_studies_trains_nothing_and_changes_no_file(whole: Any) -> None:
    cli, _ = whole
    reports = cli.home / "reports"
    before = {path.name: path.read_bytes() for path in reports.glob("*/latest/*")}
    again = cli("run", NAMES, "profile=smoke", "executor=inline")
    assert again.code == 0
    assert "nothing was trained." in again.out
    after = {path.name: path.read_bytes() for path in reports.iterdir() if path.is_file()}
    assert after == before
