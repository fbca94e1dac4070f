"""Find the videos of sensors, or the sensors of videos."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..evaluation.embedding_table import Table, select, token_mask
from ..evaluation.functional import (
    SIGNAL_WEIGHT,
    lagged_similarity,
    rank_by_both,
)
from ..recordings import Recording, notes_of
from ..synchronization.in_step import signal_ratios
from ..utils.arguments import check_choice, check_count
from ..utils.similarity import chunks
from .embedder import Embedder
from .takes import Takes, named_takes

DIRECTIONS = ('imu2pose', 'pose2imu')
STRIDE_SEC = 0.8
CANDIDATES = 10
"""Windows and recordings that are ordered by both kinds of evidence."""
BEST = 3
"""Windows of a recording among which both kinds of evidence choose."""
_AT_ONCE = 2**26
"""Pairs of windows whose similarity is held in memory."""


def retrieve(
    embedder: Embedder,
    query: Any,
    gallery: Any,
    direction: str | None = None,
    k: int = 5,
    stride_sec: float = STRIDE_SEC,
    signal_weight: float = SIGNAL_WEIGHT,
) -> list[dict[str, Any]]:
    """See :meth:`MoBindInferencer.retrieve`."""
    asked, notes = embedder.prepared(named_takes(query)[0])
    index, of_gallery = embedder.prepared(named_takes(gallery)[0])
    if direction is None:
        has_imu = any(recording.imu for _, recording in asked.values())
        direction = DIRECTIONS[0 if has_imu else 1]
    check_choice('direction', direction, DIRECTIONS)
    check_count('k', k)
    source, target = direction.split('2')
    wearing = asked if source == 'imu' else index
    worn = {
        name for _, recording in wearing.values() for name in recording.imu
    }
    places = embedder.preparation.placements
    limbs = [name for name in places if name in worn]
    asked = _with(asked, source, 'queries')
    index = _with(index, target, 'gallery')
    seconds, about = embedder.window_sec(asked)
    of_index = embedder.window_sec(index)
    if of_index[0] < seconds:
        seconds, about = of_index

    def windows(takes: Takes, name: str, stride_sec: float) -> Table:
        data = embedder.windows(takes, stride_sec, limbs, seconds)
        table = embedder.embed_windows(data, tokens=True, limbs=limbs)
        return select(table, np.any(table[f'{name}_mask'], axis=1))

    queries = windows(asked, source, seconds)
    items = windows(index, target, stride_sec)
    for name in asked:
        if name not in queries['take']:
            raise ValueError(
                f'{name}: no window of {seconds:g} s shows a limb of '
                f'the model ({", ".join(places)}).'
            )
    compare = _Comparison(
        (asked, queries),
        (index, items),
        (source, target),
        seconds,
        signal_weight,
        min(stride_sec, seconds) / 2,
    )
    answers = compare.answers(k)
    for answer in answers:
        answer['notes'] = notes_of(
            notes[answer['name']], *of_gallery.values(), about
        )
    return answers


def only(recording: Recording, name: str) -> Recording:
    """A recording with one modality, ``imu`` or ``pose``."""
    if name == 'imu':
        return Recording(recording.imu)
    return Recording(pose=recording.pose)


def _with(takes: Takes, name: str, what: str) -> Takes:
    """The recordings that have a modality, with nothing else."""
    kept: Takes = {
        take: ({}, only(recording, name))
        for take, (_, recording) in takes.items()
        if (recording.imu if name == 'imu' else recording.pose is not None)
    }
    if not kept:
        missing = {'imu': 'sensors', 'pose': 'a skeleton'}[name]
        raise ValueError(f'No recording of the {what} has {missing}.')
    return kept


class _Comparison:
    """Compare windows of queries with those of a gallery.

    Args:
        query: Recordings and the table of their windows.
        gallery: The same of the gallery.
        names: Modality of the queries and of the gallery.
        seconds: Length of a window.
        signal_weight: Of
            :func:`~mobind_mm.evaluation.functional.rank_by_both`.
        reach: Seconds by which windows that match may be out of step.
    """

    def __init__(
        self,
        query: tuple[Takes, Table],
        gallery: tuple[Takes, Table],
        names: tuple[str, str],
        seconds: float,
        signal_weight: float,
        reach: float,
    ) -> None:
        self.reach = reach
        self.query, self.gallery, self.names = query, gallery, names
        self.seconds, self.weight = seconds, signal_weight

    def answers(self, k: int) -> list[dict[str, Any]]:
        """Answers to all queries, of which some are compared at once."""
        (asked, queries), items = self.query, self.gallery[1]
        y, seen = self._tokens(items, self.names[1])
        lag = round(self.reach / self.seconds * y.shape[2])
        names, results = [*asked], []
        size = np.array([np.sum(queries['take'] == name) for name in names])
        part = np.cumsum(size) * len(y) // _AT_ONCE
        for number in np.unique(part):
            some = [names[i] for i in np.flatnonzero(part == number)]
            table = select(queries, np.isin(queries['take'].astype(str), some))
            x, mask = self._tokens(table, self.names[0])
            cosines = lagged_similarity(x, y, mask, seen, lag)
            for name in some:
                rows = table['take'] == name
                results.append(
                    self.answer(name, select(table, rows), cosines[rows], k)
                )
        return results

    @staticmethod
    def _tokens(table: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
        return table[f'{name}_tokens'], token_mask(table, name)

    def answer(
        self, name: str, asked: Table, cosines: np.ndarray, k: int
    ) -> dict[str, Any]:
        """Best windows of each window of a query, and best recordings."""
        items = self.gallery[1]
        candidates = _largest(cosines, max(k, CANDIDATES))
        best: dict[str, np.ndarray] = {}  # windows of each recording
        scores: dict[str, float] = {}
        for take in dict.fromkeys(items['take']):
            at = np.flatnonzero(items['take'] == take)
            best[take] = at[_largest(cosines[:, at], BEST)]
            scores[take] = float(cosines[:, at].max(axis=1).mean())
        takes = sorted(scores, key=lambda take: -scores[take])
        takes = takes[: max(k, CANDIDATES)]
        # Only windows that may be among the answers are compared by signals.
        used = np.unique(
            np.concatenate(
                [candidates.ravel(), *(best[take].ravel() for take in takes)]
            )
        )
        items, cosines = select(items, used), cosines[:, used]
        signals = self._signals(asked, items)
        both = rank_by_both(cosines, signals, self.weight)
        windows = []
        for i, row in enumerate(np.searchsorted(used, candidates)):
            ranked = row[np.argsort(-both[i, row], kind='stable')][:k]
            matches = [
                {
                    'name': str(items['take'][j]),
                    'start_s': float(items['window_start'][j]),
                    'similarity': float(cosines[i, j]),
                    'signals': float(signals[i, j]),
                }
                for j in ranked
            ]
            start = float(asked['window_start'][i])
            windows.append({'start_s': start, 'found': matches})
        recordings: list[dict[str, Any]] = []
        rows = np.arange(len(cosines))
        for take in takes:
            at = np.searchsorted(used, best[take])
            at = at[rows, both[rows[:, None], at].argmax(axis=1)]
            recordings.append(
                {
                    'name': str(take),
                    'similarity': scores[take],
                    'signals': float(signals[rows, at].mean()),
                    'score': float(both[rows, at].mean()),
                }
            )
        recordings.sort(key=lambda recording: -recording['score'])
        return {'name': name, 'recordings': recordings[:k], 'windows': windows}

    def _signals(self, asked: Table, items: Table) -> np.ndarray:
        """Evidence (A, B) of the signals in nats per second."""
        shape = len(asked['take']), len(items['take'])
        if not self.weight:
            return np.zeros(shape)
        sides = {
            self.names[0]: (self.query[0], asked),
            self.names[1]: (self.gallery[0], items),
        }
        cut: dict[str, list] = {}
        for name, (takes, table) in sides.items():
            cut[name] = [
                self._cut(takes[take][1], name, float(start))
                for take, start in zip(table['take'], table['window_start'])
            ]
        ratios = signal_ratios(
            cut['imu'], cut['pose'], self.seconds, max_offset=self.reach
        )
        ratios = ratios / self.seconds
        return ratios if self.names[0] == 'imu' else ratios.T

    def _cut(self, recording: Recording, name: str, start: float) -> Any:
        if name == 'pose':
            assert recording.pose is not None
            return recording.pose.window(start, self.seconds)
        return {
            placement: stream.window(start, self.seconds)
            for placement, stream in recording.imu.items()
        }


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Columns (M, count or fewer) of the largest values, largest first."""
    parts = [
        np.argsort(-values[rows], axis=1, kind='stable')[:, :count]
        for rows in chunks(values)  # places take twice as much memory
    ]
    return np.concatenate(parts)
