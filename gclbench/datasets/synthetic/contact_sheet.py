"""A picture of a dataset, to be looked at before anything is trained on it."""

from __future__ import annotations

import numpy as np

from gclbench.datasets.base import Bytes, Dataset


def contact_sheet(
    dataset: Dataset, people: int = 10, per_camera: int = 2, views: int = 4
) -> Bytes:
    """Return uint8 (H', W', 3): rows are training people, columns their images camera by camera.

    Below come, for `views` training images, the eight projections and, for rendered data, the
    oracle views.
    """
    images, table = dataset.images("train"), dataset.train
    cameras = np.unique(table.cams)
    blank = np.full((dataset.height_px, dataset.width_px, 3), 255, dtype=np.uint8)
    rows = []
    for pid in np.unique(table.pids)[:people]:
        cells = []
        for camera in cameras:
            found = np.flatnonzero((table.pids == pid) & (table.cams == camera))[:per_camera]
            cells += [images[index] for index in found]
            cells += [blank] * (per_camera - len(found))
        rows.append(np.concatenate(cells, axis=1))
    for index in np.linspace(0, len(table) - 1, views).astype(int):
        gray = dataset.projections()[index][..., None].repeat(3, axis=3)
        rows.append(np.concatenate([images[index], *gray], axis=1))
        if dataset.synthetic:
            rows.append(np.concatenate([images[index], *dataset.oracle_views()[index]], axis=1))
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded, axis=0)
