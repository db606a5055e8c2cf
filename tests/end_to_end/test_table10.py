"""Table 10 on the tracklet twins, from BUC to the printed table (profile smoke)."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

WHOLE = ("run", "ablation=table10", "profile=smoke", "executor=inline")
IMAGES = (
    "run", "ablation=table6", "profile=smoke", "rows=baseline,multi", "tasks=market1501",
    "warmup.method=buc", "executor=inline",
)  # fmt: skip
ROWS = ("baseline_buc", "gcl", "gclplus", "pretrain", "none", "oracle_rotation")
TASKS = ("mars", "dukemtmc-videoreid")


@pytest.fixture(scope="module")
def whole(cli_at: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    cli = cli_at(tmp_path_factory.mktemp("table10") / "results")
    return cli, cli(*WHOLE)


def test_every_row_is_measured_and_printed_beside_the_paper(whole: Any) -> None:
    cli, answer = whole
    assert answer.code == 0, answer.err
    with (cli.latest("table10") / "table10.csv").open(encoding="utf-8", newline="") as handle:
        lines = list(csv.DictReader(handle))
    measured = {(line["row_key"], line["dataset"]) for line in lines}
    assert measured == {(row, task) for row in ROWS for task in TASKS}
    assert all(0 <= float(line["value"]) <= 100 for line in lines)
    assert {line["data"] for line in lines} == {
        "synthetic_mars",
        "synthetic_dukemtmc_videoreid",
    }
    published = answer.out[answer.out.index("Table 10: tracklets (published)") :]
    assert "50.1" in published
    assert "Baseline (BUC)" in published


def test_rankings_are_of_tracklets_and_named_after_their_protocol(whole: Any) -> None:
    found = {}
    for path in (whole[0].home / "artifacts" / "evaluate").glob("*/evaluation.json"):
        record = json.loads(path.read_text())
        found.setdefault(record["protocol"], set()).add(record["gallery_size"])
        assert not path.with_name("invariance.npz").exists()
    assert set(found) == {"mars", "dukemtmc_videoreid"}
    assert all(len(sizes) == 1 for sizes in found.values())


def test_all_steps_of_buc_are_listed_and_one_is_the_result(whole: Any) -> None:
    folders = artifacts(whole[0].home, "warmup")
    assert len(folders) == len(TASKS)
    for folder in folders:
        steps = [e for e in json.loads((folder / "epochs.json").read_text()) if "step" in e]
        assert [entry["step"] for entry in steps] == [0, 1, 2]
        clusters = [entry["step_clusters"] for entry in steps]
        assert clusters[0] - clusters[1] == clusters[1] - clusters[2] == int(clusters[0] * 0.25)
        assert steps[-1]["result_step"] in (0, 1, 2)


def test_a_second_call_trains_nothing(whole: Any) -> None:
    cli, _ = whole
    weights = [path for path in files(cli.home / "artifacts") if path.suffix in (".pt", ".npz")]
    before = {path: path.stat().st_mtime_ns for path in weights}
    again = cli(*WHOLE)
    assert again.code == 0
    assert {path: path.stat().st_mtime_ns for path in weights} == before


def test_images_may_be_warmed_up_by_buc_as_well(cli: Any) -> None:
    answer = cli(*IMAGES)
    assert answer.code == 0, answer.err
    (folder,) = artifacts(cli.home, "warmup")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["settings"]["warmup"]["method"] == "buc"
    assert set(manifest["settings"]["warmup"]) == {"method", "buc"}
    assert manifest["components"]["warmups/buc"] == 1
    assert len(artifacts(cli.home, "joint")) == 1


def artifacts(home: Path, stage: str) -> list[Path]:
    return sorted(path.parent for path in (home / "artifacts" / stage).glob("*/manifest.json"))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
