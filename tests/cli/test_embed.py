"""`gclbench embed` over folders as people keep them: what is broken is named, the rest is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gclbench.cli.exit import ExitCode
from gclbench.networks.id_encoder import IdEncoder
from gclbench.schema.settings import IdEncoderSettings
from gclbench.seeding import torch_generator

Cli = Callable[..., tuple[int, str, str]]
SMOKE = IdEncoderSettings(depth="resnet18", width=8, embedding_dim=32)


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    encoder = IdEncoder(SMOKE, generator=torch_generator(0, "cli"))
    torch.save({"id": encoder.state_dict()}, tmp_path / "id.pt")
    return ("embed", f"checkpoint={tmp_path / 'id.pt'}", "profile=smoke", "device=cpu")


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    folder = tmp_path / "my shots"
    draws = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "deep/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (80, 40, 3), dtype=np.uint8)).save(folder / name)
    return folder


def soil(folder: Path) -> dict[str, str]:
    """Put broken pictures among the others; return name -> what should be said."""
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "half.jpg").write_bytes((folder / "b.jpg").read_bytes()[:700])
    (folder / "lost.png").symlink_to("gone.png")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    (folder / "wink.gif").write_bytes(b"GIF89a" + bytes(20))
    return {
        "empty.jpg": "it is empty", "half.jpg": "truncated", "lost.png": "leads nowhere",
        "phone.heic": "HEIC", "wink.gif": "a GIF",
    }  # fmt: skip


def clutter(folder: Path) -> None:
    for name in (".DS_Store", "._a.png", ".thumbs/a.png", "@eaDir/a.png/x.jpg", "Thumbs.db"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"Bud1")
    (folder / "deep" / "up").symlink_to(folder)


def test_broken_images_are_named_and_the_rest_is_done(
    cli: Cli, words: tuple[str, ...], shots: Path, tmp_path: Path
) -> None:
    whole, part = tmp_path / "whole.npz", tmp_path / "part.npz"
    assert cli(*words, f"images={shots}", f"out={whole}")[0] == ExitCode.OK
    said = soil(shots)
    clutter(shots)
    code, out, err = cli(*words, f"images={shots}", f"out={part}")
    assert code == ExitCode.SOME_FAILED
    assert "3 images at" in out
    lines = err.splitlines()
    assert len(lines) == len(said)
    for line, (name, why) in zip(lines, said.items(), strict=True):
        assert line.startswith(f"left out: the image {shots / name} cannot be read")
        assert why in line
        assert "dataset" not in line
    assert part.read_bytes() == whole.read_bytes()
    code, out, _ = cli(*words, f"images={shots}", f"out={part}", "--json")
    assert code == ExitCode.SOME_FAILED
    assert [Path(each["path"]).name for each in json.loads(out)["broken"]] == list(said)


def test_a_glob_takes_what_a_folder_takes(
    cli: Cli, words: tuple[str, ...], shots: Path, tmp_path: Path
) -> None:
    soil(shots)
    clutter(shots)
    code, _, err = cli(*words, f"images={shots}/*.png", f"out={tmp_path / 'x.npz'}")
    assert code == ExitCode.SOME_FAILED
    assert "lost.png" in err
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["paths"].tolist() == [f"{shots.as_posix()}/a.png"]


def test_many_broken_images_are_counted(
    cli: Cli, words: tuple[str, ...], shots: Path, tmp_path: Path
) -> None:
    for index in range(13):
        (shots / f"x{index:02d}.png").write_bytes(b"")
    _, _, err = cli(*words, f"images={shots}", f"out={tmp_path / 'x.npz'}")
    assert err.splitlines()[10:] == ["left out: 3 more; --json names them all"]


def test_where_no_image_can_be_read_nothing_is_written(
    cli: Cli, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    code, _, err = cli(*words, f"images={tmp_path / 'a.png'}", f"out={tmp_path / 'x.npz'}")
    assert code == ExitCode.DATA_MISSING
    assert "none of 1 images can be read" in err
    assert "it is empty" in err
    assert not (tmp_path / "x.npz").exists()


def test_a_broken_query_is_told_before_the_others_are_read(
    cli: Cli, words: tuple[str, ...], shots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "q.png").write_bytes(b"")
    monkeypatch.setattr("gclbench.runtime.checkpoints.source.open_source", None)
    code, _, err = cli(*words, f"images={shots}", f"query={tmp_path / 'q.png'}")
    assert code == ExitCode.DATA_MISSING
    assert "q.png cannot be read (it is empty)" in err


def test_images_may_be_named_as_a_file_manager_drops_them(
    cli: Cli, words: tuple[str, ...], shots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for index, images in enumerate(("~/my shots", shots.as_uri(), f"{shots}/", "my shots")):
        monkeypatch.chdir(tmp_path)
        out = tmp_path / f"{index}.npz"
        assert cli(*words, f"images={images}", f"out={out}")[0] == ExitCode.OK
        with np.load(out) as arrays:
            assert len(arrays["paths"]) == 3


def test_a_folder_that_is_not_there_is_told_from_an_empty_one(
    cli: Cli, words: tuple[str, ...], tmp_path: Path
) -> None:
    code, _, err = cli(*words, f"images={tmp_path / 'gone'}")
    assert code == ExitCode.DATA_MISSING
    assert "gone names no image (it is not there)" in err
    (tmp_path / "none").mkdir()
    code, _, err = cli(*words, f"images={tmp_path / 'none'}")
    assert code == ExitCode.DATA_MISSING
    assert "none names no image." in err
