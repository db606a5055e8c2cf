"""Values of words: as text, and as Python gives them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import OverrideError, UsageError
from gclbench.words import kinds
from gclbench.words.kinds import Kind


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0,1,2", (0, 1, 2)),
        ("[0, 1, 2]", (0, 1, 2)),
        ("0-4", (0, 1, 2, 3, 4)),
        ("0,3-5", (0, 3, 4, 5)),
        ("7-7", (7,)),
    ],
)
def test_seeds_are_numbers_and_ranges(text: str, seeds: tuple[int, ...]) -> None:
    assert kinds.SEEDS.value("seeds", text) == seeds


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (kinds.SEEDS, "a", "'a' is not a whole number of 0 or more"),
        (kinds.SEEDS, "-1", "'-1' is not a whole number of 0 or more"),
        (kinds.SEEDS, "1.5", "whole number of 0 or more"),
        (kinds.SEEDS, "1,1", "twice"),
        (kinds.SEEDS, "1,01", "twice"),
        (kinds.SEEDS, "0-2,2", "twice"),
        (kinds.SEEDS, "4-0", "not a range of 1 to 10000 numbers. Write word=0-4."),
        (kinds.SEEDS, "0-999999999999", "not a range"),
        (kinds.SEEDS, "0-b", "'b' is not a whole number"),
        (kinds.COUNT, "0", "whole number of 1 or more"),
        (kinds.COUNT, "1" * 5000, "whole number of 1 or more"),
        (kinds.DEVICE, "mps", "device=mps is not known"),
        (kinds.COUNT, "two", "whole number of 1 or more"),
        (kinds.COUNT, "²", "whole number of 1 or more"),
        (kinds.NAMES, ",", "names nothing. Write word=a,b."),
        (kinds.NAMES, "a,b,a", "names something twice"),
        (kinds.SWITCH, "yes", "Write true or false"),
        (kinds.SETTINGS, "joint.lr=1", "not a mapping of settings"),
    ],
)
def test_wrong_text_is_refused_with_its_reason(kind: Kind, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        kind.value("word", text)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (kinds.SEEDS, [0, 1], (0, 1)),
        (kinds.SEEDS, range(3), (0, 1, 2)),
        (kinds.SEEDS, 4, (4,)),
        (kinds.NAMES, ["a", "b, c"], ("a", "b, c")),
        (kinds.NAMES, "a,b", ("a", "b")),
        (kinds.COUNT, 3, 3),
        (kinds.SWITCH, True, True),
        (kinds.TEXT, Path("a"), "a"),
        (kinds.FOLDER, "~/x", Path.home() / "x"),
        (kinds.FOLDERS, ["a", Path("b")], (Path("a"), Path("b"))),
        (kinds.FOLDERS, "a", (Path("a"),)),
        (kinds.SETTINGS, {"joint": {"temperature": 0.05}}, {"joint.temperature": 0.05}),
        (kinds.SETTINGS, {"joint.losses": ("l_vi", "l_mix")}, {"joint.losses": ["l_vi", "l_mix"]}),
    ],
)
def test_python_values_are_taken(kind: Kind, given: Any, value: Any) -> None:
    assert kind.value("word", given) == value


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (kinds.SEEDS, [0, -1], "whole number of 0 or more"),
        (kinds.SEEDS, [True], "whole number"),
        (kinds.SEEDS, 1.0, "'1.0' is not a whole number"),
        (kinds.SEEDS, [], "names nothing"),
        (kinds.SEEDS, [1, 1], "twice"),
        (kinds.NAMES, [1], "not a list of names"),
        (kinds.NAMES, [], "not a list of names"),
        (kinds.COUNT, True, "whole number"),
        (kinds.SWITCH, 1, "Write true or false"),
        (kinds.FOLDER, 3, "not a path"),
        (kinds.SETTINGS, {"joint.temprature": 1}, "Did you mean 'joint.temperature'"),
        (kinds.SETTINGS, {"joint.epochs": 0}, "joint.epochs"),
        (kinds.SETTINGS, ["joint.epochs=1"], "not a mapping of settings"),
    ],
)
def test_wrong_python_values_are_refused(kind: Kind, given: Any, message: str) -> None:
    with pytest.raises(OverrideError, match=re.escape(message)):
        kind.value("word", given)
