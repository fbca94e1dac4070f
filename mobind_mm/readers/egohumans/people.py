"""Streams of the people of one sequence of EgoHumans."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...recordings import Clock, PoseStream, Recording, SensorStream
from ...recordings.annotations import common_span
from .frames import PersonFrames
from .sequences import IMG_SHAPE, RATE
from .simulated_imu import simulate_imus
from .smpl import SMPLBody
from .world import find_up, turn_upright

SENSORS: dict[str, tuple[int, int]] = {
    'left_wrist': (1961, 18),
    'right_wrist': (5424, 19),
    'left_knee': (1176, 4),
    'right_knee': (4662, 5),
    'head': (411, 15),
}
"""Vertex of SMPL that carries a sensor, and the joint that turns it."""
VERTICES = tuple(vertex for vertex, _ in SENSORS.values())


def make_recordings(
    poses: Mapping[str, PersonFrames],
    bodies: Mapping[str, PersonFrames],
    body: SMPLBody,
    up_rule: str,
    where: str,
) -> tuple[dict[str, Recording], dict[str, str], list[float]]:
    """Simulate the sensors of everybody and pair them with the keypoints.

    Args:
        poses: Keypoints by person.
        bodies: SMPL parameters by person.
        body: SMPL model with :data:`VERTICES`.
        up_rule: See :func:`find_up`.
        where: Sequence, for messages.

    Returns:
        Recording by person; why others have none, by person; and the
        upward direction that was found, empty without bodies.

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


def make_pose(person: PersonFrames) -> PoseStream:
    """Keypoints on a regular clock, from the first to the last frame.

    Frames without the person have keypoints 0 and score 0; scores of the
    detector above 1 become 1.
    """
    first, last = int(person.frames[0]), int(person.frames[-1])
    seen = person.arrays['keypoints']
    values = np.zeros((last - first + 1, *seen.shape[1:]))
    values[person.frames - first] = seen
    return PoseStream(
        clock=Clock(len(values), rate=RATE, start=first / RATE),
        keypoints=values[..., :2],
        scores=np.clip(values[..., 2], 0, 1),
        layout='coco',
        img_shape=IMG_SHAPE,
    )
