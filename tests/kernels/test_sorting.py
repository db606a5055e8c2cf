from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gclbench.kernels.sorting import smallest_at, sort

LISTS = st.lists(st.integers(-20, 20) | st.integers(-(2**62), 2**62), max_size=80)


@settings(deadline=None)  # the first call compiles
@given(LISTS)
def test_any_list_is_sorted_as_by_python(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    sort(array)
    assert array.tolist() == sorted(values)


@settings(deadline=None)
@given(LISTS.filter(bool), st.data())
def test_any_place_holds_what_the_sorted_list_holds(
    values: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    array = np.array(values, dtype=np.int64)
    assert smallest_at(array, place) == sorted(values)[place]
    assert sorted(array.tolist()) == sorted(values)


@pytest.mark.parametrize("shape", ["rising", "falling", "equal", "saw", "organ", "random"])
@pytest.mark.parametrize("length", [0, 1, 2, 16, 17, 18, 1000, 4099])
def test_long_lists_of_any_shape(shape: str, length: int) -> None:
    ramp = np.arange(length)
    values = {
        "rising": ramp,
        "falling": ramp[::-1],
        "equal": np.zeros(length),
        "saw": ramp % 7,
        "organ": np.minimum(ramp, ramp[::-1]),
        "random": np.random.default_rng(length).random(length),
    }[shape].astype(np.float32)
    mixed = values.copy()
    sort(mixed)
    np.testing.assert_array_equal(mixed, np.sort(values))
    for place in {0, length // 3, length - 1} if length else ():
        assert smallest_at(values.copy(), place) == np.sort(values)[place]
