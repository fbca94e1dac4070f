"""Cross-modal retrieval as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...registry import METRICS
from ..embedding_table import Table, has_both, modality, select, token_vectors
from ..functional import (
    cosine_similarity,
    count_rivals,
    recall_summary,
    rerank,
    retrieval_ranks,
)
from ..functional.retrieval import Rivals
from ..table_galleries import GALLERIES, gallery_rivals
from .embedding_metric import EmbeddingMetric

SIMILARITIES = ('embedding', 'tokens')
_DIRECTIONS = {'imu2pose': ('imu', 'pose'), 'pose2imu': ('pose', 'imu')}


@METRICS.register_module()
class RetrievalMetric(EmbeddingMetric):
    """Find the pose window of an IMU window, and the other way round.

    Windows in which one of the modalities is missing altogether cannot be
    matched and are left out; ``num_windows`` says how many remain. A query
    is looked up in up to three galleries of these windows. Its own window as
    another camera filmed it is in none, having the same IMU signal:

    - ``all`` of them, as published: ``imu2pose_R@1``, ``pose2imu_medR``, …
    - ``disjoint``: without the other windows of the same take that overlap
      the query in time: ``disjoint_imu2pose_R@1``, …
    - ``same_action``: the windows with the query's action only, for labelled
      queries: ``same_action_imu2pose_R@1``, … A model that merely knows
      the action is at chance here.

    Of the stricter ones, queries that no other window competes with would
    be right for nothing and do not count: ``num_disjoint_imu2pose``, …
    remain (without any, the values are NaN). Beside each gallery stands what a
    random order gives: ``chance_R@1``, ``same_action_chance_R@1``, … Ties
    count against the query.

    After an evaluation ``ranks`` holds the ranks over all windows by
    direction, and ``similarity`` those of the first 64 windows.

    Args:
        topk: Cut-offs of recall.
        galleries: Which of ``all``, ``disjoint``, ``same_action``.
        similarity: ``embedding``, the cosine of the clip embeddings, or
            ``tokens``, the mean cosine over the tokens that the IMU and the
            pose have, each at its time and limb. Tokens are sharper and
            S * N times larger.
        rerank: With ``tokens``: order only so many best candidates of the
            embedding by their tokens; all pairs are compared if None.
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
        **kwargs: Any,
    ) -> None:
        if unknown := [g for g in galleries if g not in GALLERIES]:
            raise ValueError(
                f'galleries are of {GALLERIES}, got {unknown[0]!r}.'
            )
        if similarity not in SIMILARITIES:
            raise ValueError(
                f'similarity must be one of {SIMILARITIES}, got '
                f'{similarity!r}.'
            )
        if rerank is not None and (similarity != 'tokens' or rerank < 1):
            raise ValueError(
                f'rerank={rerank} is the number of candidates ordered by '
                "tokens: at least 1, with similarity='tokens'."
            )
        super().__init__(tokens=similarity == 'tokens', **kwargs)
        self.topk = tuple(topk)
        self.galleries = tuple(galleries)
        self.rerank = rerank
        self.ranks: dict[str, np.ndarray] = {}
        self.similarity = np.zeros((0, 0))

    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Recall in both directions.

        Raises:
            ValueError: If no query window has both modalities, or takes,
                times or tokens are unknown that are needed.
        """
        if self.tokens and 'imu_tokens' not in table:
            raise ValueError(
                "The table has no tokens for similarity='tokens'; write them "
                'with DumpEmbeddings(..., tokens=True), or compare '
                'embeddings.'
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
                summary = recall_summary(ranks, self.topk)
                if asked.any():
                    summary = recall_summary(ranks[asked], self.topk)
                else:
                    summary = dict.fromkeys(summary, float('nan'))
                for key, value in summary.items():
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
        pairs = [modality(table, name) for name in _DIRECTIONS[direction]]
        if not self.tokens:
            return _ranks(*pairs, rivals)
        fine = [token_vectors(table, name) for name in _DIRECTIONS[direction]]
        if self.rerank is None:
            return _ranks(*fine, rivals)
        coarse = _ranks(*pairs, rivals)
        return rerank(coarse, *pairs, *fine, self.rerank, rivals)

    def _keep(self, table: Table, cases: dict[str, np.ndarray]) -> None:
        """Keep what pictures show, and write the single results."""
        self.ranks = {
            direction: cases[f'{direction}_rank']
            for direction in _DIRECTIONS
            if f'{direction}_rank' in cases
        }
        first = select(table, np.arange(min(64, len(table['role']))))
        of = token_vectors if self.tokens else modality
        (imu, imu_mask), (pose, pose_mask) = (
            of(first, 'imu'),
            of(first, 'pose'),
        )
        self.similarity = cosine_similarity(imu, pose, imu_mask, pose_mask)
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
