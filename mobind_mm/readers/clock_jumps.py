"""A clock that was set while it measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..utils.errors import mistake
from .arrival import catches_up, comes_in_packets, persists, spread_ties
from .continuity import continues, regular_step
from .dates import DAY, HOUR
from .sample_rows import SampleRows

_MOST_JUMPS = 0.01
"""Share of rows; a column that goes back more often holds no times."""
_NAMED = 5
"""Jumps of a clock that are named one by one."""


def join_jumps(rows: SampleRows, rate: float | None, arrived: bool) -> None:
    """Continue the stream where its clock was set.

    Args:
        rows: Whose times go on.
        rate: Samples per second, if it is known.
        arrived: Whether times are of arrival, in which a step forward says
            nothing.
    """
    times = rows.times
    steps = np.diff(times)
    usual = regular_step(steps, rate)
    back = steps < 0
    # Rows that were left out between two others took their time.
    between = np.abs(np.diff(rows.lines[rows.kept])) - 1
    forward = steps - usual * between > max(20 * usual, 0.25)
    forward &= not arrived
    if comes_in_packets(steps):  # in which a step says nothing
        usual = float(np.mean(steps[steps >= 0]))
        forward &= steps > max(20 * usual, 2.0)
    if not back.any() and not forward.any():
        return
    if back.sum() > max(20, _MOST_JUMPS * len(times)):
        rows.refuse(int(np.argmax(back)))
    returns = steps > 3 * usual if back.any() else forward
    jumps = _Jumps(rows, usual)
    for place in np.flatnonzero(back | forward | returns).tolist():
        size = float(steps[place] - usual)
        if size < 0:
            jumps.back(place, size)
        else:
            jumps.forward(place, size, bool(forward[place]))
    jumps.named.sort()
    _name_jumps(rows, jumps.named, times)
    offset = jumps.offset
    if any(abs(size) > DAY for _, size in jumps.named):  # another date
        levels, counts = np.unique(offset, return_counts=True)
        offset = offset - levels[np.argmax(counts)]
        rows.note('times are those of the clock that most rows have')
    rows.times = times + offset
    if jumps.glitches:
        rows.times = np.maximum.accumulate(rows.times)
        if not comes_in_packets(np.diff(rows.times)):  # those are rebuilt
            rows.times = spread_ties(rows.times)
        rows.note(
            f'{len(jumps.glitches)} stamps go back for a moment, first at row '
            f'{rows.row(jumps.glitches[0] + 1)}; they are put between others'
        )
    if jumps.cuts:
        _keep_longest(rows, jumps.cuts)


class _Jumps:
    """What the places are at which times go back, or far ahead.

    Args:
        rows: Of the stream.
        usual: Seconds from row to row.

    Attributes:
        offset: (T,) seconds that are added to the times.
        named: Place and size of each jump of the clock.
        glitches: Places where a few rows go back.
        cuts: Places where the clock was set, and something is missing.
    """

    def __init__(self, rows: SampleRows, usual: float) -> None:
        self.rows, self.usual = rows, usual
        self.values = rows.kept_values()
        self.offset = np.zeros(len(rows.times))
        self.named: list[tuple[int, float]] = []
        self.glitches: list[int] = []
        self.cuts: list[int] = []
        self._pending: list[tuple[int, float]] = []  # gaps that may be jumps
        self._owed = 0.0

    def back(self, place: int, size: float) -> None:
        """Take up a step of ``size`` seconds less than usual."""
        near = self._near(size)
        match = next(
            (p for p in self._pending if abs(p[1] + size) < near), None
        )
        if match:  # set forward, and back again
            self._pending.remove(match)
            self._undo(*match)
        elif not persists(self.rows.times, place, self.usual):
            self.glitches.append(place)
            return
        elif continues(self.values, place) is False:
            _check_start(self.rows, place, self.usual)
            self.cuts.append(place)
            return
        else:
            self._owed += size
        self._undo(place, size)

    def forward(self, place: int, size: float, far: bool) -> None:
        """Take up a step of ``size`` seconds more than usual.

        ``far`` says whether it may be a jump of its own.
        """
        times, usual = self.rows.times, self.usual
        if self._owed and abs(size + self._owed) < self._near(size):
            self._owed = 0.0
            self._undo(place, size)
        elif (
            far
            and persists(times, place, usual)
            and not catches_up(times, place, usual)
            and self._continues(place, size)
        ):
            self._undo(place, size)
        else:
            self._pending.append((place, size))

    def _continues(self, place: int, size: float) -> bool:
        """Whether nothing is missing where the clock steps forward.

        At rest nothing tells; then only a step of days, or of the hour of
        summer time, is that of a clock that was set.
        """
        missing = size / self.usual if self.usual else np.inf
        shown = continues(self.values, place, missing)
        dated = size > DAY or abs(size - HOUR) < 2 * self.usual
        return dated if shown is None else shown

    def _near(self, size: float) -> float:
        """Seconds by which two jumps of a size may differ."""
        return max(0.02 * abs(size), 1.5 * self.usual)

    def _undo(self, place: int, size: float) -> None:
        self.offset[place + 1 :] -= size
        self.named.append((place, size))


def _name_jumps(
    rows: SampleRows, jumps: Sequence[tuple[int, float]], times: np.ndarray
) -> None:
    """Note where the clock was set: the first few, and how many more."""
    for place, size in jumps[:_NAMED]:
        rows.note(
            f'the clock was set {"back" if size < 0 else "forward"} by '
            f'{abs(size):.3f} s at row {rows.row(place + 1)} (at '
            f'{times[place]:.3f} s); the samples continue'
        )
    if len(jumps) > _NAMED:
        rows.note(
            f'the clock was set {len(jumps) - _NAMED} more times, by up '
            f'to {max(abs(size) for _, size in jumps):.3f} s'
        )


def _check_start(rows: SampleRows, place: int, usual: float) -> None:
    """Refuse a file that begins again."""
    again = rows.times[place + 1] - rows.times[0]
    if abs(again) > 2 * usual:
        return
    raise mistake(
        rows.where,
        f'its time begins again ({rows.times[place + 1]:.6f} s after '
        f'{rows.times[place]:.6f} s)',
        'If the rows are of several sensors, choose with where; if they '
        'are of several recordings, split the file',
        row=rows.row(place + 1),
    )


def _keep_longest(rows: SampleRows, cuts: Sequence[int]) -> None:
    """Keep the longest stretch between places where all is lost."""
    ends = np.r_[0, np.array(cuts) + 1, len(rows.times)]
    longest = int(np.argmax(np.diff(ends)))
    first, last = int(ends[longest]), int(ends[longest + 1])
    rows.note(
        f'the clock was set back at row {rows.row(cuts[0] + 1)}, and how '
        f'much is missing there is not known: rows {rows.row(first)} to '
        f'{rows.row(last - 1)} are kept, '
        f'{len(rows.times) - last + first} are left out'
    )
    rows.keep(np.arange(first, last))
