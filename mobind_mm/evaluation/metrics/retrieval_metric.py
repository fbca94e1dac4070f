"""Cross-modal retrieval as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...registry import METRICS
from ...synchronization.in_step import signal_ratios
from ...utils.arguments import check_choice
from ..embedding_table import (
    Table,
    has_both,
    modality,
    select,
    stack_rows,
    token_vectors,
)
from ..functional import (
    cosine_similarity,
    count_rivals,
    disjoint_rivals,
    matrix_ranks,
    other_camera_rivals,
    rank_by_both,
    recall_summary,
    rerank,
    retrieval_ranks,
    same_label_rivals,
)
from ..functional.retrieval import Rivals
from .embedding_metric import EmbeddingMetric

GALLERIES = ('all', 'disjoint', 'same_action')
SIMILARITIES = ('embedding', 'tokens', 'mean')
_DIRECTIONS = {'imu2pose': ('imu', 'pose'), 'pose2imu': ('pose', 'imu')}


@METRICS.register_module()
class RetrievalMetric(EmbeddingMetric):
    """Find the pose window of an IMU window, and vice versa.

    Windows in which one of the modalities is missing altogether cannot be
    matched and are left out; ``num_windows`` remain. A query is looked up in
    up to three galleries of these windows. None contains its own window as
    another camera filmed it, which has the same IMU signal:

    - ``all`` of them, as published: ``imu2pose_R@1``, ``pose2imu_medR``, …
    - ``disjoint``: without the other windows of the same take that overlap
      the query in time: ``disjoint_imu2pose_R@1``, …
    - ``same_action``: the windows with the query's action only, for labelled
      queries: ``same_action_imu2pose_R@1``, … A model that merely knows
      the action is at chance here.

    In the stricter galleries, queries without competitors are excluded:
    they would be trivially correct. ``num_disjoint_imu2pose``, … remain
    (without any, the values are NaN). Each gallery comes with what a random
    order gives: ``chance_R@1``, ``same_action_chance_R@1``, … Ties count
    against the query.

    After an evaluation ``ranks`` holds the ranks over all windows by
    direction, and ``similarity`` those of the first 64 windows.

    Args:
        topk: Cut-offs of recall.
        galleries: Which of ``all``, ``disjoint``, ``same_action``.
        similarity: ``embedding``, the cosine of the clip embeddings, or
            ``tokens``, the mean cosine over the tokens that the IMU and the
            pose have, each at its time and limb, or ``mean``, half of each.
            Tokens are sharper and S * N times larger; ``mean`` keeps all
            pairs of windows in memory.
        rerank: With ``tokens``: order only so many best candidates of the
            embedding by their tokens; all pairs are compared if None.
        signal_weight: Similarity that a nat per second of evidence of the
            signals is worth: candidates are then ordered by both, see
            :func:`~..functional.rank_by_both`. It needs the raw streams:
            ``KeepStreams`` in the pipeline, ``streams`` in ``meta_keys`` of
            ``PackIMUPose``, and all pairs of windows in memory. Choose it on
            people who are neither trained on nor tested. None: the model
            decides alone.
        **kwargs: ``dump``, ``collect_device`` and ``prefix`` of
            :class:`EmbeddingMetric`.

    Raises:
        ValueError: If an argument is unknown.

    Source: MoBind, retrieval protocol.
    """

    default_prefix = 'retrieval'

    def __init__(
        self,
        topk: Sequence[int] = (1, 5, 10),
        galleries: Sequence[str] = GALLERIES,
        similarity: str = 'embedding',
        rerank: int | None = None,
        signal_weight: float | None = None,
        **kwargs: Any,
    ) -> None:
        if unknown := [g for g in galleries if g not in GALLERIES]:
            raise ValueError(
                f'galleries are of {GALLERIES}, got {unknown[0]!r}.'
            )
        check_choice('similarity', similarity, SIMILARITIES)
        sharper = similarity == 'tokens' or signal_weight is not None
        if rerank is not None and (not sharper or rerank < 1):
            raise ValueError(
                f'rerank={rerank} is the number of candidates ordered by '
                "tokens: at least 1, with similarity='tokens' or with "
                'signal_weight.'
            )
        super().__init__(tokens=similarity != 'embedding', **kwargs)
        self.compared = similarity
        self.topk = tuple(topk)
        self.galleries = tuple(galleries)
        self.rerank, self.signal_weight = rerank, signal_weight
        self.ranks: dict[str, np.ndarray] = {}
        self.similarity = np.zeros((0, 0))

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep the embeddings, and the raw streams if they are compared.

        Raises:
            ValueError: As :meth:`EmbeddingMetric.process`, and if there are
                no streams where they are needed.
        """
        super().process(data_batch, data_samples)
        if self.signal_weight is None:
            return
        for row, sample in zip(
            self.results[-len(data_samples) :], data_samples
        ):
            row['streams'] = sample.get('streams')
            if row['streams'] is None:
                raise ValueError(
                    'signal_weight needs the raw streams: put KeepStreams '
                    'after LoadWindow, and streams into meta_keys of '
                    'PackIMUPose.'
                )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Values of the metric from the rows of all processes."""
        if self.signal_weight is None:
            return super().compute_metrics(results)
        streams = np.empty(len(results), dtype=object)
        streams[:] = [row.pop('streams') for row in results]
        return self.evaluate_table({**stack_rows(results), 'streams': streams})

    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Recall in both directions.

        Raises:
            ValueError: If no query window has both modalities, or takes,
                times or tokens are unknown that are needed.
        """
        if self.tokens and 'imu_tokens' not in table:
            raise ValueError(
                "The table has no tokens for similarity='tokens'; write them "
                'with DumpEmbeddings(..., tokens=True) (mobind test '
                '--dump-tokens), or compare embeddings.'
            )
        keep = (table['role'] == 'query') & has_both(table)
        if not keep.any():
            raise ValueError(
                f'None of {len(keep)} windows is a query with both IMU '
                "and pose; check the data set's role and its masks."
            )
        table = select(table, keep)
        count = int(keep.sum())
        metrics: dict[str, float] = {}
        cases: dict[str, np.ndarray] = {}
        for gallery in self.galleries:
            rivals = gallery_rivals(gallery, table)
            name = '' if gallery == 'all' else f'{gallery}_'
            sizes = np.full(count, count)
            if rivals is not None:
                sizes = 1 + count_rivals(rivals, count)
            asked = (sizes > 1) | (gallery == 'all')
            for direction in _DIRECTIONS:
                ranks = self._rank(table, direction, rivals)
                cases[f'{name}{direction}_rank'] = np.where(asked, ranks, -1)
                some = ranks[asked] if asked.any() else ranks
                for key, value in recall_summary(some, self.topk).items():
                    value = value if asked.any() else float('nan')
                    metrics[f'{name}{direction}_{key}'] = value
                if gallery != 'all':
                    metrics[f'num_{name}{direction}'] = int(asked.sum())
            for k in self.topk:
                chance = np.minimum(k / sizes[asked], 1)
                metrics[f'{name}chance_R@{k}'] = _mean(chance)
        metrics['num_windows'] = count
        self._keep(table, cases)
        return metrics

    def pictures(self) -> dict[str, dict]:
        """What the last evaluation shows: recall over k, similarities."""
        if not self.ranks:
            return {}
        return {
            'recall_curves': dict(
                kind='recall_curves',
                ranks=self.ranks,
                num_gallery=len(next(iter(self.ranks.values()))),
            ),
            'similarity': dict(
                kind='similarity_matrix', similarity=self.similarity
            ),
        }

    def _rank(
        self, table: Table, direction: str, rivals: Rivals | None
    ) -> np.ndarray:
        """Ranks of all queries in one direction."""
        asked, known = _DIRECTIONS[direction]
        query, gallery = modality(table, asked), modality(table, known)
        if self.signal_weight is not None:
            return self._rank_by_both(table, direction, rivals)
        if self.compared == 'mean':
            learned = self._all_learned(table)
            learned = learned if asked == 'imu' else learned.T
            return matrix_ranks(learned, rivals)
        if not self.tokens:
            return _ranks(query, gallery, rivals)
        fine_query = token_vectors(table, asked)
        fine_gallery = token_vectors(table, known)
        if self.rerank is None:
            return _ranks(fine_query, fine_gallery, rivals)
        return rerank(
            _ranks(query, gallery, rivals),
            query,
            gallery,
            fine_query,
            fine_gallery,
            self.rerank,
            rivals,
        )

    def _rank_by_both(
        self, table: Table, direction: str, rivals: Rivals | None
    ) -> np.ndarray:
        assert self.signal_weight is not None
        learned = self._all_learned(table)
        if 'signals' not in table:  # one matrix for all galleries
            seconds = float(table['window_sec'][0])
            streams = table['streams']
            table['signals'] = (
                signal_ratios(
                    [recording.imu for recording in streams],
                    [recording.pose for recording in streams],
                    seconds,
                )
                / seconds
            )
        signals = table['signals']
        if direction == 'pose2imu':
            learned, signals = learned.T, signals.T
        scores = rank_by_both(
            learned, signals, self.signal_weight, self.rerank
        )
        return matrix_ranks(scores, rivals)

    def _all_learned(self, table: Table) -> np.ndarray:
        """What :meth:`_learned` gives, once for all galleries."""
        if 'learned' not in table:
            table['learned'] = self._learned(table)
        return table['learned']

    def _learned(self, table: Table) -> np.ndarray:
        """Similarities (M, M) of all IMU and all pose windows."""
        compared: list[Callable[[Table, str], Any]] = []
        if self.compared != 'tokens':
            compared.append(modality)
        if self.compared != 'embedding':
            compared.append(token_vectors)
        parts = []
        for vectors in compared:
            imu, imu_mask = vectors(table, 'imu')
            pose, pose_mask = vectors(table, 'pose')
            parts.append(cosine_similarity(imu, pose, imu_mask, pose_mask))
        return np.mean(parts, axis=0)

    def _keep(self, table: Table, cases: dict[str, np.ndarray]) -> None:
        """Keep what pictures show, and write the single results."""
        self.ranks = {
            direction: cases[f'{direction}_rank']
            for direction in _DIRECTIONS
            if f'{direction}_rank' in cases
        }
        first = select(table, np.arange(min(64, len(table['role']))))
        self.similarity = self._learned(first)
        self.dump_cases(
            table, cases, lambda row: max(row[key] for key in cases)
        )


