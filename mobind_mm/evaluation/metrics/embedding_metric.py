"""Collects embeddings; what the metrics over them share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric


class EmbeddingMetric(BaseMetric):
    """Collect the embeddings, masks and labels of every window.

    Subclasses only compute. A window is either a ``query`` (of the split
    that is evaluated) or ``gallery`` (reference windows, such as those of
    the training subjects), as its data set's ``role`` says.
    """

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep what the metric needs of one batch, on the CPU."""
        for sample in data_samples:
            # BaseMetric's loop hands samples over as plain dictionaries.
            row = {
                key: sample[key].detach().float().cpu().numpy()
                for key in ('imu_embedding', 'pose_embedding')
            }
            for key in ('imu_mask', 'pose_mask'):
                row[key] = sample[key].detach().cpu().numpy()
            row['role'] = sample.get('role', 'query')
            row['action'] = int(sample.get('action', -1))
            self.results.append(row)

    @staticmethod
    def stack(rows: list[dict]) -> dict[str, np.ndarray]:
        """Rows to arrays: embeddings, masks, actions."""
        keys = ('imu_embedding', 'pose_embedding', 'imu_mask', 'pose_mask')
        table = {key: np.stack([row[key] for row in rows]) for key in keys}
        table['action'] = np.array([row['action'] for row in rows])
        return table


def has_both(row: dict) -> bool:
    """Whether a collected window shows any limb in both modalities."""
    return bool(row['imu_mask'].any() and row['pose_mask'].any())
