"""MMEngine metrics: they collect, pure functions compute."""

from .action_knn_metric import ActionKNNMetric
from .retrieval_metric import RetrievalMetric

__all__ = ['ActionKNNMetric', 'RetrievalMetric']
