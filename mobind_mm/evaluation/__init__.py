"""Metrics of the four tasks."""

from .metrics import ActionKNNMetric, RetrievalMetric

__all__ = ['ActionKNNMetric', 'RetrievalMetric']
