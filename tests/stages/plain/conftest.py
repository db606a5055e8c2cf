"""Stages in float64, so that two ways to one sum do not part; a source of other people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from gclbench.evaluation import features, preprocess


@pytest.fixture(autouse=True)
def float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything that does not ask for float32 is float64; features of pictures too.

    Training tiny networks at high rates multiplies a rounding of float32 by ten in every step.
    """

    def outputs(
        encoder: Any, images: Any, batch_size: int, device: Any, name: str
    ) -> Iterator[Tensor]:
        for first in range(0, len(images), batch_size):
            batch = preprocess.to_network(images[first : first + batch_size], device)
            yield getattr(encoder(batch), name)

    monkeypatch.setattr(features, "_outputs", outputs)
    preprocess._line.cache_clear()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    preprocess._line.cache_clear()


@pytest.fixture(scope="session")
def other(dataset: Any) -> Any:
    """Other people, as many of them (the source's classifier knows their number), 23 images."""
    return replace(dataset, people=5, strays=3, seed=1)
