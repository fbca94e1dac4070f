"""The clock of samples below the stamps at which their packets arrived.

A packet arrives after its last sample, by a delay that varies but is never
negative. So the clock of the samples is a line below the stamps against the
number of the sample, which the packets that came quickest touch. A sample
that is lost lifts all later stamps for good; a delay does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SHORT = 0.3
"""Share of the mean interval below which rows arrived together."""
_BURSTS = 0.3
"""Share of short steps from which rows come in packets."""
_FASTEST = 400.0
"""Hz; faster rows in packets are not samples of a sensor that rests."""
_IRREGULAR = 0.5
"""Spread of the steps in usual steps from which stamps may be arrivals."""
_WINDOW, _SECONDS = 30, 1.5
"""Packets, and time, in which one comes quickly."""
_COARSE = 0.05
"""Seconds between rounded stamps that are worth a warning."""
_BLOCK = 30.0
"""Seconds over which a clock drifts evenly."""


@dataclass(frozen=True)
class Packets:
    """Rows that arrived together.

    Args:
        ends: (B,) last row of each packet.
        size: Usual number of rows.
        even: Whether nearly all have that number.
        tied: Whether they share one stamp.
        bursts: Whether the stamps alone tell; else the values must.
        shift: Seconds from the clock below the stamps to that of the
            samples, of stamps that are rounded.
        note: What to tell the user.
    """

    ends: np.ndarray
    size: int
    even: bool
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
    if not packed and arrival is None and not irregular(steps):
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
    even, bursts = bool(np.mean(sizes == size) > 0.8), bool(packed and fast)
    return Packets(ends, size, even, shared, bursts, shift, note)


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
    even = bool(np.mean(sizes == size) > 0.8)
    note = (
        'they are times of arrival; the times of the samples are rebuilt '
        'from them'
    )
    return Packets(ends, size, even, False, True, 0.0, note)


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


def _rounding(
    times: np.ndarray, steps: np.ndarray, mean: float
) -> tuple[float, float]:
    """To what shared stamps are rounded, or 0; the shift that this needs."""
    single = times.astype(np.float32).astype(float)
    grid = float(np.min(steps[steps > 0]))
    grid = round(grid, 6) or grid
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


def spread_ties(times: np.ndarray) -> np.ndarray:
    """Spread single rows that share a stamp up to the next stamp."""
    starts = np.flatnonzero(np.r_[True, np.diff(times) != 0])
    sizes = np.diff(np.r_[starts, len(times)])
    stamps = times[starts]
    steps = np.diff(stamps)
    usual = float(np.median(steps)) if len(steps) else 1.0
    room = np.r_[np.where(steps > 0, steps, usual), np.inf]
    room = np.minimum(room, usual * sizes)
    place = np.arange(len(times)) - np.repeat(starts, sizes)
    return np.repeat(stamps, sizes) + place * np.repeat(room / sizes, sizes)


def sample_clock(
    times: np.ndarray,
    packets: Packets,
    index: np.ndarray | None,
    rate: float | None,
) -> np.ndarray:
    """Times of the samples (T,) from stamps of arrival.

    Args:
        times: (T,) stamps that do not go back.
        packets: See :func:`find_packets`.
        index: (T,) number of each sample; None: counted, and losses are
            found from what they do to the stamps.
        rate: Samples per second that the device is set to.
    """
    ends = packets.ends
    if len(ends) < 2:
        return spread_ties(times)
    number = np.arange(len(times), dtype=float) if index is None else index
    stamps, count = times[ends], number[ends].astype(float)
    step = _usual_step(stamps, count, packets.size, rate)
    if index is None and len(ends) >= 6:
        unit = packets.size if packets.even else 1
        lost = _losses(stamps, count, step, packets.size, unit)
        step, _ = _line_below(count + lost, stamps, step)
        lost = _losses(stamps, count, step, packets.size, unit)
        shifted = count + lost
        rows = np.searchsorted(ends, np.arange(len(times)))
        number = number + lost[rows]
        count = shifted
    step, start = _line_below(count, stamps, step)
    clock = start + step * number
    clock += _drift(count, stamps - start - step * count, stamps, number)
    late = stamps - clock[ends]
    delay = 1.5 * float(np.median(np.abs(np.diff(late))))
    low, high = np.quantile(late, (0.05, 0.95))
    most = 8 * delay + 2 * step + 0.005
    most += step * packets.size if packets.tied else 0
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


def _losses(
    stamps: np.ndarray, count: np.ndarray, step: float, size: int, unit: int
) -> np.ndarray:
    """(B,) samples that are lost before each packet, in sum.

    Args:
        stamps: (B,) times of arrival.
        count: (B,) number of the last sample.
        step: Seconds of a sample.
        size: Usual samples of a packet.
        unit: Samples that are lost together.
    """
    late, packet = stamps - step * count, step * size
    # Of the delays, from their changes, which a loss does not reach.
    delay = 1.5 * float(np.median(np.abs(np.diff(late))))
    earlier = _running_min(late, 8)[:-1]  # no loss makes a packet earlier
    late[1:] = np.maximum(late[1:], earlier - 8 * delay - step)
    each = max(float(np.median(np.diff(stamps))), packet)
    window = int(np.clip(_SECONDS / each, _WINDOW, 1000))
    before = _running_min(late, window)
    lifts = _running_min(late[::-1], window)[::-1][1:] - before[:-1]
    least = 0.75 * packet
    gaps, rows = np.diff(stamps), np.diff(count)
    lost, last = np.zeros(len(stamps)), 0
    reach = max(4, int(0.1 / packet))
    for place in np.flatnonzero(lifts > least).tolist():
        if place < last:
            continue
        # Late packets before a loss may seem to be behind it.
        near = np.arange(place, min(place + reach, len(gaps)))
        extra = gaps[near] - step * rows[near]
        place = int(near[np.argmax(extra > lifts[near] / 2)])
        past = late[max(last, place + 1 - window) : place + 1]
        coming = late[place + 1 : place + 1 + window]
        lift = float(coming.min() - past.min())
        few = min(len(past), len(coming))
        cut = place + 2 == len(count) and rows[place] < size
        if cut or lift <= max(least + 6 * delay / few, gaps[place] / 3):
            continue
        if gaps[place] < lift / 2:
            continue
        whole = np.round(lift / (step * unit))
        clear = abs(lift / (step * unit) - whole) < 0.3 and whole < 50
        lost[place + 1 :] += whole * unit if clear else lift / step
        last = place + 1
    return lost


def _running_min(values: np.ndarray, window: int) -> np.ndarray:
    """Minimum of each value and those of the window before it."""
    from scipy.ndimage import minimum_filter1d

    return minimum_filter1d(
        values, window, origin=(window - 1) // 2, mode='nearest'
    )


def _line_below(
    count: np.ndarray, stamps: np.ndarray, step: float
) -> tuple[float, float]:
    """Slope and start of the line below all points that is nearest them."""
    late = stamps - step * count
    low, mid = np.quantile(late, (0.02, 0.25))
    sane = late >= low - 5 * (mid - low) - 1e-9  # stamps before their time
    count, stamps = count[sane], stamps[sane]
    if len(count) < 3 or not np.ptp(count):
        return step, float(late.min())
    hull: list[int] = []
    order = np.argsort(count, kind='stable')
    x, y = count[order].tolist(), late[sane][order].tolist()
    for i in range(len(x)):
        while len(hull) > 1 and (y[hull[-1]] - y[hull[-2]]) * (
            x[i] - x[hull[-2]]
        ) >= (y[i] - y[hull[-2]]) * (x[hull[-1]] - x[hull[-2]]):
            hull.pop()
        if hull and x[hull[-1]] == x[i]:
            if y[hull[-1]] <= y[i]:
                continue
            hull.pop()
        hull.append(i)
    middle = float(np.mean(x))
    corner = int(np.searchsorted([x[i] for i in hull], middle))
    right = hull[min(max(corner, 1), len(hull) - 1)]
    left = hull[min(max(corner, 1), len(hull) - 1) - 1]
    if right == left:
        return step, y[left]
    slope = (y[right] - y[left]) / (x[right] - x[left])
    return step + slope, y[left] - slope * x[left]


def _drift(
    count: np.ndarray, late: np.ndarray, stamps: np.ndarray, at: np.ndarray
) -> np.ndarray | float:
    """How a clock that does not run evenly leaves the line (T,)."""
    blocks = np.floor((stamps - stamps[0]) / _BLOCK).astype(int)
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

    Args:
        times: (T,) stamps.
        place: Row before the step.
        usual: Usual interval in seconds.
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
