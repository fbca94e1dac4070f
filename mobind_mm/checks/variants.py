"""Readings of sensors without gravity, which only the video tells apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .agreement import Agreement
from .finding import Finding
from .reading import Reading
from .scale import judge_scale

_CLEAR, _SHARE = 8.0, 0.06
"""Evidence, and share of it, by which another reading must be better: most
of the evidence does not depend on it."""


def variants_of(
    gravity: bool, frame: str, channels: Sequence[str]
) -> list[Reading]:
    """Readings of a sensor that only the video can tell apart.

    With gravity in ``acc``, gravity tells them.

    Args:
        gravity: Whether gravity is in ``acc``.
        frame: Frame of ``acc``.
        channels: Names of the channels.
    """
    if gravity or 'acc' not in channels or 'quat' not in channels:
        return []
    found = [Reading(frame='world' if frame == 'sensor' else 'sensor')]
    if 'gyro' not in channels and frame == 'sensor':
        found += [
            Reading(inverse=True),
            Reading(quat_order='xyzw'),
            Reading(quat_order='wxyz'),
        ]
    return found


def judge_variants(
    views: Mapping[str, Agreement], sensors: Sequence[str]
) -> tuple[list[Finding], dict[str, Agreement]]:
    """Judge frame, quaternions, unit and sign of sensors without gravity.

    Args:
        views: What each recording shows, by its name.
        sensors: Those on their own limbs.

    Returns:
        Likely mistakes, and the views with the evidence for the readings
        that were found.
    """
    found, mended = [], dict(views)
    for sensor in sensors:
        best, gain = _best_variant(views, sensor)
        if best is not None:
            found.append(_finding(sensor, best, gain))
            for name, view in mended.items():
                if (sensor, best) in view.variants:
                    own = {(sensor, sensor): view.variants[sensor, best]}
                    curves = {**view.curves, **own}
                    mended[name] = replace(view, curves=curves)
            continue
        sizes = [v.sizes[sensor] for v in views.values() if sensor in v.sizes]
        opinion = judge_scale(sizes)
        if opinion.status == 'wrong':
            found.append(opinion.finding(sensor))
    return found, mended


def _best_variant(
    views: Mapping[str, Agreement], sensor: str
) -> tuple[Reading | None, float]:
    """The reading that is clearly better than what is stored, if any."""
    stored, totals = 0.0, {}
    for view in views.values():
        stored = stored + view.curves.get((sensor, sensor), 0.0)
        for (name, reading), curve in view.variants.items():
            if name == sensor:
                totals[reading] = totals.get(reading, 0.0) + curve
    if not totals:
        return None, 0.0
    best = max(totals, key=lambda reading: np.max(totals[reading]))
    top = float(np.max(totals[best]))
    gain = top - float(np.max(stored))
    return (best, gain) if gain > max(_CLEAR, _SHARE * top) else (None, gain)


def _finding(sensor: str, reading: Reading, gain: float) -> Finding:
    """A reading under which a sensor fits its limb."""
    seen = f'it fits its limb better then, by {gain:.0f} nats'
    if reading.frame:
        return Finding(
            'frame',
            sensor,
            f'acc seems to be in the {reading.frame} frame ({seen})',
            f'frame: {reading.frame}',
        )
    if reading.inverse:
        return Finding(
            'quat_direction',
            sensor,
            f'quat seems to turn from world to sensor ({seen})',
            'quat_direction: world_to_sensor (or sensor_to_world, if it '
            'says the former)',
        )
    was = 'last' if reading.quat_order == 'xyzw' else 'first'
    return Finding(
        'quat_order',
        sensor,
        f'the scalar of quat seems to be its {was} column ({seen})',
        f'quat_order: {reading.quat_order}',
    )
