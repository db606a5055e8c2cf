"""Words typed with dashes are answered with the word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Cli = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (("run", "table6", "--seeds", "0,1"), "--seeds is no option", ),
        (("run", "table6", "--seeds", "0,1"), "Write seeds=0,1\n"),
        (("run", "--seeds=0,1"), "Write seeds=0,1\n"),
        (("plan", "table6", "--json", "--profile", "smoke"), "Write profile=smoke\n"),
        (("plan", "--profil", "smoke"), "Write profile=smoke\n"),
        (("plan", "--profile"), "Write profile=NAME\n"),
        (("plan", "--profile", "--json"), "Write profile=NAME\n"),
        (("run", "--joint.temperature", "0.05"), "Write joint.temperature=0.05\n"),
        (("embed", "--batch-size", "8"), "Write batch_size=8\n"),
        (("data", "make", "--role", "mars"), "Write dataset=mars\n"),
    ],
)  # fmt: skip
def test_a_word_with_dashes_is_answered_with_the_word(
    cli: Cli, words: tuple[str, ...], written: str
) -> None:
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert written in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("plan", "--jsno"), ("doctor", "--joint.lr", "1"), ("list", "--seeds", "1")]
)
def test_what_is_no_word_stays_a_wrong_option(cli: Cli, words: tuple[str, ...]) -> None:
    code, _, err = cli(*words)
    assert code == 2
    assert "no such option" in err.lower()
