"""Does a gyroscope without quaternions agree with where gravity turns?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .finding import Opinion
from .orientation_candidates import SIGNS
from .reading import Reading
from .window_means import integrate, window_index, window_means
from .wording import GYRO_UNITS, gyro_unit_opinion, sign_opinion

HYPOTHESES = (
    *((scale, (1, 1, 1)) for scale in GYRO_UNITS.values()),
    *((1.0, signs) for signs in SIGNS[1:]),
    (0.0, (1, 1, 1)),
)
"""Factor on the gyroscope and on its axes; 0: the sensor does not turn."""

_WINDOW_SEC = 2.0
_LEAST = 6
"""Pairs of windows to judge by."""
_HALF, _THIRD = 0.5, 0.35
_STILL = 1e-3
"""Mean square change of gravity, relative, below which nothing turns."""


@dataclass(frozen=True)
class GyroscopeFacts:
    """How steady gravity is if the gyroscope is believed.

    Args:
        changes: (W, len(HYPOTHESES)) square of the change of the mean of
            ``acc`` from a window of 2 s to the next, by hypothesis,
            relative to the square of the median magnitude.
    """

    changes: np.ndarray


def gyroscope_facts(
    times: np.ndarray, channels: dict[str, np.ndarray]
) -> GyroscopeFacts:
    """Measure one stream.

    Args:
        times: (T,) seconds.
        channels: ``acc`` and ``gyro`` (T, 3), sensor frame.
    """
    acc, gyro = channels['acc'], channels['gyro']
    index, filled = window_index(times, _WINDOW_SEC)
    middle = window_means(times[:, None], index)[:, 0]
    pairs = filled[1:] & filled[:-1]
    if pairs.any():  # not across a gap: nobody knows what happened in it
        pairs &= np.diff(middle) < 1.5 * np.median(np.diff(middle)[pairs])
    level = max(float(np.median(np.linalg.norm(acc, axis=1))), 1e-9)
    changes = []
    for scale, signs in HYPOTHESES:
        turned = integrate(times, scale * np.array(signs) * gyro).apply(acc)
        step = np.diff(window_means(turned / level, index), axis=0)[pairs]
        changes.append((step**2).sum(axis=1))
    return GyroscopeFacts(np.stack(changes, axis=1))


def judge_gyroscope(
    facts: Sequence[GyroscopeFacts],
) -> tuple[Opinion, Reading]:
    """Judge unit and signs of the gyroscope of one sensor.

    All axes of ``acc`` inverted look the same as none, and one inverted
    axis of ``acc`` looks like the two others of ``gyro``: gravity alone
    does not tell these apart.

    Args:
        facts: Those of the sensor's takes.
    """
    changes = np.concatenate(
        [np.zeros((0, len(HYPOTHESES))), *(f.changes for f in facts)]
    )
    if len(changes) < _LEAST:
        return Opinion('unknown'), Reading()
    # A throw or a blow must not decide: the upper tenth is left out.
    kept = np.sort(changes, axis=0)[: max(int(0.9 * len(changes)), 1)]
    change = kept.mean(axis=0)
    stored, still = change[0], change[-1]
    best = int(np.argmin(change[:-1]))
    if change.max() < _STILL:
        return Opinion('unknown'), Reading()
    if best == 0:
        clear = stored < _HALF * still
        return Opinion('fine' if clear else 'unknown'), Reading()
    if change[best] > _THIRD * stored:
        return Opinion('unknown'), Reading()
    scale, signs = HYPOTHESES[best]
    ratio = np.sqrt(stored / change[best])
    seen = f'gravity wanders {ratio:.1f} times as much as it would then'
    if scale != 1:
        unit = list(GYRO_UNITS)[best]
        return gyro_unit_opinion(unit, seen), Reading(gyro_scale=scale)
    opinion = sign_opinion('gyro', signs, seen)
    return opinion, Reading(gyro_signs=signs)
