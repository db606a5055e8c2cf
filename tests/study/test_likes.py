"""Which finished runs are like a stage run, and what they say of it, on made-up records."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from gclbench.study.likes import PastRun, PastRuns, Work, method_of, past_runs, work_of

JOINT: dict[str, Any] = {
    "data": {"height_px": 64, "width_px": 32},
    "network": {"id_encoder": {"depth": "resnet18", "width": 16}},
    "joint": {
        "augmentations": ["rotation", {"name": "d_mixup", "alpha": 0.6}],
        "losses": ["l_vi"],
        "epochs": 10,
        "batch_size": 16,
        "lr": 5e-4,
        "lr_decay_epoch": 8,
        "lambda_vi": 1.0,
        "prototype_features": "raw",
        "pseudo_labels": {"method": "jaccard_dbscan", "k1": 15, "eps": 0.5},
    },
}


def changed(place: str, value: Any) -> dict[str, Any]:
    settings = copy.deepcopy(JOINT)
    *sections, name = place.split(".")
    inside = settings
    for section in sections:
        inside = inside[section]
    inside[name] = value
    return settings


def past(
    seconds: float, megabytes: float = 3.0, images: int | None = 1000, **more: Any
) -> PastRun:
    settings = more.pop("settings", JOINT)
    work = work_of("joint", settings, images)
    values = {"device": "cpu", "cpu_kind": "avx512", **more}
    return PastRun(work, seconds, megabytes, **values)


def runs(*found: PastRun, gpu: bool = False, cpu_kind: str = "avx512") -> PastRuns:
    return PastRuns(found, gpu=gpu, cpu_kind=cpu_kind)


def test_the_method_of_each_stage_is_named() -> None:
    assert method_of("joint", JOINT) == "rotation+d_mixup"
    assert method_of("warmup", {"warmup": {"method": {"name": "mine", "share": 0.5}}}) == "mine"
    assert method_of("warmup", {"warmup": {"method": "jvtc"}}) == "jvtc"
    assert method_of("pretrain", {"pretrain": {"kind": "imagenet"}}) == "imagenet"
    assert method_of("gan", {"gan": {"epochs": 3}}) == ""


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("joint.lr", 0.1),
        ("joint.lambda_vi", 2.0),
        ("joint.prototype_features", "unit"),
        ("joint.lr_decay_epoch", 3),
        ("joint.pseudo_labels", {"method": "jaccard_dbscan", "k1": 30, "eps": 0.4}),
        ("joint.epochs", 20),
    ],
)
def test_what_moves_only_results_or_the_amount_is_no_size(place: str, value: Any) -> None:
    one, other = work_of("joint", JOINT, 5), work_of("joint", changed(place, value), 5)
    assert one.kind == other.kind


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("joint.batch_size", 8),
        ("data.height_px", 128),
        ("network.id_encoder.depth", "resnet50"),
        ("joint.augmentations", ["rotation"]),
    ],
)
def test_sizes_and_methods_make_another_kind(place: str, value: Any) -> None:
    assert work_of("joint", JOINT, 5).kind != work_of("joint", changed(place, value), 5).kind


def test_a_method_with_a_section_of_its_own_has_its_epochs_there() -> None:
    settings = {"warmup": {"method": "scl", "scl": {"epochs": 20, "batch_size": 8}}}
    assert work_of("warmup", settings, None).epochs == 20
    plain = {"warmup": {"method": "jvtc", "epochs": 12, "lr": 0.1}}
    assert work_of("warmup", plain, None).epochs == 12
    assert work_of("evaluate", {"evaluate": {"batch_size": 64}}, None).epochs == 1


def test_the_median_counts_and_grows_with_epochs_and_images() -> None:
    known = runs(past(100.0, 3.0), past(110.0, 5.0), past(300.0, 4.0))
    guess = known.guess(work_of("joint", JOINT, 1000))
    assert guess is not None
    assert (guess.seconds, guess.megabytes, len(guess.likes)) == (110.0, 4.0, 3)
    longer = known.guess(work_of("joint", changed("joint.epochs", 25), 2000))
    assert longer is not None
    assert longer.seconds == 110.0 * 2.5 * 2
    unknown = known.guess(work_of("joint", JOINT, None))
    assert unknown is not None
    assert unknown.seconds == 110.0


def test_runs_of_other_epochs_are_brought_to_the_same_before_the_median() -> None:
    half = past(50.0, settings=changed("joint.epochs", 5), images=500)
    guess = runs(half, past(100.0)).guess(work_of("joint", JOINT, 1000))
    assert guess is not None
    assert guess.seconds == (200.0 + 100.0) / 2


def test_other_kinds_of_cpu_and_gpus_are_not_like() -> None:
    work = work_of("joint", JOINT, 1000)
    found = [
        past(1.0, cpu_kind="avx2"),
        past(2.0, device="NVIDIA H200", cpu_kind="avx512"),
        past(3.0, device="", cpu_kind=""),
    ]
    unsaid = runs(*found).guess(work)
    assert unsaid is not None
    assert unsaid.seconds == 3.0
    recorded = runs(*found, past(4.0)).guess(work)
    assert recorded is not None
    assert recorded.seconds == 4.0
    gpu = runs(*found, gpu=True).guess(work)
    assert gpu is not None
    assert gpu.seconds == 2.0
    assert runs(found[0]).guess(work) is None
    assert runs().guess(work) is None


def test_manifests_are_read_and_damaged_ones_left_out(tmp_path: Path) -> None:
    def write(stage: str, key: str, **values: Any) -> None:
        folder = tmp_path / "artifacts" / stage / key
        folder.mkdir(parents=True)
        (folder / "encoder.pt").write_bytes(b"x" * 1_000_000)
        (folder / "manifest.json").write_text(json.dumps(values))

    cpu = {"device": "cpu", "instruction_set": "avx2"}
    write("joint", "a1", settings=JOINT, seconds=9.0, cpu_seconds=4.0, images=7, **cpu)
    write("joint", "b2", settings=JOINT, seconds=9.0)
    write("joint", "c3", settings=JOINT, seconds=9.0, cpu_seconds=4.0, device="NVIDIA H200")
    write("joint", "d4.partial", settings=JOINT, seconds=9.0)
    write("joint", "e5", seconds="many", settings=JOINT)
    write("joint", "f6", seconds=1.0)
    write("gan", "g7", settings={"gan": {"epochs": 2}}, seconds=5.0)
    (tmp_path / "artifacts" / "joint" / "f6" / "manifest.json").write_text("{")
    found = past_runs(tmp_path, ["joint", "joint"])
    assert [run.seconds for run in found] == [4.0, 9.0, 9.0]
    assert [run.work.images for run in found] == [7, None, None]
    assert [(run.device, run.cpu_kind) for run in found[:2]] == [("cpu", "avx2"), ("", "")]
    assert found[0].megabytes == pytest.approx(1.0, rel=0.01)
    assert isinstance(found[0].work, Work)
    assert past_runs(tmp_path / "nowhere", ["joint"]) == []
