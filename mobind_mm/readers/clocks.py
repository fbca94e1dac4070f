"""Times of samples, rebuilt from what a device gives.

Counters wrap, packets share a stamp, stamps are those of arrival, rows come
twice or out of order, clocks are set, samples are lost. Whatever the stamps
tell is repaired, and every repair is a note; a clean time column stays as it
is, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..recordings import Clock
from ..utils.errors import mistake
from .arrival import (
    Packets,
    catches_up,
    comes_in_packets,
    find_packets,
    irregular,
    overlapped,
    persists,
    sample_clock,
    spread_ties,
    stepping_packets,
    told_by_rate,
    uneven,
    with_ties,
    without_stalls,
)
from .continuity import continues, regular_step, several_streams, smoother
from .dates import DAY, is_date

TIME_UNITS = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'ns': 1e-9}
"""Seconds of one unit."""
_LATEST = 4.2e9  # the year 2103
_IMPOSSIBLE = 1e5
_SLOWEST, _FASTEST = 0.5, 20_000.0
"""Hz of measurements."""
COUNTER_BITS = (8, 16, 24, 32)
"""Widths of counters that wrap."""
_TIE_SHARE = 0.3
"""Share of equal stamps from which rows come in packets."""
_MOST_JUMPS = 0.01
"""Share of rows; a column that goes back more often holds no times."""
_NAMED = 5
"""Jumps of a clock that are named one by one."""
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
    rebuilt = _Rebuilding(
        where,
        None if times is None else np.array(times, float),
        None if counter is None else np.array(counter, float),
        [values] if isinstance(values, np.ndarray) else values,
        np.arange(1, len(given) + 1) if lines is None else lines,
        np.arange(len(given)),
    )
    if counter is not None:
        rebuilt.count(counter_bits)
    if times is None:
        if rate is None:
            fix = 'Give rate, or columns.time'
            raise mistake(where, 'a counter alone is not a clock', fix)
        return rebuilt.by_rate(rate)
    return rebuilt.by_times(rate, tuple(wraps or ()), arrival)


@dataclass
class _Rebuilding:
    """The rows of a stream while its times are rebuilt."""

    where: object
    times: np.ndarray | None
    index: np.ndarray | None
    measured: Sequence[np.ndarray]
    lines: np.ndarray
    rows: np.ndarray
    notes: list[str] = field(default_factory=list)
    arrived: bool = False  # times are of arrival, in which steps say nothing

    def note(self, text: str) -> None:
        self.notes.append(f'{self.where}: {text}')

    def row(self, position: int) -> int:
        """Row of the file of a kept row."""
        return int(self.lines[self.rows[position]])

    def keep(self, order: np.ndarray) -> None:
        """Keep some rows, in some order."""
        self.rows = self.rows[order]
        if self.times is not None:
            self.times = self.times[order]
        if self.index is not None:
            self.index = self.index[order]

    @cached_property
    def values(self) -> np.ndarray | None:
        """(T, c) all measurements, which clean times need not."""
        return np.hstack(self.measured) if self.measured else None

    def kept_values(self) -> np.ndarray | None:
        if self.values is None or self.all_kept():
            return self.values
        return self.values[self.rows]

    def all_kept(self) -> bool:
        """Whether the rows are all, in their order."""
        assert self.values is not None
        count = len(self.rows)
        return count == len(self.values) and bool(
            (self.rows == np.arange(count)).all()
        )

    # Counters

    def count(self, bits: int | None) -> None:
        """Turn the counter into the number of each sample, from 0."""
        assert self.index is not None
        periods = [2.0**b for b in ((bits,) if bits else COUNTER_BITS)]
        self.index, wrapped, period = unwrap(self.index, periods)
        if wrapped:
            self.note(
                f'the counter starts over {wrapped} times after '
                f'{period:.0f}; it is continued'
            )
        self.sort(self.index, 1.0)
        self.drop_twice(self.index)
        index = np.array(self.index)
        back = np.flatnonzero(np.diff(index) < 0)
        for place in back.tolist():
            self.note(
                f'the counter goes back at row {self.row(place + 1)}; '
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
                self.note(f'{size} rows share a number of the counter')
            rises = np.diff(index[first])
            if (rises == sizes[:-1]).mean() < 0.5:  # it counts packets
                index = index / max(_divisor(rises), 1) * size
            index = index + position
            index = np.maximum.accumulate(index)
        divisor = _divisor(np.diff(index))
        if divisor > 1 and len(index) > 4:
            self.note(
                f'the counter goes up by {divisor} with each row, which is '
                'taken as one sample'
            )
            index = index / divisor
        self.index = index - index[:1]

    def by_rate(self, rate: float) -> SampleTimes:
        """Number of the sample by the rate."""
        assert self.index is not None
        index = self.index
        if (np.diff(index) == 1).all():
            return self.done(Clock(len(index), rate=rate))
        times = index / rate
        if not (np.diff(times) > 0).all():
            place = int(np.argmax(~(np.diff(times) > 0)))
            raise mistake(
                self.where,
                'the counter repeats itself',
                'Correct columns.counter',
                row=self.row(place + 1),
            )
        self.name_gaps(times, 1 / rate)
        return self.done(Clock(len(times), times=times))

    # Times

    def by_times(
        self, rate: float | None, wraps: Sequence[float], arrival: bool | None
    ) -> SampleTimes:
        """Times as they are given, as far as they can be believed."""
        assert self.times is not None
        self.times = with_ties(self.times)
        if len(self.times) > 1 and not np.ptp(self.times):
            self.all_equal(rate)
            return self.done(Clock(len(self.rows), times=self.times))
        padded = padded_fractions(self.times)
        if padded is not None:
            self.note(
                f'fractions of {int((padded != self.times).sum())} times lost '
                'their zeros (12.7 for 12.007), which are put back'
            )
            self.times = padded
        self.times, wrapped, period = unwrap(self.times, wraps)
        if wrapped:
            self.note(
                f'the time starts over {wrapped} times after {period:.6g} s; '
                'it is continued'
            )
        self.times = overlapped(self.times)
        self.level_spikes(rate)
        if self.index is None:
            self.sort(self.times, None)
            self.drop_twice(self.times)
        self.level(rate)
        self.drop_strays(rate)
        steps = np.diff(self.times)
        if not irregular(steps) and not uneven(steps):
            self.spread_few()
        self.join_jumps(rate)
        self.rebuild(rate, arrival)
        self.name_gaps(self.times, None if rate is None else 1 / rate)
        bad = ~(np.diff(self.times) > 0)
        if bad.any():
            self.refuse(int(np.argmax(bad)))
        return self.done(Clock(len(self.times), times=self.times))

    def level_spikes(self, rate: float | None) -> None:
        """Put stamps between others that are far ahead for a moment."""
        from scipy.ndimage import median_filter

        assert self.times is not None
        steps = np.diff(self.times)
        if not (steps < 0).any():
            return
        ahead = self.times - median_filter(self.times, _AROUND, mode='nearest')
        odd = ahead > max(_FAR, 100 * regular_step(steps, rate))
        if not odd.any() or odd.mean() > _MOST_SPIKES:
            return
        rows = np.arange(len(odd))
        self.times[odd] = np.interp(rows[odd], rows[~odd], self.times[~odd])
        self.note(
            f'{int(odd.sum())} stamps are far ahead for a moment, first at '
            f'row {self.row(int(np.argmax(odd)))}; they are put between others'
        )

    def all_equal(self, rate: float | None) -> None:
        """All rows have one time."""
        self.drop_twice(self.times)
        assert self.times is not None
        if len(self.rows) < 2:
            return
        if rate is None:
            time = f'{self.times[0]:.15g} s'
            raise mistake(
                self.where,
                f'all {len(self.rows)} rows have the time {time}',
                'Its last digits are lost, perhaps in a spreadsheet: export '
                'it again, or give rate',
            )
        index = self.index
        index = np.arange(len(self.rows)) if index is None else index
        self.times = self.times + index / rate
        self.note(f'all rows have one time; {rate:g} Hz is their clock')

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
            twice = (new == 0) & self.same(order[:-1], order[1:])
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

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(N,) whether two rows hold the same measurements."""
        values = self.kept_values()
        if values is None:
            return np.zeros(len(one), bool)
        return (values[one] == values[other]).all(axis=1)

    def drop_twice(self, key: np.ndarray | None) -> None:
        """Drop rows that repeat the one before, measurements included."""
        assert key is not None
        tied = np.diff(key) == 0
        if not tied.any():
            return
        places = np.arange(len(key))
        twice = tied & self.same(places[:-1], places[1:])
        # In packets, a still sensor repeats itself.
        if not twice.any() or (
            tied.mean() > _TIE_SHARE and twice.sum() < tied.sum()
        ):
            return
        if twice.mean() > 0.6 and len(key) > 2:  # all rows hold the same
            return
        self.keep(np.flatnonzero(np.r_[True, ~twice]))
        self.note(f'{int(twice.sum())} rows are there twice; one is kept')

    def spread_few(self) -> None:
        """Spread rows that share a time, where they do not come in packets."""
        assert self.times is not None
        steps = np.diff(self.times)
        tied = int((steps == 0).sum())
        if tied and not comes_in_packets(steps):
            self.times = spread_ties(self.times)
            self.note(
                f'{tied} rows share the time of the row before; they are '
                'spread up to the next'
            )

    def level(self, rate: float | None) -> None:
        """Rebuild stamps that go back a little again and again."""
        assert self.times is not None
        steps = np.diff(self.times)
        usual = regular_step(steps, rate)
        back = steps < 0
        small = back & (steps > -min(max(10 * usual, 0.15), 2.0))
        if small.sum() < max(3, 0.5 * back.sum()):
            return
        if -np.median(steps[small]) > 100 * max(steps.mean(), 0):
            return  # they do not go forward at all
        self.arrived = True
        packets = stepping_packets(steps, usual)
        self.times = sample_clock(
            self.times, packets, self.index, rate, self.kept_values()
        )
        self.note(
            f'times go back {int(small.sum())} times, by up to '
            f'{-steps[small].min():.3f} s, because {packets.note}'
        )

    def drop_strays(self, rate: float | None) -> None:
        """Drop a few rows at an end whose clock is another."""
        assert self.times is not None
        strays: list[int] = []
        for _ in range(_STRAYS):
            steps = np.diff(self.times)
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
            strays += map(self.row, dropped)
            self.keep(np.arange(first, last))
        if strays:
            rows = ', '.join(map(str, sorted(strays)))
            self.note(
                f'the time of rows {rows} is far from all others; left out'
            )

    def join_jumps(self, rate: float | None) -> None:
        """Continue the stream where its clock was set."""
        assert self.times is not None
        times = self.times
        steps = np.diff(times)
        usual = regular_step(steps, rate)
        back = steps < 0
        # Rows that were left out between two others took their time.
        between = np.abs(np.diff(self.lines[self.rows])) - 1
        forward = steps - usual * between > max(20 * usual, 0.25)
        forward &= not self.arrived
        if comes_in_packets(steps):  # in which a step says nothing
            usual = float(np.mean(steps[steps >= 0]))
            forward &= steps > max(20 * usual, 2.0)
        if not back.any() and not forward.any():
            return
        if back.sum() > max(20, _MOST_JUMPS * len(times)):
            self.refuse(int(np.argmax(back)))
        values = self.kept_values()
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
                match = next(
                    (p for p in pending if abs(p[1] + size) < near), None
                )
                if match is None and not persists(times, place, usual):
                    glitches.append(place)
                    continue
                if match:  # set forward, and back again
                    pending.remove(match)
                    offset[match[0] + 1 :] -= match[1]
                    named.append(match)
                elif continues(values, place) is False:
                    self.check_start(place, usual)
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
        self.name_jumps(sorted(named), times)
        if any(abs(size) > DAY for _, size in named):  # another date
            levels, rows = np.unique(offset, return_counts=True)
            offset = offset - levels[np.argmax(rows)]
            self.note('times are those of the clock that most rows have')
        self.times = times + offset
        if glitches:
            self.times = spread_ties(np.maximum.accumulate(self.times))
            self.note(
                f'{len(glitches)} stamps go back for a moment, first at row '
                f'{self.row(glitches[0] + 1)}; they are put between others'
            )
        if cuts:
            self.keep_longest(cuts)

    def name_jumps(
        self, jumps: Sequence[tuple[int, float]], times: np.ndarray
    ) -> None:
        """Note where the clock was set: the first few, and how many more."""
        for place, size in jumps[:_NAMED]:
            self.note(
                f'the clock was set {"back" if size < 0 else "forward"} by '
                f'{abs(size):.3f} s at row {self.row(place + 1)} (at '
                f'{times[place]:.3f} s); the samples continue'
            )
        if len(jumps) > _NAMED:
            self.note(
                f'the clock was set {len(jumps) - _NAMED} more times, by up '
                f'to {max(abs(size) for _, size in jumps):.3f} s'
            )

    def check_start(self, place: int, usual: float) -> None:
        """Refuse a file that begins again."""
        assert self.times is not None
        again = self.times[place + 1] - self.times[0]
        if abs(again) > 2 * usual:
            return
        raise mistake(
            self.where,
            f'its time begins again ({self.times[place + 1]:.6f} s after '
            f'{self.times[place]:.6f} s)',
            'If the rows are of several sensors, choose with where; if they '
            'are of several recordings, split the file',
            row=self.row(place + 1),
        )

    def keep_longest(self, cuts: Sequence[int]) -> None:
        """Keep the longest stretch between places where all is lost."""
        assert self.times is not None
        ends = np.r_[0, np.array(cuts) + 1, len(self.times)]
        longest = int(np.argmax(np.diff(ends)))
        first, last = int(ends[longest]), int(ends[longest + 1])
        self.note(
            f'the clock was set back at row {self.row(cuts[0] + 1)}, and how '
            f'much is missing there is not known: rows {self.row(first)} to '
            f'{self.row(last - 1)} are kept, '
            f'{len(self.times) - last + first} are left out'
        )
        self.keep(np.arange(first, last))

    def rebuild(self, rate: float | None, arrival: bool | None) -> None:
        """Put samples that share a stamp, or arrived together, in place."""
        assert self.times is not None
        steps = np.diff(self.times)
        tied = steps == 0
        if (arrival is False and not tied.any()) or len(steps) < 2:
            return
        packets = find_packets(self.times, self.index, arrival)
        if packets is not None and self.unpack(packets, rate, arrival):
            return
        usual = regular_step(steps, rate)
        count = np.arange(len(self.times))
        lost = usual * ((count if self.index is None else self.index) - count)
        times, stalls = without_stalls(self.times - lost, usual)
        times = times + lost
        smooth = stalls and smoother(self.kept_values(), times, self.times)
        if stalls and smooth is not False:
            self.times = times
            self.note(
                f'rows came late and then together in {len(stalls)} places, '
                f'first after row {self.row(stalls[0])}; they are spread '
                'evenly'
            )
        self.spread_few()

    def unpack(
        self, packets: Packets, rate: float | None, arrival: bool | None
    ) -> bool:
        """Whether times of arrival were replaced by those of the samples."""
        assert self.times is not None
        values = self.kept_values()
        if packets.tied and several_streams(values, packets.size):
            raise mistake(
                self.where,
                f'{packets.size} rows each share a time, and their values '
                'are those of several sensors',
                'Choose the rows of one with where',
                row=self.row(int(np.argmax(np.diff(self.times) == 0)) + 1),
            )
        times = sample_clock(self.times, packets, self.index, rate, values)
        if arrival is None and not packets.tied:
            better = smoother(values, times, self.times)
            told = packets.bursts or self.index is not None
            told = told or told_by_rate(self.times, times)
            if better is False or (better is None and not told):
                return False
        self.times = times
        self.note(packets.note)
        return True

    def refuse(self, place: int) -> None:
        assert self.times is not None
        before, after = self.times[place], self.times[place + 1]
        how = 'repeats' if after == before else 'goes back before'
        raise mistake(
            self.where,
            f'its time {how} that of row {self.row(place)} ({after:.6f} s '
            f'after {before:.6f} s)',
            'If the rows are of several sensors, choose with where; if the '
            'clock is regular, give rate instead of columns.time',
            row=self.row(place + 1),
        )

    def name_gaps(self, times: np.ndarray, interval: float | None) -> None:
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
        self.note(
            f'{lost} samples are missing ({share:.1%}) in {int(long.sum())} '
            f'gaps, the longest {steps[longest]:.3f} s before row '
            f'{self.row(longest + 1)} (lost, or the clock was set)'
        )

    def done(self, clock: Clock) -> SampleTimes:
        return SampleTimes(clock, self.rows, tuple(self.notes))


