"""Find the videos of sensors, or the sensors of videos."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..evaluation.embedding_table import Table, modality, select, token_vectors
from ..evaluation.functional import (
    SIGNAL_WEIGHT,
    cosine_similarity,
    rank_by_both,
    search_index,
)
from ..recordings import Recording, notes_of
from ..synchronization.in_step import signal_ratios
from ..utils.arguments import check_choice, check_count
from .embedder import Embedder
from .takes import Takes, named_takes

DIRECTIONS = ('imu2pose', 'pose2imu')
CANDIDATES = 10
"""Windows and recordings that are ordered by both kinds of evidence."""
BEST = 3
"""Windows of a recording among which both kinds of evidence choose."""
FEW = 2
"""With so many sensors or fewer, tokens tell more than clip embeddings."""


def retrieve(
    embedder: Embedder,
    query: Any,
    gallery: Any,
    direction: str | None = None,
    k: int = 5,
    stride_sec: float = 1.0,
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
    limbs = shared_sensors(asked if source == 'imu' else index)
    asked = _with(asked, source, 'queries')
    index = _with(index, target, 'gallery')
    seconds, about = embedder.window_sec(asked)
    of_index = embedder.window_sec(index)
    if of_index[0] < seconds:
        seconds, about = of_index
    table = _Windows(embedder, limbs, seconds)
    queries = table.of(asked, source, None)
    items = table.of(index, target, stride_sec)
    compare = _Comparison(
        (asked, queries),
        (index, items),
        (source, target),
        seconds,
        signal_weight,
        table.tokens,
        min(stride_sec, seconds) / 2,
    )
    answers = []
    for name in asked:
        rows = queries['take'] == name
        if not rows.any():
            window = embedder.preparation
            raise ValueError(
                f'{name}: no window of {seconds:g} s shows a limb of '
                f'the model ({", ".join(window.placements)}).'
            )
        answer = compare.answer(name, np.flatnonzero(rows), k)
        answer['notes'] = notes_of(notes[name], *of_gallery.values(), about)
        answers.append(answer)
    return answers


def only(recording: Recording, name: str) -> Recording:
    """A recording with one modality, ``imu`` or ``pose``."""
    if name == 'imu':
        return Recording(recording.imu)
    return Recording(pose=recording.pose)


def shared_sensors(takes: Takes) -> list[str] | None:
    """Placements of the sensors, if all recordings that have any agree.

    Somebody with two sensors is best compared by these two limbs.
    """
    worn = {frozenset(r.imu) for _, r in takes.values() if r.imu}
    return sorted(worn.pop()) if len(worn) == 1 else None


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


class _Windows:
    """Tables of windows that show something.

    Args:
        embedder: What embeds them.
        limbs: Sensors that all recordings have; None if they differ.
        seconds: Length of a window.
    """

    def __init__(
        self, embedder: Embedder, limbs: list[str] | None, seconds: float
    ) -> None:
        self.embedder, self.limbs, self.seconds = embedder, limbs, seconds
        self.tokens = limbs is not None and len(limbs) <= FEW

    def of(self, takes: Takes, name: str, stride_sec: float | None) -> Table:
        """Table of one modality of recordings."""
        windows = self.embedder.windows(
            takes, stride_sec or self.seconds, self.limbs, self.seconds
        )
        table = self.embedder.embed_windows(
            windows,
            tokens=self.tokens,
            limbs=self.limbs if self.tokens else None,
        )
        return select(table, np.any(table[f'{name}_mask'], axis=1))


class _Comparison:
    """Compare windows of queries with those of a gallery.

    Args:
        query: Recordings and the table of their windows.
        gallery: The same of the gallery.
        names: Modality of the queries and of the gallery.
        seconds: Length of a window.
        signal_weight: Of
            :func:`~mobind_mm.evaluation.functional.rank_by_both`.
        tokens: Whether tokens are compared, not clip embeddings.
        reach: Seconds by which windows that match may be out of step.
    """

    def __init__(
        self,
        query: tuple[Takes, Table],
        gallery: tuple[Takes, Table],
        names: tuple[str, str],
        seconds: float,
        signal_weight: float,
        tokens: bool,
        reach: float,
    ) -> None:
        self.reach = reach
        self.query, self.gallery, self.names = query, gallery, names
        self.seconds, self.weight = seconds, signal_weight
        self.vectors = token_vectors if tokens else modality

    def answer(self, name: str, rows: np.ndarray, k: int) -> dict[str, Any]:
        """Best windows of each window of a query, and best recordings."""
        items = self.gallery[1]
        asked = select(self.query[1], rows)
        x, x_mask = self.vectors(asked, self.names[0])
        y, y_mask = self.vectors(items, self.names[1])
        found, _ = search_index(x, y, max(k, CANDIDATES), x_mask, y_mask)
        best: dict[str, np.ndarray] = {}  # windows of each recording
        scores: dict[str, float] = {}
        for take in dict.fromkeys(items['take']):
            at = np.flatnonzero(items['take'] == take)
            mask = None if y_mask is None else y_mask[at]
            near, cosines = search_index(x, y[at], BEST, x_mask, mask)
            best[take] = at[near]
            scores[take] = float(np.mean(cosines[:, 0]))
        takes = sorted(scores, key=lambda take: -scores[take])
        takes = takes[: max(k, CANDIDATES)]
        used = np.unique(
            np.concatenate(
                [found.ravel(), *(best[take].ravel() for take in takes)]
            )
        )
        column = {item: i for i, item in enumerate(used.tolist())}
        mask = None if y_mask is None else y_mask[used]
        cosines = cosine_similarity(x, y[used], x_mask, mask)
        signals = self._signals(asked, select(items, used))
        both = rank_by_both(cosines, signals, self.weight)
        windows = []
        for i in range(len(x)):
            ranked = [column[j] for j in found[i].tolist()]
            ranked.sort(key=lambda j: -both[i, j])
            windows.append(
                {
                    'start_s': float(asked['window_start'][i]),
                    'found': [
                        {
                            'name': str(items['take'][used[j]]),
                            'start_s': float(items['window_start'][used[j]]),
                            'similarity': float(cosines[i, j]),
                            'signals': float(signals[i, j]),
                        }
                        for j in ranked[:k]
                    ],
                }
            )
        recordings: list[dict[str, Any]] = []
        rows = np.arange(len(x))[:, None]
        for take in takes:
            at = np.vectorize(column.__getitem__)(best[take])
            chosen = both[rows, at].argmax(axis=1)[:, None]
            at = np.take_along_axis(at, chosen, 1)
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
