from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gclbench.errors import ShapeError
from gclbench.evaluation import from_network, structure_to_network, to_network


def _pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_images_are_normalised_channel_by_channel() -> None:
    pictures = _pictures(2, 3, 4, 3)
    out = to_network(pictures)
    assert out.dtype == torch.float32
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for b, c, h, w in [(0, 0, 0, 0), (1, 1, 2, 3), (0, 2, 1, 2)]:
        expected = (pictures[b, h, w, c] / 255 - mean[c]) / std[c]
        assert out[b, c, h, w].item() == pytest.approx(expected, abs=1e-5)


def test_images_arrive_channels_last() -> None:
    assert to_network(_pictures(2, 4, 5, 3)).is_contiguous(memory_format=torch.channels_last)


def test_every_byte_survives_the_way_there_and_back() -> None:
    pictures = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    assert np.array_equal(from_network(to_network(pictures)), pictures)


def test_values_outside_the_picture_range_are_clamped() -> None:
    assert from_network(torch.full((1, 3, 1, 1), 9.0)).max() == 255
    assert from_network(torch.full((1, 3, 1, 1), -9.0)).max() == 0


def test_projections_span_minus_one_to_one_and_keep_their_angles() -> None:
    gray = np.array([[[0, 255]]], dtype=np.uint8)
    assert structure_to_network(gray).tolist() == [[[[-1.0, 1.0]]]]
    assert structure_to_network(_pictures(2, 8, 4, 3)).shape == (2, 8, 4, 3)


def test_read_only_memory_maps_are_not_changed(tmp_path: Path) -> None:
    np.save(tmp_path / "gray.npy", _pictures(2, 4, 3))
    mapped = np.load(tmp_path / "gray.npy", mmap_mode="r")
    structure_to_network(mapped)
    assert np.array_equal(mapped, _pictures(2, 4, 3))


def test_tensors_are_left_alone() -> None:
    gray = torch.full((1, 2, 2), 7, dtype=torch.uint8)
    structure_to_network(gray)
    assert (gray == 7).all()


def test_wrong_shapes_and_types_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(B, H, W, 3\)"):
        to_network(_pictures(2, 3, 4, 5))
    with pytest.raises(ShapeError, match="uint8"):
        to_network(torch.zeros(1, 2, 2, 3))
    with pytest.raises(ShapeError, match="projections"):
        structure_to_network(_pictures(4, 5))
    with pytest.raises(ShapeError, match=r"\(B, 3, H, W\)"):
        from_network(torch.zeros(1, 1, 2, 2))
