"""JVTC+ at test time: by look, cameras and times together; both scores are kept."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gclbench.datasets.base import ImageTable
from gclbench.errors import UsageError
from gclbench.evaluation import camera_time as module
from gclbench.evaluation import evaluate, from_network
from gclbench.evaluation.camera_time import evaluate_with_camera_time, fit, joint_blocks
from gclbench.pseudolabels.camera_time import CameraTime, joint_distances
from gclbench.schema.evaluation import CameraTimeSettings, EvaluateSettings

SPLITS = {"train": (0, 24), "query": (24, 32), "gallery": (32, 56)}


def settings(**values: object) -> EvaluateSettings:
    model = {"rho": 0.2, "frame_bin": 10, "smoothing_bins": 2.0, **values}
    return EvaluateSettings(camera_time=True, camera_time_model=model, batch_size=5)


@dataclass(frozen=True)
class Walkers:
    """Eight people who walk from camera 0 to camera 1 in 300 frames and to camera 2 in 900.

    An image is one gray value: its row in the encoder's table. `jitter` moves training features.
    """

    clock_frames: int = 0
    clocks: int = 1
    label: str = "walkers"
    fingerprint: str = "f" * 64

    def __getattr__(self, name: str) -> ImageTable:
        if name not in SPLITS:
            raise AttributeError(name)
        first, last = SPLITS[name]
        count = last - first
        person = np.arange(count) % 8
        cams = np.zeros(count, np.int64) if name == "query" else np.arange(count) // 8
        walked = np.array([0, 300, 900])[cams] + 3 * person
        frames = 5000 * person + walked if not self.clock_frames else walked
        frames = frames + self.clock_frames * (person % self.clocks)
        paths = tuple(f"{name}/{index}" for index in range(count))
        return ImageTable(paths, person + 1, cams, frames, self.clock_frames)

    @property
    def role(self) -> str:
        return "market1501"

    def images(self, split: str) -> np.ndarray:
        values = np.arange(*SPLITS[split])
        return np.repeat(values.astype(np.uint8), 12).reshape(-1, 2, 2, 3)


class Table(nn.Module):
    """Looks a row up; people of the training set are told apart, those of the test set hardly."""

    def __init__(self, blur: float = 1.2) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        people = torch.eye(8, 12)
        noise = torch.randn(56, 12, generator=generator)
        noise[:24] *= 0.01
        noise[24:] *= blur
        rows = torch.stack([people[(index - 24 * (index >= 24)) % 8] for index in range(56)])
        self.register_buffer("rows", rows + noise)

    def forward(self, images: Tensor) -> SimpleNamespace:
        return SimpleNamespace(embedding=self.rows[from_network(images)[:, 0, 0, 0].tolist()])


def test_times_help_where_looks_mislead_and_both_scores_are_kept() -> None:
    dataset, encoder = Walkers(), Table()
    result = evaluate_with_camera_time(encoder, dataset, settings())
    alone = evaluate(encoder, dataset, EvaluateSettings(batch_size=5))
    assert result.visual.metrics() == alone.metrics()
    assert result.visual.ap.tolist() == alone.ap.tolist()
    assert result.joint.mAP > result.visual.mAP + 3
    assert result.identities == 8
    metrics = result.metrics()
    assert (metrics["mAP"], metrics["visual_mAP"]) == (result.joint.mAP, alone.mAP)


def test_the_record_says_how_the_gallery_was_ranked() -> None:
    result = evaluate_with_camera_time(Table(), Walkers(), settings())
    record = json.loads(json.dumps(result.describe()))
    assert record["camera_time"] is True
    assert record["reranking"] is False
    assert record["distance"].startswith("1 - sigma(5 s)")
    assert record["visual_distance"] == "squared_euclidean_of_unit_features"
    assert record["mAP"] == result.joint.mAP
    assert record["visual_R1"] == result.visual.R1
    assert record["camera_time_identities"] == 8
    assert record["camera_time_bins"] == (5000 * 7 + 900 + 21) // 10 + 1


def test_distances_equal_a_loop_over_pairs_also_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, table = Walkers(), Table().rows
    query, gallery = F.normalize(table[24:32]), F.normalize(table[32:])
    pids = np.arange(24) % 8
    model = fit(pids, dataset, settings().camera_time_model)
    whole = module.distance_blocks
    monkeypatch.setattr(module, "distance_blocks", lambda q, g: whole(q, g, block=3))
    blocks = list(joint_blocks(query, gallery, dataset.query, dataset.gallery, model))
    assert [len(block) for block in blocks] == [3, 3, 2]
    found = np.concatenate(blocks)
    for i in range(8):
        for j in range(24):
            s = float(query[i].double() @ gallery[j].double())
            d = int(dataset.query.frames[i] - dataset.gallery.frames[j])
            pair = (dataset.query.cams[i], dataset.gallery.cams[j])
            to, origin = pair if d > 0 else pair[::-1]
            p = float(model.probability[to, origin, abs(d) // 10])
            j_score = 1 / (1 + math.exp(-5 * s)) / (1 + 2 * math.exp(-5 * p))
            assert found[i, j] == pytest.approx(1 - j_score, abs=1e-6)


def test_a_constant_probability_leaves_the_visual_ranking() -> None:
    generator = torch.Generator().manual_seed(5)
    # Close to one another: in float32, J would tie many of them.
    centre = torch.randn(1, 16, generator=generator)
    query = F.normalize(centre + 1e-3 * torch.randn(6, 16, generator=generator))
    gallery = F.normalize(centre + 1e-3 * torch.randn(400, 16, generator=generator))
    flat = CameraTime(np.full((3, 3, 99_999), 0.25), 1000)
    tables = [SimpleNamespace(cams=np.arange(n) % 3, frames=np.arange(n) * 17) for n in (6, 400)]
    (joint,) = joint_blocks(query, gallery, *tables, flat)  # type: ignore[arg-type]
    (visual,) = module.distance_blocks(query, gallery)
    for ours, looks in zip(joint, visual, strict=True):
        assert np.argsort(ours, kind="stable").tolist() == (
            np.argsort(looks, kind="stable").tolist()
        )


def test_joint_distances_are_those_of_the_oracle() -> None:
    np.testing.assert_allclose(
        joint_distances([0.8, 0.3], [0.002, 0.0]), [0.670476, 0.727475], atol=1e-6
    )


def test_frames_of_different_clocks_say_nothing() -> None:
    clocks = Walkers(clock_frames=10_000, clocks=2)
    model = fit(np.arange(24) % 8, clocks, settings().camera_time_model)
    query, gallery = clocks.query, clocks.gallery
    seen = model.between(query.cams, query.frames, gallery.cams, gallery.frames)
    apart = (query.pids[:, None] - gallery.pids[None, :]) % 2 == 1
    assert (seen[apart] == 0).all()
    assert (seen[~apart] > 0).any()
    # Clocks start anew: bins cover what one of them counts, not the distance between two.
    assert model.probability.shape == (3, 3, (900 + 21) // 10 + 1)


def test_cameras_of_the_test_set_need_not_occur_in_training() -> None:
    dataset = Walkers()
    fewer = SimpleNamespace(
        train=SimpleNamespace(
            cams=np.zeros(24, np.int64), frames=dataset.train.frames, clock_frames=0
        ),
        query=dataset.query,
        gallery=dataset.gallery,
    )
    model = fit(np.arange(24) % 8, fewer, CameraTimeSettings())  # type: ignore[arg-type]
    assert model.probability.shape[:2] == (3, 3)
    assert (model.probability[1:] == 0).all()


def test_a_dataset_without_times_is_refused() -> None:
    timeless = SimpleNamespace(cams=np.arange(24) % 3, frames=np.zeros(24, int), clock_frames=0)
    dataset = SimpleNamespace(train=timeless, query=timeless, gallery=timeless)
    with pytest.raises(UsageError, match=r"no times.*evaluate\.camera_time=false"):
        fit(np.arange(24) % 8, dataset, CameraTimeSettings())  # type: ignore[arg-type]
