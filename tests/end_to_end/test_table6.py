"""One command trains all three stages on the built-in world and prints Table 6 (profile smoke)."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import shipped_folder

WHOLE = ("run", "ablation=table6", "profile=smoke", "workers=2")
PART = (
    "run", "ablation=table6", "profile=smoke", "rows=multi_mixup,rotation_dmixup",
    "tasks=duke2market", "executor=inline",
)  # fmt: skip
ONE = (
    "run", "ablation=table6", "profile=smoke", "rows=rotation_dmixup", "tasks=market1501",
    "executor=inline",
)  # fmt: skip
PAPER_ROWS = {
    "Baseline": "baseline",
    "Multi": "multi",
    "Multi + Mixup": "multi_mixup",
    "Rotation": "rotation",
    "Rotation + Mixup": "rotation_mixup",
    "Rotation + F-Mixup": "rotation_fmixup",
    "Rotation + D-Mixup": "rotation_dmixup",
}
CONTROLS = {
    "None (memory contrast alone)": "none",
    "Oracle rotation (true renders)": "oracle_rotation",
}
TASKS = ("market1501", "dukemtmc-reid", "duke2market", "market2duke")
ADDED = [
    *("std", "low", "high", "n_seeds", "data", "node", "damaged", "untrained"),
    *("seeds", "profile", "settings", "cpu", "device", "version"),
]


@pytest.fixture(scope="module")
def whole(cli_at: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The command line over a results folder with the whole table, and its first answer."""
    cli = cli_at(tmp_path_factory.mktemp("whole") / "results")
    return cli, cli(*WHOLE)


