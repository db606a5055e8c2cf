"""Damaged files of weights: one line, no traceback, no hang, nothing loaded by half."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gclbench.cli.app import main
from gclbench.errors import CheckpointError, DataMissingError, GclbenchError
from gclbench.networks.checkpoints import load_id_checkpoint
from gclbench.networks.id_encoder import IdEncoder
from gclbench.schema.settings import IdEncoderSettings
from tests.mutations import mutations

TINY = IdEncoderSettings(depth="resnet18", width=1, embedding_dim=8)
NUMBERS = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def own() -> dict[str, Tensor]:
    return IdEncoder(TINY, generator=torch.Generator().manual_seed(0)).state_dict()


def trunk() -> dict[str, Tensor]:
    return {name: value for name, value in own().items() if not name.startswith("feat")}


def norm(name: str) -> dict[str, Tensor]:
    kinds = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{kind}": torch.ones(8) for kind in kinds}


def numbered() -> dict[str, Tensor]:
    parts = ((name.partition("."), value) for name, value in trunk().items())
    return {f"module.base.{NUMBERS[top]}.{rest}": value for (top, _, rest), value in parts}


def under(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in trunk().items()}


CONTENTS: dict[str, Callable[[], Any]] = {
    "encoder": own,
    "jvtc": lambda: {**own(), "classifier.weight": torch.ones(3, 8)},
    "gcl": lambda: {"id": own()},
    "torchvision": lambda: {**trunk(), "fc.weight": torch.ones(3, 8)},
    "spcl": lambda: {"state_dict": {**numbered(), **norm("module.feat_bn")}, "epoch": 4},
    "mmcl": lambda: {"state_dict": {**under("module.base."), **norm("module.bn")}, "best": 0.5},
    "act": lambda: {"state_dict": {**under("base."), **norm("feat_bn")}},
    "buc": lambda: {**under("CNN.base."), **norm("avg_pooling.embeding_bn")},
    "fastreid": lambda: {"model": {**under("backbone."), **norm("heads.bottleneck.0")}},
}


def bytes_of(name: str, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(CONTENTS[name](), buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def safetensors() -> bytes:
    state = {name: value for name, value in own().items() if value.is_floating_point()}
    header, data = {}, b""
    for name, value in state.items():
        raw = value.contiguous().numpy().tobytes()
        place = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": place}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


FILES: dict[str, Callable[[], bytes]] = {
    **{name: lambda name=name: bytes_of(name, True) for name in CONTENTS},
    **{f"{name}-old": lambda name=name: bytes_of(name, False) for name in ("encoder", "spcl")},
    "safetensors": safetensors,
}


def fault(encoder: IdEncoder, path: Path) -> GclbenchError | None:
    try:
        load_id_checkpoint(encoder, path)
    except (CheckpointError, DataMissingError) as error:
        return error
    return None


def try_all(path: Path, data: bytes, count: int, seed: int) -> int:
    """Load `count` damaged copies; return how many were refused. Any other error is raised."""
    refused = 0
    encoder = IdEncoder(TINY)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    for damaged in mutations(data, count, seed):
        path.write_bytes(damaged)
        error = fault(encoder, path)
        if error is not None:
            refused += 1
            assert str(path) in error.message
            assert error.remedy
            assert all(torch.equal(v, before[n]) for n, v in encoder.state_dict().items())
        else:
            assert all(torch.isfinite(value).all() for value in encoder.state_dict().values())
            encoder = IdEncoder(TINY)
    return refused


@pytest.mark.parametrize("name", FILES)
def test_sound_files_load(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.pth").write_bytes(FILES[name]())
    if name == "buc":  # a BatchNorm without its linear layer
        with pytest.raises(CheckpointError, match=r"feat\.weight"):
            load_id_checkpoint(IdEncoder(TINY), tmp_path / "a.pth")
    else:
        load_id_checkpoint(IdEncoder(TINY), tmp_path / "a.pth")


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_refused_in_one_line_or_load_whole(tmp_path: Path, name: str) -> None:
    assert try_all(tmp_path / "a.pth", FILES[name](), 30, seed=7) > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_damaged_files(tmp_path: Path, name: str) -> None:
    assert try_all(tmp_path / "a.pth", FILES[name](), 300, seed=11) > 50


def test_the_verb_ends_with_a_documented_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.pth"
    for damaged in mutations(bytes_of("spcl", True), 10, seed=3):
        path.write_bytes(damaged)
        code = main(["checkpoint", "show", str(path), "profile=smoke"])
        said = capsys.readouterr()
        assert code in (0, 1, 3)
        assert "Traceback" not in said.err
        assert "fault of gclbench" not in said.err
        assert len(said.err.splitlines()) == (code != 0)
