"""Which limb does each sensor fit best?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from .agreement import mirrored

_NEAR_SEC = 0.15
_LATE = 8.0
"""What an offset beyond 0.15 s costs: a lag is a second mistake."""
_NEVER = -1e6


@dataclass(frozen=True)
class Assignment:
    """The best assignment of sensors to limbs.

    Args:
        limbs: Limb of each sensor.
        gain: By how much its evidence beats that of the given one.
        total: Its evidence over the sensors that move.
    """

    limbs: dict[str, str]
    gain: float
    total: float

    def clear(self, least: float, share: float) -> bool:
        """Whether it beats the given one clearly."""
        return self.gain > max(least, share * self.total)


def best_assignment(
    curves: Mapping[tuple[str, str], np.ndarray], offsets: np.ndarray
) -> Assignment:
    """Assign sensors to limbs by the evidence for each pair.

    Every pair counts at its best offset, one far from 0 at a price: a
    swapped and a shifted sensor are told apart.

    Args:
        curves: Evidence (G,) by offset, by sensor and limb.
        offsets: (G,) seconds.
    """
    sensors = sorted({sensor for sensor, _ in curves})
    limbs = sorted({limb for _, limb in curves})
    value = np.full((len(sensors), len(limbs)), _NEVER)
    near = np.abs(offsets) <= _NEAR_SEC
    for (sensor, limb), curve in curves.items():
        best = max(curve[near].max(), curve.max() - _LATE)
        value[sensors.index(sensor), limbs.index(limb)] = best
    rows, columns = linear_sum_assignment(-value)
    chosen = {sensors[i]: limbs[j] for i, j in zip(rows, columns)}
    gain = total = 0.0
    for sensor, limb in list(chosen.items()):
        if (sensor, sensor) not in curves or (sensor, limb) not in curves:
            chosen[sensor] = sensor
            continue
        if limb != sensor:
            row = value[sensors.index(sensor)]
            total += row[limbs.index(limb)]
            gain += row[limbs.index(limb)] - row[limbs.index(sensor)]
    return Assignment(chosen, float(gain), float(total))


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
    parts = [f'{a} and {b} seem exchanged' for a, b in pairs]
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
            'a mirrored video, or left and right keypoints exchanged, would '
            'look the same'
        )
        fix += '; or mend the video or pose.layout'
    return where, '; '.join(parts), fix
