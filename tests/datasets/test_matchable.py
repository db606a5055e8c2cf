"""Queries that nobody can match: told by `data check`, refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gclbench.datasets.base import ImageTable
from gclbench.datasets.check import check_folder
from gclbench.datasets.fingerprint import reader_of
from gclbench.datasets.matchable import require_matches, told, unmatched
from gclbench.errors import DataMissingError
from gclbench.schema.settings import DataSettings
from gclbench.testing.layouts import write_folders, write_image, write_mars


def table(*samples: tuple[int, int], tracklets: bool = False) -> ImageTable:
    pids, cams = np.array(samples, dtype=np.int64).reshape(-1, 2).T
    paths = tuple(f"{row}.jpg" for row in range(len(pids)))
    starts = np.arange(len(pids) + 1) if tracklets else None
    return ImageTable(paths, pids, cams, np.zeros_like(pids), starts=starts)


def test_a_match_has_the_identity_and_another_camera() -> None:
    query = table((1, 0), (2, 0), (3, 1), (4, 2), (-1, 0), (0, 3))
    gallery = table((1, 0), (1, 2), (2, 0), (4, 2), (4, 1), (-1, 1), (0, 2))
    # 2: under its own camera alone; 3: not there; -1: junk matches nobody.
    assert unmatched(query, gallery).tolist() == [1, 2, 4]


def test_the_protocol_skips_the_same_queries() -> None:
    torch = pytest.importorskip("torch")
    from gclbench.kernels.ranking import evaluate_ranking

    rng = np.random.default_rng(0)
    query, gallery = (
        table(*zip(rng.integers(0, 9, n).tolist(), rng.integers(0, 3, n).tolist(), strict=True))
        for n in (30, 12)
    )
    probe, others = (
        torch.from_numpy(rng.normal(size=(len(each), 4))) for each in (query, gallery)
    )
    ranking = evaluate_ranking(probe, others, query.pids, query.cams, gallery.pids, gallery.cams)
    assert unmatched(query, gallery).tolist() == np.flatnonzero(~ranking.valid).tolist()


def test_how_many_of_how_many_is_told() -> None:
    query, gallery = table((1, 0), (2, 0)), table((1, 1), (2, 0))
    assert told(query, gallery) == (
        "1 of 2 queries have no image of their identity under another camera in the gallery"
    )
    assert "no tracklet of" in told(query, table((1, 0), tracklets=True))
    assert told(query, table((1, 1), (2, 1))) == ""
    require_matches("x", query, gallery)
    with pytest.raises(DataMissingError, match=r"on x: 2 of 2 queries.*two cameras"):
        require_matches("x", query, table((1, 0)))


def one_camera(root: Path) -> Path:
    """Twelve people in training and twelve in the test set, all seen by camera 1."""

    def names(people: range, shots: range) -> list[str]:
        return [f"{p:04d}_c1s1_{100 * p + s:06d}_01.jpg" for p in people for s in shots]

    return write_folders(
        root,
        {
            "bounding_box_train": names(range(1, 13), range(4)),
            "query": names(range(13, 25), range(1)),
            "bounding_box_test": names(range(13, 25), range(1, 4)),
        },
    )


def test_data_check_names_it(tmp_path: Path) -> None:
    root = one_camera(tmp_path)
    reader = reader_of("market1501", DataSettings())
    (fault,) = (each for each in check_folder(reader, root).faults if each.kind == "unmatched")
    assert fault.text.startswith("12 of 12 queries have no image of their identity under another")
    write_image(root / "bounding_box_test" / "0013_c2s1_000009_01.jpg")
    found = check_folder(reader, root)
    assert "unmatched" not in {each.kind for each in found.faults}
    (remark,) = (each for each in found.remarks if each.kind == "unmatched")
    assert remark.text.startswith("11 of 12 queries")
    assert (remark.count, remark.examples[0]) == (11, "query/0014_c1s1_001400_01.jpg")


def test_of_tracklets_a_share_is_a_remark(tmp_path: Path) -> None:
    root = write_mars(tmp_path)
    reader = reader_of("mars", DataSettings())
    assert "unmatched" not in {each.kind for each in check_folder(reader, root).remarks}
    without = reader_of(
        "mars", DataSettings.model_validate({"video": {"mars_gallery": "without_queries"}})
    )
    # Person 2's only other tracklet is of camera 1, which one of the two queries was seen by.
    (remark,) = (each for each in check_folder(without, root).remarks if each.kind == "unmatched")
    assert remark.text.startswith("1 of 2 queries have no tracklet of their identity")
