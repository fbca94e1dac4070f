"""Inertial sensors simulated from the motion of a body."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from ...recordings import Clock, SensorStream

GRAVITY = 9.80665
"""Standard gravity in m/s^2."""
SMOOTHING = 4
"""Frames over which accelerations are smoothed, as in MoBind."""

_UP = np.array([0.0, 0.0, GRAVITY])


def simulate_imus(
    positions: Mapping[str, np.ndarray],
    rotations: Mapping[str, np.ndarray],
    frames: np.ndarray,
    rate: float,
) -> dict[str, SensorStream]:
    """Simulate what sensors on a body would read.

    ``acc`` is specific force in the sensor's frame: acceleration of the
    point, see :func:`accelerations`, plus gravity. ``quat`` is the rotation
    as given. Where frames are missing the streams have a gap; a frame whose
    neighbours are missing has no acceleration and is left out too.

    Args:
        positions: Placement to (T, 3) metres, z up.
        rotations: Placement to (T, 3, 3), sensor to world.
        frames: (T,) increasing frame numbers, 0 at time 0.
        rate: Frames per second.

    Returns:
        Placement to stream; all have one clock, of fixed rate if no frame
        is missing. Empty if no frame has both neighbours.
    """
    streams = {}
    for placement, points in positions.items():
        kept, acc = accelerations(points, frames, rate)
        if not len(kept):
            return {}
        turned = Rotation.from_matrix(rotations[placement][kept])
        force = turned.inv().apply(acc + _UP)
        quat = np.roll(turned.as_quat(), 1, axis=1)
        streams[placement] = SensorStream(
            clock=_clock(frames[kept], rate),
            channels={'acc': force, 'quat': quat},
        )
    return streams


def accelerations(
    positions: np.ndarray, frames: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed second differences of positions; no delay.

    With r = 4 frames the acceleration at frame t is ``(p[t - r] - 2 p[t] +
    p[t + r]) (rate / r)^2``. That is the second difference of neighbouring
    frames, averaged with the weights 1 2 3 4 3 2 1 (a mean over 4 frames,
    taken twice): a sinusoid of f Hz keeps its phase and sinc^2(f r / rate)
    of its amplitude. Less than r frames from a gap or an end, r is that
    distance, so that nothing reaches across.

    Args:
        positions: (T, 3) metres.
        frames: (T,) increasing frame numbers.
        rate: Frames per second.

    Returns:
        Indices (M,) of the frames that have both neighbours, and their
        accelerations (M, 3) in m/s^2.
    """
    index = np.arange(len(frames))
    if not len(frames):
        return index, np.zeros((0, 3))
    breaks = np.flatnonzero(np.diff(frames) != 1)
    run = np.searchsorted(breaks, index)  # number of the run of frames
    first = np.append(0, breaks + 1)[run]
    last = np.append(breaks, len(frames) - 1)[run]
    reach = np.minimum(np.minimum(index - first, last - index), SMOOTHING)
    kept = index[reach > 0]
    reach = reach[kept]
    second = (
        positions[kept - reach] - 2 * positions[kept] + positions[kept + reach]
    )
    return kept, second * ((rate / reach) ** 2)[:, None]


def _clock(frames: np.ndarray, rate: float) -> Clock:
    """The clock of these frames: regular, if none is missing."""
    if len(frames) and len(frames) == frames[-1] - frames[0] + 1:
        return Clock(len(frames), rate=rate, start=float(frames[0] / rate))
    return Clock(len(frames), times=frames / rate)
