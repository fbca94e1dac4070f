"""Values that measure nothing: stretches that repeat, axes that are dead.

A sensor that hangs, or an app that writes the last packet again, gives rows
that are the same to the last bit while the body moves on. A sensor at the end
of its range gives that end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..recordings import Clock, SensorStream

_LEAST_ROWS, _LEAST_SEC = 8, 0.25
"""The shortest stretch of one value that is taken for frozen."""
_AT_END_SEC = 1.0
"""The same at an end, where only one side tells."""
_HOLDS = 4
"""How many times longer it must be than those in which a logger holds a
value until the next one comes."""
_LONGEST_PACKET = 64
"""Rows of a packet that is written again."""
_MOST_AGAIN = 10
"""Times that it may come again; what repeats for longer has a period."""
_NEAR = 20
"""Rows beside a stretch by whose steps its ends are judged."""
_STOPS, _JUMPS = 0.3, 2.0
"""Usual steps nearby above which the last step before a stretch does not come
to rest, and the first after it is a jump."""
_MOVES = 0.2
"""Share of the spread of the whole from which values move."""
_DEAD = 0.9
"""Share of the rows from which a channel is dead as a whole."""
_END = 0.05
"""Share of the range, below its end, that few values reach if the sensor is
cut off there."""
_AT_RANGE = 10
"""Rows at the end of a range."""


def without_stuck(stream: SensorStream, where: str) -> SensorStream:
    """Leave out rows that repeat others while the body moves, with a note."""
    arrays = {
        name: np.asarray(stream.channels[name])
        for name in ('acc', 'gyro')
        if name in stream.channels
    }
    times = stream.clock.at()
    if len(times) < 2 * _LEAST_ROWS or not arrays:
        return stream
    steps = {name: _Steps(values) for name, values in arrays.items()}
    stuck = {
        name: _stuck_rows(steps[name], times, [*steps.values()])
        for name in arrays
    }
    notes, drop = [], np.zeros(len(times), bool)
    dead = [name for name, rows in stuck.items() if rows.mean() > _DEAD]
    if len(dead) == len(arrays):
        return stream
    for name in dead:
        share = stuck.pop(name).mean()
        notes.append(
            f'{where}: {name} is the same in {share:.0%} of the rows while '
            'the sensor moves, and is left out'
        )
    for rows in stuck.values():
        drop |= rows
    if drop.any():
        names = ' and '.join(
            name for name, rows in stuck.items() if rows.any()
        )
        notes.append(
            f'{where}: {_extent(drop, times)}, repeat earlier values of '
            f'{names} to the last digit, as if the sensor hung or packets '
            'were written again; they are left out'
        )
    clock = stream.clock
    some: Any = slice(None)
    if drop.any():
        some = ~drop
        clock = Clock(int(some.sum()), times=times[some])
    channels = {
        name: np.asarray(values)[some]
        for name, values in stream.channels.items()
        if name not in dead
    }
    for name in stuck:
        where_in = f'{where}: {name}'
        unit = {'acc': 'm/s²', 'gyro': 'rad/s'}[name]
        notes += _axis_notes(channels[name], clock.at(), where_in, unit)
    notes = [*stream.notes, *notes]
    return replace(stream, clock=clock, channels=channels, notes=tuple(notes))


class _Steps:
    """How far values (T, c) move from row to row."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.size = np.zeros(len(values) - 1, values.dtype)
        finest = np.inf
        for axis in values.T:
            steps = np.abs(np.diff(axis))
            np.maximum(self.size, steps, out=self.size)
            finest = min(finest, steps[steps > 0].min(initial=np.inf))
        self.finest = 3 * float(finest)
        self.spread = _MOVES * max(axis.std() for axis in values.T)

    def moves(self, first: int, last: int) -> bool:
        """Whether the values of some rows spread as those of all do."""
        return float(self.values[first:last].std(axis=0).max()) > self.spread

    def hung(self, first: int, last: int, long: bool) -> bool:
        """Whether a stretch of one value begins and ends in movement."""
        before = self.size[max(first - 2 - _NEAR, 0) : max(first - 1, 0)]
        after = self.size[last - 1 : last + _NEAR]
        ends = [
            bool(e[0] > max(self.finest, share * np.median(e[1:])))
            for e, share in ((before[::-1], _STOPS), (after, _JUMPS))
            if len(e) > 3
        ]
        return all(ends) and (len(ends) == 2 or (bool(ends) and long))


