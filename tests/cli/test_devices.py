"""Every verb that takes a device refuses one that is none, or not there, before anything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gclbench.words.verbs import MODELS

Cli = Callable[..., tuple[int, str, str]]
# Words with which each verb would begin to work; nothing that they name is there.
VERBS: dict[str, tuple[str, ...]] = {
    "run": ("ablation=world_check", "rows=random", "tasks=market1501", "profile=smoke"),
    "plan": ("ablation=world_check", "rows=random", "tasks=market1501", "profile=smoke"),
    "tune": ("study=temperature", "profile=smoke"),
    "figure": ("world", "profile=smoke"),
    "embed": ("checkpoint=none.pth", "images=none"),
    "mesh estimate": ("market1501", "profile=smoke", "weights=tests"),
    "mesh import": ("market1501", "profile=smoke", "archive=none.zip"),
    "mesh render": ("market1501", "profile=smoke", "out=renders"),
}


def test_the_verbs_here_are_those_that_run_networks() -> None:
    takes = {model.verb for model in MODELS if "device" in model.declared()}
    assert takes == {*VERBS, "export"}  # export packs what is finished


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("mps", 2, "device=mps is not known"),
        ("cuda:-1", 2, "device=cuda:-1 is not known"),
        ("cuda:9", 3, "device=cuda:9: there are 2 GPUs"),
        ("cpu:1", 3, "device=cpu:1: the processor has no number"),
    ],
)
def test_a_device_is_refused_in_one_line_and_nothing_is_written(
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    word: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").write_bytes(b"")  # weights of `mesh estimate`, which are read later
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    home = tmp_path / "home"
    found, out, err = cli(*verb.split(), *VERBS[verb], f"device={word}", f"home={home}")
    assert (found, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert not home.exists()


def test_python_is_told_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gclbench
    from gclbench.errors import DeviceMissingError, UsageError

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="device=xpu is not known"):
        gclbench.embed("none.pth", "none", device="xpu", home=tmp_path)
    with pytest.raises(DeviceMissingError, match="torch finds no GPU"):
        gclbench.embed("none.pth", "none", device="cuda:1", home=tmp_path)
    with pytest.raises(UsageError, match="device=meta is not known"):
        gclbench.open("world_check", device="meta", home=tmp_path)
