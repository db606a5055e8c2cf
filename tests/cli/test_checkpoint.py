"""`gclbench checkpoint` and `gclbench embed`: words, answers, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gclbench.networks.id_encoder import IdEncoder
from gclbench.plan import ArtifactStore, Node
from gclbench.schema import Stage
from gclbench.schema.settings import IdEncoderSettings
from gclbench.seeding import torch_generator

Cli = Callable[..., tuple[int, str, str]]
SMOKE = IdEncoderSettings(depth="resnet18", width=8, embedding_dim=32)
KEY = "c0" * 32


@pytest.fixture
def encoder() -> IdEncoder:
    return IdEncoder(SMOKE, generator=torch_generator(0, "cli"))


@pytest.fixture
def file(tmp_path: Path, encoder: IdEncoder) -> str:
    torch.save({"id": encoder.state_dict()}, tmp_path / "id_00030000.pt")
    return str(tmp_path / "id_00030000.pt")


@pytest.fixture
def home(tmp_path: Path, encoder: IdEncoder) -> str:
    network = {"id_encoder": SMOKE.model_dump()}
    settings = {"network": network, "data": {"height_px": 64, "width_px": 32}}
    store = ArtifactStore(tmp_path / "home")
    node = Node(Stage.WARMUP, KEY, 0, "warmup jvtc m seed 0", settings)
    with store.workspace(node) as space:
        torch.save(encoder.state_dict(), space.folder / "encoder.pt")
        space.commit(node.record())
    return f"home={tmp_path / 'home'}"


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    (tmp_path / "shots").mkdir()
    for index in range(5):
        pixels = draws.integers(0, 256, (80, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "shots" / f"{index}.png")
    return tmp_path / "shots"


def test_show_says_layout_sizes_and_whether_it_loads(cli: Cli, file: str) -> None:
    code, out, _ = cli("checkpoint", "show", file, "profile=smoke")
    assert code == 0
    assert "E_id of GCL" in out
    assert "profile=smoke" in out
    assert "loads: layout gcl: 127 tensors taken" in out
    code, out, _ = cli("checkpoint", "show", file)
    assert code == 0
    assert "does not load" in out
    code, out, _ = cli("checkpoint", "show", file, "profile=smoke", "--json")
    found = json.loads(out)
    assert found["loads"] is True
    assert len(found["tensors"]) == 127


def test_show_lists_every_tensor_when_asked(cli: Cli, file: str) -> None:
    code, out, _ = cli("checkpoint", "show", file, "profile=smoke", "--tensors")
    assert code == 0
    assert "layer4.1.conv2.weight" in out


def test_export_writes_a_file_and_what_it_is(cli: Cli, home: str, tmp_path: Path) -> None:
    out_file = tmp_path / "exported" / "e_id.pth"
    code, out, _ = cli("checkpoint", "export", KEY[:8], f"out={out_file}", home)
    assert code == 0
    assert f"wrote {out_file}.json" in out
    code, out, _ = cli("checkpoint", "show", str(out_file))
    assert "exported from: warmup jvtc m seed 0" in out
    assert "loads: layout gcl" in out  # by the sizes beside it, whatever the profile
    code, out, _ = cli("checkpoint", "export", KEY, f"out={out_file}", home, "--json")
    assert json.loads(out)["node"] == KEY


@pytest.mark.parametrize(
    "words, code, said",
    [
        (("export", KEY), 2, "out= is missing"),
        (("export", KEY, "out=x", "format=pickle"), 2, "Allowed: onnx, state_dict, torchscript"),
        (("export", "123456", "out=x"), 3, "no node"),
        (("export", "joint", "out=x"), 2, "no key of a node"),
        (("export", KEY, "out=x", "device=cpu"), 2, "unknown word 'device'"),
        (("show", "absent.pth"), 3, "absent.pth"),
    ],
)
def test_wrong_words_are_one_line(
    cli: Cli, home: str, words: tuple[str, ...], code: int, said: str
) -> None:
    place = (home,) if words[0] == "export" else ()
    found, _, err = cli("checkpoint", *words, *place)
    assert found == code
    assert said in err
    assert len(err.splitlines()) == 1


def test_embed_writes_unit_features_with_their_paths(
    cli: Cli, file: str, home: str, shots: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    where = f"images={shots}"
    assert cli("embed", f"checkpoint={KEY[:8]}", where, home, f"out={first}")[0] == 0
    code, _, err = cli("embed", f"checkpoint={file}", where, f"out={second}")
    assert code == 1
    assert "profile=smoke" in err
    assert not second.exists()
    code, out, _ = cli(
        *("embed", f"checkpoint={file}", where, f"out={second}", "profile=smoke", "--json")
    )
    assert code == 0
    assert json.loads(out)["images"] == 5
    assert first.read_bytes() == second.read_bytes()
    with np.load(first, allow_pickle=False) as arrays:
        assert arrays["paths"].tolist() == [f"{shots.as_posix()}/{i}.png" for i in range(5)]
        assert arrays["features"].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(arrays["features"], axis=1), 1, atol=1e-6)


def test_embed_prints_the_nearest_images_without_the_query_itself(
    cli: Cli, home: str, shots: Path, tmp_path: Path
) -> None:
    words = (f"checkpoint={KEY}", f"images={shots}", home, f"out={tmp_path / 'a.npz'}")
    code, out, _ = cli("embed", *words, f"query={shots}/2.png", "top=3", "--json")
    assert code == 0
    nearest = json.loads(out)["nearest"]
    with np.load(tmp_path / "a.npz") as arrays:
        features = arrays["features"].astype(np.float64)
    plain = ((features - features[2]) ** 2).sum(1)
    order = [f"{shots.as_posix()}/{i}.png" for i in np.argsort(plain)[1:4]]
    assert [each["path"] for each in nearest] == order
    code, out, _ = cli("embed", *words, f"query={shots}/2.png")
    assert "nearest to" in out


@pytest.mark.parametrize(
    "words, code, said",
    [
        (("images=x",), 2, "checkpoint="),
        (("checkpoint=x",), 2, "images="),
        (("checkpoint=x", "images=x", "top=3"), 2, "query=IMAGE"),
        (("checkpoint=x", "images=absent"), 3, "names no image"),
        (("checkpoint=x", "images={shots}"), 3, "no checkpoint at x"),
        (("checkpoint=x", "images={shots}", "out={shots}"), 2, "is a folder. Name a file in it"),
        (("checkpoint=x", "images=x", "batch_size=0"), 2, "batch_size"),
        (("checkpoint=x", "imags=x"), 2, "Did you mean 'images'?"),
        (("checkpoint=", "images=x"), 2, "checkpoint= has no value"),
    ],
)
def test_wrong_words_of_embed_are_one_line(
    cli: Cli, shots: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    found, _, err = cli("embed", *(word.format(shots=shots) for word in words))
    assert found == code
    assert said in err
    assert len(err.splitlines()) == 1
