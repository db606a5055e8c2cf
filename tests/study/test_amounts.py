"""Images of a stage run, counted without rendering, against those that are rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gclbench.datasets.amounts import count_images, world_identities
from gclbench.datasets.load import load_dataset
from gclbench.errors import DataMissingError
from gclbench.plan import Node
from gclbench.schema import Stage
from gclbench.schema.settings import DataSettings, WorldSettings
from gclbench.study.amounts import images_of, known_images
from gclbench.testing.layouts import write_market

WORLD = WorldSettings(people_train=5, people_test=4, images_per_person=4, distractor_people=1)
DATA = DataSettings(height_px=32, width_px=16, world=WORLD)


def node(stage: Stage, roles: dict[str, str], data: DataSettings = DATA, **settings: Any) -> Node:
    places = {"data": data.model_dump(mode="json")}
    return Node(stage, "k", 0, "label", {**settings, "data": {}}, roles=roles, places=places)


@pytest.mark.parametrize("role", ["market1501", "mars"])
def test_the_count_is_what_is_rendered(role: str, tmp_path: Path) -> None:
    dataset = load_dataset(role, DATA, tmp_path)
    train = len(dataset.train.paths)
    assert count_images(role, DATA, "train") == pytest.approx(train, rel=0.15)
    test = len(dataset.query.paths) + len(dataset.gallery.paths)
    assert count_images(role, DATA, "test") == pytest.approx(test, rel=0.35)
    assert world_identities(role, WORLD) == len(set(dataset.train.pids.tolist()))


def test_real_data_are_counted_by_their_files(tmp_path: Path) -> None:
    data = DataSettings(root=str(write_market(tmp_path / "Market-1501-v15.09.15")))
    dataset = load_dataset("market1501", data, tmp_path / "cache")
    assert count_images("market1501", data, "train") == len(dataset.train)
    assert count_images("market1501", data, "test") == len(dataset.query) + len(dataset.gallery)
    lost = DataSettings(root=str(tmp_path / "nowhere"))
    with pytest.raises(DataMissingError):
        count_images("market1501", lost, "train")
    assert known_images(node(Stage.WARMUP, {"target": "market1501"}, lost)) is None


def test_a_stage_run_goes_through_its_training_sets_or_the_test_set() -> None:
    both = {"target": "market1501", "source": "dukemtmc_reid"}
    assert images_of(node(Stage.WARMUP, both)) == 40
    assert images_of(node(Stage.JOINT, {"target": "market1501"})) == 20
    assert images_of(node(Stage.EVALUATE, {"target": "market1501"})) == 21
    held = DATA.model_copy(update={"validation_share": 0.4})
    assert images_of(node(Stage.WARMUP, both, held)) == 12 + 20


def test_pre_training_has_a_set_of_its_own() -> None:
    pretrain = {"people": 6, "images_per_person": 3}
    assert images_of(node(Stage.PRETRAIN, {"pretrain": "pretrain"}, pretrain=pretrain)) == 18
    assert images_of(node(Stage.PRETRAIN, {}, pretrain={"kind": "random"})) == 0