@pytest.fixture(scope="module")
def part(cli_at: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Two rows of one task, in an empty folder, one process, the machine's own thread counts."""
    cli = cli_at(tmp_path_factory.mktemp("part") / "results")
    return cli, cli.outside(*PART)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def numbers_of(text: str, label: str) -> list[list[float]]:
    """The numbers behind a label, one list for each line that starts with it and has any."""
    pattern = re.compile(rf"^ *{re.escape(label)} {{2,}}[^+(]*$")
    lines = [line for line in text.splitlines() if pattern.match(line)]
    found = [[float(word) for word in re.findall(r"\d+\.\d", line)] for line in lines]
    return [numbers for numbers in found if numbers]


def test_the_command_ends_well(whole: Any) -> None:
    _, answer = whole
    assert (answer.code, answer.err) == (0, "")
    assert "79 stage runs done, 0 reused." in answer.out


@pytest.mark.parametrize("label", [*PAPER_ROWS, *CONTROLS])
def test_every_row_has_sixteen_printed_numbers(whole: Any, label: str) -> None:
    measured = whole[1].tables.split("(published)")[0]
    panels = numbers_of(measured, label)
    assert [len(panel) for panel in panels] == [8, 8]
    assert all(0 <= value <= 100 for panel in panels for value in panel)


def test_the_published_table_stands_beside_with_the_papers_rows_only(whole: Any) -> None:
    published = whole[1].tables.split("(published)")[1]
    assert "47.2  75.4  86.7  90.5" in published
    assert all(len(numbers_of(published, label)) == 2 for label in PAPER_ROWS)
    assert not any(label in published for label in CONTROLS)


def test_rows_are_shown_as_they_finish(whole: Any) -> None:
    lines = whole[1].stderr.splitlines()
    shown = [index for index, line in enumerate(lines) if re.search(r"seed 0  mAP +\d", line)]
    started = [index for index, line in enumerate(lines) if line.startswith("start")]
    assert len(shown) == 36
    assert len(started) == 79
    assert shown[0] < started[len(started) // 2]


def test_the_csv_is_tidy_and_complete(whole: Any) -> None:
    cli, _ = whole
    rows = read_csv(cli.latest("table6") / "table6.csv")
    published = shipped_folder() / "baselines" / "published" / "table6.csv"
    header = published.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert list(rows[0]) == [*header, *ADDED]
    measured = [row for row in rows if row["node"]]
    found = {(row["row_key"], row["dataset"], row["metric"]) for row in measured}
    keys = [*PAPER_ROWS.values(), *CONTROLS.values()]
    assert found == {(k, t, m) for k in keys for t in TASKS for m in ("mAP", "R1", "R5", "R10")}
    assert len(measured) == 9 * 16
    assert all(0 <= float(row["value"]) <= 100 and row["n_seeds"] == "1" for row in measured)
    assert {row["data"] for row in measured} == {
        "synthetic_market1501",
        "synthetic_dukemtmc_reid",
    }


def test_the_numbers_of_the_csv_are_those_of_the_artifacts(whole: Any) -> None:
    cli, _ = whole
    manifests = cli.manifests()
    for row in read_csv(cli.latest("table6") / "table6.csv"):
        if row["node"]:
            assert float(row["value"]) == manifests[row["node"]]["metrics"][row["metric"]]


def test_markdown_latex_and_html_are_written_too(whole: Any) -> None:
    cli, answer = whole
    texts = {suffix: (cli.latest("table6") / f"table6.{suffix}").read_text(encoding="utf-8")
             for suffix in ("md", "tex", "html")}  # fmt: skip
    assert r"\documentclass" in texts["tex"]
    assert r"\toprule" in texts["tex"]
    assert all("Rotation + D-Mixup" in text for text in texts.values())
    assert all(f"table6.{suffix}" in answer.out for suffix in texts)


def stat(cli: Any, key: str) -> tuple[int, int]:
    """Which file a manifest is, and when it was written: another one was made anew."""
    (path,) = (cli.home / "artifacts").glob(f"*/{key}/manifest.json")
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def test_a_second_call_reuses_everything_and_prints_the_same_tables(whole: Any) -> None:
    cli, first = whole
    before = (cli.latest("table6") / "table6.csv").read_bytes()
    made = {key: stat(cli, key) for key in cli.manifests()}
    second = cli(*WHOLE)
    assert {key: stat(cli, key) for key in cli.manifests()} == made
    assert (second.code, second.tables) == (0, first.tables)
    assert "Everything was reused: 79 stage runs, nothing was trained." in second.out
    assert (cli.latest("table6") / "table6.csv").read_bytes() == before


def test_the_plan_says_what_is_cached(whole: Any) -> None:
    cli, _ = whole
    summary = json.loads(cli("plan", "ablation=table6", "profile=smoke", "--json").out)
    assert (summary["cells"], summary["controls"]) == (28, 8)
    assert summary["cached"] == summary["unique"]
    assert (summary["unique"]["warmup"], summary["unique"]["gan"]) == (4, 4)


def test_a_report_is_made_without_training(whole: Any, tmp_path: Path) -> None:
    cli, _ = whole
    answer = cli("report", "table6", "profile=smoke", "format=csv", f"out={tmp_path}")
    assert answer.code == 0
    assert (tmp_path / "table6.csv").read_bytes() == (
        cli.latest("table6") / "table6.csv"
    ).read_bytes()


def test_every_stage_run_is_a_sacred_run_of_the_store(whole: Any) -> None:
    cli, _ = whole
    counts = {
        stage: [status for _, status, _ in cli.runs(stage)]
        for stage in ("pretrain", "source", "warmup", "gan", "joint", "evaluate")
    }
    assert {stage: len(runs) for stage, runs in counts.items()} == {
        "pretrain": 1, "source": 2, "warmup": 4, "gan": 4, "joint": 32, "evaluate": 36,
    }  # fmt: skip
    assert {status for runs in counts.values() for status in runs} == {"COMPLETED"}


def test_a_part_computed_anew_has_the_same_keys_and_the_same_table_lines(
    whole: Any, part: Any
) -> None:
    assert (part[1].code, part[1].err) == (0, "")
    assert len(part[0].manifests()) == 8
    assert part[0].manifests().keys() <= whole[0].manifests().keys()
    rows, known = (read_csv(cli.latest("table6") / "table6.csv") for cli in (part[0], whole[0]))
    measured = [row for row in rows if row["node"]]
    assert len(measured) == 8
    assert all(row in known for row in measured)


def test_a_part_computed_anew_inline_comes_back_bit_for_bit(whole: Any, part: Any) -> None:
    ours, theirs = part[0].manifests(), whole[0].manifests()
    assert {key: ours[key]["files"] for key in ours} == {key: theirs[key]["files"] for key in ours}
    assert {key: ours[key]["metrics"] for key in ours} == {
        key: theirs[key]["metrics"] for key in ours
    }


@pytest.fixture
def stop_during(cli: Any) -> Callable[[str], None]:
    """Start the command and `kill -9` it once the stage has saved a checkpoint."""

    def stop(stage: str) -> None:
        process = cli.start(*ONE)
        folder = cli.home / "artifacts" / stage
        for _ in _while_running(process, limit_s=120):
            if any(folder.glob("*.partial/checkpoints/epoch-*.pt")):
                break
        assert process.poll() is None, f"the run ended before {stage} could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert not any(path.is_file() for path in folder.glob("*/manifest.json"))

    return stop


def _while_running(process: Any, limit_s: float) -> Iterator[None]:
    limit = time.monotonic() + limit_s
    while process.poll() is None and time.monotonic() < limit:
        yield
        time.sleep(0.005)


def test_killed_in_each_stage_the_same_command_goes_on_to_the_same_numbers(
    whole: Any, cli: Any, stop_during: Callable[[str], None]
) -> None:
    stages = ("warmup", "gan", "joint")
    for stage in stages:
        stop_during(stage)
    answer = cli.outside(*ONE)
    assert (answer.code, answer.err) == (0, "")
    ours, theirs = cli.manifests(), whole[0].manifests()
    assert {ours[key]["stage"] for key in ours} == {"pretrain", *stages, "evaluate"}
    for key in ours:
        assert ours[key]["metrics"] == theirs[key]["metrics"]
        assert ours[key]["files"] == theirs[key]["files"]
    for stage in stages:
        (_, killed, _), (second, completed, _) = cli.runs(stage)
        assert (killed, completed) == ("INTERRUPTED", "COMPLETED")
        trained = cli.epochs(second)
        epochs = len(whole[0].epochs(whole[0].runs(stage)[0][0]))
        assert 0 < len(trained) < epochs, stage
        assert trained == list(range(epochs - len(trained) + 1, epochs + 1))
