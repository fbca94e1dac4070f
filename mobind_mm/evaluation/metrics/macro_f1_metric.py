"""Macro-F1 of MMAction2's recognisers."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.evaluator import BaseMetric

from ...registry import METRICS
from ..functional import macro_f1


@METRICS.register_module()
class MacroF1Metric(BaseMetric):
    """Mean F1 over the classes, beside ``mmaction.AccMetric``.

    Reads ``pred_score`` and ``gt_label`` of MMAction2's data samples. The
    mean is over the classes among labels or predictions, as in
    :class:`ActionMetric`.

    Args:
        collect_device: Device on which processes gather results.
        prefix: Prefix of the key; that of ``AccMetric`` by default.
    """

    default_prefix = 'acc'

    def __init__(
        self, collect_device: str = 'cpu', prefix: str | None = None
    ) -> None:
        super().__init__(collect_device, prefix)

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep prediction and label of each sample."""
        for sample in data_samples:
            predicted = int(sample['pred_score'].argmax())
            self.results.append((predicted, int(sample['gt_label'])))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """``macro_f1``."""
        predicted, labels = zip(*results)
        return dict(macro_f1=macro_f1(predicted, labels))
