"""What the keys of Table 6 are made of, as it was: a change here trains everything anew.

A new setting, or a component that takes parameters now, must leave this as it is, or every
finished run is lost. Where numbers are meant to change, write the file anew, with a line in
CHANGELOG:
    GCLBENCH_WRITE_GOLDEN=1 pytest tests/study/test_keys_stay.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gclbench.content import Content
from gclbench.digest import canonical_json, digest
from gclbench.plan import Node, build_cells, build_plan
from gclbench.study.catalog import space

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "table6_keys.json"
TASKS = ("market1501", "duke2market")
WRITE = os.environ.get("GCLBENCH_WRITE_GOLDEN") == "1"


def parts(node: Node) -> dict[str, Any]:
    """What is hashed, but for what differs by seed, data and revision alone."""
    return {
        "components": sorted(node.components),
        "roles": node.roles,
        "settings": json.loads(canonical_json(node.settings)),
    }


def keys(profile: str) -> dict[str, Any]:
    """Every cell's stages by the digests of their parts, and the parts of each digest."""
    content = Content(environment={})
    study = content.study("table6")
    recipe = content.recipe(study.recipe)
    cells = build_cells(study, recipe, content.profile(profile), seeds=[0], tasks=TASKS)
    plan = build_plan(cells, lambda kind, name: 1, lambda role, settings: role, space)
    nodes = [(cell, plan.node(key)) for cell in cells for key in plan.chain(cell)]
    chains: dict[str, dict[str, str]] = {}
    for cell, node in nodes:
        chains.setdefault(cell.name, {})[node.stage.value] = digest(parts(node))[:12]
    return {"cells": chains, "parts": {digest(parts(n))[:12]: parts(n) for _, n in nodes}}


@pytest.mark.parametrize("profile", ["smoke", "laptop"])
def test_the_parts_of_table_6s_keys_are_what_they_were(profile: str) -> None:
    now = keys(profile)
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.is_file() else {}
    if WRITE:
        text = json.dumps({**golden, profile: now}, indent=1, sort_keys=True, ensure_ascii=False)
        GOLDEN.write_text(text + "\n", encoding="utf-8")
        return
    assert now["parts"] == golden[profile]["parts"]
    assert now["cells"] == golden[profile]["cells"]
