"""Hold out training identities: train on the others, query and rank the held-out ones.

A search for settings must look at something, and that must not be the test set.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.base import Bytes, Dataset, Split
from gclbench.datasets.cache import cached_array
from gclbench.datasets.tracklets import chosen, image_rows
from gclbench.digest import digest
from gclbench.errors import UsageError

# Rises when the same share would hold out other images.
REVISION = 1


@dataclass(frozen=True)
class HeldOutDataset(Dataset):
    """A dataset whose query and gallery are held-out training identities of `base`.

    `rows` maps each split to rows of the base's training images.
    """

    base: Dataset | None = field(default=None, repr=False)
    rows: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False)

    def images(self, split: Split) -> Bytes:
        self.table(split)
        return self._part("images", split, self._base().images("train"))

    def projections(self) -> Bytes:
        name = self._base().projections_file.removesuffix(".npy")
        return self._part(name, "train", self._base().projections())

    def oracle_views(self) -> Bytes:
        return self._part("oracle", "train", self._base().oracle_views())

    def factors(self, split: Split) -> Any:
        """The base's factors of the same images; None for real data."""
        self.table(split)
        whole, rows = self._base().factors("train"), self.rows[split]
        if whole is None:
            return None
        return replace(whole, **{f.name: getattr(whole, f.name)[rows] for f in fields(whole)})

    def _base(self) -> Dataset:
        if self.base is None:
            raise UsageError("a held-out dataset needs the dataset that it is a part of.")
        return self.base

    def _part(self, what: str, split: str, whole: Bytes) -> Bytes:
        rows = self.rows[split]
        shape = (len(rows), *whole.shape[1:])
        path = self.arrays / f"{what}-{split}-{self.height_px}x{self.width_px}.npy"

        def build(out: Bytes) -> None:
            out[:] = whole[rows]

        return cached_array(path, shape, build)


def hold_out(base: Dataset, share: float) -> HeldOutDataset:
    """Return `base` without `share` of its training identities, which become query and gallery.

    Who is held out follows from a digest of each identity's number, so neither file order nor
    chance matters. Of a held-out identity, the first image (by path) of every camera is a query,
    the others are the gallery. Tracklets: the gallery keeps the queries, as MARS's does, because
    many people have but one tracklet a camera (same identity and camera never count). Raises
    UsageError where too few identities are left on a side.
    """
    held = held_samples(base.train.pids, share, base.label)
    pids = base.train.pids
    places = np.flatnonzero(held)
    _, first = np.unique(
        np.stack([pids[places], base.train.cams[places]]), axis=1, return_index=True
    )
    queries = np.zeros(len(places), dtype=bool)
    queries[first] = True
    samples = {
        "train": np.flatnonzero(~held),
        "query": places[queries],
        "gallery": places[~queries] if base.train.starts is None else places,
    }
    rows = {split: image_rows(base.train, part) for split, part in samples.items()}
    shared: dict[str, Any] = {f.name: getattr(base, f.name) for f in fields(Dataset)}
    name = fingerprint(base.fingerprint, share)
    shared |= {split: chosen(base.train, part) for split, part in samples.items()}
    shared |= {"fingerprint": name, "arrays": base.arrays.parent / name[:16]}
    return HeldOutDataset(**shared, base=base, rows=rows)


def held_samples(pids: NDArray[np.int64], share: float, label: str) -> NDArray[np.bool_]:
    """Return which samples of identities `pids` (N,) are held out. Raises UsageError."""
    identities = sorted({int(pid) for pid in pids}, key=lambda pid: digest(["held out", pid]))
    count = held_count(share, len(identities), label)
    return np.isin(pids, identities[:count])


def held_count(share: float, identities: int, label: str) -> int:
    """Return how many training identities are held out. Raises UsageError for too few."""
    count = round(share * identities)
    if min(count, identities - count) < 2:
        raise UsageError(
            f"data.validation_share={share:g} holds out {count} of {identities} training "
            f"identities of {label}.",
            "Both parts need at least two.",
        )
    return count


def fingerprint(images: str, share: float) -> str:
    """Return the digest of what is left of a dataset's images."""
    return digest([images, "held out", REVISION, share])
