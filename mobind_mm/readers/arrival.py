"""The clock of samples below the stamps at which their packets arrived.

A packet arrives after its last sample, by a delay that varies but is never
negative. So the clock of the samples is a line below the stamps against the
number of the sample, which the packets that came quickest touch. A sample
that is lost lifts all later stamps for good; a delay does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .dates import DAY
from .lost_packets import (
    find_losses,
    is_usual,
    line_below,
    odds_of_losses,
    pauses,
)

_SHORT = 0.3
"""Share of the mean interval below which rows arrived together."""
_BURSTS = 0.3
"""Share of short steps from which rows come in packets."""
_FASTEST = 400.0
"""Hz; faster rows in packets are not samples of a sensor that rests."""
_IRREGULAR = 0.5
"""Spread of the steps in usual steps from which stamps may be arrivals."""
_BEATS = 0.1
"""Share of unusual steps from which a radio may have delayed the rows."""
_COARSE = 0.05
"""Seconds between rounded stamps that are worth a warning."""
_TIED_SEC = 1e-8
"""Steps up to this are errors of rounding, or of larger times up to theirs."""
_BLOCK = 30.0
"""Seconds over which a clock drifts evenly."""


@dataclass(frozen=True)
class Packets:
    """Rows that arrived together.

    Args:
        ends: (B,) last row of each packet.
        size: Usual number of rows.
        unit: Rows that are lost together.
        tied: Whether they share one stamp.
        bursts: Whether the stamps alone tell; else the values must.
        shift: Seconds from the clock below the stamps to that of the
            samples, of stamps that are rounded.
        note: What to tell the user.
    """

    ends: np.ndarray
    size: int
    unit: int
    tied: bool
    bursts: bool
    shift: float
    note: str


def find_packets(
    times: np.ndarray, index: np.ndarray | None, arrival: bool | None
) -> Packets | None:
    """Packets among rows, if there are any.

    Args:
        times: (T,) stamps that do not go back.
        index: (T,) number of each sample, if a counter tells.
        arrival: Whether they are known to be stamps of arrival.
    """
    steps = np.diff(times)
    mean = _mean_step(steps)
    short = steps <= _SHORT * mean
    tied = steps == 0
    packed = comes_in_packets(steps)
    count = 1 if index is None else np.maximum(np.diff(index), 1)
    beats = uneven(steps / count)
    if not (packed or beats or irregular(steps) or arrival is not None):
        return None
    ends = np.r_[np.flatnonzero(~short), len(times) - 1]
    sizes = np.diff(np.r_[-1, ends])
    size = int(np.median(sizes))
    inner = steps[short]
    fast = len(inner) > 0 and np.median(inner) < 1 / _FASTEST
    shared = bool(packed and tied.sum() > short.sum() / 2)
    how = f'packets of {size} rows' if size > 1 else 'rows'
    if np.quantile(sizes, 0.9) > size:
        how = f'packets of {size} and more rows'
    note = (
        f'{how} have the time at which they arrived; the times of the '
        'samples are rebuilt from it'
    )
    shift = 0.0
    if shared:
        grid, shift = _rounding(times, steps, mean)
        note = f'{how} share a time, that of their last sample; they are '
        if grid:
            note = f'times are rounded, so {how} share one; they are '
        note += 'spread evenly'
        if grid >= _COARSE:
            note += f', and may be up to {grid / 2:.3g} s off'
    unit, bursts = _unit(sizes), bool(packed and fast)
    return Packets(ends, size, unit, shared, bursts, shift, note)


def _unit(sizes: np.ndarray) -> int:
    """Number of rows whose multiples nearly all packets have."""
    for unit in sorted({*sizes[:1000].tolist()}, reverse=True):
        if np.mean(sizes % unit == 0) > 0.9:
            return int(unit)
    return 1


def comes_in_packets(steps: np.ndarray) -> bool:
    """Whether so many rows arrive together that packets must be the reason."""
    if len(steps) < 3:
        return False
    short = np.abs(steps) <= _SHORT * _mean_step(np.abs(steps))
    return bool(short.mean() >= _BURSTS)


def overlapped(times: np.ndarray) -> np.ndarray:
    """Stamps of packets that do not go back where packets overlap."""
    steps = np.diff(times)
    if not (steps < 0).any():
        return times
    if not comes_in_packets(steps):
        return times
    mean = _mean_step(np.abs(steps))
    latest = np.maximum.accumulate(times)
    return np.where(latest - times < mean, latest, times)


def stepping_packets(steps: np.ndarray, usual: float) -> Packets:
    """Packets whose rows are stamped one interval apart from an arrival."""
    apart = np.abs(steps - usual) > max(0.3 * usual, 0.0016)
    ends = np.r_[np.flatnonzero(apart), len(steps)]
    sizes = np.diff(np.r_[-1, ends])
    size = int(np.quantile(sizes, 0.2))  # some are not told apart
    note = (
        'they are times of arrival; the times of the samples are rebuilt '
        'from them'
    )
    return Packets(ends, size, _unit(sizes), False, True, 0.0, note)


def _mean_step(steps: np.ndarray) -> float:
    """Mean of steps without a few long pauses."""
    most = len(steps) - 3 - len(steps) // 2000
    if most < 3:
        return float(steps.mean())
    usual = float(np.sort(steps)[:most].mean())
    inside = steps[steps <= 20 * usual] if usual else steps
    if len(inside) < most:  # they are too many for pauses
        return float(steps.mean())
    return float(inside.mean())


def irregular(steps: np.ndarray) -> bool:
    """Whether steps vary more than those of samples, losses apart."""
    if len(steps) < 20:
        return False
    usual = float(np.median(steps))
    low, high = np.quantile(steps, (0.1, 0.9))
    if usual <= 0 or high - low < _IRREGULAR * usual:
        return False
    whole = steps / usual
    return bool(np.mean(np.abs(whole - np.round(whole)) < 0.1) < 0.7)


def uneven(steps: np.ndarray) -> bool:
    """Whether so many steps are unusual that samples may come in beats."""
    if len(steps) < 50:
        return False
    usual = float(np.median(steps))
    return bool(np.mean(np.abs(steps - usual) > 0.4 * usual) > _BEATS)


def told_by_rate(stamps: np.ndarray, even: np.ndarray) -> bool:
    """Whether samples have a usual rate if they are even, else none."""
    before, after = np.diff(stamps), np.diff(even)
    if not uneven(before) or uneven(after):
        return False
    usual = np.median(before)
    near = before[np.abs(before - usual) < 0.2 * usual]
    return is_usual(np.median(after)) and not is_usual(near.mean())


def _rounding(
    times: np.ndarray, steps: np.ndarray, mean: float
) -> tuple[float, float]:
    """To what shared stamps are rounded, or 0; the shift that this needs."""
    if not (steps > 0).any():
        return 0.0, 0.0
    with np.errstate(over='ignore'):  # a damaged stamp of 1e300
        single = times.astype(np.float32).astype(float)
    grid = float(np.min(steps[steps > 0]))
    grid = round(grid, 6) or grid
    digits = float(np.log10(grid / DAY))
    if abs(digits - round(digits)) < 1e-5:  # days, as spreadsheets write them
        grid = DAY * 10 ** round(digits)
        return grid, (grid - mean) / 2
    if (single == times).all() and grid <= 2 * np.spacing(
        np.float32(np.abs(times).max())
    ):
        return grid, (grid - mean) / 2
    whole = np.abs(times / grid - np.round(times / grid)).max() < 0.01
    if whole and mean < grid <= 0.002:
        return grid, 0.0
    if whole and round(grid, 9) in (1.0, 60.0):  # cut off
        return grid, grid - mean / 2
    if whole and round(np.log10(grid), 6) in (-1, *range(1, 9)):
        return grid, (grid - mean) / 2
    return 0.0, 0.0


def with_ties(times: np.ndarray) -> np.ndarray:
    """Times (T,) that are equal where they are but for rounding.

    >>> with_ties(np.array([0.0, 1e-12, 0.01, 0.02])).tolist()
    [0.0, 0.0, 0.01, 0.02]
    """
    size = np.abs(times)
    rounding = 2 * np.spacing(np.maximum(size[1:], size[:-1]))
    tied = np.abs(np.diff(times)) <= np.maximum(rounding, _TIED_SEC)
    first = np.where(np.r_[True, ~tied], np.arange(len(times)), 0)
    if not tied.any() or tied.all():  # all: in a wrong unit
        return times
    return times[np.maximum.accumulate(first)]


def spread_ties(times: np.ndarray) -> np.ndarray:
    """Spread single rows that share a stamp up to the next stamp."""
    starts = np.flatnonzero(np.r_[True, np.diff(times) != 0])
    sizes = np.diff(np.r_[starts, len(times)])
    stamps = times[starts]
    steps = np.diff(stamps)
    usual = float(np.median(steps / sizes[:-1])) if len(steps) else 1.0
    room = np.r_[np.where(steps > 0, steps, usual), np.inf]
    room = np.minimum(room, usual * sizes)
    place = np.arange(len(times)) - np.repeat(starts, sizes)
    return np.repeat(stamps, sizes) + place * np.repeat(room / sizes, sizes)


def sample_clock(
    times: np.ndarray,
    packets: Packets,
    index: np.ndarray | None,
    rate: float | None,
    values: np.ndarray | None = None,
) -> np.ndarray:
    """Times of the samples (T,) from stamps of arrival.

    Args:
        times: (T,) stamps that do not go back.
        packets: See :func:`find_packets`.
        index: (T,) number of each sample; None: counted, and losses are
            found from what they do to the stamps.
        rate: Samples per second that the device is set to.
        values: (T, c) measurements, which tell of losses, too.
    """
    ends = packets.ends
    if len(ends) < 2:
        return spread_ties(times)
    number = np.arange(len(times), dtype=float) if index is None else index
    stamps, count = times[ends], number[ends].astype(float)
    step = _usual_step(stamps, count, packets.size, rate)
    if index is None and len(ends) >= 6:
        unit = packets.unit
        odds = odds_of_losses(values, ends, unit)
        paused = pauses(stamps, count, step)
        kept = stamps - paused
        step, lost = find_losses(kept, count, unit, step, odds, rate)
        lost = lost + paused / step
        if packets.tied and count[-1] - count[-2] < packets.size:  # cut
            lost[-1] = lost[-2]
        rows = np.searchsorted(ends, np.arange(len(times)))
        number = number + lost[rows]
        count = count + lost
    step, start = line_below(count, stamps, step)
    clock = start + step * number
    clock += _drift(count, stamps - start - step * count, stamps, number)
    late = stamps - clock[ends]
    delay = 1.5 * float(np.median(np.abs(np.diff(late))))
    low, high = np.quantile(late, (0.05, 0.95))
    most = 8 * delay + 2 * step + 0.005
    most += step * packets.size if packets.tied else 0
    most = max(most, 1.2 * float(np.quantile(np.diff(stamps), 0.1)))
    near = np.flatnonzero(late < low + most)
    single = _within_packets(stamps, ends, step)
    if high - low > most:  # no line fits
        clock = single
    elif near[-1] + 1 < len(ends):  # what is lost at the end is not known
        clock = np.where(np.arange(len(clock)) > ends[near[-1]], single, clock)
    return np.asarray(clock + packets.shift)


def _within_packets(
    stamps: np.ndarray, ends: np.ndarray, step: float
) -> np.ndarray:
    """Times (T,) of samples that end with the stamp of their packet."""
    sizes = np.diff(np.r_[-1, ends])
    stamps = np.maximum.accumulate(stamps)
    starts = np.maximum(np.r_[-np.inf, stamps[:-1]], stamps - sizes * step)
    place = np.arange(ends[-1] + 1) - np.repeat(np.r_[-1, ends[:-1]], sizes)
    share = place / np.repeat(sizes, sizes)
    starts, lasts = np.repeat(starts, sizes), np.repeat(stamps, sizes)
    return np.asarray(starts + share * (lasts - starts))


def _usual_step(
    stamps: np.ndarray, count: np.ndarray, size: int, rate: float | None
) -> float:
    """Seconds of a sample, by the stretches between long gaps."""
    gaps, rows = np.diff(stamps), np.diff(count)
    step = float(np.median(gaps / rows))
    for _ in range(2):
        late = gaps - step * rows
        spread = 1.5 * float(np.median(np.abs(late - np.median(late))))
        long = late > max(0.6 * step * size, 4 * spread)
        step = _common_slope(stamps, count, long) or step
    if rate is not None and not 0.8 < step * rate < 1.25:
        return 1 / rate
    return step


def _common_slope(
    stamps: np.ndarray, count: np.ndarray, cut: np.ndarray
) -> float:
    """Slope of stretches that each have a level of their own; 0: none."""
    stretch = np.r_[0, np.cumsum(cut)]
    sizes = np.bincount(stretch)
    x, y = (
        values - (np.bincount(stretch, values) / sizes)[stretch]
        for values in (count - count[0], stamps - stamps[0])
    )
    total = float(x @ x)
    return float(x @ y) / total if total else 0.0


def _drift(
    count: np.ndarray, late: np.ndarray, stamps: np.ndarray, at: np.ndarray
) -> np.ndarray | float:
    """How a clock that does not run evenly leaves the line (T,)."""
    blocks = np.floor((stamps - stamps[0]) / _BLOCK)
    names = np.unique(blocks)
    if len(names) < 3:
        return 0.0
    lowest = [
        int(np.flatnonzero(blocks == n)[np.argmin(late[blocks == n])])
        for n in names
    ]
    away = late[lowest]
    if away.max() < 0.005:
        return 0.0
    return np.interp(at, count[lowest], away)


def catches_up(times: np.ndarray, place: int, usual: float) -> bool:
    """Whether rows after a step come so quickly that nothing is missing.

    ``place`` is the row before the step, ``usual`` the interval in seconds.
    """
    size = times[place + 1] - times[place] - usual
    resumed = place + 1 + int(min(np.ceil(size / usual), len(times))) + 3
    if place < 3 or resumed + 3 > len(times):
        rest = np.diff(times[place + 1 :])
        return len(rest) > 3 and bool(rest.mean() < 0.7 * usual)
    first = max(place - 20, 0)
    late = times[first : 2 * resumed - place + 50]
    late = late - usual * np.arange(len(late))
    before = np.median(late[: place + 1 - first])
    coming = late[resumed - first :]
    return bool(np.quantile(coming, 0.1) - before < 0.5 * size)


def persists(times: np.ndarray, place: int, usual: float) -> bool:
    """Whether stamps stay where a step after a row puts them."""
    first = max(place - 20, 0)
    late = times[first : place + 21]
    late = late - usual * np.arange(len(late))
    at = place - first
    step = late[at + 1] - late[at]
    before, after = np.median(late[: at + 1]), np.median(late[at + 1 :])
    return bool(abs(after - before) > 0.5 * abs(step))


def without_stalls(
    times: np.ndarray, usual: float
) -> tuple[np.ndarray, list[int]]:
    """Spread rows that came late together, such as after a busy moment.

    Args:
        times: (T,) stamps that do not go back.
        usual: Usual interval in seconds.

    Returns:
        Times, and the row before each place.
    """
    times, places, last = np.array(times), [], 0
    for place in np.flatnonzero(np.diff(times) > 3 * usual).tolist():
        if place < last or not catches_up(times, place, usual):
            continue
        reach = 3 * int((times[place + 1] - times[place]) / usual) + 100
        coming = times[place + 1 : place + 1 + reach]
        line = times[place] + usual * np.arange(len(times) - place)
        caught = np.flatnonzero(coming < line[1 : len(coming) + 1] + usual / 2)
        if not len(caught) and place + 1 + reach < len(times):
            continue
        end = place + 1 + int(caught[0]) if len(caught) else len(times) - 1
        if len(caught):
            between = np.linspace(times[place], times[end], end - place + 1)
        else:
            between = line
        times[place : end + 1] = between
        places.append(place)
        last = end
    return times, places
