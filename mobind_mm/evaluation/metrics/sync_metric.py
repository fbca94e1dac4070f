"""Synchronisation as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from ...registry import METRICS, TASK_UTILS
from ...synchronization.result import SyncResult
from ..dump import check_dump, write_cases
from ..functional.sync import (
    error_summary,
    grid_floor,
    offset_error,
    sync_summary,
)
from ..sync_cases import case_curve, case_pictures, clip_feats, flat_case

BASELINES = ('zero', 'floor')
"""Rows that are printed beside every synchroniser."""


@METRICS.register_module()
class SyncMetric(BaseMetric):
    """Run synchronisers on every clip and compare them.

    Keys of ``main`` have no prefix: ``mae_s``, ``median_s``, ``acc@0.1``,
    ``acc@0.2``, ``acc@0.5``, ``coverage``, ``answered_*``, ``refused``,
    ``abstention_precision`` and ``ece``, see
    :func:`~mobind_mm.evaluation.functional.sync.sync_summary`. Those of
    another synchroniser start with its name (``vote_mae_s``). Beside them
    always stand ``zero_*``, who answers 0 every time, and ``floor_*``, who
    always finds the best point of the ``floor_grid``. ``num_clips`` clips
    were evaluated, ``num_answered`` of them answered.

    Clips come from ``SyncClipDataset``; a synchroniser that looks at
    signals needs ``KeepStreams`` in the pipeline too. After ``evaluate``,
    ``cases`` holds the worst clips of ``main``, for pictures: dictionaries
    of ``clip``, ``take``, ``window_start``, ``offset``, ``estimate``,
    ``confidence``, ``abstained``, ``reason``, ``rivals``, the curve
    ``offsets`` and ``log_posterior`` (G,), and ``similarity`` (W, W) of the
    sub-windows at ``window_starts`` (None of one window).

    Args:
        synchronizers: Name to a synchroniser or its config.
        main: Which of them has keys without prefix.
        floor_grid: Grid in seconds of the ``floor_*`` row (published: 0.2).
        num_cases: Clips to keep in ``cases``.
        dump: CSV file for one line a clip, worst first.
        collect_device: Device on which processes gather results.
        prefix: Prefix of the keys.

    Raises:
        ValueError: If ``main`` is no synchroniser, or a name is taken.

    Source: MoBind, synchronisation protocol.
    """

    default_prefix = 'sync'

    def __init__(
        self,
        synchronizers: Mapping[str, dict | Callable],
        main: str = 'fused',
        floor_grid: float = 0.2,
        num_cases: int = 8,
        dump: str | Path | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        if main not in synchronizers:
            raise ValueError(
                f'main={main!r} is none of the synchronizers '
                f'{sorted(synchronizers)}.'
            )
        for name in BASELINES:
            if name in synchronizers:
                raise ValueError(
                    f'{name!r} names a baseline; choose another name for '
                    'the synchronizer.'
                )
        self.synchronizers = {
            name: TASK_UTILS.build(sync) if isinstance(sync, Mapping) else sync
            for name, sync in synchronizers.items()
        }
        self.main, self.floor_grid = main, floor_grid
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
                    row['curve'] = case_curve(result, feats)
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
            summary = sync_summary(offset=offset, **column)
            start = '' if name == self.main else f'{name}_'
            metrics.update({start + k: v for k, v in summary.items()})
            answered = ~column['abstained'].astype(bool)
            metrics[f'num_{start}answered'] = int(answered.sum())
        guesses = np.zeros_like(offset), grid_floor(offset, self.floor_grid)
        for name, guess in zip(BASELINES, guesses):
            summary = error_summary(offset_error(guess, offset))
            metrics.update({f'{name}_{k}': v for k, v in summary.items()})
        metrics['num_clips'] = len(results)
        self.cases = [
            self._case(row)
            for row in self._by_error(results)[: self.num_cases]
        ]
        if self.dump is not None:
            rows = [flat_case(row) for row in results]
            write_cases(
                self.dump, rows, lambda row: row[f'{self.main}_error_s']
            )
        return metrics

    def pictures(self) -> dict[str, dict]:
        """Curves and similarities of the worst clips, for the visualizer."""
        return case_pictures(self.cases[:3])

    def _case(self, row: dict) -> dict:
        keys = ('clip', 'take', 'window_start', 'offset')
        ids = {key: row[key] for key in keys}
        return {**ids, **row['answers'][self.main], **row['curve']}
