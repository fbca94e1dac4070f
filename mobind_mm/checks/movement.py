"""What sensors and limbs say together: swaps and lags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..skeleton import mirrored
from .agreement import Agreement, judge_variants
from .finding import Finding
from .lags import TOLERANCE_SEC, Lag, find_lags, has_evidence
from .report import SensorFit

_CLEAR, _CLEAR_TAKE = 10.0, 20.0
"""Evidence by which sensors on other limbs must beat the given ones, in all
takes and in one."""
_SHARE = 0.2
"""The same as a share of all evidence."""
_STILL = 0.15
"""Standard deviation in m/s² below which a sensor does not move."""
_NEAR_SEC = 0.15
_LATE = 8.0
"""What an offset beyond 0.15 s costs: a lag is a second mistake."""
_NEVER = -1e6

Curves = Mapping[tuple[str, str], np.ndarray]
"""Evidence (G,) by offset, by sensor and limb."""


def judge_movement(
    views: Mapping[str, Agreement], slowest_rate: float
) -> tuple[list[Finding], dict[str, SensorFit]]:
    """Likely mistakes in all recordings, and how each sensor fits its limb.

    Lags up to one and a half samples of ``slowest_rate`` do not count.
    """
    views = {name: _moving(view) for name, view in views.items()}
    views = {name: view for name, view in views.items() if view.curves}
    if not views:
        return [], {}
    offsets = next(iter(views.values())).offsets
    total: dict[tuple[str, str], np.ndarray] = {}
    for view in views.values():
        for pair, curve in view.curves.items():
            total[pair] = total.get(pair, 0.0) + curve
    findings, limbs, single = _judge_assignment(views, total, offsets)
    at_home = [sensor for sensor, limb in limbs.items() if sensor == limb]
    of_variants, views = judge_variants(views, at_home)
    findings += of_variants
    curves = {
        name: {
            sensor: view.curves[sensor, limb]
            for sensor, limb in {**limbs, **single.get(name, {})}.items()
            if (sensor, limb) in view.curves
        }
        for name, view in views.items()
    }
    tolerance = max(TOLERANCE_SEC, 1.5 / slowest_rate)
    for lag in find_lags(curves, offsets, tolerance):
        findings.append(_lag_finding(lag, len(limbs)))
    fits = {}
    for sensor, limb in limbs.items():
        if (sensor, limb) in total:
            curve = total[sensor, limb]
            best = int(np.argmax(curve))
            fits[sensor] = SensorFit(
                evidence=float(curve[best]),
                lag=float(offsets[best]),
                enough=has_evidence(curve),
            )
    return findings, fits


def _moving(view: Agreement) -> Agreement:
    """What a view shows of the sensors that move."""
    still = {s for s, motion in view.motion.items() if motion <= _STILL}
    return replace(
        view,
        curves={k: c for k, c in view.curves.items() if k[0] not in still},
        variants={k: c for k, c in view.variants.items() if k[0] not in still},
    )


@dataclass(frozen=True)
class Assignment:
    """The best assignment of sensors to limbs.

    Args:
        limbs: Limb of each sensor.
        gain: By how much its evidence beats that of the given one.
        total: Its evidence over the sensors that move to another limb.
    """

    limbs: dict[str, str]
    gain: float
    total: float

    def clear(self, least: float) -> bool:
        """Whether it beats the given one clearly."""
        return self.gain > max(least, _SHARE * self.total)

    def finding(self, takes: tuple[str, ...] = ()) -> Finding:
        """The sensors that are on other limbs, in words."""
        where, message, fix = describe(self.limbs)
        message += f' (evidence {self.gain:.0f} nats)'
        return Finding('swap', where, message, fix, takes)


def best_assignment(
    curves: Curves, offsets: np.ndarray, least: float = _CLEAR
) -> Assignment:
    """Assign sensors to limbs by the evidence for each pair.

    Every pair counts at its best offset, one far from 0 at a price: a
    swapped and a shifted sensor are told apart. Sensors that change places
    with each other must gain clearly by it, and of what explains as much, as
    few as possible do.

    Args:
        curves: Evidence (G,) by offset, by sensor and limb.
        offsets: (G,) seconds.
        least: Evidence by which others must beat the given limbs.
    """
    sensors = sorted({sensor for sensor, _ in curves})
    limbs = sorted({limb for _, limb in curves})
    value = np.full((len(sensors), len(limbs)), _NEVER)
    near = np.abs(offsets) <= _NEAR_SEC
    for (sensor, limb), curve in curves.items():
        best = max(curve[near].max(), curve.max() - _LATE)
        value[sensors.index(sensor), limbs.index(limb)] = best
    given = np.equal.outer(np.array(sensors), np.array(limbs))
    rows, columns = linear_sum_assignment(-value - 0.5 * least * given)
    chosen = {sensors[i]: limbs[j] for i, j in zip(rows, columns)}
    for sensor, limb in chosen.items():
        if (sensor, sensor) not in curves or (sensor, limb) not in curves:
            chosen[sensor] = sensor
    best = Assignment({s: s for s in chosen}, 0.0, 0.0)
    for group in _changing_places(chosen):
        gain = total = 0.0
        for sensor, limb in group.items():
            row = value[sensors.index(sensor)]
            total += float(row[limbs.index(limb)])
            gain += float(row[limbs.index(limb)] - row[limbs.index(sensor)])
        if Assignment(group, gain, total).clear(least):
            best = Assignment(
                {**best.limbs, **group}, best.gain + gain, best.total + total
            )
    return best


def _changing_places(limbs: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Sensors on other limbs, those together that change with each other."""
    left = {s: limb for s, limb in limbs.items() if s != limb}
    while left:
        names, size = {next(iter(left))}, 0
        while len(names) > size:
            size = len(names)
            for pair in left.items():
                if names & {*pair}:
                    names |= {*pair}
        yield {s: limb for s, limb in left.items() if s in names}
        left = {s: limb for s, limb in left.items() if s not in names}


