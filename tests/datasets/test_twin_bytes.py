"""The twins are the same bytes as when their digests were written down.

Bodies are posed by matrix products, whose last digits differ with the processor's instructions, so
there is a digest for each kind that was looked at: AVX-512, and the same machine held to AVX2 (the
variables of docs/world.md). Where one changes on purpose, `WORLD_REVISION` (or
`PROJECTION_REVISION`) rises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gclbench.datasets.load import load_dataset
from gclbench.schema.settings import DataSettings

# Of pictures and of projections.
DIGESTS = {
    "market1501": {
        "avx512": ("f33b8b343a6d00f4", "b773f0bbf47dd397"),
        "avx2": ("3ee3c6529c0e78d8", "a09e8823d0fb2e6e"),
    },
    "dukemtmc_reid": {
        "avx512": ("73a944c72b0f7f8a", "803231f40ff62aad"),
        "avx2": ("73a944c72b0f7f8a", "e648ea15761c101f"),
    },
    "msmt17": {
        "avx512": ("83912636e9f54707", "02a65768ad1579cc"),
        "avx2": ("83912636e9f54707", "096966918dc9ecbf"),
    },
    "mars": {
        "avx512": ("6f0ddf07a24e444d", "0eca4cda700f0a3a"),
        "avx2": ("7c26807e9768ca57", "90f0be084908c1b8"),
    },
    "dukemtmc_videoreid": {
        "avx512": ("64f6b7d559a3d4b0", "5c3da70196d61fed"),
        "avx2": ("2374abefa4266aff", "f73a57720a0eff4b"),
    },
}
SIZES = {"people_train": 4, "people_test": 4, "images_per_person": 4, "distractor_people": 1}


def digest(role: str, cache: Path) -> tuple[str, str]:
    """Of all pictures, and of the projections of the training bodies."""
    data = DataSettings.model_validate({"height_px": 64, "width_px": 32, "world": SIZES})
    dataset = load_dataset(role, data, cache)
    pictures = hashlib.sha256()
    for split in ("train", "query", "gallery"):
        pictures.update("\n".join(getattr(dataset, split).paths).encode())
        pictures.update(dataset.images(split).tobytes())
    projections = hashlib.sha256(dataset.projections().tobytes())
    return pictures.hexdigest()[:16], projections.hexdigest()[:16]


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """What a worker has, and what a figure in the user's own process may have."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("role", DIGESTS)
def test_a_twin_is_drawn_as_it_was(role: str, threads: int, tmp_path: Path) -> None:
    assert digest(role, tmp_path) in DIGESTS[role].values()
