"""Where windows lie in an entry, and which label they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

ANCHORS = ('entry', 'clock')

_EPS = 1e-6  # seconds; borders come from divisions and JSON
_MOST_WINDOWS = 10_000_000


def window_starts(
    entry: Mapping,
    window_sec: float,
    stride_sec: float | None,
    anchor: str = 'entry',
) -> list[float]:
    """Start times in seconds of the windows of one entry.

    Args:
        entry: ``start_s``, ``end_s`` and ``segments``.
        window_sec: Length of a window.
        stride_sec: Distance between starts; None gives one window per
            segment, centred in it and moved into the entry (one centred
            window if the entry has no segments).
        anchor: ``entry`` counts strides from the start of the entry,
            ``clock`` from second 0 of the scene's clock, so that the windows
            of people with different entries coincide.

    Returns:
        Starts in order of time or of segments; empty if no window fits into
        the entry.

    Raises:
        ValueError: If they are more than any memory holds.
    """
    start, end = float(entry['start_s']), float(entry['end_s'])
    if stride_sec is not None and (end - start) / stride_sec > _MOST_WINDOWS:
        raise ValueError(
            f'stride_sec {stride_sec:g} would cut {end - start:g} s into more '
            f'than {_MOST_WINDOWS} windows; give a longer one.'
        )
    if stride_sec is not None and anchor == 'clock':
        first = int(np.ceil((start - _EPS) / stride_sec))
        last = int(np.floor((end - window_sec + _EPS) / stride_sec))
        return [i * stride_sec for i in range(first, last + 1)]
    room = end - start - window_sec
    if room < -_EPS:
        return []
    if stride_sec is not None:
        count = int(np.floor((room + _EPS) / stride_sec)) + 1
        return [start + i * stride_sec for i in range(count)]
    spans = [(s['start_s'], s['end_s']) for s in entry.get('segments') or ()]
    latest = start + max(room, 0.0)
    return [
        min(max((first + last - window_sec) / 2, start), latest)
        for first, last in spans or [(start, end)]
    ]


def label_at(
    segments: Iterable[Mapping],
    start: float,
    length: float,
    min_overlap: float = 0.5,
) -> int:
    """Label of the window ``[start, start + length]``.

    Args:
        segments: ``start_s``, ``end_s`` and ``label`` each.
        start: Start of the window in seconds.
        length: Length of the window in seconds.
        min_overlap: Fraction of the window that a segment must cover.

    Returns:
        Label of the segment that covers most of the window (the first if
        tied), or -1 if none covers enough.
    """
    table = segment_table([segments])
    return int(labels_at(table, start, length, min_overlap)[0])


def segment_table(entries: Sequence[Iterable[Mapping]]) -> np.ndarray:
    """(E, J, 3) start, end and label of the segments of entries."""
    rows = [
        [(s['start_s'], s['end_s'], s['label']) for s in segments]
        for segments in entries
    ]
    most = max(map(len, rows), default=0)
    # Nothing overlaps a segment that ends before it starts.
    none = [(np.inf, -np.inf, -1.0)]
    table = [row + none * (most - len(row)) for row in rows]
    return np.array(table, float).reshape(len(rows), most, 3)


def labels_at(
    table: np.ndarray,
    start: np.ndarray | float,
    length: np.ndarray | float,
    min_overlap: float = 0.5,
) -> np.ndarray:
    """:func:`label_at` of one window of each entry (E,) of a table."""
    best = np.zeros(len(table))
    label = np.full(len(table), -1)
    for first, last, value in table.transpose(1, 2, 0):
        overlap = np.minimum(start + length, last) - np.maximum(start, first)
        more = overlap > best + _EPS
        more &= overlap >= min_overlap * length - _EPS
        best = np.where(more, overlap, best)
        label = np.where(more, value, label).astype(int)
    return label
