"""Cross-modal retrieval as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Sequence

from ...registry import METRICS
from ..functional import recall_summary, retrieval_ranks
from .embedding_metric import EmbeddingMetric, has_both


@METRICS.register_module()
class RetrievalMetric(EmbeddingMetric):
    """Find the pose window of an IMU window, and the other way round.

    The gallery are all windows of the split. Windows in which one of the
    modalities is missing altogether cannot be matched and are left out;
    ``num_windows`` says how many remain.

    Args:
        topk: Cut-offs of recall.
        collect_device: Device on which processes gather results.
        prefix: Prefix of the keys.

    Source: MoBind, retrieval protocol.
    """

    default_prefix = 'retrieval'

    def __init__(
        self,
        topk: Sequence[int] = (1, 5, 10),
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.topk = tuple(topk)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Recall in both directions.

        Raises:
            ValueError: If no query window has both modalities.
        """
        rows = [
            row for row in results if row['role'] == 'query' and has_both(row)
        ]
        if not rows:
            raise ValueError(
                f'None of {len(results)} windows is a query with both IMU '
                "and pose; check the data set's role and its masks."
            )
        table = self.stack(rows)
        imu, imu_mask = table['imu_embedding'], table['imu_mask']
        pose, pose_mask = table['pose_embedding'], table['pose_mask']
        if imu.ndim == 2:
            imu_mask = pose_mask = None
        forth = retrieval_ranks(imu, pose, imu_mask, pose_mask)
        back = retrieval_ranks(pose, imu, pose_mask, imu_mask)
        metrics: dict[str, float] = {}
        for name, ranks in (('imu2pose', forth), ('pose2imu', back)):
            for key, value in recall_summary(ranks, self.topk).items():
                metrics[f'{name}_{key}'] = value
        metrics['num_windows'] = len(rows)
        return metrics
