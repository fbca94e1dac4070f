"""Inertial sensors on a captured body.

Motion capture has 60 to 120 frames per second and the noise of its markers.
Joints and segments are low-passed, interpolated with quintic splines, and
differentiated exactly, so a sensor of any rate sees no aliasing and no frame
grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.signal import butter, lfilter, sosfiltfilt
from scipy.spatial.transform import Rotation

from ...readers.motions.body import JOINT, SEGMENT
from ...recordings import STANDARD_GRAVITY, Clock, SensorStream
from ...recordings.derived import quat_product
from ..synthetic.body import axis_rotation
from ..synthetic.imu import IMUNoise, add_errors
from ..transforms.resampling import sign_continuous
from .anatomy import PLACES, Place, matrices

EDGE_SEC = 0.25
"""Seconds at either end of a motion in which a spline is not trusted."""

_DEGREE = 5


@dataclass(frozen=True)
class SensorErrors:
    """What differs between a perfect sensor and one that people wear.

    Args:
        noise: Factor on :class:`IMUNoise`'s usual errors.
        smooth_hz: Cut-off of the low-pass that takes the markers' noise out
            of the motion; None leaves the motion as it is.
        soft_tissue: Factor on how much soft tissue moves a sensor.
        mounting_deg: Largest angle by which a sensor is turned about any
            axis; 180 is any orientation.
        range_g: Acceleration at which the sensor clips, in g.
        range_dps: Angular rate at which it clips, in degrees per second.
        lost: Probability of a packet being lost.
        packet: Samples of a packet.
        heading: Whether orientations start at an unknown heading.
    """

    noise: float = 1.0
    smooth_hz: float | None = 10.0
    soft_tissue: float = 1.0
    mounting_deg: float = 180.0
    range_g: float = 16.0
    range_dps: float = 2000.0
    lost: float = 0.0
    packet: int = 1
    heading: bool = True

    @classmethod
    def perfect(cls) -> SensorErrors:
        """A rigid sensor without any error, in a random orientation."""
        return cls(0.0, None, 0.0, range_g=1e3, range_dps=1e6, heading=False)

    @classmethod
    def sample(cls, rng: np.random.Generator) -> SensorErrors:
        """Draw the sensors of one study."""
        return cls(
            noise=float(np.exp(rng.normal(0, 0.6))),
            smooth_hz=float(rng.uniform(7, 12)),
            soft_tissue=float(rng.uniform(0, 1.5)),
            range_g=float(rng.choice([8.0, 16.0])),
            range_dps=float(rng.choice([1000.0, 2000.0])),
            lost=float(rng.choice([0.0, 0.0, 0.01, 0.05])),
            packet=int(rng.choice([1, 3, 12])),
        )


def simulate_sensors(
    positions: np.ndarray,
    orientations: np.ndarray,
    rate: float,
    placements: Sequence[str],
    rng: np.random.Generator,
    imu_rate: float = 100.0,
    errors: SensorErrors | None = None,
) -> dict[str, SensorStream]:
    """Measure a captured motion.

    The specific force is that of the sensor's own path: where it sits on the
    bone, at a distance from it, moved by soft tissue. Clocks count seconds
    from the first frame; the streams leave out :data:`EDGE_SEC` at either
    end of the motion.

    Args:
        positions: (T, 20, 3) joints in metres, see
            :data:`mobind_mm.readers.motions.body.JOINTS`.
        orientations: (T, 15, 4) segments, w x y z, segment to world.
        rate: Frames per second of both.
        placements: Where the sensors are, of :data:`.anatomy.PLACES`.
        rng: Source of straps, turns and errors.
        imu_rate: Samples per second.
        errors: Errors of the sensors; usual ones by default.

    Returns:
        Streams by placement, with ``acc``, ``gyro`` and ``quat``. All have
        one clock, with the times of the samples where packets are lost.

    Raises:
        ValueError: If a placement is unknown or the motion too short.

    >>> from mobind_mm.datasets.motion_capture import standing
    >>> still = standing(seconds=2.0, rate=60.0)
    >>> streams = simulate_sensors(
    ...     *still, 60.0, ['head'], np.random.default_rng(0),
    ...     errors=SensorErrors.perfect(),
    ... )
    >>> norm = np.linalg.norm(streams['head'].channels['acc'], axis=1)
    >>> norm.min().round(3), norm.max().round(3)
    (np.float32(9.807), np.float32(9.807))
    """
    errors = errors or SensorErrors()
    seconds = (len(positions) - 1) / rate
    if seconds < 2 * EDGE_SEC + 0.2:
        raise ValueError(
            f'A motion of {seconds:.2f} s is too short for sensors; it needs '
            f'{2 * EDGE_SEC + 0.2:.2f} s.'
        )
    clock = _clock(seconds, imu_rate, errors, rng)
    names = list(placements)
    path, turn = _mount(positions, orientations, rate, names, rng, errors)
    times = clock.at()
    acc, gyro, world = _measure(path, turn, rate, times)
    if errors.heading:  # the device's north
        half = rng.uniform(-np.pi, np.pi)
        world = axis_rotation(2, np.array([half])) @ world
    noise = IMUNoise.scaled(errors.noise)
    streams = {}
    for i, name in enumerate(names):
        channels = add_errors(
            times, acc[:, i], gyro[:, i], world[:, i], noise, rng
        )
        limits = {
            'acc': errors.range_g * STANDARD_GRAVITY,
            'gyro': float(np.deg2rad(errors.range_dps)),
        }
        for channel, limit in limits.items():
            clipped = np.clip(channels[channel], -limit, limit)
            clipped.flags.writeable = False
            channels[channel] = clipped
        streams[name] = SensorStream(clock, channels)
    return streams


def smoothed(x: np.ndarray, rate: float, hz: float | None) -> np.ndarray:
    """Low-pass (T, ...) forwards and backwards, without delay."""
    if hz is None or hz >= 0.45 * rate:
        return x
    sos = butter(2, hz, fs=rate, output='sos')
    return sosfiltfilt(sos, x, axis=0, padtype='even')


def _clock(
    seconds: float, rate: float, errors: SensorErrors, rng: np.random.Generator
) -> Clock:
    """Sample times: a rate and a start, or times where packets are lost."""
    start = EDGE_SEC + rng.uniform(0, 1 / rate)
    count = int((seconds - EDGE_SEC - start) * rate) + 1
    if not errors.lost:
        return Clock(count, rate=rate, start=start)
    packets = -(-count // errors.packet)
    kept = rng.random(packets) >= errors.lost
    kept[[0, -1]] = True
    index = np.flatnonzero(np.repeat(kept, errors.packet)[:count])
    return Clock(len(index), times=start + index / rate)


def _mount(
    positions: np.ndarray,
    orientations: np.ndarray,
    rate: float,
    placements: Sequence[str],
    rng: np.random.Generator,
    errors: SensorErrors,
) -> tuple[np.ndarray, np.ndarray]:
    """Paths (T, S, 3) of sensors, and their quaternions (T, S, 4)."""
    positions = smoothed(positions, rate, errors.smooth_hz)
    quats = smoothed(sign_continuous(orientations), rate, errors.smooth_hz)
    quats = quats / np.linalg.norm(quats, axis=-1, keepdims=True)
    paths, turns = [], []
    for name in placements:
        if name not in PLACES:
            raise ValueError(
                f'Unknown placement {name!r}; choose from {list(PLACES)}.'
            )
        place = PLACES[name]
        turn = quats[:, SEGMENT[place.segment]]
        ends = [positions[:, JOINT[j]] for j in place.bone]
        bone = ends[1] - ends[0]
        path = ends[0] + rng.uniform(*place.along) * bone
        path = path + _lever(place, bone, turn, rng)
        mount = _random_turn(rng, errors.mounting_deg)
        turn = _product(turn, mount)
        loose = place.loose * errors.soft_tissue * rng.uniform(0.5, 1)
        # Drawn in any case, so that the next sensor's draws stay.
        hertz, damping = rng.uniform(7, 14), rng.uniform(0.25, 0.6)
        if loose:
            both = np.concatenate([path, sign_continuous(turn)], axis=1)
            moved = _wobble(both, rate, hertz, damping)
            both = both + min(loose, 1.0) * (moved - both)
            path, turn = both[:, :3], both[:, 3:]
        paths.append(path)
        turns.append(turn)
    return np.stack(paths, axis=1), np.stack(turns, axis=1)


def _lever(
    place: Place, bone: np.ndarray, turn: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """From the bone to the skin (T, 3), turning with the segment."""
    frame = matrices(turn)
    along = np.einsum('tji,tj->i', frame, bone)
    along /= max(float(np.linalg.norm(along)), 1e-9)
    side = rng.normal(size=3)
    side -= (side @ along) * along
    side *= rng.uniform(*place.skin) / max(float(np.linalg.norm(side)), 1e-9)
    return frame @ side


def _wobble(
    x: np.ndarray, rate: float, hertz: float, damping: float
) -> np.ndarray:
    """What is held by soft tissue follows the bone like a damped spring.

    (2 d w s + w^2) / (s^2 + 2 d w s + w^2), by Tustin's rule.
    """
    hertz = float(np.minimum(hertz, 0.4 * rate))
    omega = float(2 * rate * np.tan(np.pi * hertz / rate))
    k, c = 2 * rate, 2 * damping * omega
    top = [c * k + omega**2, 2 * omega**2, omega**2 - c * k]
    bottom = [
        k**2 + c * k + omega**2,
        2 * omega**2 - 2 * k**2,
        k**2 - c * k + omega**2,
    ]
    first = x[:1]
    return lfilter(top, bottom, x - first, axis=0) + first


def _measure(
    path: np.ndarray, turn: np.ndarray, rate: float, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Specific force, angular rate and sensor to world (T_imu, S, ...)."""
    frames = np.arange(len(path)) / rate
    spline: BSpline = make_interp_spline(frames, path, _DEGREE)
    force = spline.derivative(2)(times)
    force[..., 2] += STANDARD_GRAVITY
    spline = make_interp_spline(frames, sign_continuous(turn), _DEGREE)
    quat, change = spline(times), spline.derivative()(times)
    square = (quat**2).sum(axis=-1, keepdims=True)
    # 2 q* q', whose vector part does not see the change of the norm.
    conjugate = quat * np.array([1.0, -1.0, -1.0, -1.0])
    gyro = 2 * _product(conjugate, change)[..., 1:] / square
    world = matrices(quat / np.sqrt(square))
    return np.einsum('tsji,tsj->tsi', world, force), gyro, world


def _random_turn(rng: np.random.Generator, degrees: float) -> np.ndarray:
    """Quaternion (4,) of a turn by at most some degrees about any axis."""
    if degrees >= 180:
        quat = rng.normal(size=4)
        return quat / np.linalg.norm(quat)
    axis = rng.normal(size=3)
    axis *= np.deg2rad(rng.uniform(0, degrees)) / np.linalg.norm(axis)
    return Rotation.from_rotvec(axis).as_quat()[[3, 0, 1, 2]]


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions w x y z (..., 4), broadcast."""
    product = quat_product(np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0))
    return np.ascontiguousarray(np.moveaxis(product, 0, -1))
