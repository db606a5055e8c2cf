"""From an encoder and a dataset to mAP, CMC and per-query AP."""

from gclbench.evaluation.features import evaluating, extract_features, extract_pooled
from gclbench.evaluation.preprocess import from_network, structure_to_network, to_network
from gclbench.evaluation.protocol import EvaluationResult, evaluate

__all__ = [
    "EvaluationResult",
    "evaluate",
    "evaluating",
    "extract_features",
    "extract_pooled",
    "from_network",
    "structure_to_network",
    "to_network",
]
