"""Rules that choose people: written out by hand on small tables."""

from __future__ import annotations

import numpy as np

from gclbench.runtime.figures.people import (
    images_by_camera,
    largest_by_person,
    longest_tracklets,
    spaced,
    spaced_people,
    tracklets,
)

PIDS = np.array([3, 3, 3, 5, 5, 8, 8, 8, 9])
CAMS = np.array([0, 0, 2, 1, 1, 0, 1, 2, 0])
FRAMES = np.array([9, 4, 7, 2, 1, 5, 5, 5, 0])


def test_spaced_items_hold_both_ends_and_never_repeat() -> None:
    assert spaced([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert spaced(np.arange(2), 8).tolist() == [0, 1]


def test_spaced_people_are_shown_by_their_first_image() -> None:
    assert spaced_people(PIDS, 2).tolist() == [0, 8]
    assert spaced_people(PIDS, 9).tolist() == [0, 3, 5, 8]


def test_inputs_are_one_per_camera_of_people_seen_by_enough_cameras() -> None:
    assert [rows.tolist() for rows in images_by_camera(PIDS, CAMS, 5, 2)] == [[0, 2], [5, 7]]
    assert [rows.tolist() for rows in images_by_camera(PIDS, CAMS, 5, 3)] == [[5, 6, 7]]


def test_a_tracklet_follows_the_frames_of_the_camera_with_most_images() -> None:
    assert [rows.tolist() for rows in tracklets(PIDS, CAMS, FRAMES, 2, 8)] == [[1, 0], [4, 3]]
    assert [len(rows) for rows in tracklets(PIDS, CAMS, FRAMES, 4, 8)] == [1, 1, 1, 1]


def test_the_first_of_a_persons_longest_tracklets_is_shown() -> None:
    pids, spans = np.array([3, 3, 3, 5, 5]), np.array([0, 2, 6, 10, 11, 14])
    assert [rows.tolist() for rows in longest_tracklets(pids, spans, 2, 8)] == [
        [2, 3, 4],
        [11, 12, 13],
    ]
    assert [rows.tolist() for rows in longest_tracklets(pids, spans, 2, 1)] == [[2], [11]]


def test_of_each_person_the_largest_value_counts_and_nan_never_wins() -> None:
    values = np.array([1, 9, 2, np.nan, np.nan, 4, 5, np.nan, 7.0])
    assert largest_by_person(values, PIDS, 2).tolist() == [1, 8]
    assert largest_by_person(values, PIDS, 9).tolist() == [1, 8, 6]
