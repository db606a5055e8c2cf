"""Search spaces: what may be varied, counted as the file writes it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gclbench.schema import Dimension, Search


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"low": 0.3, "high": 0.5, "step": 0.1}, [0.3, 0.4, 0.5]),
        ({"low": 0, "high": 1, "step": 0.3}, [0.0, 0.3, 0.6, 0.9]),
        ({"low": 1e-12, "high": 3e-12, "step": 1e-12}, [1e-12, 2e-12, 3e-12]),
        ({"low": 8, "high": 30, "step": 8, "whole": True}, [8, 16, 24]),
        ({"low": -3, "high": 3, "step": 3, "whole": True}, [-3, 0, 3]),
        ({"choices": ["paper", "code"]}, ["paper", "code"]),
    ],
)
def test_values_are_what_the_file_would_write(values: dict[str, Any], expected: list[Any]) -> None:
    dimension = Dimension(**values)
    assert dimension.values() == expected
    assert [type(value) for value in dimension.values()] == [type(value) for value in expected]
    assert dimension.size == len(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 2.5, "high": 4.5, "whole": True}, "low must be a whole number, not 2.5"),
        ({"low": 2, "high": 4.5, "whole": True}, "high must be a whole number, not 4.5"),
        ({"low": 2, "high": 5, "step": 0.5, "whole": True}, "step must be a whole number"),
        ({"low": 1, "high": 5, "step": 1.5, "whole": True}, "step must be a whole number"),
        ({"low": 5, "high": 1}, "low must be below high"),
        ({"low": 0, "high": 1, "step": 1.5}, "step 1.5 is larger than the range"),
        ({"low": 0, "high": 1, "step": 1e-300}, "step 1e-300 is too small"),
        ({"low": -1e308, "high": 1e308}, "too far apart"),
        ({"low": -1, "high": 3, "log": True, "whole": True}, "begins above 0"),
        ({"low": float("nan"), "high": 1}, "finite"),
        ({"low": 0, "high": float("inf")}, "finite"),
        ({"low": 0, "high": 1, "step": float("inf")}, "finite"),
        ({"choices": []}, "either choices, or low and high"),
        ({"choices": [float("nan"), 1.0]}, "finite"),
        ({"choices": [1, 1.0]}, "1.0 is there twice: it equals 1"),
        ({"choices": [0.1, 0.2, 0.1]}, "0.1 is there twice$"),
        ({"choices": [True, 1]}, "1 is there twice: it equals True"),
        ({"choices": ["8", 8]}, "8 is there twice: it equals '8'"),
        ({"choices": [1, 2], "step": 1}, "go without log, whole and step"),
        ({"choices": [1, 2], "whole": True}, "go without log, whole and step"),
    ],
)
def test_a_dimension_that_cannot_be_walked_is_refused(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as found:
        Dimension(**values)
    text = "\n".join(str(error["msg"]) for error in found.value.errors())
    assert message.removesuffix("$") in text
    assert not message.endswith("$") or text.endswith(message.removesuffix("$"))


def test_a_grid_is_counted_before_it_is_made() -> None:
    fine = {"low": 0, "high": 1, "step": 0.001}
    space = {"joint.temperature": fine, "joint.lambda_vi": fine}
    with pytest.raises(ValidationError, match="a grid of 1,002,001 points; 100,000 are the most"):
        Search.model_validate({"space": space, "sampler": "grid"})
    assert Search.model_validate({"space": space, "sampler": "random"}).sampler == "random"
