"""MMEngine metrics: they collect, pure functions compute."""

from .action_knn_metric import ActionKNNMetric
from .action_metric import ActionMetric
from .action_probe_metric import ActionProbeMetric
from .dump_embeddings import DumpEmbeddings
from .localization_metric import LocalizationMetric
from .macro_f1_metric import MacroF1Metric
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