def _position(tied: np.ndarray) -> np.ndarray:
    """(T,) place of each row among those that share its key."""
    places = np.arange(len(tied) + 1)
    first = np.where(np.r_[True, ~tied], places, 0)
    return places - np.maximum.accumulate(first)


def _divisor(steps: np.ndarray) -> int:
    """What all steps of a counter that goes up are multiples of."""
    forward = steps[steps > 0].astype(np.int64)
    return int(np.gcd.reduce(forward)) if len(forward) else 1


def padded_fractions(times: np.ndarray) -> np.ndarray | None:
    """Seconds whose fractions were written without their leading zeros.

    A program that writes seconds and milliseconds as two whole numbers gives
    12.98, 12.99, 13.0, 13.10 (of 10 ms): in every second the fractions go
    back where they get a digit more.

    Args:
        times: (T,) seconds.

    Returns:
        (T,) the seconds that were meant; None if they are as they should be.

    >>> parts = [(s, ms) for s in range(5) for ms in range(0, 1000, 50)]
    >>> written = np.array([float(f'{s}.{ms}') for s, ms in parts])
    >>> padded_fractions(written)[20:23]
    array([1.  , 1.05, 1.1 ])
    """
    steps, whole = np.diff(times), np.floor(times)
    back = steps < 0
    spans = len(np.unique(whole))
    if (np.diff(whole) < 0).any() or back.sum() < max(3, 0.8 * (spans - 2)):
        return None
    passed = np.r_[0, np.cumsum(back)]
    ends = passed[np.searchsorted(whole, whole, 'right') - 1]
    fraction = (times - whole) / 10.0 ** (ends - passed)
    usual = float(np.median(np.diff(whole + fraction)))
    last = whole == whole[-1]  # it may end before it gets a digit more
    before = (whole + fraction)[~last][-1:].sum()
    for _ in range(2):
        if (whole + fraction)[last][0] - before > 3 * usual:
            fraction[last] /= 10
    padded = whole + fraction
    after = np.diff(padded)
    fits = usual > 0 and (after >= 0).all()
    return padded if fits and (after < 3 * usual).mean() > 0.8 else None


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


