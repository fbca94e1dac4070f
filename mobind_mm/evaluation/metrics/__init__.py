"""MMEngine metrics: they collect, pure functions compute."""

from .action_embedding_metric import ActionKNNMetric, ActionProbeMetric
from .action_metric import ActionMetric, MacroF1Metric
from .embedding_metric import DumpEmbeddings
from .localization_metric import LocalizationMetric
from .open_localization_metric import OpenLocalizationMetric
from .retrieval_metric import RetrievalMetric
from .sync_metric import SyncMetric

__all__ = [
    'ActionKNNMetric',
    'ActionMetric',
    'ActionProbeMetric',
    'DumpEmbeddings',
    'LocalizationMetric',
    'MacroF1Metric',
    'OpenLocalizationMetric',
    'RetrievalMetric',
    'SyncMetric',
]
