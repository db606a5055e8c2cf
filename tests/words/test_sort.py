"""Words of a command line, sorted: names without '=', words that are given twice."""

from __future__ import annotations

import re

import pytest

from gclbench.errors import OverrideError
from gclbench.words.sort import sort_words
from gclbench.words.verbs import DoctorWords, ImportWords, PlanWords, ReportWords


def sort(*typed: str) -> dict[str, str]:
    return sort_words(PlanWords.declared(), typed, print).words


def test_names_without_equals_are_the_study() -> None:
    assert sort("table6", "seeds=0", "table5,fig8") == {
        "study": "table6,table5,fig8",
        "seeds": "0",
    }
    assert ReportWords.parse(["table6", "table6"]).studies == ("table6",)


def test_spellings_in_silence_are_one_word() -> None:
    assert sort("task=a", "row=b", "seed=1", "ablation=c") == {
        "tasks": "a", "rows": "b", "seeds": "1", "study": "c",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("joint.lr=1", "joint.lr=2"), "'joint.lr' is given twice"),
        (("seeds=1", "seeds=2"), "'seeds' is given twice"),
        (("task=a", "tasks=b"), "'task' and 'tasks' are both given. Give one."),
        (("study=a", "ablation=b"), "'study' and 'ablation' are both given"),
        (("ablation=a", "b"), "'ablation' and 'b' are both given"),
    ],
)
def test_one_thing_said_twice_is_refused(typed: tuple[str, ...], message: str) -> None:
    with pytest.raises(OverrideError, match=re.escape(message)):
        sort(*typed)


def test_one_file_only_and_no_names_where_none_are_taken() -> None:
    with pytest.raises(OverrideError, match=r"2 values of file= are given: a\.tar, b\.tar"):
        ImportWords.parse(["a.tar", "b.tar"])
    with pytest.raises(OverrideError, match=r"not of the form key=value. For example: home=DIR"):
        DoctorWords.parse(["scratch"])
