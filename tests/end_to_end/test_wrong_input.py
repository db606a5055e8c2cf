"""Wrong input gets one clear line and its exit code, before or while anything runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

RUN = ("run", "ablation=table6", "profile=smoke")
# The shortest chain that reads images: no pre-training, one epoch of stage 1.
SHORT = (
    *RUN, "rows=baseline", "tasks=market1501", "executor=inline", "pretrain.kind=random",
    "warmup.epochs=1", "warmup.batch_images=2",
)  # fmt: skip


def only_line(answer: Any) -> str:
    """The one line on stderr."""
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer.err
    assert "Traceback" not in answer.out
    return str(lines[0])


@pytest.mark.parametrize(
    "words,message",
    [
        (("run", "ablation=tabel6"), r"unknown ablation 'tabel6'.*Did you mean 'table6'"),
        (("plan", "ablation=tabel6"), r"unknown ablation 'tabel6'.*Did you mean 'table6'"),
        (("report", "tabel6"), r"unknown table 'tabel6'.*Did you mean 'table6'"),
        (("run",), r"no study is named.*ablation=table6"),
        (("run", "abblation=table6"), r"unknown word 'abblation'.*Did you mean 'ablation'"),
        (("run", "ablation=table6", "profile=smok"), r"'smok'.*Did you mean 'smoke'"),
        ((*RUN, "rows=rotatoin"), r"'rotatoin'.*Did you mean 'rotation'"),
        ((*RUN, "tasks=market1502"), r"'market1502'.*Did you mean 'market1501'"),
        ((*RUN, "seeds=-1"), r"seeds: '-1' is not a whole number"),
        ((*RUN, "joint.pseudo_labels.epz=0.5"), r"epz.*Did you mean 'joint\.pseudo_labels\.eps'"),
        ((*RUN, "jonit.epochs=2"), r"jonit\.epochs.*Did you mean 'joint\.epochs'"),
        ((*RUN, "joint.epochs=many"), r"joint\.epochs: 'many'.*integer"),
        ((*RUN, "joint.epochs=2.5"), r"joint\.epochs: 2\.5.*integer"),
        ((*RUN, "joint.evaluate_every=true"), r"joint\.evaluate_every: true is not allowed"),
        ((*RUN, "joint.pseudo_labels.eps=1.5"), r"joint\.pseudo_labels\.eps: 1\.5.*less than 1"),
        ((*RUN, "gan.lr=-0.1"), r"gan\.lr: -0\.1.*greater than 0"),
        ((*RUN, "gan.lr=nan"), r"gan\.lr: nan.*finite"),
        ((*RUN, "gan.adversarial=wgan"), r"gan\.adversarial: 'wgan'.*'lsgan' or 'nsgan'"),
        ((*RUN, "joint.losses=l_vi"), r"'joint\.losses' is what the rows of 'table6' vary"),
        ((*RUN, "warmup.method=jvct"), r"unknown warmups 'jvct'.*Did you mean 'jvtc'"),
        ((*RUN, "tasks=market1501", "warmup.method=act"), r"act needs .* source.*on a uda task"),
        (("plan", "recipe=act", "task=mars"), r"act needs a labelled source, and task 'mars' has"),
        (("plan", "recipe=mmcl", "task=mars"), r"mmcl runs on images, and mars .*another method"),
        (("run", "recipe=ssg", "task=mars"), r"ssg runs on images, and mars holds tracklets.*buc"),
        ((*RUN, "executor=slrm"), r"unknown executor 'slrm'.*inline, local"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_wrong_request_is_one_line_and_exit_2(
    cli: Any, words: tuple[str, ...], message: str
) -> None:
    answer = cli(*words)
    assert answer.code == 2
    assert re.search(message, only_line(answer))
    assert not (cli.home / "artifacts").exists()


def test_the_console_script_says_the_same(cli: Any) -> None:
    answer = cli.outside("run", "ablation=tabel6")
    assert (answer.code, answer.out) == (2, "")
    assert re.search("Did you mean 'table6'", only_line(answer))


def test_a_wrong_key_in_a_file_is_named_with_file_and_line(cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name in ("ablations", "baselines", "reports"):
        (folder / name).mkdir(parents=True)
    text = (
        "study: mine\ntitle: Mine\nrecipe: gcl_plus\nreport: table6\ntasks:\n"
        "  - {name: market1501, setting: usl, label: Market, target: market1501}\n"
        "rows:\n  - key: a\n    label: A\n    set:\n      joint.temprature: 0.1\n"
    )
    (folder / "ablations" / "mine.yaml").write_text(text, encoding="utf-8")
    answer = cli("plan", "ablation=mine", "--content", str(folder))
    assert answer.code == 2
    line = only_line(answer)
    assert re.search(r"mine\.yaml:11: .*joint\.temprature", line)
    assert "Did you mean 'joint.temperature'" in line


def test_a_missing_data_root_is_exit_3(cli: Any, tmp_path: Path) -> None:
    answer = cli(*RUN, f"data.root={tmp_path / 'nowhere'}")
    assert answer.code == 3
    assert re.search(r"there is no folder .*nowhere", only_line(answer))


def test_a_missing_weight_file_is_exit_3(cli: Any, tmp_path: Path) -> None:
    weights = f"pretrain.weights={tmp_path / 'resnet50.pth'}"
    answer = cli(*RUN, "pretrain.kind=imagenet", weights)
    assert answer.code == 3
    assert re.search(r"resnet50\.pth does not exist", only_line(answer))


def test_missing_meshes_of_real_data_are_named(cli: Any, market: Path) -> None:
    words = (*RUN, "rows=rotation", "tasks=market1501", "executor=inline", "pretrain.kind=random",
             "warmup.epochs=1", "warmup.batch_images=2", "gan.batch_size=4", "joint.batch_size=4",
             f"data.root={market}")  # fmt: skip
    answer = cli(*words)
    assert answer.code == 2
    assert re.search(r"data\.mesh\.source=oracle needs the rendered world", only_line(answer))


@pytest.mark.parametrize("damage", ["truncated", "not an image", "empty"])
@pytest.mark.parametrize("place", ["bounding_box_train", "query"])
def test_an_unreadable_image_is_named_and_exit_3(
    cli: Any, market: Path, damage: str, place: str
) -> None:
    victim = sorted((market / place).iterdir())[1]
    content = {"truncated": victim.read_bytes()[:700], "not an image": b"hello", "empty": b""}
    victim.write_bytes(content[damage])
    answer = cli(*SHORT, f"data.root={market}")
    assert answer.code == 3
    assert re.search(rf"the image .*{victim.name} cannot be read", only_line(answer))


def test_after_the_image_is_restored_the_same_command_goes_on(cli: Any, market: Path) -> None:
    victim = sorted((market / "query").iterdir())[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:500])
    assert cli(*SHORT, f"data.root={market}").code == 3
    victim.write_bytes(whole)
    answer = cli(*SHORT, f"data.root={market}")
    assert (answer.code, answer.err) == (0, "")
    assert "market1501" in answer.out
    assert "synthetic" not in answer.tables


def test_an_unknown_device_is_exit_2(cli: Any, market: Path) -> None:
    answer = cli(*SHORT, f"data.root={market}", "device=gpu")
    assert answer.code == 2
    assert re.search("device=gpu is not known", only_line(answer))
