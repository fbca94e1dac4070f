"""Synchronisation as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from ...registry import METRICS
from ...synchronization.base import (
    SynchronizerLike,
    SyncResult,
    build_synchronizer,
)
from ...synchronization.clips import clip_feats
from ...utils.similarity import window_similarity
from ..functional.sync import (
    error_summary,
    grid_floor,
    offset_error,
    sync_summary,
)
from .embedding_metric import check_dump, write_cases

BASELINES = ('zero', 'floor')
"""Rows that are printed beside every synchroniser."""


@METRICS.register_module()
class SyncMetric(BaseMetric):
    """Run synchronisers on every clip and compare them.

    Keys of ``main`` have no prefix: ``mae_s``, ``median_s``, ``acc@0.1``,
    ``acc@0.2``, ``acc@0.5``, ``coverage``, ``answered_*``, ``refused``,
    ``abstention_precision`` and ``ece``, see
    :func:`~mobind_mm.evaluation.functional.sync.sync_summary`. Those of
    another synchroniser start with its name (``vote_mae_s``). Two baselines
    are always added: ``zero_*`` always answers 0, ``floor_*`` always finds
    the best point of a grid of 0.2 s. ``num_clips`` clips were evaluated,
    ``num_answered`` of them answered.

    Clips come from ``SyncClipDataset``; a synchroniser that reads
    signals needs ``KeepStreams`` in the pipeline too. After ``evaluate``,
    ``cases`` holds the worst clips of ``main``, for pictures: dictionaries
    of ``clip``, ``take``, ``window_start``, ``offset``, ``estimate``,
    ``confidence``, ``abstained``, ``reason``, ``rivals``, the curve
    ``offsets`` and ``log_posterior`` (G,), and ``similarity`` (W, W) of the
    sub-windows at ``window_starts`` (None for one window).

    Args:
        synchronizers: Name to a synchroniser, its config, or a name that
            :func:`~mobind_mm.synchronization.build_synchronizer` knows. A
            function of streams, features and ``max_offset`` will do here.
        main: Which of them has keys without prefix.
        num_cases: Clips to keep in ``cases``.
        dump: CSV file with one line per clip, worst first.
        **kwargs: ``collect_device`` and ``prefix`` of ``BaseMetric``.

    Raises:
        ValueError: If ``main`` is not among them, or a name is taken.

    Source: MoBind, synchronisation protocol.
    """

    default_prefix = 'sync'

    def __init__(
        self,
        synchronizers: Mapping[str, SynchronizerLike | Callable],
        main: str = 'fused',
        num_cases: int = 8,
        dump: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if main not in synchronizers:
            raise ValueError(
                f'main={main!r} is not one of the synchronizers '
                f'{sorted(synchronizers)}.'
            )
        for name in BASELINES:
            if name in synchronizers:
                raise ValueError(
                    f'{name!r} names a baseline; choose another name for '
                    'the synchronizer.'
                )
        self.synchronizers = {
            name: build_synchronizer(sync)
            if isinstance(sync, (str, Mapping))
            else sync
            for name, sync in synchronizers.items()
        }
        self.main = main
        self.num_cases = num_cases
        self.dump = check_dump(dump)
        self.cases: list[dict] = []

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Synchronise the clips of one batch.

        Raises:
            ValueError: If a clip lacks what a synchroniser needs.
        """
        for sample in data_samples:
            if 'offset' not in sample or 'max_offset' not in sample:
                raise ValueError(
                    f'A sample of take {sample.get("take")!r} has no offset: '
                    'use SyncClipDataset, and add offset and max_offset to '
                    'meta_keys of PackIMUPose.'
                )
            row = {
                key: sample.get(key)
                for key in ('clip', 'take', 'subject', 'camera')
            }
            row['window_start'] = sample.get('window_start')
            row['offset'] = float(sample['offset'])
            row['answers'], feats = {}, clip_feats(sample)
            for name, result in self._synchronize(sample, feats).items():
                row['answers'][name] = dict(
                    estimate=result.offset,
                    confidence=result.confidence,
                    abstained=result.abstained,
                    reason=result.reason,
                )
                if name == self.main:
                    row['curve'] = _curve(result, feats)
            self.results.append(row)
        # Another process may count one of these as a padded duplicate.
        for row in self._by_error(self.results)[self.num_cases + 1 :]:
            row['curve'] = None

    def _synchronize(
        self, sample: Mapping, feats: dict | None
    ) -> dict[str, SyncResult]:
        streams, results = sample.get('streams'), {}
        for name, sync in self.synchronizers.items():
            wants_feats = getattr(sync, 'needs_feats', True)
            if wants_feats and feats is None:
                raise ValueError(
                    f'Synchronizer {name!r} needs embeddings, but the model '
                    'predicted none.'
                )
            if getattr(sync, 'needs_streams', True) and streams is None:
                raise ValueError(
                    f'Synchronizer {name!r} needs the raw streams: put '
                    'KeepStreams after LoadWindow, and streams into '
                    'meta_keys of PackIMUPose.'
                )
            results[name] = sync(
                streams,
                feats if wants_feats else None,
                float(sample['max_offset']),
            )
        return results

    def _by_error(self, rows: Sequence[dict]) -> list[dict]:
        """Rows from the worst clip to the best of ``main``."""
        return sorted(rows, key=self._error, reverse=True)

    def _error(self, row: dict) -> float:
        return abs(row['answers'][self.main]['estimate'] - row['offset'])

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Summarise all synchronisers and the baselines.

        Raises:
            ValueError: If there is no clip.
        """
        offset = np.array([row['offset'] for row in results], dtype=float)
        metrics: dict[str, Any] = {}
        for name in sorted(self.synchronizers, key=lambda n: n != self.main):
            column = {
                key: np.array([row['answers'][name][key] for row in results])
                for key in ('estimate', 'confidence', 'abstained')
            }
            summary = sync_summary(
                column['estimate'],
                offset,
                column['abstained'],
                column['confidence'],
            )
            start = '' if name == self.main else f'{name}_'
            metrics.update({start + k: v for k, v in summary.items()})
            answered = ~column['abstained'].astype(bool)
            metrics[f'num_{start}answered'] = int(answered.sum())
        guesses = np.zeros_like(offset), grid_floor(offset)
        for name, guess in zip(BASELINES, guesses):
            summary = error_summary(offset_error(guess, offset))
            metrics.update({f'{name}_{k}': v for k, v in summary.items()})
        metrics['num_clips'] = len(results)
        self.cases = [
            self._case(row)
            for row in self._by_error(results)[: self.num_cases]
        ]
        if self.dump is not None:
            rows = [_flat(row) for row in results]
            write_cases(
                self.dump, rows, lambda row: row[f'{self.main}_error_s']
            )
        return metrics

    def pictures(self) -> dict[str, dict]:
        """Curves and similarities of the worst clips, for the visualizer."""
        return _pictures(self.cases[:3])

    def _case(self, row: dict) -> dict:
        keys = ('clip', 'take', 'window_start', 'offset')
        ids = {key: row[key] for key in keys}
        return {**ids, **row['answers'][self.main], **row['curve']}


def _curve(result: SyncResult, feats: dict | None) -> dict:
    """What a picture of a clip shows."""
    curve = dict(
        rivals=list(result.rivals),
        offsets=np.asarray(result.offsets, dtype=np.float32),
        log_posterior=np.asarray(result.log_posterior, dtype=np.float32),
        similarity=None,
        window_starts=None,
    )
    if feats is not None and len(feats['window_starts']) > 1:
        curve['similarity'] = window_similarity(feats).astype(np.float32)
        curve['window_starts'] = feats['window_starts']
    return curve


def _flat(row: dict) -> dict:
    """A row of the table of single clips."""
    out = {k: v for k, v in row.items() if k not in ('answers', 'curve')}
    for name, answer in row['answers'].items():
        out[f'{name}_error_s'] = abs(answer['estimate'] - row['offset'])
        out.update({f'{name}_{key}': v for key, v in answer.items()})
    return out


def _pictures(cases: Sequence[Mapping]) -> dict[str, dict]:
    """Pictures of some clips: their ``kind`` and arguments, by name."""
    pictures = {}
    for number, case in enumerate(cases, 1):
        shared = dict(
            offset=case['offset'],
            estimate=case['estimate'],
            title=f'{case["take"]} at {case["window_start"]:.2f} s',
        )
        if len(case['offsets']):
            pictures[f'sync_curve_worst_{number}'] = dict(
                kind='sync_curve',
                offsets=case['offsets'],
                log_posterior=case['log_posterior'],
                rivals=case['rivals'],
                **shared,
            )
        if case['similarity'] is not None:
            pictures[f'sync_similarity_worst_{number}'] = dict(
                kind='similarity_matrix',
                similarity=case['similarity'],
                row_times=case['window_starts'],
                column_times=case['window_starts'],
                **shared,
            )
    return pictures