def check_time_unit(
    values: np.ndarray, factor: float, where: object, column: str
) -> None:
    """Refuse a unit of time that cannot be right.

    Args:
        values: (T,) numbers of the column.
        factor: Seconds of the unit.
        where: File, for the message.
        column: Its name.

    Raises:
        ValueError: Naming the unit that fits.

    >>> stamps = 1.7e12 + 10 * np.arange(500)
    >>> check_time_unit(stamps, 1.0, 'a.csv', 't')
    Traceback (most recent call last):
    ...
    ValueError: a.csv: column 't' would be of the year 55840. Correct units.time: ms fits (100 Hz, in 2023).
    """  # noqa: E501
    if len(values) < 5 or not np.ptp(values):
        return
    steps = np.diff(values)
    mean = float(np.ptp(values) / len(steps))
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else mean

    def wrong(factor: float) -> str:
        last = float(np.quantile(np.abs(values), 0.9) * factor)
        if last > _LATEST:
            return f'would be of the year {int(1970 + last / 31556952)}'
        for step in (usual, mean):
            if _SLOWEST <= 1 / (step * factor) <= _FASTEST:
                return ''
        return f'would be of {1 / (usual * factor):.3g} Hz'

    what = wrong(factor)
    if not what:
        return
    fix = 'Correct units.time'
    for unit, other in TIME_UNITS.items():
        if other != factor and not wrong(other):
            rate, first = 1 / (usual * other), values[0] * other
            date = f', in {int(1970 + first / 31556952)}'
            fix += f': {unit} fits ({rate:.3g} Hz'
            fix += f'{date if is_date(first) else ""})'
            break
    else:
        if 'Hz' in what and usual * factor > 1 / _IMPOSSIBLE:
            return  # nothing is better, so it may be right
    raise mistake(where, what, fix, column=column)
