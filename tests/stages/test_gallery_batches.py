"""Batches of a few images of each label, preferably of several cameras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gclbench.errors import UsageError
from gclbench.seeding import torch_generator
from gclbench.stages.gallery_batches import GalleryGroups

# Label 0: four images of cameras 0, 0, 1, 2; label 1: three of camera 0; label 2: one.
LABELS = np.array([0, 1, -1, 0, 0, 1, 2, 0, 1])
CAMS = np.array([0, 0, 1, 0, 1, 0, 1, 2, 0])


def groups() -> GalleryGroups:
    return GalleryGroups(LABELS, CAMS)


def draws(images: int, passes: int = 60) -> list[list[int]]:
    """Every label's images of many passes."""
    rng = torch_generator(0, "x")
    return [drawn for _ in range(passes) for drawn in groups()._pass(images, rng)]


def test_a_pass_visits_every_label_once_and_no_outlier() -> None:
    rng = torch_generator(0, "x")
    seen = [LABELS[drawn].tolist() for drawn in groups()._pass(3, rng)]
    assert sorted(map(tuple, seen)) == [(0, 0, 0), (1, 1, 1), (2,)]


def test_the_others_are_of_other_cameras_where_there_are_any() -> None:
    for first, *others in draws(3):
        if LABELS[first] == 0:
            assert all(CAMS[row] != CAMS[first] for row in others)
            assert len(set(others)) == 2
    firsts = {drawn[0] for drawn in draws(3)}
    assert firsts == set(np.flatnonzero(LABELS >= 0).tolist())


def test_one_camera_gives_its_other_images() -> None:
    for first, *others in draws(3):
        if LABELS[first] == 1:
            assert sorted([first, *others]) == [1, 5, 8]


def test_too_few_images_are_drawn_again() -> None:
    for drawn in draws(6):
        if LABELS[drawn[0]] in (0, 1):
            assert len(drawn) == 6
            assert drawn.count(drawn[0]) == 1


def test_batches_are_full_and_as_many_as_asked_for() -> None:
    made = groups().batches(5, 4, 3, torch_generator(0, "x"))
    assert [len(batch) for batch in made] == [4] * 5
    assert all(batch.dtype == torch.int64 for batch in made)
    again = groups().batches(5, 4, 3, torch_generator(0, "x"))
    other = groups().batches(5, 4, 3, torch_generator(1, "x"))
    assert torch.equal(torch.cat(made), torch.cat(again))
    assert not torch.equal(torch.cat(made), torch.cat(other))


def test_without_labels_there_is_no_batch() -> None:
    nobody = GalleryGroups(np.full(4, -1), np.zeros(4, np.int64))
    assert nobody.batches(3, 2, 2, torch_generator(0, "x")) == []


def test_sizes_below_one_are_errors() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        groups().batches(1, 0, 2, torch_generator(0, "x"))
