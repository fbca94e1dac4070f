"""Find the videos of sensors, or the sensors of videos."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..evaluation.embedding_table import Table, modality, select
from ..evaluation.functional import cosine_similarity, search_index
from ..recordings import Recording, notes_of
from .embedder import Embedder
from .takes import Takes, named_takes

DIRECTIONS = ('imu2pose', 'pose2imu')


def retrieve(
    embedder: Embedder,
    query: Any,
    gallery: Any,
    direction: str | None = None,
    k: int = 5,
    stride_sec: float = 1.0,
) -> list[dict[str, Any]]:
    """See :meth:`MoBindInferencer.retrieve`."""
    asked, notes = embedder.prepared(named_takes(query)[0])
    index, of_gallery = embedder.prepared(named_takes(gallery)[0])
    if direction is None:
        has_imu = any(recording.imu for _, recording in asked.values())
        direction = DIRECTIONS[0 if has_imu else 1]
    if direction not in DIRECTIONS:
        raise ValueError(
            f'direction must be one of {DIRECTIONS}, got {direction!r}.'
        )
    if k < 1:
        raise ValueError(f'k must be at least 1, got {k}.')
    source, target = direction.split('2')
    limbs = shared_sensors(asked if source == 'imu' else index)
    queries = _embed(embedder, asked, source, None, 'queries', limbs)
    items = _embed(embedder, index, target, stride_sec, 'gallery', limbs)
    answers = []
    for name in asked:
        rows = queries['take'] == name
        if not rows.any():
            window = embedder.preparation
            raise ValueError(
                f'{name}: no window of {window.window_sec} s shows a limb of '
                f'the model ({", ".join(window.placements)}).'
            )
        rows_of_name = select(queries, rows)
        answer = _answer(name, rows_of_name, items, source, target, k)
        answer['notes'] = notes_of(notes[name], *of_gallery.values())
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


def _embed(
    embedder: Embedder,
    takes: Takes,
    name: str,
    stride_sec: float | None,
    what: str,
    limbs: list[str] | None,
) -> Table:
    """Table of the windows of one modality that show something."""
    kept: Takes = {
        take: ({}, only(recording, name))
        for take, (_, recording) in takes.items()
        if (recording.imu if name == 'imu' else recording.pose is not None)
    }
    if not kept:
        missing = {'imu': 'sensors', 'pose': 'a skeleton'}[name]
        raise ValueError(f'No recording of the {what} has {missing}.')
    table = embedder.embed_windows(embedder.windows(kept, stride_sec, limbs))
    return select(table, np.any(table[f'{name}_mask'], axis=1))


def _answer(
    name: str, query: Table, items: Table, source: str, target: str, k: int
) -> dict[str, Any]:
    """Best windows of each window of a query, and best recordings."""
    x, x_mask = modality(query, source)
    y, y_mask = modality(items, target)
    found, similarity = search_index(x, y, k, x_mask, y_mask)
    windows = [
        {
            'start_s': float(query['window_start'][i]),
            'found': [
                {
                    'name': str(items['take'][j]),
                    'start_s': float(items['window_start'][j]),
                    'similarity': float(s),
                }
                for j, s in zip(found[i], similarity[i])
            ],
        }
        for i in range(len(x))
    ]
    scores = {}
    for take in dict.fromkeys(items['take']):
        rows = items['take'] == take
        mask = None if y_mask is None else y_mask[rows]
        cosines = cosine_similarity(x, y[rows], x_mask, mask)
        scores[str(take)] = float(np.mean(cosines.max(axis=1)))
    best = sorted(scores, key=lambda take: -scores[take])[:k]
    recordings = [{'name': t, 'similarity': scores[t]} for t in best]
    return {'name': name, 'recordings': recordings, 'windows': windows}
