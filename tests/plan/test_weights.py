"""Weight files in the plan: their bytes make keys, their places do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import DataMissingError, UsageError
from gclbench.plan import Plan, build_cells, build_plan
from gclbench.plan.graph import stage_settings
from gclbench.schema import Recipe, Row, Settings, Stage, Study, Task

TASKS = (
    Task(name="m", setting="usl", label="M", target="market1501"),
    Task(name="d2m", setting="uda", label="D2M", target="market1501", source="dukemtmc_reid"),
)
STUDY = Study(
    study="s",
    title="S",
    recipe="r",
    tasks=TASKS,
    rows=(
        Row(key="base", label="B", stop=Stage.WARMUP),
        Row(key="full", label="F", set={"joint.augmentations": ["rotation"]}),
    ),
    report="s",
)
RECIPE = Recipe(recipe="r", title="R", reference="", setting="usl", runs_here=True)


def plan(**overrides: Any) -> Plan:
    chosen = {name.replace("__", "."): value for name, value in overrides.items()}
    return build_plan(
        build_cells(STUDY, RECIPE, None, chosen),
        lambda kind, name: 1,
        lambda role, settings: role,
        lambda name: "structure",
    )


def keys(made: Plan, stage: Stage) -> set[str]:
    return {node.key for node in made.nodes if node.stage is stage}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "e_id.pth").write_bytes(b"weights")
    return tmp_path / "e_id.pth"


def from_file(path: Path, **more: Any) -> Plan:
    return plan(warmup__method="checkpoint", warmup__checkpoint__path=str(path), **more)


def test_a_file_replaces_all_that_leads_up_to_it(file: Path) -> None:
    made = from_file(file)
    counts = made.unique
    assert (counts["pretrain"], counts["source"]) == (0, 0)
    assert (made.requested["warmup"], counts["warmup"]) == (4, 1)  # the source is not read
    warmups = [node for node in made.nodes if node.stage is Stage.WARMUP]
    assert all(node.parents == {} and node.roles == {"target": "market1501"} for node in warmups)
    assert warmups[0].resolved().warmup.checkpoint.path == str(file)
    assert all(node.resolved() for node in made.nodes)


def test_the_bytes_of_a_file_make_the_key_and_its_place_does_not(
    file: Path, tmp_path: Path
) -> None:
    copied, other = tmp_path / "copy.pth", tmp_path / "other.pth"
    copied.write_bytes(file.read_bytes())
    other.write_bytes(b"others!")
    first = keys(from_file(file), Stage.EVALUATE)
    assert keys(from_file(copied), Stage.EVALUATE) == first
    assert keys(from_file(other), Stage.EVALUATE).isdisjoint(first)
    file.write_bytes(b"changed")
    assert keys(from_file(file), Stage.EVALUATE).isdisjoint(first)


def test_settings_of_other_methods_do_not_retrain_what_stands_on_a_file(file: Path) -> None:
    first = keys(from_file(file), Stage.EVALUATE)
    assert keys(from_file(file, warmup__epochs=3, pretrain__epochs=9), Stage.EVALUATE) == first
    assert keys(from_file(file, warmup__checkpoint__head="fresh"), Stage.WARMUP).isdisjoint(
        keys(from_file(file), Stage.WARMUP)
    )


def test_a_method_without_section_reads_the_plain_fields_alone() -> None:
    read = stage_settings(Stage.WARMUP, Settings(), "market1501", generative=False)["warmup"]
    assert (read["method"], read["epochs"]) == ("jvtc", 45)
    assert not [name for name, value in read.items() if isinstance(value, dict)]


def test_files_of_stage_2_make_its_key_and_stage_3s(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "dis.pt"
    other.write_bytes(b"d")
    before = plan()
    after = plan(gan__checkpoint__generator=str(file), gan__checkpoint__discriminator=str(other))
    for stage in (Stage.PRETRAIN, Stage.SOURCE, Stage.WARMUP):
        assert keys(before, stage) == keys(after, stage)
    for stage in (Stage.GAN, Stage.JOINT):
        assert keys(before, stage).isdisjoint(keys(after, stage))
    (node, *_) = (node for node in after.nodes if node.stage is Stage.GAN)
    assert node.resolved().gan.checkpoint.generator == str(file)
    assert "checkpoint" not in node.settings["gan"]


def test_no_file_and_a_missing_file_are_errors_of_the_plan(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"warmup\.checkpoint\.path=FILE"):
        plan(warmup__method="checkpoint")
    with pytest.raises(DataMissingError, match=r"absent\.pth.*warmup\.checkpoint\.path"):
        from_file(tmp_path / "absent.pth")


def test_a_weight_file_that_nothing_reads_changes_no_key() -> None:
    one, other = plan(), plan(pretrain__weights="weights.pth")
    assert one.nodes[0].settings["pretrain"]["kind"] == "rendered"
    assert [node.key for node in one.nodes] == [node.key for node in other.nodes]
