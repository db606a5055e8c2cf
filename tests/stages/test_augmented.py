"""Training images under flip, crop and erasing: whose they are, and by which chance."""

from __future__ import annotations

from typing import Any

import torch

from gclbench.augmentations.multi import Multi
from gclbench.evaluation.preprocess import to_network
from gclbench.seeding import torch_generator
from gclbench.stages.augmented import augmented

ROWS = torch.tensor([9, 2, 2, 17])


def test_they_are_the_asked_for_rows_as_multi_shows_them(bench: Any) -> None:
    images = bench.dataset.images("train")
    got = augmented(images, ROWS, torch_generator(0, "x"), torch.device("cpu"))
    real = torch.cat([to_network(images[[row]]) for row in ROWS.tolist()])
    chance = Multi().sample(4, torch_generator(0, "x"), *real.shape[-2:])
    assert torch.equal(got, Multi().apply(real, chance))
    assert not torch.equal(got[1], got[2])  # one row twice, each with a draw of its own


def test_one_stream_gives_other_images_the_second_time(bench: Any) -> None:
    stream = torch_generator(0, "x")
    images = bench.dataset.images("train")
    first, second = (augmented(images, ROWS, stream, torch.device("cpu")) for _ in range(2))
    assert not torch.equal(first, second)
