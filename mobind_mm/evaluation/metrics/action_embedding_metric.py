"""Frozen action recognition: nearest neighbours and linear probes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...registry import METRICS
from ..embedding_table import Table, all_tokens, has_both, modality, select
from ..functional import (
    accuracy,
    confusion_matrix,
    linear_probe,
    macro_f1,
    nearest_neighbour,
    nearest_take,
    probe_features,
    whitened,
)
from ..functional.classification import numbered
from .embedding_metric import EmbeddingMetric

_PAIRS = {
    'knn': ('imu', 'imu'),
    'knn_pose': ('pose', 'pose'),
    'knn_both': ('both', 'both'),
    'knn_pose2imu': ('pose', 'imu'),
}
_KINDS = {
    'linear': ('imu',),
    'linear_pose': ('pose',),
    'linear_both': ('imu', 'pose'),
}


class ActionEmbeddingMetric(EmbeddingMetric):
    """Predict the action of query windows from labelled gallery windows.

    Queries are the windows of the evaluated split, the gallery those of a
    data set with ``role='gallery'`` (the training subjects), concatenated
    with it in the dataloader. Windows without a label or without one of the
    modalities do not take part, so the counts are the same for all
    modalities: ``num_queries``, ``num_gallery``.

    After an evaluation, ``confusion`` holds the confusion matrix of each
    kind of prediction and ``classes`` the names of its rows.

    Args:
        **kwargs: ``dump``, ``collect_device`` and ``prefix`` of
            :class:`EmbeddingMetric`.
    """

    default_prefix = 'action'
    counted: ClassVar[str] = ''
    """Keeps the counts of two metrics apart: ``num_<counted>queries``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.confusion: dict[str, np.ndarray] = {}
        self.classes: Sequence[str] = ()

    @abstractmethod
    def predict(self, query: Table, gallery: Table) -> dict[str, np.ndarray]:
        """Actions (M,) of the query windows by kind of prediction.

        The kind, such as ``knn_pose``, is the beginning of the keys.
        """

    def asked(self, query: Table) -> Table:
        """The rows that :meth:`predict` gives predictions for."""
        return query

    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Accuracy and macro-F1 of each kind of prediction.

        Raises:
            ValueError: If there is no labelled query or gallery window, or
                a recording has windows of both roles.
        """
        query, gallery = (_labelled(table, r) for r in ('query', 'gallery'))
        _check_apart(query, gallery)
        predictions = self.predict(query, gallery)
        query = self.asked(query)
        labels = query['action']
        everything = [labels, gallery['action'], *predictions.values()]
        num_classes = 1 + max(int(x.max()) for x in everything)
        self.classes = self.class_names(np.arange(num_classes))
        metrics: dict[str, float] = {}
        for kind, predicted in predictions.items():
            metrics[f'{kind}_top1'] = accuracy(predicted, labels)
            metrics[f'{kind}_macro_f1'] = macro_f1(predicted, labels)
            self.confusion[kind] = confusion_matrix(
                predicted, labels, num_classes
            )
        metrics[f'num_{self.counted}queries'] = len(labels)
        count = len(gallery['action'])
        metrics[f'num_{self.counted}gallery'] = count
        self._dump(query, predictions)
        return metrics

    def pictures(self) -> dict[str, dict]:
        """Confusion matrices of the last evaluation."""
        return {
            f'confusion_{kind}': dict(
                kind='confusion_matrix',
                matrix=matrix,
                classes=self.classes,
                title=f'{kind}_top1',
            )
            for kind, matrix in self.confusion.items()
        }

    def _dump(self, query: Table, predictions: dict[str, np.ndarray]) -> None:
        """One line per query with its predictions; most mistakes first."""
        columns: dict[str, Any] = {'class': self.class_names(query['action'])}
        wrong = np.zeros(len(query['action']), dtype=int)
        for kind, predicted in predictions.items():
            columns[kind] = self.class_names(predicted)
            wrong += predicted != query['action']
        columns['num_wrong'] = wrong
        self.dump_cases(query, columns, lambda row: row['num_wrong'])


def _labelled(table: Table, role: str) -> Table:
    """Labelled windows with both modalities of a role."""
    keep = (table['role'] == role) & (table['action'] >= 0) & has_both(table)
    if not keep.any():
        raise ValueError(
            f'No labelled window with both modalities has the role {role!r}; '
            'evaluate a ConcatDataset of the training split with '
            "role='gallery' and the evaluated split with role='query'."
        )
    return select(table, keep)


def _check_apart(query: Table, gallery: Table) -> None:
    """Refuse recordings in both roles: their windows would match."""
    asked, known = (
        set(zip(t['subject'], t['take'])) for t in (query, gallery)
    )
    if both := [pair for pair in asked & known if None not in pair]:
        subject, take = min(both, key=str)
        raise ValueError(
            f'{len(both)} recordings have both query and gallery windows, '
            f'such as take {take!r} of subject {subject!r}; split by subject '
            'before windows are cut.'
        )


@METRICS.register_module()
class ActionKNNMetric(ActionEmbeddingMetric):
    """Name the action of a window after its nearest labelled window.

    ``knn_top1`` compares IMU with IMU, ``knn_pose_top1`` pose with pose,
    ``knn_both_top1`` both with both (the mean cosine of what two windows
    share), ``knn_pose2imu_top1`` a pose query with IMUs; each comes with its
    macro-F1, ``knn_macro_f1``, … See :class:`ActionEmbeddingMetric`
    for which windows take part.

    Args:
        tokens: Compare the tokens of the limbs, in any order, instead of
            embeddings; those of one modality in units of the gallery's
            spread (:func:`~mobind_mm.evaluation.functional.whitened`).
        by_take: Name the action of a take after the nearest labelled take
            (:func:`~mobind_mm.evaluation.functional.nearest_take`). With
            takes of one action each, a short ``stride_sec`` of both data
            sets shows all of a take. Windows of a take that differ in their
            label are takes of their own.
        **kwargs: ``dump``, ``collect_device`` and ``prefix``.

    Source: MoBind, frozen 1-NN action recognition.
    """

    def __init__(
        self, tokens: bool = False, by_take: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(tokens=tokens, **kwargs)
        self.by_take = by_take

    def predict(self, query: Table, gallery: Table) -> dict[str, np.ndarray]:
        """Label of the nearest gallery window by pair of modalities."""
        of = all_tokens if self.tokens else modality
        nearest: Callable[..., np.ndarray] = nearest_neighbour
        if self.by_take:
            takes = _takes(query), _takes(gallery)
            nearest = partial(
                nearest_take, query_takes=takes[0], gallery_takes=takes[1]
            )
        predictions = {}
        for kind, (asked, known) in _PAIRS.items():
            (x, mask), (y, known_mask) = of(query, asked), of(gallery, known)
            if self.tokens and known_mask is not None and asked == known:
                x, y = whitened(x, y, known_mask)
            predictions[kind] = nearest(
                x,
                y,
                gallery['action'],
                query_mask=mask,
                gallery_mask=known_mask,
            )
        return predictions

    def asked(self, query: Table) -> Table:
        """Of each take the first window, if takes are classified."""
        if not self.by_take:
            return query
        return select(query, np.unique(_takes(query), return_index=True)[1])


def _takes(table: Table) -> np.ndarray:
    """Numbers (M,) of the takes of labelled windows."""
    return numbered(
        zip(*(table[key].tolist() for key in ('take', 'camera', 'action')))
    )


@METRICS.register_module()
class ActionProbeMetric(ActionEmbeddingMetric):
    """Name the action of a window by a linear probe on its embedding.

    A logistic regression learns the actions of the gallery windows from
    frozen embeddings: ``linear_top1`` from IMU, ``linear_pose_top1`` from
    pose, ``linear_both_top1`` from both concatenated, with the macro-F1 of
    each. Features of per-limb models are those of
    :func:`~mobind_mm.evaluation.functional.probe_features`. See
    :class:`ActionEmbeddingMetric` for which windows take part; their counts
    are ``num_linear_queries``, …

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
