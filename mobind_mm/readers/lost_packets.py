"""Packets that are lost, by the stamps of arrival of the others.

A radio sends when it may, such as every 48.75 ms, not when a packet is full.
So packets of 50 ms come every 48.75 ms, and now and then after 97.5 ms: as if
they were of 48.75 ms and some of them were lost. The stamps alone do not tell
these apart; the values do, which continue where nothing is lost, and so does
the rate, which is usually a round number.

How many are lost before each packet is found as the cheapest path: no sample
arrives before it is taken, most arrive within a usual delay, and each loss has
a price, from which the odds that the values give are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .time_units import RATES

_NEAR = 7e-4
"""How much a sensor's rate differs from that which it is set to."""
_MOST_LOST = 1.4
"""Rates that are tried, over that of the rows."""
_UNITS = 6
"""Units that are lost at once, from which the values tell no difference."""
_PRICES = 5.0 + 0.7 * np.arange(_UNITS)
"""Logarithm of how improbable it is that so many are lost, from one."""
_CLEAR = 7.0
"""Logarithm of the odds from which the values are believed."""
_TRIED = 1_200
"""Packets by which rates are compared."""
_INTERVAL = 0.06
"""Seconds that a radio waits until it may send."""
_COMPARED = 8
"""Rates that are compared in earnest."""
_PAUSED = 15
"""Packets on each side of a pause."""
_AROUND = 101
"""Rows whose movement is that at one of them."""
_STATES = 16


@dataclass(frozen=True)
class Path:
    """Losses by one assumed rate.

    Args:
        step: Seconds of a sample.
        lost: (B,) samples that are lost before each packet, in sum.
        cost: The lower, the more probable.
        spread: Seconds within which most delays are.
    """

    step: float
    lost: np.ndarray
    cost: float
    spread: float

    @property
    def places(self) -> np.ndarray:
        """Packets before which some are lost."""
        return np.flatnonzero(np.diff(self.lost) > 0)


def pauses(stamps: np.ndarray, count: np.ndarray, step: float) -> np.ndarray:
    """(B,) seconds of long pauses before each packet, in sum.

    Args:
        stamps: (B,) times of arrival.
        count: (B,) number of the last row of each packet.
        step: Seconds of a sample.
    """
    gaps = np.diff(stamps)
    late = stamps - step * count
    before = _running_min(late, 2 * _PAUSED, _PAUSED - 1)[:-1]
    after = _running_min(late, 2 * _PAUSED, -_PAUSED)[1:]
    usual = float(np.quantile(gaps, 0.8))
    lift = after - before
    long = (gaps > 20 * usual) & (lift > gaps / 2)
    return np.r_[0.0, np.cumsum(np.where(long, lift, 0.0))]


def find_losses(
    stamps: np.ndarray,
    count: np.ndarray,
    unit: int,
    usual: float,
    odds: np.ndarray,
    rate: float | None,
) -> tuple[float, np.ndarray]:
    """Seconds of a sample, and (B,) samples lost before each packet, in sum.

    Args:
        stamps: (B,) times of arrival, without :func:`pauses`.
        count: (B,) number of the last row of each packet.
        unit: Samples that are lost together.
        usual: Seconds of a sample that are tried beside those of set rates.
        odds: See :func:`odds_of_losses`.
        rate: Samples per second that the device is set to.
    """
    interval = float(np.quantile(np.diff(stamps), 0.1))
    overall = line_below(count, stamps, float(np.ptp(stamps) / np.ptp(count)))
    late = stamps - overall[1] - overall[0] * count
    none = Path(
        overall[0], np.zeros(len(count)), 0.0, float(np.quantile(late, 0.95))
    )
    if none.spread < 0.5 * unit * none.step:  # a loss would be seen
        return none.step, none.lost
    known = [1 / r for r in RATES if 1 <= r * none.step <= _MOST_LOST]
    tried = [1 / rate] if rate else [usual, *known]
    tried = [s for s in tried if 0.98 < none.step / s < 1.02 * _MOST_LOST]
    few = stamps[:_TRIED], count[:_TRIED], unit
    quick = sorted(tried, key=lambda s: _path(*few, s, odds, 0).cost)
    paths = [_path(*few, s, odds, 2) for s in quick[:_COMPARED]]
    if not paths:
        return none.step, none.lost
    best = min(paths, key=lambda path: path.cost)
    if len(count) > _TRIED:
        best = _path(stamps, count, unit, best.step, odds, 1, best.spread)
    shake = 3 * float(np.median(np.abs(np.diff(late))))
    fits = none.spread < 1.15 * interval + min(shake, interval / 2) + 0.002
    if fits and _nothing_lost(none, best, unit, odds):
        return none.step, none.lost
    return best.step, best.lost


