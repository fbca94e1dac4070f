"""Streams of the people of a sequence: keypoints, and simulated IMUs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from ...recordings import (
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
    common_span,
)
from ...recordings.streams import undetected
from .sequences import IMG_SHAPE, RATE, PersonFrames
from .smpl_model import SMPLBody

SENSORS: dict[str, tuple[int, int]] = {
    'left_wrist': (1961, 18),
    'right_wrist': (5424, 19),
    'left_knee': (1176, 4),
    'right_knee': (4662, 5),
    'head': (411, 15),
}
"""Vertex of SMPL that carries a sensor, and the joint that turns it."""
VERTICES = tuple(vertex for vertex, _ in SENSORS.values())

UP_RULES = ('axis', 'bodies')
"""The world axis nearest to the bodies' trunks, or their mean itself."""

SMOOTHING = 4
"""Frames over which accelerations are smoothed, as in MoBind."""

_MAX_TILT = 30.0
"""Degrees between an axis and the mean trunk, to believe the axis."""
_UP = np.array([0.0, 0.0, STANDARD_GRAVITY])


def make_recordings(
    poses: Mapping[str, PersonFrames],
    bodies: Mapping[str, PersonFrames],
    body: SMPLBody,
    up_rule: str,
    where: str,
) -> tuple[dict[str, Recording], dict[str, str], list[float]]:
    """Simulate the sensors of everyone and pair them with the keypoints.

    ``bodies`` are SMPL parameters, ``body`` is the model with
    :data:`VERTICES`. Returns recordings by person, why others have none, and
    the upward direction that was found, empty without bodies.

    Raises:
        ValueError: If which way is up is unknown.
    """
    imus, up = _simulate(bodies, body, up_rule, where)
    recordings, left_out = {}, {}
    for person in sorted({*poses, *bodies}):
        if person not in poses:
            left_out[person] = 'no keypoints in this camera'
        elif person not in bodies:
            left_out[person] = 'no SMPL body'
        elif not imus[person]:
            left_out[person] = 'no three SMPL bodies in a row'
        else:
            recording = Recording(imus[person], make_pose(poses[person]))
            try:
                common_span(recording)
            except ValueError:
                left_out[person] = 'never keypoints and SMPL body at once'
            else:
                recordings[person] = recording
    return recordings, left_out, up


def make_pose(person: PersonFrames) -> PoseStream:
    """Keypoints on a regular clock, from the first to the last frame.

    Frames without the person have keypoints 0 and score 0, and so has a
    keypoint at (0, 0); scores of the detector above 1 become 1.
    """
    first, last = int(person.frames[0]), int(person.frames[-1])
    seen = person.arrays['keypoints']
    values = np.zeros((last - first + 1, *seen.shape[1:]))
    values[person.frames - first] = seen
    gone = undetected(values[..., :2])
    return PoseStream(
        clock=Clock(len(values), rate=RATE, start=first / RATE),
        keypoints=values[..., :2],
        scores=np.where(gone, 0.0, np.clip(values[..., 2], 0, 1)),
        layout='coco',
        img_shape=IMG_SHAPE,
    )


def _simulate(
    bodies: Mapping[str, PersonFrames],
    body: SMPLBody,
    up_rule: str,
    where: str,
) -> tuple[dict[str, dict[str, SensorStream]], list[float]]:
    """Sensors by person, and the upward direction."""
    if not bodies:
        return {}, []
    posed = {
        person: body.pose(**frames.arrays) for person, frames in bodies.items()
    }
    # In the rest pose the head is along y from the hips.
    trunks = [turned[:, 0, :, 1] for _, turned in posed.values()]
    up = find_up(np.concatenate(trunks), up_rule, where)
    level = turn_upright(up)
    imus = {}
    for person, (vertices, turned) in posed.items():
        places = np.moveaxis(vertices @ level.T, 1, 0)
        joints = [joint for _, joint in SENSORS.values()]
        turns = np.moveaxis(level @ turned[:, joints], 1, 0)
        imus[person] = simulate_imus(
            dict(zip(SENSORS, places)),
            dict(zip(SENSORS, turns)),
            bodies[person].frames,
            RATE,
        )
    return imus, up.tolist()


def find_up(trunks: np.ndarray, rule: str, where: str) -> np.ndarray:
    """Find the upward direction of a world from the people in it.

    The files do not state it, and gravity needs it. People are upright most
    of the time, so the mean direction of their trunks is close to it.

    Args:
        trunks: (N, 3) unit vectors from the hips to the head, of all people
            and frames.
        rule: ``axis`` takes the axis of the world (x, y or z, up or down)
            that is nearest to the mean, ``bodies`` the mean itself.
        where: Sequence, for the message.

    Returns:
        (3,) unit vector.

    Raises:
        ValueError: If people are not upright, or no axis is near.
    """
    mean = trunks.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 0.5:
        raise ValueError(
            f'{where}: the trunks of the bodies have no common direction '
            f'(their mean has length {length:.2f}, expected about 1), so '
            'which way is up is unknown. Move the sequence away.'
        )
    mean = mean / length
    if rule == 'bodies':
        return mean
    axis = int(np.argmax(np.abs(mean)))
    tilt = float(np.rad2deg(np.arccos(np.abs(mean[axis]))))
    if tilt > _MAX_TILT:
        raise ValueError(
            f'{where}: the bodies stand along {mean.round(2).tolist()}, '
            f'{tilt:.0f} degrees from the nearest axis of the world. Give '
            '--up bodies to take this direction as the vertical.'
        )
    up = np.zeros(3)
    up[axis] = np.sign(mean[axis])
    return up


def turn_upright(up: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) by the smallest angle that turns ``up`` to z."""
    x, y, z = up
    if z < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0.0]])
    return np.eye(3) + cross + cross @ cross / (1 + z)


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
