"""Accuracy and macro-F1 of classifiers as MMEngine metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from ...registry import METRICS
from ..functional import accuracy, confusion_matrix, macro_f1
from ..functional.classification import numbered


@METRICS.register_module()
class ActionMetric(BaseMetric):
    """Compare ``pred_scores`` of a classifier with the action of a window.

    ``top1`` and ``macro_f1`` (the mean over the actions that occur among
    labels or predictions), and ``num_windows`` and ``num_takes`` behind
    them. Windows without a label and those of a gallery do not count.
    After :meth:`compute_metrics`, ``confusion`` (classes, classes) counts
    labels by row and predictions by column, and ``classes`` names them.

    Args:
        by_take: Classify the windows of a take with the same label
            together, by their mean scores. With takes of one action each, a
            short ``stride_sec`` of the test set is a multi-crop test.
        **kwargs: ``collect_device`` and ``prefix`` of ``BaseMetric``.
    """

    default_prefix = 'action'

    def __init__(self, by_take: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by_take = by_take
        self.confusion: np.ndarray | None = None
        self.classes: tuple[str, ...] = ()

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep scores, label and take of one batch, on the CPU.

        Exactly one row per sample, in order: from these, processes put the
        data set together and drop its padding.
        """
        for sample in data_samples:
            # BaseMetric's loop hands samples over as plain dictionaries.
            scores = sample['pred_scores'].detach().float().cpu().numpy()
            self.results.append(
                dict(
                    scores=scores,
                    role=sample.get('role', 'query'),
                    take=(
                        sample.get('take'),
                        sample.get('camera'),
                        int(sample.get('action', -1)),
                    ),
                )
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Accuracy and macro-F1.

        Raises:
            ValueError: If there is no labelled window, or a score is NaN.
        """
        results = [
            row
            for row in results
            if row['role'] == 'query' and row['take'][2] >= 0
        ]
        if not results:
            raise ValueError(
                'No labelled query window to classify; check the segments '
                'and min_label_overlap of the evaluated data set.'
            )
        scores = np.stack([row['scores'] for row in results])
        if np.isnan(scores).any():
            raise ValueError(
                'pred_scores has NaN; the training diverged or the inputs '
                'are damaged.'
            )
        takes = [row['take'] for row in results]
        names = list(dict.fromkeys(takes))
        labels = np.array([take[2] for take in takes])
        if self.by_take:
            rows = numbered(takes)
            total = np.zeros((len(names), scores.shape[1]))
            np.add.at(total, rows, scores)
            scores = total / np.bincount(rows)[:, None]
            labels = np.array([name[2] for name in names])
        predicted = scores.argmax(axis=1)
        num_classes = scores.shape[1]
        meta = self.dataset_meta or {}
        self.classes = tuple(meta.get('classes', map(str, range(num_classes))))
        self.confusion = confusion_matrix(predicted, labels, num_classes)
        return dict(
            top1=accuracy(predicted, labels),
            macro_f1=macro_f1(predicted, labels),
            num_windows=len(results),
            num_takes=len({name[:2] for name in names}),
        )

    def pictures(self) -> dict[str, dict]:
        """Confusion matrix of the last evaluation, for the visualizer."""
        if self.confusion is None:
            return {}
        return {
            'confusion': dict(
                kind='confusion_matrix',
                matrix=self.confusion,
                classes=self.classes,
            )
        }


@METRICS.register_module()
class MacroF1Metric(BaseMetric):
    """Mean F1 over the classes, to complement ``mmaction.AccMetric``.

    Reads ``pred_score`` and ``gt_label`` of MMAction2's data samples. The
    mean is over the classes among labels or predictions, as in
    :class:`ActionMetric`. The prefix of the key is that of ``AccMetric``.
    """

    default_prefix = 'acc'

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep prediction and label of each sample."""
        for sample in data_samples:
            predicted = int(sample['pred_score'].argmax())
            self.results.append((predicted, int(sample['gt_label'])))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """``macro_f1``."""
        predicted, labels = np.array(results).T
        return dict(macro_f1=macro_f1(predicted, labels))
