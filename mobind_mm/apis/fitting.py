"""Sensors as a model takes them: its limbs, its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..recordings import SensorStream
from ..recordings.derived import derivable, specific_force
from ..skeleton import LIMBS

Sensors = Mapping[str, SensorStream]


def fit_sensors(
    imu: Sensors, limbs: Sequence[str], channels: Sequence[str]
) -> tuple[dict[str, SensorStream], list[str]]:
    """Sensors that a model can encode, under the names of its limbs.

    A sensor at a placement that the model does not have is taken for a limb
    with the same keypoints, such as a forearm for a wrist, if no other sensor
    is there. Gravity is added to ``acc`` where it was removed and the
    orientation is known; ``gyro`` follows from ``quat``. Returns the sensors
    by limb, and a note on each that was changed or left out.
    """
    able, notes = fit_channels(imu, channels)
    served = {}
    for name, limb in match_limbs(able, limbs).items():
        if limb is None:
            notes.append(
                f'{name}: left out by the model, which has {", ".join(limbs)}.'
            )
            continue
        if limb != name:
            notes.append(
                f'{name}: the model has no such limb, so it is taken for its '
                f'{limb}, which has the same keypoints.'
            )
        served[limb] = able[name]
    return served, notes


def fit_channels(
    imu: Sensors, channels: Sequence[str]
) -> tuple[dict[str, SensorStream], list[str]]:
    """Sensors with the channels of a model; see :func:`fit_sensors`.

    What follows from ``quat`` is derived where windows are loaded.
    """
    able, notes = {}, []
    for name, stream in imu.items():
        if lacking := sorted({*channels} - derivable([*stream.channels])):
            notes.append(
                f'{name} has no {lacking}, which the model needs, so it is '
                'left out.'
            )
            continue
        if 'gyro' in channels and 'gyro' not in stream.channels:
            notes.append(f'{name}: gyro is derived from quat for the model.')
        if 'acc' in channels and not stream.gravity:
            stream, note = _with_gravity(stream)
            notes.append(f'{name}: {note}')
        able[name] = stream
    return able, notes


def match_limbs(imu: Sensors, limbs: Sequence[str]) -> dict[str, str | None]:
    """The limb of a model that serves each sensor, None where none does."""
    limbs_of: dict[str, str | None] = {
        name: name for name in imu if name in limbs
    }
    for name in imu:
        if name in limbs_of:
            continue
        worn = LIMBS.get(name)
        apart = {  # how far from each other the two are strapped, about
            limb: np.abs(np.subtract(LIMBS[limb].point, worn.point)).sum()
            for limb in limbs
            if worn is not None
            and limb in LIMBS
            and LIMBS[limb].keypoints == worn.keypoints
            and limb not in limbs_of.values()
        }
        limbs_of[name] = min(apart, key=lambda x: apart[x], default=None)
    return {name: limbs_of[name] for name in imu}


def _with_gravity(stream: SensorStream) -> tuple[SensorStream, str]:
    """The stream with gravity in ``acc``, if that can be had."""
    if 'quat' not in stream.channels:
        return stream, (
            'its acc is without gravity, which the model may not know.'
        )
    channels = {**stream.channels}
    channels['acc'] = specific_force(
        channels['acc'][:], channels['quat'][:], stream.frame
    )
    changed = replace(stream, channels=channels, gravity=True, frame='sensor')
    return changed, 'gravity is added to acc for the model.'
