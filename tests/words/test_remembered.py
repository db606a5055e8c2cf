"""Answers are kept until their sources change, and never trusted when they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gclbench.words.remembered import remembered


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "source").write_text("a", encoding="utf-8")
    return []


def ask(tmp_path: Path, asked: list[int]) -> list[int]:
    def find() -> list[int]:
        asked.append(len(asked))
        return list(asked)

    answer: list[int] = remembered("name", [tmp_path / "source"], find)
    return answer


def test_an_answer_is_found_once_until_its_source_changes(
    tmp_path: Path, asked: list[int]
) -> None:
    assert ask(tmp_path, asked) == ask(tmp_path, asked) == [0]
    (tmp_path / "source").write_text("changed", encoding="utf-8")
    assert ask(tmp_path, asked) == [0, 1]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stamp": 1}', "\x00"])
def test_a_broken_file_is_found_anew(tmp_path: Path, asked: list[int], text: str) -> None:
    ask(tmp_path, asked)
    (tmp_path / "cache" / "completion" / "name.json").write_text(text, encoding="utf-8")
    assert ask(tmp_path, asked) == [0, 1]
    assert ask(tmp_path, asked) == [0, 1]


def test_a_folder_that_cannot_be_made_only_costs_time(
    tmp_path: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCLBENCH_CACHE", str(tmp_path / "source"))
    assert ask(tmp_path, asked) == [0]
    assert ask(tmp_path, asked) == [0, 1]
