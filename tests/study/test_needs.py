"""Every fault that a run would meet midway is told by `plan`: code, remedy, nothing written."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gclbench.cli.app import main
from gclbench.errors import (
    DataMissingError,
    GclbenchError,
    ManyFaultsError,
    MissingExtraError,
    UsageError,
)
from gclbench.running import worker
from gclbench.study.needs import Outside, check_needs
from gclbench.study.stage_needs import Augmentations
from gclbench.testing.layouts import write_image, write_market

SMOKE = ("ablation=table6", "profile=smoke", "seeds=0")
ROTATION = (*SMOKE, "rows=rotation", "tasks=market1501")
BASELINE = (*SMOKE, "rows=baseline", "tasks=market1501")
FEW = ("gan.batch_size=4", "joint.batch_size=4")  # the folder of `market` has five images
BUC = ("recipe=buc", "task=market1501", "profile=smoke")
AUGMENTATIONS = Augmentations(lambda name: "image", lambda name: "mesh")

Say = Callable[..., tuple[int, str]]


@pytest.fixture
def plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Say:
    """Run `gclbench plan` in this process: exit code and stderr; nothing may be left behind."""

    def no_stage(*given: object) -> None:
        raise AssertionError("a stage ran")

    monkeypatch.setattr(worker, "run_node", no_stage)
    monkeypatch.delenv("GCLBENCH_CONTENT", raising=False)
    home = tmp_path / "results"

    def call(*words: str) -> tuple[int, str]:
        given = words if any(w.startswith("home=") for w in words) else (*words, f"home={home}")
        code = main(["plan", *given])
        assert not (home / "artifacts").exists()
        assert not (home / "store.db").exists()
        return code, capsys.readouterr().err

    return call


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return write_market(tmp_path / "reid" / "Market-1501-v15.09.15")


def one_line(answer: tuple[int, str], code: int) -> str:
    assert answer[0] == code
    assert answer[1].startswith("error: ")
    assert answer[1].count("\n") == 1
    return answer[1]


def test_a_plan_that_lacks_nothing_is_exit_0_and_writes_nothing(plan: Say, tmp_path: Path) -> None:
    assert plan(*SMOKE) == (0, "")
    assert not (tmp_path / "results").exists()


# -- the surroundings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "says", "remedy"),
    [
        (["device=gpu"], 2, "device=gpu is not known", "Use auto, cpu, cuda"),
        (["device=mps"], 2, "device=mps is not known", "or cuda:N"),
        (["device=cuda"], 3, "torch finds no GPU", "Use device=cpu"),
        (["device=cuda:9"], 3, "device=cuda:9: torch finds no GPU", "Use device=cpu"),
        (["device=cpu:1"], 3, "device=cpu:1: the processor has no number", "Use device=cpu"),
        (["executor=ray"], 2, "unknown executor 'ray'", "inline, local"),
        (["store=foo://x"], 2, "'foo://x' is not a store", "Use sqlite:///PATH"),
        (["store=mysql://h/x"], 2, "is not a store", "postgresql://"),
        (["observers=mongo://h/n"], 3, "'pymongo' is not installed", "pip install pymongo"),
        (["observers=ftp://h"], 2, "unknown kind of observer 'ftp'", "file, mongo"),
        (["observers=here"], 2, "'here' is not an observer", "file://FOLDER"),
    ],
)
def test_what_a_request_names_and_is_not_there(
    plan: Say, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, says: str, remedy: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = one_line(plan(*BASELINE, *words), code)
    assert says in line
    assert remedy in line


def test_a_results_folder_below_a_file(plan: Say, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = one_line(plan(*BASELINE, f"home={tmp_path / 'file' / 'results'}"), 3)
    assert f"{tmp_path / 'file'} is not a folder. Name another: home=DIR." in line


def test_places_that_may_not_be_written(
    plan: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gclbench.tracking.engines.os.access", lambda path, mode: False)
    code, text = plan(
        *BASELINE, f"store=sqlite:///{tmp_path}/s.db", f"observers=file://{tmp_path}/o"
    )
    assert code == 3
    assert "the results folder" in text
    assert "the store" in text
    assert "the folder of the observer" in text
    assert text.count("permission denied") == 3


def test_a_postgresql_store_without_its_driver(plan: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    line = one_line(plan(*BASELINE, "store=postgresql://127.0.0.1:9/no_such_driver"), 3)
    assert 'pip install "gclbench[postgresql]"' in line


def test_a_store_that_does_not_answer(plan: Say) -> None:
    pytest.importorskip("psycopg")
    line = one_line(plan(*BASELINE, "store=postgresql://127.0.0.1:9/nothing"), 3)
    assert "set store=URL" in line


def test_a_mongodb_that_does_not_answer(plan: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gclbench.tracking.observer.find_spec", lambda name: object())
    line = one_line(plan(*BASELINE, "observers=mongo://127.0.0.1:9/n"), 3)
    assert "no MongoDB answers at 127.0.0.1:9" in line
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert plan(*BASELINE, f"observers=mongo://me:secret@127.0.0.1:{port}/n") == (0, "")


# -- weights ------------------------------------------------------------------------------------


def test_imagenet_weights_that_nobody_named(plan: Say) -> None:
    line = one_line(plan(*BASELINE, "pretrain.kind=imagenet"), 2)
    assert "pretrain.weights=PATH/resnet50.pth" in line


def test_weights_at_an_address(plan: Say) -> None:
    words = ("pretrain.kind=imagenet", "pretrain.weights=https://host/resnet50.pth")
    assert "no file https://host/resnet50.pth" in one_line(plan(*BASELINE, *words), 3)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}."])
@pytest.mark.parametrize(
    "setting",
    [
        "pretrain.kind=imagenet pretrain.weights={}",
        "warmup.method=checkpoint warmup.checkpoint.path={}",
        "gan.checkpoint.generator={0} gan.checkpoint.discriminator={0}",
    ],
)
def test_weights_that_are_none(plan: Say, tmp_path: Path, setting: str, content: bytes) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    code, text = plan(*ROTATION, *setting.format(tmp_path / "w.pt").split())
    assert code == 3
    assert str(tmp_path / "w.pt") in text


def test_weights_of_another_network(plan: Say, tmp_path: Path) -> None:
    words = ("pretrain.kind=imagenet", f"pretrain.weights={tmp_path / 'w.pt'}")
    half = {"conv1.weight": torch.zeros(64, 3, 7, 7), "layer1.0.conv1.weight": torch.zeros(1)}
    torch.save(half, tmp_path / "w.pt")
    assert "lacks" in one_line(plan(*BASELINE, *words), 3)
    torch.save({"patch_embed.proj.weight": torch.zeros(4, 3, 16, 16)}, tmp_path / "w.pt")
    assert "no E_id: a vision transformer" in one_line(plan(*BASELINE, *words), 3)


def test_weights_that_are_not_there(plan: Say, tmp_path: Path) -> None:
    words = ("warmup.method=checkpoint", f"warmup.checkpoint.path={tmp_path / 'none.pt'}")
    line = one_line(plan(*BASELINE, *words), 3)
    assert "Set warmup.checkpoint.path to an existing file" in line
    words = ("warmup.method=checkpoint", f"warmup.checkpoint.path={tmp_path}")
    line = one_line(plan(*BASELINE, *words), 3)
    assert "is a folder. Set warmup.checkpoint.path to the file in it." in line


# -- data and meshes ----------------------------------------------------------------------------


def test_real_people_have_no_true_bodies(plan: Say, market: Path) -> None:
    line = one_line(plan(*ROTATION, *FEW, f"data.root={market}"), 2)
    assert "data.mesh.source=oracle needs the rendered world" in line
    assert "`gclbench mesh` makes what they read" in line


def test_rows_without_generator_need_no_meshes(plan: Say, market: Path) -> None:
    assert plan(*BASELINE, f"data.root={market}") == (0, "")


def test_gray_guidance_needs_no_meshes(plan: Say, market: Path) -> None:
    words = ("recipe=gcl_plus", "task=market1501", "profile=smoke", f"data.root={market}")
    guided = ("joint.augmentations=gray_switch", "joint.losses=l_vi")
    assert plan(*words, *FEW, *guided) == (0, "")


def test_real_people_have_no_true_views(plan: Say, market: Path) -> None:
    words = ("recipe=gcl_plus", "task=market1501", "profile=smoke", f"data.root={market}")
    true_views = ("joint.augmentations=oracle_rotation", "joint.losses=l_vi")
    line = one_line(plan(*words, *FEW, *true_views), 2)
    assert "nobody knows its people from other sides" in line


@pytest.mark.parametrize("source", ["params", "archive", "hmr"])
def test_a_mesh_source_without_its_place(plan: Say, source: str) -> None:
    line = one_line(plan(*ROTATION, f"data.mesh.source={source}"), 2)
    assert f"data.mesh.source={source} needs data.mesh." in line


@pytest.mark.parametrize("source", ["params", "archive"])
def test_meshes_that_lack_images(plan: Say, tmp_path: Path, source: str) -> None:
    bodies = {"pose": (1, 72), "betas": (1, 10), "camera": (1, 3)}
    arrays = {name: np.zeros(shape) for name, shape in bodies.items()}
    np.savez(tmp_path / "market1501.npz", names=np.array(["a.jpg"]), body=np.array(""), **arrays)
    words = (f"data.mesh.source={source}", f"data.mesh.root={tmp_path}")
    assert "gclbench mesh" in one_line(plan(*ROTATION, *words), 3)


def test_a_body_model_that_is_none(plan: Say, tmp_path: Path) -> None:
    np.savez(tmp_path / "body.npz", f=np.zeros((1, 3)))
    (tmp_path / "hmr.pt").write_bytes(b"")
    words = ("data.mesh.source=hmr", f"data.mesh.weights={tmp_path / 'hmr.pt'}")
    line = one_line(plan(*ROTATION, *words, f"data.mesh.body_model={tmp_path / 'body.npz'}"), 3)
    assert "body.npz is not an SMPL model" in line


def test_bodies_without_the_package_that_poses_them(
    plan: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gclbench.meshes.poser.find_spec", lambda name: None)
    assert "pip install smplx" in one_line(plan(*BASELINE), 3)


def test_too_few_people_to_hold_out(plan: Say) -> None:
    line = one_line(plan(*BASELINE, "data.validation_share=0.05"), 2)
    assert "holds out 1 of 16 training identities of synthetic_market1501" in line


def test_images_without_times(plan: Say, market: Path) -> None:
    for folder in ("bounding_box_train", "query", "bounding_box_test"):
        for number, file in enumerate(sorted((market / folder).glob("*.jpg"))):
            pid, camera, *_ = file.name.split("_")
            file.rename(file.with_name(f"{pid}_{camera[:2]}s1_000001_{number:02d}.jpg"))
    line = one_line(plan(*BASELINE, f"data.root={market}", "evaluate.camera_time=true"), 2)
    assert "have no times" in line


# -- settings that do not fit together ----------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*ROTATION, "gan.view=multi"), "gan.view=multi gives no structure"),
        ((*ROTATION, "network.generator.decoder_width=18"), "must be a multiple of 4"),
        ((*ROTATION, "network.generator.decoder_blocks=7"), "cannot feed 7 decoder blocks"),
        ((*BUC, "warmup.buc.result=90"), "there are 3 steps. Name 0 to 2"),
        (
            ("recipe=ssg", "task=duke2market", "profile=smoke", "network.id_encoder.parts=3"),
            "Set network.id_encoder.parts to an even number",
        ),
    ],
)
def test_settings_that_do_not_fit(plan: Say, words: tuple[str, ...], says: str) -> None:
    assert says in one_line(plan(*words), 2)


def test_a_batch_larger_than_a_real_training_set(plan: Say, market: Path) -> None:
    code, text = plan(*ROTATION, *FEW[:1], f"data.root={market}")
    assert code == 2
    assert "joint.batch_size=8 is more than the 5 training samples of market1501" in text
    assert "gan.batch_size" not in text


# -- several at once ----------------------------------------------------------------------------


def test_all_faults_are_told(plan: Say, market: Path) -> None:
    words = (*ROTATION, *FEW, "store=foo://x", "observers=mongo://h/n", f"data.root={market}")
    code, text = plan(*words)
    lines = text.splitlines()
    assert code == 2
    assert lines[0] == "error: 3 faults, nothing was run:"
    assert [line[:5] for line in lines[1:]] == ["  1. ", "  2. ", "  3. "]
    for says in ("foo://x", "pymongo", "data.mesh.source=oracle"):
        assert sum(says in line for line in lines) == 1


def test_a_fault_that_many_ask_for_is_told_once() -> None:
    def lost() -> None:
        raise DataMissingError("gone.", "Get it.")

    with pytest.raises(DataMissingError, match="gone"):
        check_needs([], Outside(Path("nowhere"), "sqlite:///x.db"), AUGMENTATIONS, [lost, lost])


def test_what_is_of_no_use_counts_as_missing() -> None:
    def broken() -> None:
        raise GclbenchError("broken.", "Mend it.")

    with pytest.raises(DataMissingError, match=r"broken\. Mend it\."):
        check_needs([], Outside(Path("nowhere"), "sqlite:///x.db"), AUGMENTATIONS, [broken])


def test_several_faults_keep_their_kinds() -> None:
    faults = [UsageError("a."), MissingExtraError("b", "c")]

    def raising(fault: GclbenchError) -> Callable[[], None]:
        def check() -> None:
            raise fault

        return check

    outside = Outside(Path("nowhere"), "sqlite:///x.db")
    with pytest.raises(ManyFaultsError) as caught:
        check_needs([], outside, AUGMENTATIONS, map(raising, faults))
    assert list(caught.value.faults) == faults


def test_finished_work_asks_for_nothing_from_outside() -> None:
    outside = Outside(Path("/proc/none/results"), "foo://x", "gpu", ("here",))
    check_needs([], outside, AUGMENTATIONS)


# -- somebody to find ---------------------------------------------------------------------------


def test_nobody_to_find_is_refused_before_anything_is_trained(plan: Say, market: Path) -> None:
    words = (*BASELINE, f"data.root={market}")
    assert plan(*words)[0] == 0
    for file in (market / "bounding_box_test").glob("000[15]*"):
        file.unlink()
    line = one_line(plan(*words), 3)
    assert "3 of 3 queries have no image of their identity under another camera" in line


def test_nobody_to_find_among_the_held_out_is_refused(plan: Say, market: Path) -> None:
    train = market / "bounding_box_train"
    for person in range(10, 16):  # as many cameras as images: all are queries, none is left
        for camera in (1, 2):
            write_image(train / f"{person:04d}_c{camera}s1_000001_01.jpg")
    for file in train.glob("000*"):
        file.unlink()
    words = (*BASELINE, f"data.root={market}", "data.validation_share=0.5")
    assert plan(*BASELINE, f"data.root={market}")[0] == 0
    line = one_line(plan(*words, "evaluate.split=validation"), 3)
    assert "nothing could be measured on the held-out people of market1501: 6 of 6" in line