def _ranks(
    query: tuple[np.ndarray, np.ndarray | None],
    gallery: tuple[np.ndarray, np.ndarray | None],
    rivals: Rivals | None,
) -> np.ndarray:
    return retrieval_ranks(query[0], gallery[0], query[1], gallery[1], rivals)


def _mean(x: np.ndarray) -> float:
    return float(x.mean()) if x.size else float('nan')


def gallery_rivals(gallery: str, table: Table) -> Rivals | None:
    """Which windows compete in one of :data:`GALLERIES`; None for all.

    The query's own window as another camera saw it never competes.

    Raises:
        ValueError: If takes or times that it needs are unknown.
    """
    if gallery != 'disjoint':
        views = other_camera_rivals(
            table['take'], table['window_start'], table['camera']
        )
        if gallery == 'all':
            return views
        same = same_label_rivals(table['action'])
        if views is None:
            return same
        return lambda rows, columns: same(rows, columns) & views(rows, columns)
    for key in ('take', 'window_start', 'window_sec'):
        if any(value is None for value in table[key]):
            raise ValueError(
                f"The gallery 'disjoint' needs {key!r} of every window: keep "
                'it in meta_keys of PackIMUPose, or leave the gallery out '
                "with galleries=('all', 'same_action')."
            )
    return disjoint_rivals(
        table['take'], table['window_start'], table['window_sec']
    )