def _nothing_lost(none: Path, some: Path, unit: int, odds: np.ndarray) -> bool:
    """Whether stamps that both explain are those of all samples."""
    places = some.places
    if not len(places):
        return False
    units = np.diff(some.lost)[places] / unit
    units = np.clip(np.round(units), 1, _UNITS).astype(int)
    odds_of_loss = float(odds[places, units - 1].sum())
    if abs(odds_of_loss) > _CLEAR:
        return odds_of_loss < 0
    usual = [is_usual(path.step) for path in (none, some)]
    if usual[0] != usual[1]:
        return usual[0]
    between = np.diff(places)
    regular = len(between) > 3 and between.std() < 0.35 * between.mean()
    return bool(regular)


def is_usual(step: float | np.floating) -> bool:
    """Whether sensors are set to a rate, of which seconds are given."""
    return bool(np.min(np.abs(np.array(RATES) * step - 1)) < _NEAR)


def _path(
    stamps: np.ndarray,
    count: np.ndarray,
    unit: int,
    step: float,
    odds: np.ndarray,
    times: int,
    spread: float = 0.0,
) -> Path:
    """The cheapest losses by a rate, which is made better so many times.

    If not once, as many losses as the stamps allow.
    """
    late = stamps - step * count
    if not spread:
        spread = 3 * float(np.median(np.abs(np.diff(late)))) + 0.002
    late -= late.min()
    lost = unit * _allowed(late, step * unit, spread)
    for _ in range(times):
        late = stamps - step * count
        late -= np.quantile(late - step * lost, 0.01)
        lost = unit * _cheapest(late, step * unit, spread, odds)
        better, _ = line_below(count + lost, stamps, step)
        if abs(better / step - 1) < 2e-3:
            step = better
        delay = stamps - step * (count + lost)
        low, high = np.quantile(delay, (0.01, 0.9))
        spread = float(high - low) + 0.001
    delay = stamps - step * (count + lost)
    delay = np.maximum(delay - np.quantile(delay, 0.01), 0.0) + 0.001
    usual = float(np.minimum(delay, 8 * np.median(delay)).mean())
    interval = float(np.quantile(np.diff(stamps), 0.1))
    usual = max(usual, min(interval, _INTERVAL) / 2)  # which is not evidence
    units = np.diff(lost) / unit
    places = np.flatnonzero(units > 0)
    which = np.clip(units[places], 1, _UNITS).astype(int) - 1
    prices = np.maximum(_PRICES[which] - odds[places, which], 0.0)
    cost = len(late) * np.log(usual) + float(prices.sum())
    return Path(step, lost, cost, spread)


def _allowed(late: np.ndarray, unit: float, spread: float) -> np.ndarray:
    """(B,) units that may be lost before each packet, in sum.

    Args:
        late: (B,) seconds after the time by the rate, if nothing is lost.
        unit: Seconds of a unit.
        spread: Seconds within which most delays are.
    """
    room = min(0.3 * unit, 0.002 + 0.3 * spread)
    most = np.minimum.accumulate(late[::-1])[::-1]
    return np.floor((most + room) / unit)