def describe(limbs: Mapping[str, str]) -> tuple[str, str, str]:
    """Where, message and fix of sensors that are on other limbs.

    A mirrored video looks the same as sensors that changed sides, so this
    is said where all that have a side changed it.
    """
    moved = {s: limb for s, limb in limbs.items() if s != limb}
    pairs = sorted(
        {tuple(sorted((s, m))) for s, m in moved.items() if moved.get(m) == s}
    )
    where = ', '.join(sorted(moved))
    in_pairs = {sensor for pair in pairs for sensor in pair}
    parts = [f'{a} and {b} seem to be swapped' for a, b in pairs]
    parts += [
        f'{sensor} fits the {limb} better'
        for sensor, limb in sorted(moved.items())
        if sensor not in in_pairs
    ]
    fixes = ', '.join(f'{s} -> {limb}' for s, limb in sorted(moved.items()))
    fix = f'rename the keys of the sensors: {fixes}'
    sided = [s for s in limbs if mirrored(s) != s]
    if sided and all(limbs[s] == mirrored(s) for s in sided):
        parts.append(
            'a mirrored video, or left and right keypoints swapped, would '
            'look the same'
        )
        fix += '; or fix the video or pose.layout'
    return where, '; '.join(parts), fix


def _judge_assignment(
    views: Mapping[str, Agreement], total: Curves, offsets: np.ndarray
) -> tuple[list[Finding], dict[str, str], dict[str, dict[str, str]]]:
    """Swaps; limbs of the sensors in all takes, and in takes that differ."""
    best = best_assignment(total, offsets, _CLEAR)
    given = {sensor: sensor for sensor in best.limbs}
    if best.gain and _common(best, views, offsets):
        # The mistake of all takes is enough to fix.
        return [best.finding()], best.limbs, {}
    findings, single = [], {}
    if len(views) > 1:
        for name, view in views.items():
            take = best_assignment(view.curves, offsets, _CLEAR_TAKE)
            if take.gain:
                single[name] = take.limbs
                findings.append(take.finding((name,)))
    return findings, given, single


def _common(
    best: Assignment, views: Mapping[str, Agreement], offsets: np.ndarray
) -> bool:
    """Whether most takes that can tell prefer the assignment."""
    prefer = refuse = 0
    near = np.abs(offsets) <= TOLERANCE_SEC
    for view in views.values():
        gain = 0.0
        for sensor, limb in best.limbs.items():
            pair, given = (sensor, limb), (sensor, sensor)
            if limb != sensor and pair in view.curves:
                gain += view.curves[pair][near].max()
                gain -= view.curves[given][near].max()
        prefer += gain > 2
        refuse += gain < -2
    return prefer >= 0.6 * (prefer + refuse)


def _lag_finding(lag: Lag, num_sensors: int) -> Finding:
    """A lag in words."""
    late, change, opposite = 'late', 'less', 'more'
    if not lag.seconds > 0:
        late, change, opposite = 'early', 'more', 'less'
    size = abs(lag.seconds)
    takes = (lag.take,) if lag.take else ()
    seen = f'(lag {lag.seconds:+.2f} s, {lag.gain:.0f} nats)'
    if lag.sensor and num_sensors > 1:
        return Finding(
            'lag',
            lag.sensor,
            f'shows what its limb does {size:.2f} s {late} {seen}',
            f'start_s of {lag.sensor}: {size:.2f} {change}',
            takes,
        )
    return Finding(
        'lag',
        lag.sensor or 'pose',
        f'all sensors show what their limbs do {size:.2f} s {late} {seen}',
        f'start_s of pose: {size:.2f} {opposite} (or that of all sensors '
        f'{size:.2f} {change})',
        takes,
    )
