"""Every setting in stage 1's key changes what its method leaves, and no other one does.

As `test_settings_count.py`, for the methods of stage 1: one tiny run of each, and one for each of
its settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gclbench.registry import REGISTRY
from gclbench.schema import Stage
from tests.stages.setting_runs import (
    Case,
    Runs,
    assert_counts,
    assert_outside_changes_nothing,
    in_key,
)


def warmup(
    name: str, *only: str, source: bool = False, tracklets: bool = False, **asked: Any
) -> Case:
    """Stage 1 by a method; JVTC's settings lie in no section of their own."""
    base = {"warmup.method": name} | {f"{section(name)}.{key}": v for key, v in asked.items()}
    return Case(
        Stage.WARMUP,
        base,
        sections=("warmup",),
        source=source,
        tracklets=tracklets,
        only=tuple(f"{section(name)}.{key}" for key in only),
    )


def section(method: str) -> str:
    return "warmup" if method == "jvtc" else f"warmup.{method}"


FOUND = {"k1": 4, "k2": 2, "rho": 0.05, "min_samples": 2}
TRIPLETS = {"batch_images": 4, "instances": 2, "lr": 0.01, "epochs": 1}
# Sizes of clusters differ from the second merge on, which a third step learns from.
BUC = {"batch_size": 8, "merge_fraction": 0.25, "first_epochs": 1, "lr": 0.02, "result": "last"}
CASES = {
    "jvtc": warmup("jvtc", epochs=2, joint_from_epoch=2, source=True),
    "jvtc alone": warmup("jvtc", "eps_factor", epochs=2, joint_from_epoch=2),
    "mmcl": warmup(
        "mmcl", epochs=2, batch_size=8, single_label_epochs=1, threshold=0.3, memory_ramp_epochs=2
    ),
    "scl": warmup("scl", epochs=2, positives=2, negatives=9, init_epochs=1, lr=0.01),
    "scl on tracklets": warmup(
        "scl", "frames", epochs=1, positives=2, negatives=9, frames=2, tracklets=True
    ),
    "buc": warmup("buc", **BUC),
    "buc on tracklets": warmup(
        "buc", "frames", "later_epochs_tracklets", "freeze", **BUC, tracklets=True
    ),
    "act": warmup(
        "act", **FOUND, **TRIPLETS, iterations=2, udap_iterations=1, udap_epochs=1,
        udap_batch_images=8, source=True,
    ),
    "mmt": warmup(
        "mmt", **FOUND, epochs=1, iterations=2, batch_size=8, images_per_person=2,
        teacher_momentum=0.4,
    ),
    "ssg": warmup("ssg", **FOUND, **TRIPLETS, iterations=1),
    "spcl": warmup(
        "spcl", epochs=1, iterations=2, batch_size=8, k1=5, k2=2, min_samples=2, source=True
    ),
    "cluster_contrast": warmup(
        "cluster_contrast", epochs=1, iterations=2, batch_size=8, k1=4, k2=2, min_samples=2
    ),
    "ecn": warmup("ecn", epochs=2, batch_size=8, neighbours_from_epoch=2, source=True),
}  # fmt: skip
# Another value where the next one by type is not telling, and what both runs begin with.
OTHER: dict[str, tuple[Any, dict[str, Any]]] = {
    "warmup.lr_step_epochs": (2, {}),
    "warmup.memory_momentum_max": (0.05, {}),
    "warmup.mmcl.lr_step_epochs": (1, {}),
    "warmup.mmcl.hard_share": (0.5, {}),
    "warmup.scl.lr_step_epochs": (2, {}),
    "warmup.buc.size_penalty": (100.0, {"warmup.buc.first_epochs": 2}),
    "warmup.buc.lr_drop_epoch": (1, {"warmup.buc.first_epochs": 2}),
    "warmup.buc.result": (0, {}),
    "warmup.act.instances": (4, {"warmup.act.batch_images": 8}),
    "warmup.act.keep_base": (0.9, {}),
    "warmup.ssg.instances": (4, {"warmup.ssg.batch_images": 8}),
    "warmup.ssg.min_samples": (6, {}),
    "warmup.spcl.lr_step_epochs": (1, {"warmup.spcl.epochs": 2}),
    "warmup.spcl.k1": (10, {}),
    "warmup.spcl.min_samples": (5, {}),
    "warmup.spcl.images_per_person": (2, {}),
    "warmup.spcl.eps_gap": (0.2, {}),
    "warmup.spcl.independence_share": (0.1, {"warmup.spcl.eps": 0.5, "warmup.spcl.eps_gap": 0.2}),
    "warmup.cluster_contrast.lr_step_epochs": (1, {"warmup.cluster_contrast.epochs": 2}),
    "warmup.cluster_contrast.k1": (10, {}),
    "warmup.cluster_contrast.min_samples": (5, {}),
    "warmup.cluster_contrast.images_per_person": (2, {}),
    "warmup.ecn.lr_step_epochs": (1, {}),
}
_LABELLED = "read without a source, and tried there"
_TRACKLETS = "read of tracklets alone, and tried there"
# Settings in the key that change nothing in a case, and why.
REASONS = {
    "warmup.method": "another method is another case",
    "jvtc/warmup.eps_factor": _LABELLED,
    "buc/warmup.buc.frames": _TRACKLETS,
    "buc/warmup.buc.later_epochs_tracklets": _TRACKLETS,
    "buc/warmup.buc.freeze": _TRACKLETS,
}


def tried() -> Iterator[Any]:
    for name, case in CASES.items():
        for setting in case.only or in_key(case):
            if not {setting, f"{name}/{setting}"} & REASONS.keys():
                yield pytest.param(name, setting, id=f"{name}-{setting}")


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    dataset: Any,
    tracklets: Any,
    quarter: Any,
    tiny: Any,
    benches: Any,
) -> Runs:
    home = tmp_path_factory.mktemp("runs")
    small = {"images": quarter(dataset), "tracklets": quarter(tracklets)}
    return Runs(**{name: benches(home / name, each) for name, each in small.items()}, tiny=tiny)


@pytest.mark.parametrize("case,setting", [*tried()])
def test_a_setting_in_the_key_changes_what_the_stage_leaves(
    runs: Runs, case: str, setting: str
) -> None:
    assert_counts(runs, CASES[case], setting, OTHER)


@pytest.mark.parametrize("case", CASES)
def test_a_setting_outside_of_the_key_changes_nothing(runs: Runs, case: str) -> None:
    assert_outside_changes_nothing(runs, CASES[case], CASES[case].base)


def test_every_setting_of_every_method_is_tried_or_has_its_reason() -> None:
    known = {f"{case.split()[0]}/{p.values[1]}" for p in tried() for case in p.values[:1]}
    for name, case in CASES.items():
        method = name.split()[0]
        for setting in in_key(case):
            told = {setting, f"{method}/{setting}"} & REASONS.keys()
            assert told or f"{method}/{setting}" in known, f"{name}: {setting}"
    methods = {name.split()[0] for name in CASES}
    assert methods | {"checkpoint"} == set(REGISTRY.names("warmups"))
