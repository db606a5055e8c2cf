"""Weights with NaN: shown, and refused by every verb before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from gclbench.cli.app import main
from gclbench.networks.id_encoder import IdEncoder
from gclbench.plan import ArtifactStore, Node
from gclbench.schema import Stage
from gclbench.schema.settings import IdEncoderSettings
from gclbench.seeding import torch_generator

SMOKE = IdEncoderSettings(depth="resnet18", width=8, embedding_dim=32)
KEY = "d0" * 32
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out, " ".join(said.err.split())

    return call


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    state = IdEncoder(SMOKE, generator=torch_generator(0, "broken")).state_dict()
    state["layer2.0.conv1.weight"][0] = float("nan")
    state["feat.bias"][3] = float("inf")
    torch.save(state, tmp_path / "broken.pth")
    return tmp_path / "broken.pth"


def test_show_counts_them(say: Say, broken: Path) -> None:
    code, out, _ = say("checkpoint", "show", str(broken), "profile=smoke")
    assert code == 0
    assert "not finite (NaN, infinity, or a variance below 0): 2 of 127 tensors" in out
    assert "does not load" in out
    _, out, _ = say("checkpoint", "show", str(broken), "profile=smoke", "--json")
    assert json.loads(out)["not_finite"] == ["layer2.0.conv1.weight", "feat.bias"]


def test_plan_run_and_embed_refuse_them_at_once(say: Say, broken: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = ("ablation=table6", "rows=baseline", "tasks=market1501", "seeds=0", "profile=smoke")
    words += ("warmup.method=checkpoint", f"warmup.checkpoint.path={broken}", f"home={home}")
    for verb in ("plan", "run"):
        code, _, err = say(verb, *words)
        assert code == 3
        assert "2 of 127 tensors hold values that are not finite" in err
        assert not (home / "artifacts").exists()
    (tmp_path / "shots").mkdir()
    Image.new("RGB", (32, 64)).save(tmp_path / "shots" / "a.png")
    out = tmp_path / "f.npz"
    code, _, err = say(
        *("embed", f"checkpoint={broken}", f"images={tmp_path / 'shots'}", "profile=smoke"),
        f"out={out}",
    )
    assert code == 1
    assert "2 of 127 tensors" in err
    assert "learning rate" not in err
    assert not out.exists()


def test_export_refuses_a_node_that_holds_them(say: Say, broken: Path, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "home")
    settings = {"network": {"id_encoder": SMOKE.model_dump()}}
    node = Node(Stage.WARMUP, KEY, 0, "warmup jvtc m seed 0", settings)
    with store.workspace(node) as space:
        (space.folder / "encoder.pt").write_bytes(broken.read_bytes())
        space.commit(node.record())
    out = tmp_path / "e.pth"
    code, _, err = say("checkpoint", "export", KEY, f"out={out}", f"home={tmp_path / 'home'}")
    assert code == 1
    assert "2 of 127 tensors" in err
    assert "Delete" not in err
    assert not out.exists()
