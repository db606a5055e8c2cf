"""Equal meaning, equal bytes; another meaning, others."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import pytest

from gclbench.digest import canonical_json, digest, file_digest


def test_the_order_of_keys_and_the_spelling_of_numbers_do_not_matter() -> None:
    one = {"b": [1.0, 0.5], "a": {"y": None, "x": True}}
    two = {"a": {"x": True, "y": None}, "b": (1, 0.5)}
    assert canonical_json(one) == b'{"a":{"x":true,"y":null},"b":[1,0.5]}'
    assert digest(one) == digest(two) == hashlib.sha256(canonical_json(one)).hexdigest()


@pytest.mark.parametrize(
    "other", [{"a": 2}, {"a": 1.5}, {"a": "1"}, {"a": [1]}, {"a": None}, {"a": True}, {"b": 1}, {}]
)
def test_another_value_is_another_identity(other: Any) -> None:
    assert digest(other) != digest({"a": 1})


def test_text_is_kept_as_it_is() -> None:
    assert canonical_json("é\n") == '"é\\n"'.encode()


@pytest.mark.parametrize("value", [{1: "a"}, {1, 2}, Path("x"), b"x", {"a": [object()]}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        digest(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest([value])


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
