"""Frozen nearest-neighbour action recognition as an MMEngine metric."""

from __future__ import annotations

from ...registry import METRICS
from ..functional import accuracy, nearest_neighbour
from .embedding_metric import EmbeddingMetric, has_both

_PAIRS = {
    'knn_top1': ('imu', 'imu'),
    'knn_pose_top1': ('pose', 'pose'),
    'knn_pose2imu_top1': ('pose', 'imu'),
}


@METRICS.register_module()
class ActionKNNMetric(EmbeddingMetric):
    """Name the action of a window after its nearest labelled window.

    Queries are the windows of the evaluated split, the gallery those of a
    data set with ``role='gallery'`` (the training subjects), concatenated
    with it in the dataloader. ``knn_top1`` compares IMU with IMU,
    ``knn_pose_top1`` pose with pose, ``knn_pose2imu_top1`` a pose query
    with IMUs. Windows without a label or without one of the modalities do
    not take part, so the counts are the same for all three.

    Args:
        collect_device: Device on which processes gather results.
        prefix: Prefix of the keys.

    Source: MoBind, frozen 1-NN action recognition.
    """

    default_prefix = 'action'

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Accuracy of the nearest neighbour within and across modalities.

        Raises:
            ValueError: If there is no labelled query or gallery window.
        """
        usable = [
            row for row in results if row['action'] >= 0 and has_both(row)
        ]
        tables = {}
        for role in ('query', 'gallery'):
            rows = [row for row in usable if row['role'] == role]
            if not rows:
                raise ValueError(
                    f'No labelled window with both modalities has the role '
                    f'{role!r}; evaluate a ConcatDataset of the '
                    "training split with role='gallery' and the evaluated "
                    "split with role='query'."
                )
            tables[role] = self.stack(rows)
        metrics: dict[str, float] = {}
        for key, (query, gallery) in _PAIRS.items():
            asked = _select(tables['query'], query)
            known = _select(tables['gallery'], gallery)
            predicted = nearest_neighbour(
                asked['embedding'],
                known['embedding'],
                known['action'],
                asked['mask'],
                known['mask'],
            )
            metrics[key] = accuracy(predicted, asked['action'])
        metrics['num_queries'] = len(tables['query']['action'])
        metrics['num_gallery'] = len(tables['gallery']['action'])
        return metrics


def _select(table: dict, modality: str) -> dict:
    """Embeddings, masks and actions of one modality."""
    embedding = table[f'{modality}_embedding']
    per_limb = embedding.ndim == 3
    return {
        'embedding': embedding,
        'mask': table[f'{modality}_mask'] if per_limb else None,
        'action': table['action'],
    }
