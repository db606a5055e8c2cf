"""gclbench: which gains of unsupervised person re-identification are real.

The names in `__all__` are the promise; all else may move. Each is imported when it is first used:
`import gclbench` itself loads neither torch nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gclbench.retrieval import Evaluation, dbscan, evaluate, jaccard, rerank

__version__ = "0.1.0"
_HOMES = {
    "Evaluation": "retrieval",
    "dbscan": "retrieval",
    "evaluate": "retrieval",
    "jaccard": "retrieval",
    "rerank": "retrieval",
}
__all__ = ["Evaluation", "dbscan", "evaluate", "jaccard", "rerank"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gclbench' has no attribute '{name}'")
    return getattr(import_module(f"gclbench.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
