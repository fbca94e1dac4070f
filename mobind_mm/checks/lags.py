"""Does a sensor show what its limb does at the same time?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

TOLERANCE_SEC = 0.1
"""A lag up to this is none."""
_WEAK = 5.0
"""Evidence below which a curve says nothing."""
_CLEAR, _CLEAR_TAKE = 8.0, 14.0
"""Evidence by which a lag must beat none, over all takes and in one."""
_SHARE = 0.15
"""The same as a share of the evidence for the lag."""
_AGREE = 0.6
"""Share of takes, of those that can tell, that must show a lag."""
_LEANS = 2.0
"""Evidence by which a take prefers a lag to none, or the other way round."""

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


def find_lags(
    curves: Curves, offsets: np.ndarray, tolerance: float = TOLERANCE_SEC
) -> list[Lag]:
    """Find lags of all takes, then of takes that differ from the others.

    Evidence is summed over takes, so that weak takes do not decide; all
    sensors together are asked before each of them.

    Args:
        curves: Evidence of each take and sensor.
        offsets: (G,) seconds, evenly spaced.
        tolerance: Lags up to it are none, in seconds.
    """
    sensors = list(dict.fromkeys(s for take in curves.values() for s in take))
    usual = dict.fromkeys(sensors, 0.0)
    found = []
    together = {t: {'': sum(c.values())} for t, c in curves.items() if c}
    if len(sensors) > 1:
        lag = _common(together, '', offsets, tolerance)
        if lag and not _dissent(curves, sensors, offsets, lag, tolerance):
            found.append(lag)
            usual = dict.fromkeys(sensors, lag.seconds)
    if not found:
        for sensor in sensors:
            lag = _common(curves, sensor, offsets, tolerance)
            if lag:
                found.append(lag)
                usual[sensor] = lag.seconds
    for take, rows in curves.items():
        rows = {
            sensor: _shifted(curve, offsets, usual[sensor])
            for sensor, curve in rows.items()
        }
        found += _of_take(take, rows, usual, offsets, tolerance)
    return found


def _of_take(
    take: str,
    rows: dict[str, np.ndarray],
    usual: dict[str, float],
    offsets: np.ndarray,
    tolerance: float,
) -> list[Lag]:
    """Lags of one take beyond the usual ones of its sensors."""
    if len(rows) > 1:
        total = sum(rows.values())
        seconds, gain = _prefer(total, offsets, tolerance)
        if _clear(total, gain, _CLEAR_TAKE) and not any(
            _prefer_at(row, offsets, seconds, tolerance) < -_LEANS
            for row in rows.values()
        ):
            seconds += next(iter(usual.values())) if usual else 0.0
            return [Lag('', take, seconds, gain)]
    found = []
    for sensor, row in rows.items():
        seconds, gain = _prefer(row, offsets, tolerance)
        if _clear(row, gain, _CLEAR_TAKE):
            found.append(Lag(sensor, take, seconds + usual[sensor], gain))
    return found


def _common(
    curves: Curves, sensor: str, offsets: np.ndarray, tolerance: float
) -> Lag | None:
    """The lag that most takes show, if there is one."""
    rows = [take[sensor] for take in curves.values() if sensor in take]
    if not rows:
        return None
    seconds, gain = _prefer(sum(rows), offsets, tolerance)
    if not _clear(sum(rows), gain, _CLEAR):
        return None
    leans = [_prefer_at(row, offsets, seconds, tolerance) for row in rows]
    late = sum(lean > _LEANS for lean in leans)
    fine = sum(lean < -_LEANS for lean in leans)
    if late < _AGREE * (late + fine):
        return None
    return Lag(sensor, '', seconds, gain)


def _dissent(
    curves: Curves,
    sensors: list[str],
    offsets: np.ndarray,
    lag: Lag,
    tolerance: float,
) -> bool:
    """Whether a sensor is rather in step than as late as all together."""
    for sensor in sensors:
        total = sum(take[sensor] for take in curves.values() if sensor in take)
        lean = _prefer_at(total, offsets, lag.seconds, tolerance)
        if lean < -_LEANS:
            return True
    return False


def _clear(curve: np.ndarray, gain: float, least: float) -> bool:
    return gain > max(least, _SHARE * curve.max())


def _prefer(
    curve: np.ndarray, offsets: np.ndarray, tolerance: float
) -> tuple[float, float]:
    """Best offset of a curve, and by how much it beats none."""
    best = int(np.argmax(curve))
    none = curve[np.abs(offsets) <= tolerance + 1e-9].max()
    return float(offsets[best]), float(curve[best] - none)


def _prefer_at(
    curve: np.ndarray, offsets: np.ndarray, seconds: float, tolerance: float
) -> float:
    """By how much a curve prefers a lag to none; negative: none."""
    at = np.abs(offsets - seconds) <= tolerance + 1e-9
    none = np.abs(offsets) <= tolerance + 1e-9
    return float(curve[at].max() - curve[none].max())


def _shifted(
    curve: np.ndarray, offsets: np.ndarray, seconds: float
) -> np.ndarray:
    """The curve with a usual lag moved to 0."""
    if not seconds:
        return curve
    return np.interp(offsets + seconds, offsets, curve)


def tells(curve: np.ndarray | None) -> bool:
    """Whether there is evidence at all."""
    return curve is not None and float(np.max(curve)) > _WEAK
