"""Metrics of the four tasks."""

from .metrics import (
    ActionKNNMetric,
    ActionMetric,
    ActionProbeMetric,
    DumpEmbeddings,
    LocalizationMetric,
    OpenLocalizationMetric,
    RetrievalMetric,
    SyncMetric,
)

__all__ = [
    'ActionKNNMetric',
    'ActionMetric',
    'ActionProbeMetric',
    'DumpEmbeddings',
    'LocalizationMetric',
    'OpenLocalizationMetric',
    'RetrievalMetric',
    'SyncMetric',
]
