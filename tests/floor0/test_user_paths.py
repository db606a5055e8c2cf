"""Paths as users type them: home, relative, dropped from a file manager."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.errors import UsageError
from gclbench.user_paths import user_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~/reid", "/houses/me/reid"),
        ("~", "/houses/me"),
        ("reid/", "reid"),
        ("./reid", "reid"),
        (" /data/my reid ", "/data/my reid"),
        ("file:///data/my%20reid", "/data/my reid"),
        ("file://localhost/data/a%23b?c", "/data/a#b?c"),
        ("file:/data", "/data"),
        ("/data/file:x", "/data/file:x"),
    ],
)
def test_what_a_user_means(monkeypatch: pytest.MonkeyPatch, text: str, path: str) -> None:
    monkeypatch.setenv("HOME", "/houses/me")
    assert user_path(text) == Path(path)


def test_a_path_is_a_path_already() -> None:
    assert user_path(Path(" x ")) == Path(" x ")


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "file://server/share/a", "file://[x/a"])
def test_what_is_no_path_here_is_named(text: str) -> None:
    with pytest.raises(UsageError):
        user_path(text)
