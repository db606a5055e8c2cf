"""examples/own_study as its user runs it: components by entry point, content from a folder."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gclbench.testing.augmentations import AugmentationContract
from gclbench.testing.warmups import WarmupContract

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own_study"
Install = Callable[..., Any]
RUN = (
    *("run", "ablation=own", "profile=smoke", "tasks=market1501"),
    "rows=patch_gray,patch_gray_cosine,memory_0.4_0.06,instance",
    "data.world.people_train=8",
    *("data.world.people_test=6", "pretrain.epochs=1", "pretrain.people=8", "warmup.epochs=1"),
    *("joint.epochs=1", "joint.batch_size=4"),
)


@pytest.fixture(scope="module")
def own(install: Install, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The example after its first run, in worker processes as the profile says."""
    installed = install(tmp_path_factory.mktemp("own"))
    return installed, installed.cli(*RUN, f"home={installed.home}")


def rows_of(installed: Any) -> list[dict[str, str]]:
    with (installed.latest("own") / "own.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_study_runs_and_its_table_has_the_listed_and_the_swept_rows(own: Any) -> None:
    installed, answer = own
    assert answer.returncode == 0, answer.stderr
    assert not re.search("^(error|warning|failed)", answer.stderr, re.MULTILINE)
    for label in ("Patch gray", "Patch gray + view cosine", "beta 0.4, tau 0.06"):
        assert label in answer.stdout
    measured = {(row["row_key"], row["metric"]): float(row["value"]) for row in rows_of(installed)}
    keys = ("patch_gray", "patch_gray_cosine", "memory_0.4_0.06", "instance")
    assert set(measured) == {(key, metric) for key in keys for metric in ("mAP", "R1")}
    assert all(0 <= value <= 100 for value in measured.values())


def test_the_records_name_the_components_and_what_each_row_set(own: Any) -> None:
    joint = [m for m in own[0].manifests().values() if m["stage"] == "joint"]
    assert len(joint) == 3
    assert all(record["components"]["augmentations/patch_gray"] == 1 for record in joint)
    assert sum("losses/view_cosine" in record["components"] for record in joint) == 2
    moved = {
        (r["settings"]["joint"]["memory_momentum"], r["settings"]["joint"]["temperature"])
        for r in joint
    }
    assert moved == {(0.2, 0.04), (0.4, 0.06)}


def test_the_own_warm_up_is_tracked_and_shares_what_comes_before_it(own: Any) -> None:
    warmups = [m for m in own[0].manifests().values() if m["stage"] == "warmup"]
    assert sorted(m["settings"]["warmup"]["method"] for m in warmups) == ["instance", "jvtc"]
    (ours,) = (m for m in warmups if "warmups/instance" in m["components"])
    assert ours["components"]["warmups/instance"] == 1
    assert len({m["parents"]["pretrain"] for m in warmups}) == 1


def test_the_own_loss_is_tracked_and_changes_the_encoder(own: Any) -> None:
    joint = [m for m in own[0].manifests().values() if m["stage"] == "joint"]
    default = [m for m in joint if m["settings"]["joint"]["temperature"] == 0.04]
    assert len({m["files"]["encoder.pt"] for m in default}) == 2


def test_a_raised_revision_retrains_stage_3_of_its_rows_and_nothing_else(own: Any) -> None:
    installed, _ = own
    before = installed.manifests()
    source = installed.site / "own_study" / "view_cosine.py"
    text = source.read_text(encoding="utf-8")
    assert text.count("revision=1") == 1
    source.write_text(text.replace("revision=1", "revision=2"), encoding="utf-8")
    answer = installed.cli(*RUN, "executor=inline", f"home={installed.home}")
    assert answer.returncode == 0, answer.stderr
    new = {key: m for key, m in installed.manifests().items() if key not in before}
    assert sorted(m["stage"] for m in new.values()) == ["evaluate"] * 2 + ["joint"] * 2
    trained = [m for m in new.values() if m["stage"] == "joint"]
    assert {m["components"]["losses/view_cosine"] for m in trained} == {2}


def test_the_examples_own_tests_pass(own: Any) -> None:
    answer = own[0].python("-m", "pytest", str(EXAMPLE), "-p", "no:cacheprovider", "-v")
    assert answer.returncode == 0, answer.stdout
    for contract, joined, settings in (
        (AugmentationContract, "TestPatchGray", [""]),
        (AugmentationContract, "TestStripeShuffle", ["[default]", "[seven]"]),
        (WarmupContract, "TestInstance", ["[unsupervised]", "[sourced]"]),
    ):
        held = [name for name in vars(contract) if name.startswith("test_")]
        assert held
        for name in (f"{joined}::{check}{setting}" for check in held for setting in settings):
            assert f"{name} PASSED" in answer.stdout


def test_the_components_are_listed_with_their_summaries(own: Any) -> None:
    for kind, line in (
        ("augmentations", "patch_gray Patch gray: a random rectangle"),
        ("losses", "view_cosine View cosine: mean of 1 - cos(g, f)"),
        ("warmups", "instance Instance discrimination: softmax of cosines"),
        ("ablations", "own "),
    ):
        # How wide the columns are depends on the other names.
        assert line in " ".join(own[0].cli("list", kind).stdout.split())


def test_without_the_package_its_names_are_unknown(install: Install, tmp_path: Path) -> None:
    installed = install(tmp_path, packages=False)
    answer = installed.cli("plan", "ablation=own", "profile=smoke")
    assert answer.returncode == 2
    assert "unknown augmentations 'patch_gray'" in answer.stderr


def test_a_broken_package_is_named_and_the_rest_still_works(
    install: Install, tmp_path: Path
) -> None:
    installed = install(tmp_path)
    (installed.site / "own_study" / "view_cosine.py").write_text("import no_such_module\n")
    answer = installed.cli("plan", "ablation=own", "profile=smoke", "rows=patch_gray")
    assert answer.returncode == 0, answer.stderr
    assert "plug-in 'view_cosine' is left out: No module named 'no_such_module'" in answer.stderr


def test_the_same_study_in_two_folders_names_both_files(own: Any, tmp_path: Path) -> None:
    twice = tmp_path / "mine"
    shutil.copytree(EXAMPLE / "content", twice)
    answer = own[0].cli("plan", "ablation=own", "--content", str(twice))
    assert answer.returncode == 2
    assert str(twice / "ablations" / "own.yaml") in answer.stderr
    assert str(EXAMPLE / "content" / "ablations" / "own.yaml") in answer.stderr
