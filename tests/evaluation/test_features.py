from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gclbench.errors import ShapeError, TrainingError, UsageError
from gclbench.evaluation import extract_features, extract_pooled, to_network


class Means(nn.Module):
    """An encoder that answers with the channel means; dropout shows whether it is in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.frozen = nn.BatchNorm1d(3).eval()
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> SimpleNamespace:
        self.batches.append(len(images))
        return SimpleNamespace(embedding=self.dropout(images.mean((2, 3))))


def _pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 3, 3), dtype=np.uint8)


def test_rows_are_unit_length_in_the_order_of_the_images() -> None:
    pictures = _pictures(5)
    features = extract_features(Means(), pictures, 2)
    assert features.shape == (5, 3)
    assert features.dtype == torch.float32
    for row, picture in zip(features, pictures, strict=True):
        mean = to_network(picture[None]).mean((0, 2, 3))
        torch.testing.assert_close(row, mean / mean.norm())


def test_batches_cover_the_images_once() -> None:
    encoder = Means()
    extract_features(encoder, _pictures(5), 2)
    assert encoder.batches == [2, 2, 1]


def test_modes_of_every_part_are_restored() -> None:
    encoder = Means()
    extract_features(encoder, _pictures(2), 2)
    assert encoder.training
    assert encoder.dropout.training
    assert not encoder.frozen.training


def test_modes_are_restored_after_a_failure() -> None:
    encoder = Means()
    with pytest.raises(ShapeError):
        extract_features(encoder, np.zeros((2, 4, 3), dtype=np.uint8), 2)
    assert encoder.dropout.training


def test_features_can_enter_a_later_gradient() -> None:
    features = extract_features(Means(), _pictures(2), 2)
    scale = torch.ones((), requires_grad=True)
    (features * scale).sum().backward()
    assert scale.grad is not None


def test_features_that_are_not_finite_stop_the_run() -> None:
    encoder = Means()
    encoder.forward = lambda images: SimpleNamespace(embedding=images.mean((2, 3)) / 0.0)
    with pytest.raises(TrainingError, match="finite"):
        extract_features(encoder, _pictures(2), 2)


@pytest.mark.parametrize("scale", [0.0, 1e-20])
def test_a_row_of_zeros_has_no_direction_and_stops_the_run(scale: float) -> None:
    def answer(images: Tensor) -> SimpleNamespace:
        rows = torch.ones(len(images), 3)
        rows[-1] *= scale
        return SimpleNamespace(embedding=rows, pooled=rows)

    encoder = Means()
    encoder.forward = answer
    with pytest.raises(TrainingError, match="zeros for 2 of 4 samples"):
        extract_features(encoder, _pictures(4), 2)
    with pytest.raises(TrainingError, match="zeros for 1 of 4 samples"):
        extract_pooled(encoder, _pictures(4), 4)
    raw = extract_features(encoder, _pictures(4), 2, unit=False)
    assert raw[1].abs().max() < 1e-6


def test_empty_arrays_and_empty_batches_are_refused() -> None:
    with pytest.raises(ShapeError, match="no images"):
        extract_features(Means(), _pictures(0), 2)
    with pytest.raises(UsageError, match="batch_size"):
        extract_features(Means(), _pictures(2), 0)


class Pools(nn.Module):
    """Pools the channel means and embeds them, off-centre, so that the order of both matters."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> SimpleNamespace:
        self.batches.append(len(images))
        return SimpleNamespace(pooled=images.mean((2, 3)), embedding=None)

    def embed(self, pooled: Tensor) -> Tensor:
        return pooled.square() - 0.3


STARTS = np.array([0, 1, 5, 7])


def test_a_tracklet_is_the_embedding_of_its_mean_pooled_vector() -> None:
    pictures, encoder = _pictures(7), Pools()
    features = extract_features(encoder, pictures, 3, starts=STARTS)
    assert encoder.batches == [3, 3, 1]  # a long tracklet goes in parts
    for row, first, end in zip(features, STARTS, STARTS[1:], strict=False):
        pooled = to_network(pictures[first:end]).mean((0, 2, 3))
        expected = encoder.embed(pooled)
        torch.testing.assert_close(row, expected / expected.norm())


def test_order_and_duplication_of_frames_do_not_matter_to_a_tracklet() -> None:
    pictures = _pictures(7)
    usual = extract_features(Pools(), pictures, 3, starts=STARTS)
    order = [0, 4, 2, 1, 3, 6, 5]
    shuffled = extract_features(Pools(), pictures[order], 2, starts=STARTS)
    twice = extract_features(Pools(), np.repeat(pictures, 2, axis=0), 5, starts=2 * STARTS)
    torch.testing.assert_close(shuffled, usual)
    torch.testing.assert_close(twice, usual)
    pooled = extract_pooled(Pools(), pictures, 4, starts=STARTS)
    torch.testing.assert_close(extract_pooled(Pools(), pictures[order], 7, starts=STARTS), pooled)


def test_a_tracklet_of_one_frame_is_the_image() -> None:
    pictures, alone = _pictures(4), np.arange(5)
    torch.testing.assert_close(
        extract_pooled(Pools(), pictures, 3, starts=alone), extract_pooled(Pools(), pictures, 3)
    )


def test_tracklets_that_do_not_cover_the_images_are_refused() -> None:
    for starts in ([0, 2, 2, 7], [0, 3], [1, 7]):
        with pytest.raises(ShapeError):
            extract_features(Pools(), _pictures(7), 3, starts=np.array(starts))
