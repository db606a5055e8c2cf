"""E_id out of a node and in again: the same tensors, the same features, the same evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.datasets.load import load_dataset
from gclbench.errors import (
    CheckpointError,
    DataMissingError,
    MissingExtraError,
    UnknownNameError,
    UsageError,
)
from gclbench.evaluation.features import extract_features
from gclbench.evaluation.protocol import evaluate
from gclbench.networks.checkpoints import load_id_checkpoint
from gclbench.networks.id_encoder import IdEncoder
from gclbench.plan import ArtifactStore, Node
from gclbench.results.measured import Measured
from gclbench.running.run import run_study
from gclbench.runtime.checkpoints.describe import describe, parts
from gclbench.runtime.checkpoints.embed import embed_images, find_images
from gclbench.runtime.checkpoints.embedder import Embedder
from gclbench.runtime.checkpoints.export import FORMATS, captured, export
from gclbench.runtime.checkpoints.find import find_node
from gclbench.runtime.checkpoints.sidecar import read_sidecar, sidecar_path
from gclbench.runtime.checkpoints.sizes import Sizes
from gclbench.runtime.checkpoints.source import open_source
from gclbench.schema import Settings, Stage
from gclbench.schema.overrides import nest
from gclbench.seeding import torch_generator

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "data.height_px": 64,
    "data.width_px": 32,
    "network.id_encoder.depth": "resnet18",
    "network.id_encoder.width": 4,
    "network.id_encoder.embedding_dim": 16,
}
WORLD = {
    "data.world.people_train": 4,
    "data.world.people_test": 4,
    "data.world.images_per_person": 4,
    "data.world.distractor_people": 0,
}
SETTINGS = Settings.model_validate(nest(SMALL))
SIZES = Sizes(Settings(), {"paper": Settings(), "small": SETTINGS})
JOINT, EVALUATE = "ab" * 32, "ef" * 32


@pytest.fixture
def encoder() -> IdEncoder:
    made = IdEncoder(SETTINGS.network.id_encoder, generator=torch_generator(1, "trained"))
    # Statistics of a trained network are not those of a new one.
    for norm in made.modules():
        if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            norm.running_var.mul_(1.7)
    return made.eval()


@pytest.fixture
def home(tmp_path: Path, encoder: IdEncoder) -> Path:
    """A results folder with a trained node and its evaluation."""
    store = ArtifactStore(tmp_path / "home")
    read = SETTINGS.model_dump(mode="json")
    settings = {"network": {"id_encoder": read["network"]["id_encoder"]}}
    settings["data"] = {"height_px": 64, "width_px": 32}
    node = Node(Stage.JOINT, JOINT, 0, "joint full m seed 0", settings)
    with store.workspace(node) as space:
        torch.save(encoder.state_dict(), space.folder / "encoder.pt")
        space.commit(node.record())
    scored = Node(Stage.EVALUATE, EVALUATE, 0, "evaluate m", settings, {"joint": JOINT})
    with store.workspace(scored) as space:
        space.commit(scored.record())
    return tmp_path / "home"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    settings = Settings.model_validate(nest({**SMALL, **WORLD}))
    return load_dataset("market1501", settings.data, tmp_path_factory.mktemp("world"))


def same(first: Any, second: Any) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def test_a_node_is_found_by_its_key_by_the_start_of_it_and_by_its_evaluation(
    home: Path, encoder: IdEncoder
) -> None:
    for text in (JOINT, JOINT[:6], EVALUATE[:8]):
        found = find_node(home, None, text)
        assert (found.record.key, found.record.stage) == (JOINT, "joint")
        assert same(found.encoder().state_dict(), encoder.state_dict())


def test_what_is_not_there_is_named(home: Path) -> None:
    with pytest.raises(UsageError, match="no key of a node"):
        find_node(home, None, "../joint")
    with pytest.raises(DataMissingError, match=r"123456.*HOME/artifacts"):
        find_node(home, None, "123456")
    with pytest.raises(UnknownNameError, match="run"):
        find_node(home, None, f"{'a' * 12}-{'b' * 12}")


def test_a_damaged_encoder_is_not_handed_out(home: Path) -> None:
    path = home / "artifacts" / "joint" / JOINT / "encoder.pt"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="damaged"):
        find_node(home, None, JOINT).encoder()


def test_a_state_dict_holds_e_ids_tensors_under_public_names(
    home: Path, encoder: IdEncoder, tmp_path: Path
) -> None:
    out, beside = export(find_node(home, None, EVALUATE), tmp_path / "e_id.pth", "state_dict")
    assert same(torch.load(out, weights_only=True), encoder.state_dict())
    sidecar = read_sidecar(out)
    assert sidecar is not None
    assert beside == sidecar_path(out)
    assert (sidecar.node, sidecar.height_px, sidecar.network.width) == (JOINT, 64, 4)
    again = export(find_node(home, None, JOINT), tmp_path / "again.pth", "state_dict")[0]
    assert again.read_bytes() == out.read_bytes()


def test_a_paper_size_file_survives_import_and_export(tmp_path: Path) -> None:
    first, second = (IdEncoder(Settings().network.id_encoder) for _ in range(2))
    draws = torch.Generator().manual_seed(5)
    public = {
        name: torch.rand(value.shape, generator=draws) if value.is_floating_point() else value
        for name, value in first.state_dict().items()
    }
    torch.save({**public, "classifier.weight": torch.zeros(2, 512)}, tmp_path / "jvtc.pth")
    load_id_checkpoint(second, tmp_path / "jvtc.pth")
    FORMATS["state_dict"](second, Settings().data, tmp_path / "e_id.pth")
    assert same(torch.load(tmp_path / "e_id.pth", weights_only=True), public)


def test_export_and_import_give_the_same_evaluation(
    home: Path, encoder: IdEncoder, dataset: Any, tmp_path: Path
) -> None:
    out = export(find_node(home, None, JOINT), tmp_path / "e_id.pth", "state_dict")[0]
    loaded = IdEncoder(SETTINGS.network.id_encoder)
    load_id_checkpoint(loaded, out)
    before, after = (evaluate(each, dataset, Settings().evaluate) for each in (encoder, loaded))
    assert np.array_equal(before.ap, after.ap)
    assert before.describe() == after.describe()


@pytest.mark.parametrize("kind", ["node", "state_dict", "torchscript", "public"])
def test_embedding_gives_the_features_that_evaluation_ranks(
    home: Path, encoder: IdEncoder, dataset: Any, tmp_path: Path, kind: str
) -> None:
    sizes, text = SIZES, JOINT[:12]
    if kind == "public":
        torch.save({"id": encoder.state_dict()}, tmp_path / "id_00030000.pt")
        sizes, text = Sizes(SETTINGS, {}, given=True), str(tmp_path / "id_00030000.pt")
    elif kind != "node":
        text = str(export(find_node(home, None, JOINT), tmp_path / "e_id", kind)[0])
    source = open_source(text, home, None, sizes, CPU)
    folder = (dataset.root / dataset.query.paths[0]).parent
    paths = find_images(str(folder))
    assert [path.relative_to(dataset.root).as_posix() for path in paths] == list(
        dataset.query.paths
    )
    expected = extract_features(encoder, dataset.images("query"), 64)
    assert np.array_equal(embed_images(source, paths), expected.numpy())


def test_torchscript_takes_any_batch_and_equals_python(
    home: Path, encoder: IdEncoder, tmp_path: Path
) -> None:
    out = export(find_node(home, None, JOINT), tmp_path / "e_id.ts", "torchscript")[0]
    program = torch.jit.load(str(out))
    draws = torch.Generator().manual_seed(2)
    for count in (1, 3, 5):
        images = torch.randint(0, 256, (count, 64, 32, 3), dtype=torch.uint8, generator=draws)
        with torch.no_grad():
            assert torch.equal(program(images), Embedder(encoder)(images))
        assert torch.equal(program(images), extract_features(encoder, images.numpy(), count))


def test_the_graph_for_onnx_has_a_free_batch_size(encoder: IdEncoder) -> None:
    graph = captured(encoder, SETTINGS.data).module()
    images = torch.randint(0, 256, (5, 64, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(graph(images), Embedder(encoder)(images))


def test_onnx_without_its_packages_names_the_extra(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"gclbench\[onnx\]"):
        export(find_node(home, None, JOINT), tmp_path / "e_id.onnx", "onnx")
    assert list(tmp_path.glob("*onnx*")) == []


def test_an_onnx_file_gives_the_same_features(
    home: Path, encoder: IdEncoder, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    reference = pytest.importorskip("onnx.reference")
    out = export(find_node(home, None, JOINT), tmp_path / "e_id.onnx", "onnx")[0]
    images = torch.randint(0, 256, (3, 64, 32, 3), dtype=torch.uint8)
    (found,) = reference.ReferenceEvaluator(str(out)).run(None, {"images": images.numpy()})
    expected = extract_features(encoder, images.numpy(), 3).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sizes_that_do_not_fit_are_answered_with_those_that_do(
    encoder: IdEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "e_id.pth"
    torch.save(encoder.state_dict(), path)
    with pytest.raises(CheckpointError, match=r"resnet18 of width 4, 16.*Add: profile=small"):
        open_source(str(path), tmp_path, None, SIZES, CPU)
    wide = {**SMALL, "network.id_encoder.embedding_dim": 512}
    near = Sizes(Settings(), {"wide": Settings.model_validate(nest(wide))})
    with pytest.raises(CheckpointError, match=r"profile=wide network\.id_enc\S+dim=16"):
        open_source(str(path), tmp_path, None, near, CPU)


def test_sizes_that_a_file_says_itself_cannot_be_given(home: Path, tmp_path: Path) -> None:
    out = export(find_node(home, None, JOINT), tmp_path / "e_id.pth", "state_dict")[0]
    with pytest.raises(UsageError, match="says all sizes"):
        open_source(str(out), home, None, Sizes(SETTINGS, {}, given=True), CPU)
    out.write_bytes(out.read_bytes() + b" ")
    with pytest.raises(CheckpointError, match="describes another file"):
        open_source(str(out), home, None, SIZES, CPU)


def test_a_file_without_head_gives_no_features(encoder: IdEncoder, tmp_path: Path) -> None:
    state = {n: v for n, v in encoder.state_dict().items() if not n.startswith("feat")}
    torch.save(state, tmp_path / "resnet.pth")
    with pytest.raises(CheckpointError, match="no embedding head"):
        open_source(
            str(tmp_path / "resnet.pth"), tmp_path, None, Sizes(SETTINGS, {}, given=True), CPU
        )


class _Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("never_touch_this"),))


def test_code_in_a_file_is_neither_shown_nor_embedded_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "trap.pth"
    for content in ({"state_dict": _Trap()}, {"conv1.weight": torch.zeros(1), "epoch": _Trap()}):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match="more than tensors"):
            describe(path, SIZES)
        with pytest.raises(CheckpointError, match="more than tensors"):
            open_source(str(path), tmp_path, None, SIZES, CPU)
    assert not (tmp_path / "never_touch_this").exists()


def test_a_description_sums_up_what_fits_differs_and_is_not_used(
    encoder: IdEncoder, tmp_path: Path
) -> None:
    state = encoder.state_dict() | {"classifier.weight": torch.zeros(3, 16)}
    state["feat.weight"] = torch.zeros(9, 32)
    torch.save({"state_dict": state, "epoch": 4}, tmp_path / "jvtc.pth")
    found = describe(tmp_path / "jvtc.pth", Sizes(SETTINGS, SIZES.profiles, given=True))
    assert (found.layout, found.wrappers, found.beside) == ("jvtc", ("state_dict",), ("epoch",))
    assert not found.loads
    assert "feat.weight" in found.outcome
    assert found.words == "profile=small"
    counts = {part.name: (part.fits, part.differs, part.unused) for part in parts(found.tensors)}
    assert counts["conv1"] == (1, 0, 0)
    assert counts["feat"] == (1, 1, 0)
    assert counts["classifier"] == (0, 0, 1)
    assert found.missing == ()
    assert json.loads(json.dumps(found.as_object()))["layout"] == "jvtc"


def test_images_are_sorted_and_a_bad_one_is_named(home: Path, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "shots"
    (folder / "b").mkdir(parents=True)
    for name in ("b/1.png", "c.JPG", "a.png"):
        Image.new("RGB", (20, 40), (9, 99, 200)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    assert [path.name for path in find_images(str(folder))] == ["a.png", "1.png", "c.JPG"]
    assert [path.name for path in find_images(f"{folder}/*.png")] == ["a.png"]
    (folder / "bad.png").write_bytes(b"no image")
    source = open_source(JOINT, home, None, SIZES, CPU)
    with pytest.raises(DataMissingError, match=r"bad\.png"):
        embed_images(source, find_images(str(folder)))
    with pytest.raises(DataMissingError, match="names no image"):
        find_images(str(tmp_path / "absent"))


def test_a_study_runs_on_an_exported_file_and_measures_the_same(
    open_one: Callable[..., Any], encoder: IdEncoder, tmp_path: Path
) -> None:
    torch.save({"id": encoder.state_dict()}, tmp_path / "id.pt")

    def measured(path: Path) -> tuple[Any, str]:
        overrides = {**SMALL, **WORLD, "warmup.method": "checkpoint"}
        overrides["warmup.checkpoint.path"] = str(path)
        opened = open_one(
            rows=("baseline",), tasks=("market1501",), overrides=overrides, seeds=(0,)
        )
        assert [node.stage for node in opened.plan.nodes] == [Stage.WARMUP, Stage.EVALUATE]
        assert run_study(opened, lambda event: None).errors == {}
        (score,) = Measured(opened).scores(opened.studies[0])[("baseline", "market1501")].values()
        return score.ap, score.node

    first, key = measured(tmp_path / "id.pt")
    home = tmp_path / "results"
    out = export(find_node(home, None, key), tmp_path / "e_id.pth", "state_dict")[0]
    second, other = measured(out)
    assert np.array_equal(first, second)
    assert key != other
