"""Every benchmark runs at small sizes, and its two sides agree."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def table(text: str) -> list[dict[str, str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    names = [name.strip() for name in lines[0]]
    return [dict(zip(names, (v.strip() for v in line), strict=True)) for line in lines[2:]]


def test_sparse_jaccard_agrees_with_the_dense_way() -> None:
    rows = table(importlib.import_module("benchmarks.jaccard").report("small"))
    assert [row["N x d"] for row in rows] == ["600 x 64"]
    assert float(rows[0]["largest difference"]) < 1e-6


def test_dbscan_agrees_with_scikit_learn() -> None:
    rows = table(importlib.import_module("benchmarks.dbscan").report("small"))
    assert [row["labels that differ"] for row in rows] == ["0"]


def test_ranking_agrees_with_a_loop_and_with_full_matrices() -> None:
    rows = table(importlib.import_module("benchmarks.ranking").report("small"))
    assert [row["given"] for row in rows] == ["distances", "features"]
    assert float(rows[0]["largest difference of AP"]) < 1e-9
    assert all(float(row["largest difference of CMC"]) < 1e-9 for row in rows)


def test_the_contrast_agrees_with_a_loop_over_the_batch() -> None:
    rows = table(importlib.import_module("benchmarks.contrast").report("small"))
    assert [row["K"] for row in rows] == ["500", "100"]
    assert float(rows[0]["largest difference of loss and gradients"]) < 1e-4


def test_the_rasteriser_agrees_with_pyrender_or_says_that_there_is_none() -> None:
    text = importlib.import_module("benchmarks.rasteriser").report("small")
    if "Not measured" in text:
        assert "no off-screen OpenGL" in text
    else:
        assert float(table(text)[0]["silhouette IoU"]) > 0.9


def test_the_input_of_stage_3_is_what_decoding_on_the_fly_gives() -> None:
    rows = table(importlib.import_module("benchmarks.pipeline").report("small"))
    assert float(rows[0]["largest difference of a batch's mean"]) < 1e-6


def test_a_difference_between_the_sides_is_seen() -> None:
    harness = importlib.import_module("benchmarks.harness")
    one = {"a": np.array([1.0, 2.0]), "own": np.zeros(3)}
    assert harness.largest_difference(one, {"a": np.array([1.0, 2.5])}) == 0.5
    assert harness.largest_difference(one, {"a": np.array([1.0, np.nan])}) == float("inf")
    with pytest.raises(ValueError, match="share no array"):
        harness.largest_difference(one, {"b": np.zeros(1)})
    with pytest.raises(ValueError, match="on one side"):
        harness.largest_difference(one, {"a": np.zeros(3)})


def test_one_benchmark_written_anew_leaves_the_others(tmp_path: Path) -> None:
    main = importlib.import_module("benchmarks.__main__")
    document = tmp_path / "kernels.md"
    marked = "Here; then.\n\n## A\n\nold a\n\n## B\n\nold b\n"
    document.write_text(f"Words.\n{main.BEGIN}{marked}{main.END}More.\n")
    main.replace_sections(document, ["## A\n\nnew a\n"], "There; now.")
    main.replace_sections(document, ["## B\n\nnew b\n"], "There; now.")
    apart = "\n\nMeasured apart: There; now.\n\n"
    wanted = f"Here; then.\n\n## A{apart}new a\n\n## B{apart}new b\n"
    assert document.read_text() == f"Words.\n{main.BEGIN}{wanted}{main.END}More.\n"
    with pytest.raises(SystemExit, match="no section '## C'"):
        main.replace_sections(document, ["## C\n\nnew\n"], "There; now.")


def test_a_side_that_fails_shows_its_error() -> None:
    harness = importlib.import_module("benchmarks.harness")
    with pytest.raises(RuntimeError, match="KeyError"):
        harness.measure(harness.Side("benchmarks.dbscan:ours"), {})


def test_the_command_replaces_the_marked_part_of_a_document(tmp_path: Path) -> None:
    document = tmp_path / "kernels.md"
    main = importlib.import_module("benchmarks.__main__")
    document.write_text(f"before\n{main.BEGIN}## DBSCAN\n\nold\n{main.END}after\n")
    command = [sys.executable, "-m", "benchmarks", "dbscan", "--sizes", "small", "--into"]
    done = subprocess.run([*command, str(document)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = document.read_text()
    assert text.startswith(f"before\n{main.BEGIN}")
    assert text.endswith(f"{main.END}after\n")
    assert "## DBSCAN" in text
    assert "old" not in text
    document.write_text("no marks")
    done = subprocess.run([*command, str(document)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "lacks the lines" in done.stderr
