"""`gclbench list settings`, and docs/settings.md, which it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gclbench.cli.settings import page, shown

Cli = Callable[..., tuple[int, str, str]]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_page_is_what_the_command_prints(cli: Cli) -> None:
    """Write it anew with: gclbench list settings --markdown > docs/settings.md"""
    assert PAGE.read_text(encoding="utf-8") == page()
    assert cli("list", "settings", "--markdown") == (0, page(), "")


def test_a_section_is_listed_with_meaning_type_range_symbol_and_stages(cli: Cli) -> None:
    code, out, _ = cli("list", "settings", "joint")
    lines = out.splitlines()
    place = lines.index("joint.temperature = 0.04")
    assert code == 0
    assert lines[place + 1] == "    temperature of the cosines in L_vi, L'_vi and L''_vi"
    assert lines[place + 2] == "    number; above 0; τ [joint]"
    assert not any(line.startswith("warmup.") for line in lines)


def test_programs_read_every_setting(cli: Cli) -> None:
    items = json.loads(cli("list", "settings", "--json")[1])
    named = {item["name"]: item for item in items}
    assert named["gan.lr"] == {
        "name": "gan.lr",
        "default": 1e-4,
        "type": "number",
        "range": "above 0",
        "unit": "",
        "symbol": "",
        "description": "stage 2: rate of Adam for G and for D",
        "stages": ["gan", "joint"],
    }
    assert all(item["stages"] for item in items)
    assert json.loads(cli("show", "settings", "gan.lr", "--json")[1]) == {
        "kind": "settings",
        **named["gan.lr"],
    }


@pytest.mark.parametrize(
    "words, text",
    [
        (["list", "settings", "jiont"], "Did you mean 'joint'?"),
        (["list", "settings", "joint.temprature"], "Did you mean 'joint.temperature'?"),
        (["list", "losses", "joint"], "a section and --markdown are for settings"),
        (["list", "losses", "--markdown"], "a section and --markdown are for settings"),
        (["show", "settings", "gan"], "Use: gclbench list settings gan"),
    ],
)
def test_a_wrong_section_gets_the_nearest_word(cli: Cli, words: list[str], text: str) -> None:
    code, _, err = cli(*words)
    assert code == 2
    assert text in err


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "none"),
        (True, "true"),
        (5e-4, "0.0005"),
        (0.123456789, "0.123456789"),
        (2.0, "2"),
        (["rotation", {"name": "multi", "pad_px": 4}], "[rotation, {name: multi, pad_px: 4}]"),
    ],
)
def test_values_are_written_as_a_command_line_takes_them(value: object, text: str) -> None:
    assert shown(value) == text
