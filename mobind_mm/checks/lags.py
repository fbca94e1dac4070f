"""Does a sensor show what its limb does at the same time?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

TOLERANCE_SEC = 0.1
"""A lag up to this does not count."""
_WEAK = 5.0
"""Evidence below which a curve says nothing."""
_CLEAR, _CLEAR_TAKE = 8.0, 14.0
"""Evidence by which a lag must beat no lag, over all takes and in one."""
_SHARE = 0.15
"""The same as a share of the evidence for the lag."""
_AGREE = 0.6
"""Share of takes, of those that can tell, that must show a lag."""
_LEANS = 2.0
"""Evidence by which a take prefers a lag to no lag, or the reverse."""

Curves = Mapping[str, Mapping[str, np.ndarray]]
"""Evidence (G,) by offset, by take and sensor."""


@dataclass(frozen=True)
class Lag:
    """A sensor that is late, or early if negative.

    Args:
        sensor: Its placement; empty: all sensors of the take alike.
        take: The take; empty: all of them.
        seconds: ``t_imu - t_pose``.
        gain: By how much its evidence beats that of no lag.
    """

    sensor: str
    take: str
    seconds: float
    gain: float


@dataclass(frozen=True)
class _Grid:
    """Offsets (G,) in seconds, and those that do not count as a lag."""

    offsets: np.ndarray
    tolerance: float

    def best(self, curve: np.ndarray) -> tuple[float, float]:
        """Best offset of a curve, and by how much it beats none."""
        best = int(np.argmax(curve))
        gain = curve[best] - curve[self._near(0.0)].max()
        return float(self.offsets[best]), float(gain)

    def lean(self, curve: np.ndarray, seconds: float) -> float:
        """By how much a curve prefers a lag to none; negative: none."""
        at, none = self._near(seconds), self._near(0.0)
        return float(curve[at].max() - curve[none].max())

    def _near(self, seconds: float) -> np.ndarray:
        return np.abs(self.offsets - seconds) <= self.tolerance + 1e-9

    def without(self, curve: np.ndarray, seconds: float) -> np.ndarray:
        """The curve with a usual lag moved to 0."""
        if not seconds:
            return curve
        return np.interp(self.offsets + seconds, self.offsets, curve)


def find_lags(
    curves: Curves, offsets: np.ndarray, tolerance: float = TOLERANCE_SEC
) -> list[Lag]:
    """Find lags of all takes, then of takes that differ from the others.

    Evidence is summed over takes, so that weak takes do not decide; all
    sensors together are asked before each of them.

    Args:
        curves: Evidence of each take and sensor.
        offsets: (G,) seconds, evenly spaced.
        tolerance: Lags up to it do not count, in seconds.
    """
    grid = _Grid(offsets, tolerance)
    sensors = list(dict.fromkeys(s for take in curves.values() for s in take))
    usual = dict.fromkeys(sensors, 0.0)
    lags = []
    together = {t: {'': _total(c.values())} for t, c in curves.items() if c}
    if len(sensors) > 1:
        lag = _common(together, '', grid)
        if lag and not any(
            # A sensor is rather in step than as late as all together.
            grid.lean(_total(_of_sensor(curves, s)), lag.seconds) < -_LEANS
            for s in sensors
        ):
            lags.append(lag)
            usual = dict.fromkeys(sensors, lag.seconds)
    if not lags:
        for sensor in sensors:
            lag = _common(curves, sensor, grid)
            if lag:
                lags.append(lag)
                usual[sensor] = lag.seconds
    for take, rows in curves.items():
        rows = {s: grid.without(row, usual[s]) for s, row in rows.items()}
        lags += _of_take(take, rows, usual, grid)
    return lags


def _of_take(
    take: str,
    rows: Mapping[str, np.ndarray],
    usual: Mapping[str, float],
    grid: _Grid,
) -> list[Lag]:
    """Lags of one take beyond the usual ones of its sensors."""
    if len(rows) > 1:
        total = _total(rows.values())
        seconds, gain = grid.best(total)
        if _clear(total, gain, _CLEAR_TAKE) and not any(
            grid.lean(row, seconds) < -_LEANS for row in rows.values()
        ):
            seconds += next(iter(usual.values())) if usual else 0.0
            return [Lag('', take, seconds, gain)]
    lags = []
    for sensor, row in rows.items():
        seconds, gain = grid.best(row)
        if _clear(row, gain, _CLEAR_TAKE):
            lags.append(Lag(sensor, take, seconds + usual[sensor], gain))
    return lags


def _common(curves: Curves, sensor: str, grid: _Grid) -> Lag | None:
    """The lag that most takes show, if there is one."""
    rows = _of_sensor(curves, sensor)
    if not rows:
        return None
    total = _total(rows)
    seconds, gain = grid.best(total)
    if not _clear(total, gain, _CLEAR):
        return None
    leans = [grid.lean(row, seconds) for row in rows]
    late = sum(lean > _LEANS for lean in leans)
    fine = sum(lean < -_LEANS for lean in leans)
    if late < _AGREE * (late + fine):
        return None
    return Lag(sensor, '', seconds, gain)


def _of_sensor(curves: Curves, sensor: str) -> list[np.ndarray]:
    return [take[sensor] for take in curves.values() if sensor in take]


def _total(curves: Iterable[np.ndarray]) -> np.ndarray:
    return np.sum(list(curves), axis=0)


def _clear(curve: np.ndarray, gain: float, least: float) -> bool:
    return gain > max(least, _SHARE * curve.max())


def has_evidence(curve: np.ndarray) -> bool:
    """Whether a curve says anything at all."""
    return float(np.max(curve)) > _WEAK
