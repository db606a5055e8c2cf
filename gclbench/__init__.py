"""gclbench: which gains of unsupervised person re-identification are real.

The names in `__all__` are the promise; all else may move. Each is imported when it is first used:
`import gclbench` itself loads neither torch nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gclbench.api.data import embed, load_dataset
    from gclbench.api.opening import open
    from gclbench.api.results import Results, Table
    from gclbench.api.retrieval import Evaluation, dbscan, evaluate, jaccard, rerank
    from gclbench.api.runs import runs
    from gclbench.api.study import Plan, Study

__version__ = "0.1.0"
_HOMES = {
    "Evaluation": "retrieval",
    "Plan": "study",
    "Results": "results",
    "Study": "study",
    "Table": "results",
    "dbscan": "retrieval",
    "embed": "data",
    "evaluate": "retrieval",
    "jaccard": "retrieval",
    "load_dataset": "data",
    "open": "opening",
    "rerank": "retrieval",
    "runs": "runs",
}
__all__ = [
    "Evaluation",
    "Plan",
    "Results",
    "Study",
    "Table",
    "dbscan",
    "embed",
    "evaluate",
    "jaccard",
    "load_dataset",
    "open",
    "rerank",
    "runs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gclbench' has no attribute '{name}'")
    return getattr(import_module(f"gclbench.api.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
