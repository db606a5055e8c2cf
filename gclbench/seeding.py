"""One seed, many named streams of chance.

Every random choice takes a generator made here. Streams are named, not ordered, so adding one
never moves another, and rows that share a seed see common random numbers (paired comparison).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(root: int, *names: str | int) -> int:
    """Return a 63-bit seed that depends on the root seed and every name, on nothing else."""
    text = "/".join([str(root), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(root: int, *names: str | int) -> np.random.Generator:
    """Return NumPy's PCG64 generator for the named stream."""
    return np.random.Generator(np.random.PCG64(derive_seed(root, *names)))


def torch_generator(root: int, *names: str | int) -> torch.Generator:
    """Return a CPU torch generator for the named stream (torch is imported on first use)."""
    import torch

    generator = torch.Generator()
    generator.manual_seed(derive_seed(root, *names))
    return generator
