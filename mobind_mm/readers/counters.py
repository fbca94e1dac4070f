"""What a device counts: samples or packets, in few bits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .sample_rows import SampleRows

COUNTER_BITS = (8, 16, 24, 32)
"""Widths of counters that wrap."""


def unwrap(
    values: np.ndarray, periods: Iterable[float]
) -> tuple[np.ndarray, int, float]:
    """Continue values that start over.

    Args:
        values: (T,) counts or seconds.
        periods: After what they may start over; the first that explains
            all that they go back is taken.

    Returns:
        Values, how often they start over, and the period.

    >>> unwrap(np.array([250.0, 253.0, 0.0, 3.0]), [256.0])
    (array([250., 253., 256., 259.]), 1, 256.0)
    """
    steps = np.diff(values)
    back = steps[steps < 0]
    forward = steps[steps > 0]
    if not len(back) or not len(forward):
        return values, 0, 0.0
    usual = float(np.median(forward))
    for period in sorted(periods):
        if np.ptp(values) > period:
            continue
        small = forward[forward < period / 2]
        most = 2 * small.max() if len(small) else 0.0
        limit = min(period / 2, max(100 * usual, most))
        over = back[back < -period / 2] + period
        if not len(over) or over.max() > limit:
            continue
        turns = (steps < -period / 2).astype(int) - (steps > period / 2)
        continued = values + period * np.r_[0, np.cumsum(turns)]
        return continued, len(over), period
    return values, 0, 0.0


def number_samples(rows: SampleRows, bits: int | None) -> None:
    """Turn the counter into the number of each sample, from 0."""
    assert rows.index is not None
    periods = [2.0**b for b in ((bits,) if bits else COUNTER_BITS)]
    rows.index, wrapped, period = unwrap(rows.index, periods)
    if wrapped:
        rows.note(
            f'the counter starts over {wrapped} times after '
            f'{period:.0f}; it is continued'
        )
    rows.sort(rows.index, 1.0)
    rows.drop_twice(rows.index)
    index = np.array(rows.index)
    back = np.flatnonzero(np.diff(index) < 0)
    for place in back.tolist():
        rows.note(
            f'the counter goes back at row {rows.row(place + 1)}; '
            'samples that are missing there are not known'
        )
        index[place + 1 :] += index[place] + 1 - index[place + 1]
    steps = np.diff(index)
    position = _position(steps == 0)
    if position.any():  # rows of a packet share its number
        first = np.flatnonzero(position == 0)
        sizes = np.diff(np.r_[first, len(index)])
        size = max(int(np.median(sizes)), 1)
        if size > 1:
            rows.note(f'{size} rows share a number of the counter')
        rises = np.diff(index[first])
        if (rises == sizes[:-1]).mean() < 0.5:  # it counts packets
            index = index / max(_divisor(rises), 1) * size
        index = index + position
        index = np.maximum.accumulate(index)
    divisor = _divisor(np.diff(index))
    if divisor > 1 and len(index) > 4:
        rows.note(
            f'the counter goes up by {divisor} with each row, which is '
            'taken as one sample'
        )
        index = index / divisor
    rows.index = index - index[:1]


def _position(tied: np.ndarray) -> np.ndarray:
    """(T,) place of each row among those that share its key."""
    places = np.arange(len(tied) + 1)
    first = np.where(np.r_[True, ~tied], places, 0)
    return places - np.maximum.accumulate(first)


def _divisor(steps: np.ndarray) -> int:
    """What all steps of a counter that goes up are multiples of."""
    forward = steps[steps > 0].astype(np.int64)
    return int(np.gcd.reduce(forward)) if len(forward) else 1
