"""Stricter galleries of retrieval: who competes for which query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .retrieval import Rivals

_EPS = 1e-6  # seconds; window starts come from divisions
_CHUNK = 4096


def disjoint_rivals(
    takes: Sequence, starts: np.ndarray, lengths: np.ndarray
) -> Rivals:
    """Leave out the windows that overlap the query in time.

    Windows overlap if they share time of the same take, whatever camera
    filmed it: they show part of the same motion. Other people of the same
    scene are takes of their own and stay.

    Args:
        takes: (M,) names.
        starts: (M,) starts of the windows in seconds.
        lengths: (M,) lengths of the windows in seconds.
    """
    take = np.unique(np.asarray(takes, dtype=str), return_inverse=True)[1]
    starts = np.asarray(starts, dtype=np.float64)
    ends = starts + np.asarray(lengths, dtype=np.float64) - _EPS

    def rivals(rows: slice, columns: slice) -> np.ndarray:
        apart = take[rows, None] != take[columns]
        apart |= starts[rows, None] >= ends[columns]
        apart |= starts[columns] >= ends[rows, None]
        return apart

    return rivals


def other_camera_rivals(
    takes: Sequence, starts: Sequence, cameras: Sequence
) -> Rivals | None:
    """Leave out the query's own window as other cameras filmed it.

    Such windows have one IMU signal, so either is a right answer, and as a
    rival it would tie with every match.

    Args:
        takes: (M,) names.
        starts: (M,) starts of the windows in seconds, None where unknown.
        cameras: (M,) names.

    Returns:
        None if no window has a second camera: all compete.
    """
    names = [f'{take} {start}' for take, start in zip(takes, starts)]
    window = np.unique(names, return_inverse=True)[1]
    camera = np.unique(np.asarray(cameras, str), return_inverse=True)[1]
    both = np.unique(np.stack([window, camera]), axis=1)
    if both.shape[1] == len(np.unique(window)):
        return None

    def rivals(rows: slice, columns: slice) -> np.ndarray:
        other = window[rows, None] != window[columns]
        return other | (camera[rows, None] == camera[columns])

    return rivals


def same_label_rivals(labels: np.ndarray) -> Rivals:
    """Leave out the windows with another action, and without one (-1).

    Args:
        labels: (M,) integer labels.
    """
    labels = np.asarray(labels)

    def rivals(rows: slice, columns: slice) -> np.ndarray:
        same = labels[rows, None] == labels[columns]
        return same & (labels[rows, None] >= 0)

    return rivals


def count_rivals(rivals: Rivals, size: int) -> np.ndarray:
    """Number (M,) of items that compete for each query, the match not.

    Args:
        rivals: Of :func:`disjoint_rivals` or :func:`same_label_rivals`.
        size: Number M of queries and items.
    """
    parts = [slice(i, min(i + _CHUNK, size)) for i in range(0, size, _CHUNK)]
    counts = np.zeros(size, dtype=np.int64)
    for rows in parts:
        for columns in parts:
            compete = rivals(rows, columns)
            if rows == columns:
                np.fill_diagonal(compete, False)
            counts[rows] += np.count_nonzero(compete, axis=1)
    return counts
