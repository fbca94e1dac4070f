"""Frozen nearest-neighbour action recognition as an MMEngine metric."""

from __future__ import annotations

import numpy as np

from ...registry import METRICS
from ..embedding_table import Table, modality
from ..functional import nearest_neighbour
from .action_embedding_metric import ActionEmbeddingMetric

_PAIRS = {
    'knn': ('imu', 'imu'),
    'knn_pose': ('pose', 'pose'),
    'knn_both': ('both', 'both'),
    'knn_pose2imu': ('pose', 'imu'),
}


@METRICS.register_module()
class ActionKNNMetric(ActionEmbeddingMetric):
    """Name the action of a window after its nearest labelled window.

    ``knn_top1`` compares IMU with IMU, ``knn_pose_top1`` pose with pose,
    ``knn_both_top1`` both with both (the mean cosine of what two windows
    share), ``knn_pose2imu_top1`` a pose query with IMUs; beside each is its
    macro-F1, ``knn_macro_f1``, … Who takes part says
    :class:`ActionEmbeddingMetric`.

    Source: MoBind, frozen 1-NN action recognition.
    """

    def predict(self, query: Table, gallery: Table) -> dict[str, np.ndarray]:
        """Label of the nearest gallery window by pair of modalities."""
        predictions = {}
        for kind, (asked, known) in _PAIRS.items():
            x, mask = modality(query, asked)
            y, known_mask = modality(gallery, known)
            predictions[kind] = nearest_neighbour(
                x, y, gallery['action'], mask, known_mask
            )
        return predictions
