"""Seeded damage for fuzz tests: the bytes of a sound file, spoilt in the ways that files are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_INSERTED = 64


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Give `count` damaged copies of `data`, the same for the same seed.

    They are cut, have bits flipped, bytes overwritten, blocks lost, doubled, filled with zeros or
    swapped, and strange bytes put in; each differs from `data`, unless that is empty.
    """
    draws = random.Random(seed)
    for number in range(count):
        damaged = data
        while damaged == data and data:
            damaged = _KINDS[number % len(_KINDS)](data, draws)
        yield damaged


def _block(data: bytes, draws: random.Random) -> tuple[int, int]:
    start = draws.randrange(len(data))
    return start, min(len(data), start + draws.randint(1, max(1, len(data) // 8)))


def _cut(data: bytes, draws: random.Random) -> bytes:
    return data[: draws.randrange(len(data))]


def _flipped(data: bytes, draws: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(draws.choice((1, 1, 4, 52))):
        spoilt[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
    return bytes(spoilt)


def _early(data: bytes, draws: random.Random) -> bytes:
    """A byte near the beginning, where formats keep their headers."""
    spoilt = bytearray(data)
    spoilt[draws.randrange(min(len(data), 512))] = draws.randrange(256)
    return bytes(spoilt)


def _lost(data: bytes, draws: random.Random) -> bytes:
    start, end = _block(data, draws)
    return data[:start] + data[end:]


def _doubled(data: bytes, draws: random.Random) -> bytes:
    start, end = _block(data, draws)
    return data[:end] + data[start:end] + data[end:]


def _zeroed(data: bytes, draws: random.Random) -> bytes:
    start, end = _block(data, draws)
    return data[:start] + bytes(end - start) + data[end:]


def _inserted(data: bytes, draws: random.Random) -> bytes:
    start = draws.randrange(len(data))
    return data[:start] + draws.randbytes(draws.randint(1, _INSERTED)) + data[start:]


def _late(data: bytes, draws: random.Random) -> bytes:
    """A byte near the end, where archives keep their tables."""
    spoilt = bytearray(data)
    spoilt[-1 - draws.randrange(min(len(data), 512))] = draws.randrange(256)
    return bytes(spoilt)


_KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_cut, _flipped, _early, _lost, _doubled, _zeroed, _inserted, _late),
)
