"""Times of samples, rebuilt from what a device gives.

Counters wrap, packets share a stamp, stamps are those of arrival, rows come
twice or out of order, clocks are set, samples are lost. Whatever the stamps
tell is repaired, and every repair is a note; a clean time column stays as it
is, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..recordings import Clock
from ..utils.errors import mistake
from .arrival import (
    Packets,
    comes_in_packets,
    find_packets,
    irregular,
    overlapped,
    sample_clock,
    spread_ties,
    stepping_packets,
    told_by_rate,
    uneven,
    with_ties,
    without_stalls,
)
from .clock_jumps import join_jumps
from .continuity import regular_step, several_streams, smoother
from .counters import number_samples, unwrap
from .sample_rows import SampleRows
from .time_units import padded_fractions

_STRAYS = 4
"""Rows at an end that a clock of their own makes strays."""
_AROUND, _MOST_SPIKES = 11, 0.05
"""Rows among which a stamp is ahead; share of the rows that may be."""
_FAR = 1.0
"""Seconds between them and the others."""


@dataclass(frozen=True)
class SampleTimes:
    """Times of the samples of a stream, and what was done to get them.

    Args:
        clock: Sample times, strictly increasing.
        rows: (T,) indices of the rows that are kept, in the order of time.
        notes: What was repaired, dropped or assumed, with counts.
    """

    clock: Clock
    rows: np.ndarray
    notes: tuple[str, ...] = ()


def sample_times(
    times: np.ndarray | None,
    where: object,
    *,
    counter: np.ndarray | None = None,
    counter_bits: int | None = None,
    rate: float | None = None,
    wraps: Iterable[float] | None = None,
    arrival: bool | None = None,
    values: np.ndarray | Sequence[np.ndarray] = (),
    lines: np.ndarray | None = None,
) -> SampleTimes:
    """Rebuild the times of samples.

    Args:
        times: (T,) seconds as the rows give them; None: there are none.
        where: File, for notes and errors.
        counter: (T,) what the device counts, samples or packets.
        counter_bits: Width of the counter; found where it wraps.
        rate: Samples per second that the device is set to; the clock, if
            there are no times.
        wraps: Seconds after which ``times`` may start over.
        arrival: Whether times are those at which packets arrived; None:
            found.
        values: (T, c) measurements, or several such, by which rows that
            are there twice, jumps of the clock and times of arrival are
            known.
        lines: (T,) row of each sample in the file, for notes.

    Raises:
        ValueError: If nothing tells the times, naming row and fix.

    Example:
        >>> stamps = np.array([0.03, 0.03, 0.03, 0.06, 0.06, 0.06])
        >>> sample_times(stamps, 'a.csv').clock.times.round(3)
        array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    """
    given = times if times is not None else counter
    assert given is not None, 'neither times nor a counter'
    rows = SampleRows(
        where,
        np.array(given, float),
        None if counter is None else np.array(counter, float),
        [values] if isinstance(values, np.ndarray) else values,
        np.arange(1, len(given) + 1) if lines is None else lines,
        np.arange(len(given)),
    )
    if counter is not None:
        number_samples(rows, counter_bits)
    if times is None:
        if rate is None:
            fix = 'Give rate, or columns.time'
            raise mistake(where, 'a counter alone is not a clock', fix)
        return _by_rate(rows, rate)
    return _by_times(rows, rate, tuple(wraps or ()), arrival)


def _by_rate(rows: SampleRows, rate: float) -> SampleTimes:
    """Number of the sample by the rate."""
    assert rows.index is not None
    index = rows.index
    if (np.diff(index) == 1).all():
        return _done(rows, Clock(len(index), rate=rate))
    times = index / rate
    if not (np.diff(times) > 0).all():
        place = int(np.argmax(~(np.diff(times) > 0)))
        raise mistake(
            rows.where,
            'the counter repeats itself',
            'Correct columns.counter',
            row=rows.row(place + 1),
        )
    _name_gaps(rows, times, 1 / rate)
    return _done(rows, Clock(len(times), times=times))


def _by_times(
    rows: SampleRows,
    rate: float | None,
    wraps: Sequence[float],
    arrival: bool | None,
) -> SampleTimes:
    """Times as they are given, as far as they can be believed."""
    spread = float(np.ptp(rows.times)) if len(rows.times) else 0.0
    rows.times = with_ties(rows.times)
    if len(rows.times) > 1 and not np.ptp(rows.times):
        _all_equal(rows, rate, spread)
        return _done(rows, Clock(len(rows.kept), times=rows.times))
    padded = padded_fractions(rows.times)
    if padded is not None:
        rows.note(
            f'fractions of {int((padded != rows.times).sum())} times lost '
            'their zeros (12.7 for 12.007), which are put back'
        )
        rows.times = padded
    rows.times, wrapped, period = unwrap(rows.times, wraps)
    if wrapped:
        rows.note(
            f'the time starts over {wrapped} times after {period:.6g} s; '
            'it is continued'
        )
    rows.drop_sent_again()
    rows.times = overlapped(rows.times)
    _level_spikes(rows, rate)
    if rows.index is None:
        rows.sort(rows.times, None)
        rows.drop_twice(rows.times)
    arrived = _level(rows, rate)
    _drop_strays(rows, rate)
    steps = np.diff(rows.times)
    if not irregular(steps) and not uneven(steps):
        _spread_few(rows)
    join_jumps(rows, rate, arrived)
    _rebuild(rows, rate, arrival)
    _name_gaps(rows, rows.times, None if rate is None else 1 / rate)
    bad = ~(np.diff(rows.times) > 0)
    if bad.any():
        rows.refuse(int(np.argmax(bad)))
    return _done(rows, Clock(len(rows.times), times=rows.times))


def _level_spikes(rows: SampleRows, rate: float | None) -> None:
    """Put stamps between others that are far ahead for a moment."""
    from scipy.ndimage import median_filter

    steps = np.diff(rows.times)
    if not (steps < 0).any():
        return
    ahead = rows.times - median_filter(rows.times, _AROUND, mode='nearest')
    odd = ahead > max(_FAR, 100 * regular_step(steps, rate))
    if not odd.any() or odd.mean() > _MOST_SPIKES:
        return
    places = np.arange(len(odd))
    others = places[~odd], rows.times[~odd]
    rows.times[odd] = np.interp(places[odd], *others)
    rows.note(
        f'{int(odd.sum())} stamps are far ahead for a moment, first at '
        f'row {rows.row(int(np.argmax(odd)))}; they are put between others'
    )


def _all_equal(rows: SampleRows, rate: float | None, spread: float) -> None:
    """All rows have one time, but for ``spread`` seconds."""
    rows.drop_twice(rows.times)
    if len(rows.kept) < 2:
        return
    if rate is None and spread:
        what = f'all {len(rows.kept)} rows lie within {spread:.3g} s'
        fix = 'Give times in seconds, or rate, in samples per second'
        raise mistake(rows.where, what, fix)
    if rate is None:
        time = f'{rows.times[0]:.15g} s'
        raise mistake(
            rows.where,
            f'all {len(rows.kept)} rows have the time {time}',
            'Its last digits are lost, perhaps in a spreadsheet: export '
            'it again, or give rate',
        )
    index = rows.index
    index = np.arange(len(rows.kept)) if index is None else index
    rows.times = rows.times + index / rate
    rows.note(f'all rows have one time; {rate:g} Hz is their clock')


def _spread_few(rows: SampleRows) -> None:
    """Spread rows that share a time, where they do not come in packets."""
    steps = np.diff(rows.times)
    tied = int((steps == 0).sum())
    if tied and not comes_in_packets(steps):
        rows.times = spread_ties(rows.times)
        rows.note(
            f'{tied} rows share the time of the row before; they are '
            'spread up to the next'
        )


def _level(rows: SampleRows, rate: float | None) -> bool:
    """Whether stamps that go back a little again and again were rebuilt."""
    steps = np.diff(rows.times)
    usual = regular_step(steps, rate)
    back = steps < 0
    small = back & (steps > -min(max(10 * usual, 0.15), 2.0))
    if small.sum() < max(3, 0.5 * back.sum()):
        return False
    if -np.median(steps[small]) > 100 * max(steps.mean(), 0):
        return False  # they do not go forward at all
    packets = stepping_packets(steps, usual)
    rows.times = sample_clock(
        rows.times, packets, rows.index, rate, rows.kept_values()
    )
    rows.note(
        f'times go back {int(small.sum())} times, by up to '
        f'{-steps[small].min():.3f} s, because {packets.note}'
    )
    return True


def _drop_strays(rows: SampleRows, rate: float | None) -> None:
    """Drop a few rows at an end whose clock is another."""
    strays: list[int] = []
    for _ in range(_STRAYS):
        steps = np.diff(rows.times)
        if len(steps) < 4 * _STRAYS:
            break
        far = max(_FAR, 100 * regular_step(steps, rate))
        starts = np.flatnonzero(np.abs(steps[:_STRAYS]) > far)
        ends = np.flatnonzero(steps[-_STRAYS:] > far)
        first = int(starts[-1]) + 1 if len(starts) else 0
        last = len(steps) + 1
        last -= _STRAYS - int(ends[0]) if len(ends) else 0
        if last - first > len(steps):
            break
        dropped = [*range(first), *range(last, len(steps) + 1)]
        strays += map(rows.row, dropped)
        rows.keep(np.arange(first, last))
    if strays:
        named = ', '.join(map(str, sorted(strays)))
        rows.note(f'the time of rows {named} is far from all others; left out')


def _rebuild(
    rows: SampleRows, rate: float | None, arrival: bool | None
) -> None:
    """Put samples that share a stamp, or arrived together, in place."""
    steps = np.diff(rows.times)
    tied = steps == 0
    if (arrival is False and not tied.any()) or len(steps) < 2:
        return
    packets = find_packets(rows.times, rows.index, arrival)
    if packets is not None and _unpack(rows, packets, rate, arrival):
        return
    usual = regular_step(steps, rate)
    count = np.arange(len(rows.times))
    lost = usual * ((count if rows.index is None else rows.index) - count)
    times, stalls = without_stalls(rows.times - lost, usual)
    times = times + lost
    smooth = stalls and smoother(rows.kept_values(), times, rows.times)
    if stalls and smooth is not False:
        rows.times = times
        rows.note(
            f'rows came late and then together in {len(stalls)} places, '
            f'first after row {rows.row(stalls[0])}; they are spread '
            'evenly'
        )
    _spread_few(rows)


def _unpack(
    rows: SampleRows,
    packets: Packets,
    rate: float | None,
    arrival: bool | None,
) -> bool:
    """Whether times of arrival were replaced by those of the samples."""
    values = rows.kept_values()
    if packets.tied and several_streams(values, packets.size):
        raise mistake(
            rows.where,
            f'{packets.size} rows each share a time, and their values '
            'are those of several sensors',
            'Choose the rows of one with where',
            row=rows.row(int(np.argmax(np.diff(rows.times) == 0)) + 1),
        )
    times = sample_clock(rows.times, packets, rows.index, rate, values)
    if arrival is None and not packets.tied:
        better = smoother(values, times, rows.times)
        evident = packets.bursts or rows.index is not None
        evident = evident or told_by_rate(rows.times, times)
        if better is False or (better is None and not evident):
            return False
    rows.times = times
    rows.note(packets.note)
    return True


def _name_gaps(
    rows: SampleRows, times: np.ndarray, interval: float | None
) -> None:
    """Note what is missing."""
    steps = np.diff(times)
    if len(steps) < 3:
        return
    usual = float(np.median(steps)) if interval is None else interval
    if not usual > 0:  # the times are refused where they are checked
        return
    pairs = steps[1:] + steps[:-1]
    # A sample that is only late has a short step beside its long one.
    long = steps > 1.6 * usual
    if irregular(steps):
        long &= steps > 5 * np.quantile(steps, 0.9)
    long[1:] &= pairs > 2.4 * usual
    long[:-1] &= pairs > 2.4 * usual
    if not long.any():
        return
    lost = int(np.round(steps[long] / usual - 1).sum())
    longest = int(np.argmax(steps))
    share = lost / (lost + len(times))
    rows.note(
        f'{lost} samples are missing ({share:.1%}) in {int(long.sum())} '
        f'gaps, the longest {steps[longest]:.3f} s before row '
        f'{rows.row(longest + 1)} (lost, or the clock was set)'
    )


def _done(rows: SampleRows, clock: Clock) -> SampleTimes:
    return SampleTimes(clock, rows.kept, tuple(rows.notes))
