"""Rows that a user writes: one loss alone, and gray guidance on real images without meshes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

SMALL = (
    *("profile=smoke", "executor=inline", "data.world.people_train=8"),
    *("data.world.people_test=6", "pretrain.epochs=1", "pretrain.people=8", "source.epochs=1"),
    *("warmup.epochs=1", "gan.epochs=1", "gan.batch_size=4"),
    *("joint.epochs=1", "joint.batch_size=4"),
)
TASKS = {
    "duke2market": "{name: duke2market, setting: uda, label: D2M, target: market1501,"
    " source: dukemtmc_reid}",
    "market1501": "{name: market1501, setting: usl, label: Market, target: market1501}",
}


def write_study(folder: Path, task: str, augmentations: str, losses: str) -> Path:
    """A content folder with the study `mine`: one plain row."""
    text = (
        f"study: mine\ntitle: Mine\nrecipe: gcl_plus\nreport: mine\ntasks:\n  - {TASKS[task]}\n"
        "rows:\n  - key: only\n    label: Only\n    set:\n"
        f"      joint.augmentations: [{augmentations}]\n      joint.losses: [{losses}]\n"
    )
    layout = f"report: mine\ntitle: Mine\ncaption: ''\npanels: [{{title: P, tasks: [{task}]}}]\n"
    for name, content in (("ablations", text), ("reports", layout)):
        (folder / name).mkdir(parents=True)
        (folder / name / "mine.yaml").write_text(content, encoding="utf-8")
    return folder


def of_stage(cli: Any, stage: str) -> list[dict[str, Any]]:
    return [m for m in cli.manifests().values() if m["stage"] == stage]


def test_table_7s_first_row_is_a_run_of_l_vi_alone(cli_at: Any, tmp_path: Path) -> None:
    table, own = cli_at(tmp_path / "table"), cli_at(tmp_path / "own")
    content = write_study(tmp_path / "content", "duke2market", "rotation", "l_vi")
    first = table("run", "ablation=table7", "rows=vi", "tasks=duke2market", *SMALL)
    second = own("run", "ablation=mine", "--content", str(content), *SMALL)
    assert [(answer.code, answer.err) for answer in (first, second)] == [(0, "")] * 2
    for stage in ("joint", "evaluate"):
        (ours,), (theirs,) = of_stage(table, stage), of_stage(own, stage)
        assert ours["files"] == theirs["files"]
        assert ours["metrics"] == theirs["metrics"]
    (joint,) = of_stage(table, "joint")
    assert "encoder.pt" in joint["files"]
    losses = [name for name in joint["components"] if name.startswith("losses/")]
    assert losses == ["losses/l_vi"]


def test_gray_guidance_needs_no_meshes_of_real_people(
    cli: Any, market: Path, tmp_path: Path
) -> None:
    content = write_study(tmp_path / "content", "market1501", "gray_switch", "l_vi, l_proto")
    words = ("pretrain.kind=random", "warmup.batch_images=2", "joint.pseudo_labels.eps=0.9")
    real = ("run", "ablation=mine", "--content", str(content), *SMALL, *words)
    answer = cli(*real, f"data.root={market}")
    assert (answer.code, answer.err) == (0, "")
    (evaluated,) = of_stage(cli, "evaluate")
    assert math.isfinite(evaluated["metrics"]["mAP"])
    assert not list(cli.home.rglob("projections*"))


@pytest.mark.parametrize("view", ["rotation", "mesh_switch"])
def test_mesh_guidance_does(cli: Any, market: Path, tmp_path: Path, view: str) -> None:
    content = write_study(tmp_path / "content", "market1501", view, "l_vi, l_proto")
    words = ("pretrain.kind=random", "warmup.batch_images=2", f"data.root={market}")
    answer = cli("run", "ablation=mine", "--content", str(content), *SMALL, *words)
    assert answer.code == 2
    assert "data.mesh.source=oracle needs the rendered world" in answer.err
