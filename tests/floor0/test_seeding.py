"""Named streams of chance: what a name gives is settled, and no other name gives the same."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from gclbench.seeding import derive_seed, numpy_generator, torch_generator

NAMES = [
    (),
    ("joint",),
    ("joint", "order"),
    ("order", "joint"),
    ("joint", "order", 1),
    ("joint", 1),
]


def test_a_seed_is_the_first_63_bits_of_the_names_digest() -> None:
    whole = int(hashlib.sha256(b"7/joint/order/3").hexdigest()[:16], 16)
    assert derive_seed(7, "joint", "order", 3) == whole // 2
    assert derive_seed(7, "joint", "order", 3) == 2_059_268_438_456_350_552


def test_every_root_and_every_order_of_names_is_another_stream() -> None:
    seeds = {derive_seed(root, *names) for root in (0, 1) for names in NAMES}
    assert len(seeds) == 2 * len(NAMES)


def test_equal_names_draw_alike_and_leave_the_global_generators_alone() -> None:
    before = (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    for make in (numpy_generator, torch_generator):
        one, two, other = make(0, "a"), make(0, "a"), make(0, "b")
        drawn = [_draw(generator) for generator in (one, two, other)]
        assert drawn[0] == drawn[1] != drawn[2]
    after = (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert before == after


def _draw(generator: np.random.Generator | torch.Generator) -> list[float]:
    if isinstance(generator, torch.Generator):
        return torch.rand(3, generator=generator).tolist()
    return generator.random(3).tolist()