def _stuck_rows(
    steps: _Steps, times: np.ndarray, every: list[_Steps]
) -> np.ndarray:
    """(T,) rows that repeat earlier ones while the body moves."""
    stuck = np.zeros(len(times), bool)
    others = [s for s in every if s is not steps]
    if not np.isfinite(steps.finest):  # nothing moves
        stuck[:] = any(np.isfinite(s.finest) for s in others)
        return stuck
    first, last, lag = _repeats(steps.values)
    held = (last - first + 1)[lag == 1]
    singles = max(len(times) - int(held.sum()), 0)
    place = int(0.95 * (singles + len(held))) - singles
    usual = np.sort(held)[place] if place >= 0 and len(held) else 1
    least = max(_LEAST_ROWS, _HOLDS * usual)
    for start, end, back in zip(first, last, lag):
        if back > 1:  # a packet again
            often = (end - start) / back
            stuck[start:end] |= (
                end - start > 3
                and 1 <= often <= _MOST_AGAIN
                and np.median(steps.size[start : end - 1]) > steps.finest
            )
            continue
        seconds = times[end - 1] - times[start - 1]
        if end - start < least or seconds < _LEAST_SEC:
            continue
        stuck[start:end] = any(s.moves(start, end) for s in others) or (
            steps.hung(start, end, seconds > _AT_END_SEC)
        )
    return stuck


def _repeats(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and last + 1 row of stretches that repeat the rows before.

    Also by how many rows: 1 for a value that stays, n for a packet of n rows.
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    keys = np.zeros(len(bits), np.uint64)
    for column in bits.T:
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + column
    back = np.zeros(len(keys), np.uint8)
    for lag in range(min(_LONGEST_PACKET, len(keys) - 1), 0, -1):
        back[lag:][keys[lag:] == keys[:-lag]] = lag
    edges = np.flatnonzero(np.diff(np.r_[0, back.astype(int), 0]))
    first, last = edges[:-1], edges[1:]
    there = back[first] > 0
    return first[there], last[there], back[first[there]]


def _axis_notes(
    values: np.ndarray, times: np.ndarray, where: str, unit: str
) -> list[str]:
    """Notes of axes (T, 3) that are dead or at the end of the range."""
    notes = []
    dead = np.array([np.ptp(axis) == 0 for axis in values.T])
    if dead.any() and not dead.all():
        axes = ' and '.join(axis for axis, d in zip('xyz', dead) if d)
        value = f'{values[0, dead][0] + 0.0:g}'
        notes.append(
            f'{where} {axes} is {value} in all rows: a dead axis, or a column '
            'of something else'
        )
    railed = saturated_rows(values)
    if railed.any():
        end = np.abs(values[railed]).max()
        notes.append(
            f'{where} is at the end of its range ({end:.4g} {unit}) in '
            f'{_extent(railed, times)}; what is beyond is cut off'
        )
    return notes


def saturated_rows(values: np.ndarray) -> np.ndarray:
    """(T,) rows in which an axis of (T, c) is at the end of the range.

    A sensor at the end of its range repeats the very same value, again and
    again, and has none a little below it as often; motion does not.
    """
    stuck = np.zeros(len(values), dtype=bool)
    for axis in values.T if len(values) else ():
        if not np.isfinite(axis).all():
            continue
        steps = np.abs(np.diff(axis))
        finest = steps[steps > 0].min(initial=np.inf)
        below = _END * float(np.ptp(axis))
        if below < 2 * finest:  # few levels, at which values stay anyway
            continue
        for signed in (axis, -axis):
            end = signed.max()
            at = signed == end
            near = (signed >= end - below) & ~at
            run = at[1:-1] & at[:-2] & at[2:]
            stretches = (np.diff(run.astype(np.int8)) > 0).sum()
            often = max(_AT_RANGE, int(near.sum()))
            if end > 0 and stretches > 1 and often <= at.sum():
                stuck |= at
    return stuck


def _extent(rows: np.ndarray, times: np.ndarray) -> str:
    """Number of rows, their share, and from when to when they are."""
    places = np.flatnonzero(rows)
    return (
        f'{len(places)} of {len(rows)} rows ({len(places) / len(rows):.1%}), '
        f'from {times[places[0]]:.2f} to {times[places[-1]]:.2f} s'
    )
