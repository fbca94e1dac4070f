"""Action recognition by a linear probe as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...registry import METRICS
from ..embedding_table import Table, modality
from ..functional import linear_probe, probe_features
from .action_embedding_metric import ActionEmbeddingMetric

_KINDS = {
    'linear': ('imu',),
    'linear_pose': ('pose',),
    'linear_both': ('imu', 'pose'),
}


@METRICS.register_module()
class ActionProbeMetric(ActionEmbeddingMetric):
    """Name the action of a window by a linear probe on its embedding.

    A logistic regression learns the actions of the gallery windows from
    frozen embeddings: ``linear_top1`` from IMU, ``linear_pose_top1`` from
    pose, ``linear_both_top1`` from both beside each other, with the
    macro-F1 of each. Features of per-limb models are those of
    :func:`~mobind_mm.evaluation.functional.probe_features`. Who takes part
    says :class:`ActionEmbeddingMetric`: ``num_linear_queries``, ….

    Args:
        C: Inverse strength of the L2 penalty, or several, of which each
            probe takes the best in a cross-validation that leaves gallery
            subjects out.
        **kwargs: ``dump``, ``collect_device`` and ``prefix``.

    Source: MoBind, linear probe.
    """

    counted = 'linear_'

    def __init__(
        self,
        C: float | Sequence[float] = 0.1,  # noqa: N803
        **kwargs: Any,
    ) -> None:
        values = np.atleast_1d(np.asarray(C, dtype=float))
        if not values.size or not (values > 0).all():
            raise ValueError(f'C must be positive, got {C}.')
        super().__init__(**kwargs)
        self.C = C

    def predict(self, query: Table, gallery: Table) -> dict[str, np.ndarray]:
        """Label by the probe of each kind."""
        predictions = {}
        for kind, names in _KINDS.items():
            known, asked = (
                np.concatenate(
                    [probe_features(*modality(table, n)) for n in names],
                    axis=1,
                )
                for table in (gallery, query)
            )
            predictions[kind] = linear_probe(
                known,
                gallery['action'],
                asked,
                C=self.C,
                groups=gallery['subject'],
            )
        return predictions
