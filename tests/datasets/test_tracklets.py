"""Frames of tracklets: which are kept, which a step draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gclbench.datasets.base import ImageTable
from gclbench.datasets.tracklets import by_image, draw_frames, thinned
from gclbench.errors import UsageError
from gclbench.schema.settings import VideoSettings

LENGTHS = (1, 3, 10)


def _table(lengths: tuple[int, ...] | None = LENGTHS) -> ImageTable:
    count = 3 if lengths is None else sum(lengths)
    starts = None if lengths is None else np.cumsum([0, *lengths])
    numbers = np.arange(3, dtype=np.int64)
    paths = tuple(f"{number:02d}.jpg" for number in range(count))
    return ImageTable(paths, numbers, numbers, numbers, starts=starts)


def _drawn(samples: list[int], frames: int, seed: int = 0) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return draw_frames(_table(), np.array(samples), frames, generator)


def test_a_table_of_tracklets_counts_tracklets_and_holds_every_frame() -> None:
    table = _table()
    assert len(table) == 3
    assert len(table.paths) == 14
    assert table.spans.tolist() == [0, 1, 4, 14]


def test_by_image_every_frame_has_a_row_with_what_its_tracklet_has() -> None:
    table = by_image(_table())
    assert len(table) == len(table.paths) == 14
    assert table.starts is None
    assert table.pids.tolist() == table.cams.tolist() == [0, *[1] * 3, *[2] * 10]
    assert table.frames.tolist() == [0, 1, 2, 3, *range(2, 12)]
    images = _table(None)
    assert by_image(images) is images


def test_frames_are_drawn_without_replacement_in_temporal_order() -> None:
    rows = _drawn([2] * 50, 4)
    assert ((rows >= 4) & (rows < 14)).all()
    assert (np.diff(rows, axis=1) > 0).all()
    assert len(np.unique(rows)) == 10


def test_a_short_tracklet_repeats_frames_and_stays_sorted() -> None:
    rows = _drawn([1] * 50, 8)
    assert set(np.unique(rows)) == {1, 2, 3}
    assert (np.diff(rows, axis=1) >= 0).all()
    assert _drawn([0], 2).tolist() == [[0, 0]]


def test_one_generator_repeats_the_draw_and_another_changes_it() -> None:
    assert np.array_equal(_drawn([2, 1, 2], 3, seed=5), _drawn([2, 1, 2], 3, seed=5))
    assert not np.array_equal(_drawn([2] * 9, 3, seed=5), _drawn([2] * 9, 3, seed=6))


def test_images_stand_for_themselves_and_draw_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert draw_frames(_table(None), np.array([2, 0]), 8, generator).tolist() == [[2], [0]]
    assert torch.equal(generator.get_state(), before)


def test_no_frames_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        _drawn([0], 0)


def test_thinning_keeps_evenly_spaced_frames_and_short_tracklets_whole() -> None:
    thin = thinned(_table(), 2)
    assert thin.spans.tolist() == [0, 1, 3, 5]
    assert thin.paths == ("00.jpg", "01.jpg", "03.jpg", "06.jpg", "11.jpg")
    assert thinned(_table(), 0).paths == _table().paths
    assert thinned(_table(None), 1).paths == _table(None).paths


def test_a_step_sees_the_frames_that_the_paper_names() -> None:
    video = VideoSettings()
    roles = ("mars", "dukemtmc_videoreid", "market1501")
    assert [video.step_frames(role) for role in roles] == [2, 8, 1]
