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
_WINDOW = 30
"""Packets in which one comes quickly."""
_BLOCK = 30.0
"""Seconds over which a clock drifts evenly."""


@dataclass(frozen=True)
class Packets:
    """Rows that arrived together.

    Args:
        ends: (B,) last row of each packet.
        size: Usual number of rows.
        tied: Whether they share one stamp.
        bursts: Whether the stamps alone tell; else the values must.
        shift: Seconds from the clock below the stamps to that of the
            samples, of stamps that are rounded.
        note: What to tell the user.
    """

    ends: np.ndarray
    size: int
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
    packed = short.mean() >= _BURSTS
    if not packed and arrival is None and not _irregular(steps, mean):
        return None
    if not packed and tied.any() and arrival is None:
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
        rounded, shift = _rounding(times, steps, mean)
        note = f'{how} share a time, that of their last sample; they are '
        if rounded:
            note = f'times are rounded, so {how} share one; they are '
        note += 'spread evenly'
    return Packets(ends, size, shared, bool(packed and fast), shift, note)


def _mean_step(steps: np.ndarray) -> float:
    """Mean of steps without long pauses."""
    mean = float(steps.mean())
    for _ in range(10):
        inside = steps[steps <= 50 * mean]
        if not len(inside) or inside.mean() == mean:
            break
        mean = float(inside.mean())
    return mean


def _irregular(steps: np.ndarray, mean: float) -> bool:
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
) -> tuple[bool, float]:
    """Whether shared stamps are rounded ones; the shift that this needs."""
    single = times.astype(np.float32).astype(float)
    grid = float(np.min(steps[steps > 0]))
    if (single == times).all() and grid <= 2 * np.spacing(
        np.float32(np.abs(times).max())
    ):
        return True, (grid - mean) / 2
    if grid <= 0.002:
        return True, 0.0
    whole = np.abs(times / grid - np.round(times / grid)).max() < 1e-6
    if whole and round(grid, 9) in (1.0, 60.0):  # cut off
        return True, grid - mean / 2
    if whole and round(np.log10(grid), 9) in range(1, 9):
        return True, (grid - mean) / 2
    return False, 0.0


def spread_ties(times: np.ndarray) -> np.ndarray:
    """Spread single rows that share a stamp up to the next stamp."""
    starts = np.flatnonzero(np.r_[True, np.diff(times) > 0])
    sizes = np.diff(np.r_[starts, len(times)])
    stamps = times[starts]
    steps = np.diff(stamps)
    usual = float(np.median(steps)) if len(steps) else 1.0
    room = np.minimum(np.r_[steps, usual], usual)
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
    step = _usual_step(stamps, count, rate)
    if index is None and len(ends) >= 6:
        for _ in range(2):
            lost = _losses(stamps, count, step, packets.size)
            shifted = count + lost
            step, _ = _line_below(shifted, stamps, step)
        rows = np.searchsorted(ends, np.arange(len(times)))
        number = number + lost[rows]
        count = shifted
    step, start = _line_below(count, stamps, step)
    clock = start + step * number
    clock += _drift(count, stamps - start - step * count, stamps, number)
    return np.asarray(clock + packets.shift)


def _usual_step(
    stamps: np.ndarray, count: np.ndarray, rate: float | None
) -> float:
    """Seconds of a sample, by the median over stretches of packets."""
    ahead = max(1, min(20, len(stamps) // 3))
    slopes = (stamps[ahead:] - stamps[:-ahead]) / (
        count[ahead:] - count[:-ahead]
    )
    step = float(np.median(slopes))
    if rate is not None and not 0.8 < step * rate < 1.25:
        return 1 / rate
    return step


def _losses(
    stamps: np.ndarray, count: np.ndarray, step: float, size: int
) -> np.ndarray:
    """(B,) samples that are lost before each packet, in sum."""
    late = stamps - step * count
    before = _running_min(late)
    after = _running_min(late[::-1])[::-1]
    lifts = after[1:] - before[:-1]
    packet = step * size
    spread = 1.5 * float(np.median(np.abs(lifts - np.median(lifts))))
    least = max(0.6 * packet, 6 * spread)
    lost = np.zeros(len(stamps))
    last = 0
    for place in np.flatnonzero(lifts > least).tolist():
        if place < last:
            continue
        past = late[max(last, place + 1 - _WINDOW) : place + 1].min()
        coming = late[place + 1 : place + 1 + _WINDOW].min()
        lift = coming - past
        gap = stamps[place + 1] - stamps[place]
        if lift <= least or gap < lift:
            continue
        whole = np.round(lift / packet)
        near = abs(lift / packet - whole) < 0.3 and whole < 50
        lost[place + 1 :] += whole * size if near else lift / step
        last = place + 1
    return lost


def _running_min(values: np.ndarray) -> np.ndarray:
    """Minimum of each value and those of the window before it."""
    from scipy.ndimage import minimum_filter1d

    return minimum_filter1d(
        values, _WINDOW, origin=(_WINDOW - 1) // 2, mode='nearest'
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
