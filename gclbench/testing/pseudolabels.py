"""What every way of labelling stage 3's memory promises. A user's joins with one fixture:

class TestMine(PseudoLabelContract):
    @pytest.fixture
    def method(self):
        return made("pseudolabels", "mine")
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from gclbench.pseudolabels.base import Labelling, Unlabelled
from gclbench.schema.settings import PseudoLabelSettings

PEOPLE, EACH, STRAYS, DIM = 6, 8, 4, 24


def example(seed: int = 0, epoch: int = 0) -> Unlabelled:
    """Tight groups of unit rows and a few strays, in a random order; chance from `seed`."""
    rng = np.random.default_rng(3)
    centres = np.repeat(rng.normal(size=(PEOPLE, DIM)), EACH, axis=0)
    near = centres + 0.05 * rng.normal(size=centres.shape)
    rows = np.concatenate([near, rng.normal(size=(STRAYS, DIM))])
    rows = rng.permutation(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return Unlabelled(
        rows=rows.astype(np.float32),
        cams=np.arange(len(rows)) % 3,
        frames=25 * np.arange(len(rows)),
        epoch=epoch,
        rng=torch.Generator().manual_seed(seed),
        settings=PseudoLabelSettings(k1=10, k2=3).model_dump(exclude={"method"}),
    )


class PseudoLabelContract:
    """Inherit, and give the fixture `method`; `example` is what it is asked to label."""

    def test_labels_are_whole_numbers_from_0_without_a_gap(self, method: Any) -> None:
        for epoch in (0, 5):
            known = example(epoch=epoch)
            found: Labelling = method(known)
            assert found.labels.shape == (len(known.rows),)
            assert found.labels.dtype == np.int64
            clusters = np.unique(found.labels[found.labels >= 0])
            assert clusters.tolist() == list(range(len(clusters)))
            assert found.labels.min() >= -1

    def test_its_figures_are_finite_numbers(self, method: Any) -> None:
        figures = method(example()).figures
        assert all(math.isfinite(value) for value in figures.values())

    def test_one_generator_state_gives_the_same_labels(self, method: Any) -> None:
        assert (method(example(1)).labels == method(example(1)).labels).all()

    def test_it_leaves_the_memory_alone(self, method: Any) -> None:
        known = example()
        before = known.rows.copy()
        method(known)
        assert (known.rows == before).all()

    def test_the_global_generators_are_not_touched(self, method: Any) -> None:
        before, numpy_before = (
            torch.get_rng_state(),
            np.random.get_state(legacy=False)["state"]["key"].copy(),
        )
        method(example())
        assert torch.equal(torch.get_rng_state(), before)
        assert (np.random.get_state(legacy=False)["state"]["key"] == numpy_before).all()
