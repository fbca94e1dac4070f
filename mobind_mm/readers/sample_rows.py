"""The rows of a stream while the times of its samples are rebuilt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..utils.errors import mistake

_MOST_AGAIN = 1000
"""Places at which rows may be sent again."""
_TIE_SHARE = 0.3
"""Share of equal stamps from which rows come in packets."""


@dataclass
class SampleRows:
    """Rows that are kept, with what they give, and notes on what was done.

    Args:
        where: File, for notes and errors.
        times: (T,) seconds; the counter, if there are none.
        index: (T,) what the device counts; later the number of each sample.
        measured: Measurements (N, c) of all rows of the file.
        lines: (N,) row of each in the file.
        kept: (T,) indices of the rows that are kept, in the order of time.
        notes: What was repaired, dropped or assumed.
    """

    where: object
    times: np.ndarray
    index: np.ndarray | None
    measured: Sequence[np.ndarray]
    lines: np.ndarray
    kept: np.ndarray
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say what was done to the rows."""
        self.notes.append(f'{self.where}: {text}')

    def row(self, position: int) -> int:
        """Row of the file of a kept row."""
        return int(self.lines[self.kept[position]])

    def keep(self, order: np.ndarray) -> None:
        """Keep some rows, in some order."""
        self.kept = self.kept[order]
        self.times = self.times[order]
        if self.index is not None:
            self.index = self.index[order]

    @cached_property
    def values(self) -> np.ndarray | None:
        """(T, c) all measurements, which clean times need not."""
        return np.hstack(self.measured) if self.measured else None

    def kept_values(self) -> np.ndarray | None:
        """(T, c) measurements of the rows that are kept."""
        every = np.arange(len(self.kept))
        if self.values is None or (
            len(self.values) == len(every) and (self.kept == every).all()
        ):
            return self.values
        return self.values[self.kept]

    def sort(self, key: np.ndarray, step: float | None) -> None:
        """Sort rows that came out of order, if their places are clear."""
        steps = np.diff(key)
        if len(steps) < 3 or not (steps < 0).any():
            return
        order = np.argsort(key, kind='stable')
        new = np.diff(key[order])
        seams = np.diff(order) != 1
        inner = steps[steps > 0]
        if len(inner):
            low, high = np.quantile(inner, (0.02, 0.98))
            low, high = (
                (0.5 * low, 1.5 * high)
                if step is None
                else (step, max(100 * step, 2 * high))
            )
            twice = (new == 0) & self._same(order[:-1], order[1:])
            fits = twice | ((new >= low) & (new <= high))
            whole = new / np.median(inner)
            even = twice | (np.abs(whole - np.round(whole)) < 0.3)
            if not fits[seams].all() or even[seams].mean() < 0.7:
                return
        elif not (new > 0).all():
            return
        late = int((key < np.maximum.accumulate(key)).sum())
        self.keep(order)
        by = 'time' if step is None else 'the counter'
        self.note(f'{late} rows came out of order and are sorted by {by}')

    def _same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(N,) whether two rows hold the same measurements."""
        values = self.kept_values()
        if values is None:
            return np.zeros(len(one), bool)
        return (values[one] == values[other]).all(axis=1)

    def drop_twice(self, key: np.ndarray) -> None:
        """Drop rows that repeat the one before, measurements included."""
        tied = np.diff(key) == 0
        if not tied.any():
            return
        places = np.arange(len(key))
        twice = tied & self._same(places[:-1], places[1:])
        # In packets, a still sensor repeats itself.
        if not twice.any() or (
            tied.mean() > _TIE_SHARE and twice.sum() < tied.sum()
        ):
            return
        if twice.mean() > 0.6 and len(key) > 2:  # all rows hold the same
            return
        self.keep(np.flatnonzero(np.r_[True, ~twice]))
        self.note(f'{int(twice.sum())} rows are there twice; one is kept')

    def drop_sent_again(self) -> None:
        """Drop rows that came before, where times go back to repeat them.

        Those of a sensor at rest do not tell whether the clock was set back.
        """
        back = np.flatnonzero(np.diff(self.times) < 0)
        values = self.kept_values()
        if not len(back) or len(back) > _MOST_AGAIN or values is None:
            return
        import pandas

        table = pandas.DataFrame(np.column_stack([self.times, values]))
        again = table.duplicated().to_numpy()
        gone = np.zeros(len(again), bool)
        latest = np.maximum.accumulate(self.times)
        for place in back.tolist():
            later = self.times[place + 1 :] > latest[place]
            end = place + 1 + int(np.argmax(later)) if later.any() else None
            rows = np.s_[place + 1 : end]
            older = again[rows][self.times[rows] < latest[place]]
            if older.all() and np.ptp(values[rows], axis=0).any():
                gone[rows] |= again[rows]
        if gone.any():
            self.keep(np.flatnonzero(~gone))
            self.note(f'{int(gone.sum())} rows are there twice; one is kept')

    def refuse(self, place: int) -> None:
        """Refuse a time that is not later than that of the row before."""
        before, after = self.times[place], self.times[place + 1]
        how = 'repeats' if after == before else 'goes back before'
        raise mistake(
            self.where,
            f'its time {how} that of row {self.row(place)} ({_seconds(after)} '
            f'after {_seconds(before)})',
            'If the rows are of several sensors, choose with where; if the '
            'clock is regular, give rate instead of columns.time',
            row=self.row(place + 1),
        )


def _seconds(time: float) -> str:
    """A time in a message, which may be any number."""
    return f'{time:.6f} s' if abs(time) < 1e12 else f'{time:.6g} s'
