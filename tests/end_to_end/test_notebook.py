"""The notebook does what it says: its cells run one after the other, as Jupyter would run them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "first_table.ipynb"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line where that is an expression, as Jupyter shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    return eval(ast.unparse(last), names) if last is not None else None


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Any]]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCLBENCH_HOME", str(tmp_path_factory.mktemp("notebook") / "results"))
        shown = [
            run_cell("".join(cell["source"]), names)
            for cell in cells
            if cell["cell_type"] == "code"
        ]
    return names, shown


def test_all_cells_run_and_what_they_show_draws_itself(
    executed: tuple[Any, list[Any]],
) -> None:
    _, shown = executed
    pages = [each._repr_html_() for each in shown if hasattr(each, "_repr_html_")]
    assert len(pages) >= 5
    assert all("<table" in page for page in pages)
    assert any("Multi" in page and "synthetic_market1501" in page for page in pages)


def test_features_by_hand_are_worth_what_the_table_says(executed: tuple[Any, list[Any]]) -> None:
    names, _ = executed
    frame, found = names["frame"], names["found"]
    chosen = frame[(frame["row"] == "multi") & (frame["seed"] == 0)].set_index("metric")["value"]
    assert len(names["frame"]) == 2 * 2 * 6  # mAP, R1, R5, R10, N, NMI
    assert found.mAP == pytest.approx(chosen["mAP"], abs=1e-6)
    assert pytest.approx(chosen["R1"], abs=1e-6) == found.R1
    assert names["labels"].shape == (len(names["train"]),)
