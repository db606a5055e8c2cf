"""Generation quality: numbers against loops and closed forms, and what the table is made of."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from gclbench.errors import DataMissingError, MissingExtraError, ShapeError
from gclbench.runtime import generation
from gclbench.runtime.figures.registry import Choice
from gclbench.runtime.generation import (
    INCEPTION_FILE,
    Draw,
    draw_views,
    feature_network,
    frechet_distance,
    mean_ssim,
    novel_views,
)
from gclbench.study.opened import OpenStudy

needs_torchmetrics = pytest.mark.skipif(
    importlib.util.find_spec("torchmetrics") is None, reason="the extra metrics is not installed"
)


def pictures(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, height, width, 3), np.uint8)


def loop_ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al. 2004, a window around every pixel, channel by channel; borders mirrored."""
    line = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    height, width = one.shape[:2]
    one, other = (np.pad(each, ((5, 5), (5, 5), (0, 0)), mode="reflect") for each in (one, other))
    for top in range(height):
        for left in range(width):
            for channel in range(3):
                place = (slice(top, top + 11), slice(left, left + 11), channel)
                a, b = one[place].astype(float), other[place].astype(float)
                ma, mb = (window * a).sum(), (window * b).sum()
                va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
                ab = (window * (a - ma) * (b - mb)).sum()
                values.append(
                    (2 * ma * mb + c1) * (2 * ab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
                )
    return float(np.mean(values))


@needs_torchmetrics
def test_ssim_equals_a_loop_over_windows() -> None:
    one, noise = pictures(2, 14, 13), pictures(2, 14, 13, seed=1)
    other = (0.7 * one + 0.3 * noise).astype(np.uint8)
    wanted = np.mean([loop_ssim(a, b) for a, b in zip(one, other, strict=True)])
    assert mean_ssim(one, other) == pytest.approx(wanted, abs=1e-4)


@needs_torchmetrics
def test_ssim_of_equal_pictures_is_one_and_batches_do_not_matter() -> None:
    one, other = pictures(40, 12, 11), pictures(40, 12, 11, seed=1)
    assert mean_ssim(one, one) == pytest.approx(1.0)
    apart = [mean_ssim(one[row : row + 1], other[row : row + 1]) for row in range(40)]
    assert mean_ssim(one, other) == pytest.approx(np.mean(apart), abs=1e-5)


def test_ssim_refuses_pictures_that_do_not_match_or_are_too_small() -> None:
    with pytest.raises(ShapeError, match="at least 11"):
        mean_ssim(pictures(2, 10, 20), pictures(2, 10, 20))
    with pytest.raises(ShapeError, match="shapes"):
        mean_ssim(pictures(2, 16, 16), pictures(3, 16, 16))


@needs_torchmetrics
def test_fid_equals_the_closed_form_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6))
    made = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)) + 0.5
    s1, s2 = np.cov(real, rowvar=False), np.cov(made, rowvar=False)
    gap = ((real.mean(0) - made.mean(0)) ** 2).sum()
    wanted = gap + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real)
    assert frechet_distance(torch.tensor(real), torch.tensor(made)) == pytest.approx(wanted)


@needs_torchmetrics
def test_fid_of_a_set_with_itself_is_zero_also_with_fewer_rows_than_features() -> None:
    features = torch.randn(8, 32, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(features, features) == pytest.approx(0.0, abs=1e-4)
    # A pure shift moves nothing but the means.
    assert frechet_distance(features, features + 1) == pytest.approx(32.0, rel=1e-4)


def test_fid_refuses_features_of_other_widths_or_single_rows() -> None:
    with pytest.raises(ShapeError):
        frechet_distance(torch.zeros(4, 3), torch.zeros(4, 2))
    with pytest.raises(ShapeError):
        frechet_distance(torch.zeros(1, 3), torch.zeros(4, 3))


def test_without_torchmetrics_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"gclbench\[metrics\]"):
        mean_ssim(pictures(1, 12, 12), pictures(1, 12, 12))


def test_the_draw_is_fixed_by_the_seed_and_never_pairs_an_image_with_itself() -> None:
    draw, again, other = draw_views(50, 0), draw_views(50, 0), draw_views(50, 1)
    assert np.array_equal(draw.angles, again.angles)
    assert not np.array_equal(draw.angles, other.angles)
    assert set(draw.angles) == set(range(1, 8))
    assert sorted(draw.partners) == list(range(50))
    assert not (draw.partners == draw.rows).any()
    assert len(draw_views(9000, 0).rows) == generation.MAX_IMAGES


def test_inception_is_taken_only_where_its_weights_and_package_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter: Any = SimpleNamespace(encoder=SimpleNamespace(channels=64), device="cpu")
    assert feature_network(painter, tmp_path).name == "E_id after warm-up, pooled (64)"
    (tmp_path / INCEPTION_FILE).write_bytes(b"")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert feature_network(painter, tmp_path).name.startswith("E_id")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(generation, "_inception", lambda weights, device: len)
    assert feature_network(painter, tmp_path).name == "Inception-v3 (2048)"


class Drawing:
    """A painter whose pictures say which guide they were drawn on."""

    def encode(self, images: np.ndarray) -> Any:
        return SimpleNamespace(f_id=images)

    def guides(self, images: np.ndarray, projections: np.ndarray) -> np.ndarray:
        return projections

    def draw(self, identity: np.ndarray, guides: np.ndarray) -> np.ndarray:
        return np.repeat(guides[..., None], 3, axis=-1)


def node(view: Any) -> Any:
    """Image i has projections of the value 8 i + angle."""
    values = np.arange(24, dtype=np.uint8).reshape(3, 8, 1, 1) * np.ones((1, 1, 2, 2), np.uint8)
    images = np.zeros((3, 2, 2, 3), np.uint8)
    return SimpleNamespace(
        inputs=lambda rows: (images[rows], values[rows]), painter=Drawing(), view=view
    )


def test_novel_views_are_turned_or_on_the_partners_structure() -> None:
    from gclbench.augmentations.rotation import Rotation

    draw = Draw(np.array([0, 1, 2]), np.array([3, 7, 1]), np.array([2, 0, 1]))
    originals, turned = novel_views(node(Rotation), draw)
    assert originals[:, 0, 0, 0].tolist() == [0, 8, 16]
    assert turned[:, 0, 0, 0].tolist() == [3, 15, 17]
    assert novel_views(node(object), draw)[1][:, 0, 0, 0].tolist() == [16, 0, 8]


@needs_torchmetrics
def test_a_study_without_trained_generators_names_the_command(
    open_one: Callable[..., OpenStudy],
) -> None:
    opened = open_one(rows=("rotation", "multi"), tasks=("market1501",))
    wanted = "Run: gclbench run ablation=table6 tasks=market1501 seeds=0"
    for tasks in (("market1501",), ()):
        with pytest.raises(DataMissingError, match=wanted):
            generation.generation_table(opened, Choice((), tasks))


def test_few_images_are_said_to_make_covariances_singular() -> None:
    def line(images: int) -> Any:
        return SimpleNamespace(images=images, features="E_id after warm-up, pooled (64)")

    assert len(generation._bias_notes([line(65)])) == 1
    assert "singular" in generation._bias_notes([line(65), line(64)])[1]
