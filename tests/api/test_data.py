"""`gclbench.load_dataset` and `gclbench.embed`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import gclbench
from gclbench.content import Content, resolve_settings
from gclbench.errors import DataMissingError, OverrideError, UnknownNameError
from gclbench.networks.id_encoder import IdEncoder

WORLD = {
    "data.height_px": 32,
    "data.width_px": 16,
    "data.world.people_train": 4,
    "data.world.people_test": 4,
    "data.world.images_per_person": 4,
    "data.world.distractor_people": 1,
}


def test_a_dataset_is_its_twin_unless_it_has_a_root(tmp_path: Path) -> None:
    dataset = gclbench.load_dataset("market1501", home=tmp_path, settings=WORLD)
    assert (dataset.synthetic, dataset.label) == (True, "synthetic_market1501")
    assert dataset.images("query").shape[1:] == (32, 16, 3)
    with pytest.raises(DataMissingError, match="Market-1501 is not under"):
        gclbench.load_dataset("market1501", tmp_path, home=tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'market1501'"):
        gclbench.load_dataset("market1502", home=tmp_path)
    with pytest.raises(OverrideError, match=r"data\.height_px"):
        gclbench.load_dataset("market1501", home=tmp_path, settings={"data.hight_px": 3})


def test_features_are_unit_rows_in_the_order_of_the_images(tmp_path: Path) -> None:
    dataset = gclbench.load_dataset("market1501", home=tmp_path, settings=WORLD)
    settings = resolve_settings(Content().profile("smoke"), None, None, None)
    encoder = IdEncoder(settings.network.id_encoder, generator=torch.Generator().manual_seed(1))
    torch.save(encoder.state_dict(), tmp_path / "id.pt")
    files = [dataset.root / path for path in dataset.query.paths[:3]]
    features = gclbench.embed(tmp_path / "id.pt", files, home=tmp_path, profile="smoke")
    assert features.shape == (3, settings.network.id_encoder.embedding_dim)
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    back = gclbench.embed(tmp_path / "id.pt", files[::-1], home=tmp_path, profile="smoke")
    assert back[::-1] == pytest.approx(features, abs=1e-5)
    alone = gclbench.embed(tmp_path / "id.pt", files[1], home=tmp_path, profile="smoke")
    assert alone[0] == pytest.approx(features[1], abs=1e-5)
