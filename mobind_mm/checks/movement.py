"""What sensors and limbs say together: lags and swaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .agreement import Agreement
from .assignment import Assignment, best_assignment, describe
from .finding import Finding
from .lags import TOLERANCE_SEC, Lag, find_lags, tells
from .variants import judge_variants

_CLEAR, _CLEAR_TAKE = 10.0, 20.0
"""Evidence by which sensors on other limbs must beat the given, in all takes
and in one."""
_STILL = 0.15
"""Standard deviation in m/s^2 below which a sensor does not move."""
_SHARE = 0.2
"""The same as a share of all evidence."""


@dataclass(frozen=True)
class SensorFit:
    """How a sensor fits its limb, over all takes.

    Args:
        evidence: Log likelihood ratio at the best offset.
        lag: That offset in seconds.
        enough: Whether there is enough motion to tell.
    """

    evidence: float
    lag: float
    enough: bool


@dataclass
class MovementVerdict:
    """What the sensors and the video say together.

    Args:
        findings: Likely mistakes.
        fits: By placement.
    """

    findings: list[Finding]
    fits: dict[str, SensorFit]


def judge_movement(
    views: Mapping[str, Agreement], slowest_rate: float
) -> MovementVerdict:
    """Judge all recordings together.

    Args:
        views: What each recording shows, by its name.
        slowest_rate: Samples per second of the slowest stream; half more
            than a sample is no lag.
    """
    verdict = MovementVerdict([], {})
    views = {name: _moving(view) for name, view in views.items()}
    views = {name: view for name, view in views.items() if view.curves}
    if not views:
        return verdict
    offsets = next(iter(views.values())).offsets
    total: dict[tuple[str, str], np.ndarray] = {}
    for view in views.values():
        for pair, curve in view.curves.items():
            total[pair] = total.get(pair, 0.0) + curve
    limbs, single = _judge_assignment(views, total, offsets, verdict)
    at_home = [sensor for sensor, limb in limbs.items() if sensor == limb]
    found, views = judge_variants(views, at_home)
    verdict.findings += found
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
        verdict.findings.append(_lag_finding(lag, len(limbs)))
    for sensor, limb in limbs.items():
        curve = total.get((sensor, limb))
        if curve is not None:
            best = int(np.argmax(curve))
            fit = SensorFit(
                float(curve[best]), float(offsets[best]), tells(curve)
            )
            verdict.fits[sensor] = fit
    return verdict


def _moving(view: Agreement) -> Agreement:
    """What a view shows of the sensors that move."""
    still = {s for s, motion in view.motion.items() if motion <= _STILL}
    return replace(
        view,
        curves={k: c for k, c in view.curves.items() if k[0] not in still},
        variants={k: c for k, c in view.variants.items() if k[0] not in still},
    )


def _judge_assignment(
    views: Mapping[str, Agreement],
    total: Mapping[tuple[str, str], np.ndarray],
    offsets: np.ndarray,
    verdict: MovementVerdict,
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Limbs of the sensors in all takes, and in takes that differ."""
    best = best_assignment(total, offsets)
    sensors = {sensor: sensor for sensor in best.limbs}
    limbs, single = sensors, {}
    if best.clear(_CLEAR, _SHARE) and _common(best, views, offsets):
        limbs = best.limbs
        where, message, fix = describe(limbs)
        message += f' (evidence {best.gain:.0f} nats)'
        verdict.findings.append(Finding('swap', where, message, fix))
    if len(views) == 1:
        return limbs, single
    for name, view in views.items():
        own = best_assignment(view.curves, offsets)
        given = {s: limbs.get(s, s) for s in own.limbs}
        if own.limbs == given or not own.clear(_CLEAR_TAKE, _SHARE):
            continue
        if limbs != sensors:
            continue  # the mistake of all takes is enough to mend
        single[name] = own.limbs
        where, message, fix = describe(own.limbs)
        message += f' (evidence {own.gain:.0f} nats)'
        verdict.findings.append(Finding('swap', where, message, fix, (name,)))
    return limbs, single


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
    late = 'late' if lag.seconds > 0 else 'early'
    size = abs(lag.seconds)
    change = 'less' if lag.seconds > 0 else 'more'
    opposite = 'more' if lag.seconds > 0 else 'less'
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