def _cheapest(
    late: np.ndarray, unit: float, spread: float, odds: np.ndarray
) -> np.ndarray:
    """(B,) units that are lost before each packet, in sum.

    Args:
        late: (B,) seconds after the time by the rate, if nothing is lost.
        unit: Seconds of a unit.
        spread: Seconds within which most delays are.
        odds: (B - 1 or more, J).
    """
    tail, number = max(0.3 * spread, 0.002), len(late)
    top = _allowed(late, unit, spread).astype(int)
    states = int(np.clip(np.ceil((spread + 4 * tail) / unit) + 2, 3, _STATES))
    places = np.arange(states)
    delay = late[:, None] - (top[:, None] - places) * unit
    paid = np.clip((delay - spread) / tail, 0.0, 12.0)
    # Prices by what is lost, from -states; nothing comes back.
    prices = np.full((number, 4 * states + _UNITS), np.inf)
    prices[:, states] = 0.0
    last = states + _UNITS
    # Of places that values tell, each is one loss, not one of them two.
    least = 0.5 * np.arange(_UNITS)
    priced = np.maximum(_PRICES - odds[: number - 1], least)
    prices[1:, states + 1 : last + 1] = priced
    prices[1:, last + 1 :] = priced[:, -1:]
    place = places[None] - places[:, None] + states  # [to, from]
    came = np.zeros((number, states), np.int8)
    cost = paid[0]
    rises = np.minimum(np.diff(top), states).tolist()
    for k, rise in enumerate(rises, 1):
        total = prices[k][place + rise] + cost
        came[k] = best = total.argmin(axis=1)
        cost = total[places, best] + paid[k]
    path = np.zeros(number, int)
    path[-1] = int(np.argmin(cost))
    for k in range(number - 1, 0, -1):
        path[k - 1] = came[k, path[k]]
    lost = (top - path).astype(float)
    return lost - lost[0]


def odds_of_losses(
    values: np.ndarray | None, ends: np.ndarray, unit: int
) -> np.ndarray:
    """(B - 1, J) log odds that 1 to J units are lost between packets.

    Values bend at a loss as they do over as many samples nearby. They are
    0 where the values do not tell.

    Args:
        values: (T, c) measurements.
        ends: (B,) last row of each packet.
        unit: Samples that are lost together.
    """
    from scipy.ndimage import uniform_filter1d

    odds = np.zeros((len(ends) - 1, _UNITS))
    if values is None or len(values) < 2 * _AROUND:
        return odds
    values = np.asarray(values, float)
    steps, rows = np.diff(values, axis=0), ends[:-1]
    inside = (rows > 0) & (rows < len(values) - 2)
    rows = rows[inside]

    def bends(lag: int) -> np.ndarray:
        over = values[1 + lag : -1] - values[1 : -1 - lag]
        return over - (steps[: len(over)] + steps[-len(over) :]) / 2

    small = np.abs(bends(1))
    around = uniform_filter1d(small, _AROUND, axis=0)
    # Those at losses say nothing of the others.
    small = np.minimum(small, 2 * around)
    near = 1.6 * uniform_filter1d(small, _AROUND, axis=0)
    bent = bends(1)[rows - 1] ** 2
    near = np.maximum(near[rows - 1] ** 2, 1e-12)
    for number in range(1, _UNITS + 1):
        lag = number * unit + 1
        if lag + 3 > len(values) / 2:
            break
        far = uniform_filter1d(bends(lag) ** 2, _AROUND, axis=0)
        far = far[np.minimum(rows - 1, len(far) - 1)]
        tells = far > 2 * near
        far = np.maximum(far, near)
        each = np.log(near / far) / 2 + bent / 2 * (1 / near - 1 / far)
        each = np.where(tells, np.clip(each, -3.0, 3.0), 0.0)
        odds[inside, number - 1] = np.clip(each.sum(axis=1), -6.0, 6.0)
    return odds


def _running_min(values: np.ndarray, window: int, origin: int) -> np.ndarray:
    """Minimum of each value and those of the window beside it."""
    from scipy.ndimage import minimum_filter1d

    return minimum_filter1d(values, window, origin=origin, mode='nearest')


def line_below(
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
