"""What `data.video` leaves of a dataset of tracklets; image datasets stay as they are."""

from __future__ import annotations

from gclbench.datasets.reader import Tables
from gclbench.datasets.tracklets import thinned
from gclbench.digest import digest
from gclbench.schema.settings import VIDEO_ROLES, VideoSettings


def kept_tables(role: str, tables: Tables, video: VideoSettings) -> Tables:
    """Return the tables with the frames of each tracklet that are kept."""
    if role not in VIDEO_ROLES:
        return tables
    frames = {"train": video.train_frames_kept}
    return {
        split: thinned(table, frames.get(split, video.test_frames_kept))
        for split, table in tables.items()
    }


def kept_fingerprint(role: str, images: str, video: VideoSettings) -> str:
    """Return the digest of what is kept of a role's images; image roles keep theirs."""
    if role not in VIDEO_ROLES:
        return images
    chosen: list[object] = [images, "kept", video.train_frames_kept, video.test_frames_kept]
    return digest([*chosen, video.mars_gallery] if role == "mars" else chosen)
