"""The public names of the package: which they are, and what they load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gclbench

HEAVY = {"torch", "numpy", "pandas", "numba", "pydantic", "typer", "sqlalchemy", "sacred"}


def test_the_names_are_these_and_each_can_be_had() -> None:
    assert gclbench.__all__ == [
        *("Evaluation", "Plan", "Results", "Study", "Table", "dbscan", "embed", "evaluate"),
        *("jaccard", "load_dataset", "open", "rerank", "runs"),
    ]
    assert sorted(gclbench._HOMES) == gclbench.__all__
    assert all(
        getattr(gclbench, name).__module__.startswith("gclbench.") for name in gclbench.__all__
    )
    assert set(gclbench.__all__) <= set(dir(gclbench))
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        _ = gclbench.evalute


def run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_the_package_loads_nothing_heavy_and_is_quick() -> None:
    loaded = "*sorted({name.split('.')[0] for name in sys.modules})"
    start = "import sys, time; before = time.process_time(); import gclbench"
    seconds, *modules = run(f"{start}; print(time.process_time() - before, {loaded})")
    assert "gclbench" in modules
    assert not HEAVY & set(modules)
    assert float(seconds) < 0.1


@pytest.mark.parametrize("use", ["g.open('table6', profile='smoke')", "g.open", "g.runs"])
def test_opening_and_planning_load_no_pandas(use: str) -> None:
    code = f"import sys, gclbench as g; {use}; print(*(m for m in sys.modules if m == 'pandas'))"
    assert run(code) == []
