"""Inertial sensors on the segments of a moving body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ...recordings import STANDARD_GRAVITY, Clock, SensorStream
from ..transforms.resampling import sign_continuous
from .body import SEGMENTS, Body, rotation
from .motion import Motion
from .noise import smooth_noise

PLACEMENTS: dict[str, str] = {
    'left_wrist': 'left_forearm',
    'right_wrist': 'right_forearm',
    'left_knee': 'left_shank',
    'right_knee': 'right_shank',
    'head': 'head',
    'pelvis': 'pelvis',
}
"""The segment that carries each sensor."""

_STEP = 1e-4
"""Seconds of the central differences.

Compared with Richardson extrapolation, their largest error in 16 takes is
2.4e-4 m/s^2 and 5e-5 rad/s.
"""


@dataclass(frozen=True)
class Mounting:
    """How one sensor sits on its segment.

    Args:
        segment: Index in :data:`.body.SEGMENTS`.
        lever: (3,) metres from the segment's origin, in its frame.
        rotation: (3, 3) sensor frame to segment frame.
    """

    segment: int
    lever: np.ndarray
    rotation: np.ndarray


@dataclass(frozen=True)
class IMUNoise:
    """Errors of a consumer MEMS sensor; ``IMUNoise.scaled(0)`` has none.

    Orders of magnitude from the data sheets of the BMI160 and MPU-9250 at a
    bandwidth of 50 Hz, with the bias that remains after calibration.

    Args:
        acc_std: White noise in m/s^2.
        gyro_std: White noise in rad/s.
        acc_bias: Constant bias in m/s^2 (standard deviation per axis).
        gyro_bias: Constant bias in rad/s.
        drift: Slow part of the bias, as a fraction of the constant one.
        orientation: Slowly varying error of the fused orientation in rad.
    """

    acc_std: float = 0.03
    gyro_std: float = 0.002
    acc_bias: float = 0.06
    gyro_bias: float = 0.006
    drift: float = 0.3
    orientation: float = 0.017

    @classmethod
    def scaled(cls, factor: float) -> IMUNoise:
        """Scale the usual errors; 0 is a perfect sensor."""
        usual = vars(cls())  # drift is relative already
        return cls(**{k: factor * v for k, v in usual.items() if k != 'drift'})


def sample_mountings(
    body: Body,
    subject_rng: np.random.Generator,
    take_rng: np.random.Generator,
    degrees: float = 20.0,
) -> dict[str, Mounting]:
    """Draw where and how the sensors are strapped to the body.

    Args:
        body: Bone lengths.
        subject_rng: Draws how this person wears them.
        take_rng: Draws what differs from take to take.
        degrees: Standard deviation between people of the rotation about each
            axis; a quarter of it between takes.
    """
    size = body.lengths
    levers = {
        'wrist': (0.0, 0.0, -0.88 * size['forearm'], 0.030),
        'knee': (0.0, 0.0, -0.25 * size['shank'], 0.045),
        'head': (-0.02, 0.0, 1.7 * size['eye_height'], 0.015),
        'pelvis': (-0.11, 0.0, 0.03, 0.015),
    }
    mountings = {}
    for name, segment in PLACEMENTS.items():
        x, y, z, skin = levers[name.split('_')[-1]]
        side = 1 if name.startswith('left') else -1
        if '_' in name:  # a strap holds it on the outside of the limb
            y += side * skin
        lever = np.array([x, y, z]) + subject_rng.normal(0, 0.01, 3)
        angles = subject_rng.normal(0, np.deg2rad(degrees), 3)
        slip = take_rng.normal(0, np.deg2rad(degrees / 4), 3)
        turn = Rotation.from_rotvec(angles) * Rotation.from_rotvec(slip)
        mountings[name] = Mounting(
            SEGMENTS.index(segment),
            lever + take_rng.normal(0, 0.005, 3),
            turn.as_matrix(),
        )
    return mountings


def simulate_imu(
    motion: Motion,
    clock: Clock,
    mountings: dict[str, Mounting],
    noise: IMUNoise,
    rng: np.random.Generator,
) -> dict[str, SensorStream]:
    """Measure a motion.

    The specific force is ``R_ws^T (p'' - g)`` of the sensor's position, so
    a still sensor reads 9.81 m/s^2 upwards. The angular rate is that of the
    sensor in its own frame.

    Returns:
        Streams by placement with ``acc``, ``gyro`` and ``quat``, all on the
        given clock.
    """
    times = clock.at()
    ideal = _ideal(motion, times, list(mountings.values()))
    return {
        name: SensorStream(
            clock, add_errors(times, acc, gyro, turn, noise, rng)
        )
        for name, acc, gyro, turn in zip(mountings, *ideal)
    }


def _ideal(
    motion: Motion, times: np.ndarray, mounts: list[Mounting]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact ``acc`` and ``gyro`` (S, T, 3), sensor to world (S, T, 3, 3)."""
    steps = np.concatenate([times - _STEP, times, times + _STEP])
    origins, rotations = motion.segments(steps)
    acc, gyro = np.empty((2, len(mounts), len(times), 3))
    world = np.empty((len(mounts), len(times), 3, 3))
    for i, mount in enumerate(mounts):
        frame = rotations[:, mount.segment]
        place = origins[:, mount.segment] + frame @ mount.lever
        before, now, after = place.reshape(3, -1, 3)
        force = (before - 2 * now + after) / _STEP**2
        force[:, 2] += STANDARD_GRAVITY
        before, now, after = frame.reshape(3, -1, 3, 3)
        np.matmul(now, mount.rotation, out=world[i])
        acc[i] = np.einsum('ti,tij->tj', force, world[i])
        turn = before.transpose(0, 2, 1) @ after
        skew = (turn - turn.transpose(0, 2, 1)) / (4 * _STEP)
        gyro[i] = skew[:, [2, 0, 1], [1, 2, 0]] @ mount.rotation
    return acc, gyro, world


def add_errors(
    times: np.ndarray,
    acc: np.ndarray,
    gyro: np.ndarray,
    world: np.ndarray,
    noise: IMUNoise,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Add errors to ideal channels and store them read-only as float32.

    Args:
        times: (T,) seconds.
        acc: (T, 3) specific force in m/s^2.
        gyro: (T, 3) angular rate in rad/s.
        world: (T, 3, 3) sensor to world.
        noise: The errors.
        rng: Source of errors.
    """
    slow = smooth_noise(rng, times, 5.0, 9)
    bias = rng.standard_normal((2, 3))
    white = rng.standard_normal((len(times), 6))
    acc = acc + noise.acc_std * white[:, :3]
    acc += noise.acc_bias * (bias[0] + noise.drift * slow[:, :3])
    gyro = gyro + noise.gyro_std * white[:, 3:]
    gyro += noise.gyro_bias * (bias[1] + noise.drift * slow[:, 3:6])
    tilt = rotation(*(noise.orientation * slow[:, 6:]).T)
    quat = Rotation.from_matrix(tilt @ world).as_quat()[:, [3, 0, 1, 2]]
    quat = sign_continuous(quat)
    channels = {'acc': acc, 'gyro': gyro, 'quat': quat}
    channels = {k: v.astype(np.float32) for k, v in channels.items()}
    for values in channels.values():
        values.flags.writeable = False
    return channels
