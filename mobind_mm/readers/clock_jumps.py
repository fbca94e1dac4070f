"""A clock that was set while it measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..utils.errors import mistake
from .arrival import catches_up, comes_in_packets, persists, spread_ties
from .continuity import continues, regular_step
from .dates import DAY
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
    values = rows.kept_values()
    returns = steps > 3 * usual if back.any() else forward
    jumps = np.flatnonzero(back | forward | returns)
    offset = np.zeros(len(times))
    pending: list[tuple[int, float]] = []  # gaps that may be jumps
    owed = 0.0
    cuts, glitches = [], []
    named: list[tuple[int, float]] = []
    for place in jumps.tolist():
        size = float(steps[place] - usual)
        near = max(0.02 * abs(size), 1.5 * usual)
        missing = abs(size) / usual if usual else np.inf
        if size < 0:
            match = next((p for p in pending if abs(p[1] + size) < near), None)
            if match is None and not persists(times, place, usual):
                glitches.append(place)
                continue
            if match:  # set forward, and back again
                pending.remove(match)
                offset[match[0] + 1 :] -= match[1]
                named.append(match)
            elif continues(values, place) is False:
                _check_start(rows, place, usual)
                cuts.append(place)
                continue
            else:
                owed += size
            offset[place + 1 :] -= size
            named.append((place, size))
        elif owed and abs(size + owed) < near:
            owed = 0.0
            offset[place + 1 :] -= size
            named.append((place, size))
        elif (
            forward[place]
            and persists(times, place, usual)
            and not catches_up(times, place, usual)
            and continues(values, place, missing)
        ):
            offset[place + 1 :] -= size
            named.append((place, size))
        else:
            pending.append((place, size))
    _name_jumps(rows, sorted(named), times)
    if any(abs(size) > DAY for _, size in named):  # another date
        levels, counts = np.unique(offset, return_counts=True)
        offset = offset - levels[np.argmax(counts)]
        rows.note('times are those of the clock that most rows have')
    rows.times = times + offset
    if glitches:
        rows.times = spread_ties(np.maximum.accumulate(rows.times))
        rows.note(
            f'{len(glitches)} stamps go back for a moment, first at row '
            f'{rows.row(glitches[0] + 1)}; they are put between others'
        )
    if cuts:
        _keep_longest(rows, cuts)


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
