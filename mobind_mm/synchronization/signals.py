"""What an IMU and a limb in a video both measure, on one grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import binary_erosion, gaussian_filter1d
from scipy.spatial.transform import Rotation

from ..recordings import STANDARD_GRAVITY, PoseStream, SensorStream
from ..recordings.derived import quat_product
from ..recordings.streams import measurable, undetected
from ..skeleton import get_limb, limb_indices

RATE = 100.0
"""Samples per second of the grid on which streams are compared."""

_GUARD_SEC = 0.15
"""Frames this close to a gap are left out: they are interpolated."""
_TIED = 0.01
"""Part of the usual step by which samples are apart."""
STEP_SEC = 1.0 / RATE  # from one time of the grid to the next
"""Half the span of differences. Derivatives of the spline itself, sampled
on the grid, would fold the noise of keypoints above 50 Hz into all bands."""
_LEVEL_SEC = 1.5
"""Standard deviation in seconds of the smoothing that finds the vertical."""


@dataclass(frozen=True)
class IMUMotion:
    """Motion of one sensor on the grid.

    Args:
        acc: (3, T) acceleration without gravity in m/s^2, z up, heading
            unknown but constant; the horizontal part is zero without a
            known orientation.
        force: (T,) |specific force| minus gravity in m/s^2; needs no
            orientation.
        tilt: (3, T) the upward direction in the sensor's frame.
        turn: (6, T) the two horizontal directions in the sensor's frame;
            zero without a known orientation.
        mask: (T,) 1 where the stream has samples, else 0.
        gyro: (3, T) angular rate in the sensor's frame in rad/s, measured
            or from the orientation; zero without either.
    """

    acc: np.ndarray
    force: np.ndarray
    tilt: np.ndarray
    turn: np.ndarray
    mask: np.ndarray
    gyro: np.ndarray


@dataclass(frozen=True)
class LimbMotion:
    """Motion of one limb in the image on the grid, in pixels.

    Args:
        acc: (2, T) acceleration of the point where the sensor sits, to the
            right and upwards in the image.
        segment: (2, T) vector along the bone that carries the sensor, to
            the right and upwards; zero if the limb is not a bone (head).
        mask: (T,) 1 where the keypoints are known, else 0.
        noise: Standard deviation of the keypoints' frame-to-frame noise.
        spin: (T,) how fast the segment turns in the image, in rad/s where
            it has its usual length, and less where it is foreshortened.
        length: Usual length of the segment, 0 if the limb is not a bone.
    """

    acc: np.ndarray
    segment: np.ndarray
    mask: np.ndarray
    noise: float
    spin: np.ndarray
    length: float


def make_grid(seconds: float) -> np.ndarray:
    """Times (T,) in seconds of the grid over a clip."""
    return np.arange(max(round(seconds * RATE), 1)) / RATE


def imu_motion(
    stream: SensorStream, grid: np.ndarray, turning: bool = True
) -> IMUMotion | None:
    """Motion of a sensor; None if it cannot be compared with a video.

    With ``quat`` the orientation is known; else it is estimated from
    ``gyro`` and ``acc``; with ``acc`` alone the specific force gives the
    vertical part, and its slow part the tilt. Acceleration without gravity
    in a sensor frame of unknown orientation is of no use.

    Args:
        stream: The sensor.
        grid: (T,) seconds.
        turning: Whether ``turn``, ``tilt`` and ``gyro`` are wanted, which
            are 0 otherwise.
    """
    if 'acc' not in stream.channels:
        return None
    times, channels = known_samples(stream)
    if len(times) < 8:
        return None
    acc, turned = channels['acc'], _orientation(times, channels, stream)
    if turned is None and not stream.gravity:
        return None
    if turned is None:
        force = np.linalg.norm(acc, axis=1) - STANDARD_GRAVITY
        world = np.column_stack([0 * force, 0 * force, force])
    else:
        world = acc if stream.frame == 'world' else turned.apply(acc)
        world = world - [0.0, 0.0, STANDARD_GRAVITY * stream.gravity]
        up = np.array([0.0, 0.0, STANDARD_GRAVITY])
        force = np.linalg.norm(world + up, axis=1) - STANDARD_GRAVITY
    together = [world, force[:, None]]
    if turning:
        together += _turning(times, channels, turned)
    inside = np.clip(grid, times[0], times[-1])
    period = 1.0 / stream.clock.mean_rate
    mask = _covered(times, grid, max(3 * period, 0.05))
    path = smooth_path(times, np.hstack(together), 1 / period)
    values = np.zeros((_CHANNELS, len(grid)))
    values[: path.c.shape[1]] = bridged(path(inside).T, mask)
    return IMUMotion(
        acc=values[:3],
        force=values[3],
        turn=values[4:10],
        tilt=values[10:13],
        gyro=values[13:],
        mask=mask,
    )


def _turning(
    times: np.ndarray, channels: dict[str, np.ndarray], turned: Rotation | None
) -> list[np.ndarray]:
    """Sensor-to-world matrices (T, 9) and angular rates (T, 3)."""
    if turned is None:
        rows = np.zeros((len(times), 3, 3))
        size = np.linalg.norm(channels['acc'], axis=1, keepdims=True)
        rows[:, 2] = channels['acc'] / np.maximum(size, 1e-6)
    else:
        rows = turned.as_matrix()
    gyro = channels.get('gyro')
    if gyro is None:
        gyro = _rates(times, turned)
    return [rows.reshape(len(times), 9), gyro]


_CHANNELS = 16
"""Of a sensor: acceleration, force, orientation and angular rate."""


def limb_motion(
    stream: PoseStream, placement: str, grid: np.ndarray
) -> LimbMotion | None:
    """Motion of the limb that carries a sensor; None if it is not seen."""
    times = stream.clock.at()
    limb = get_limb(placement).seen_by(stream.layout)
    index, shares = limb_indices(stream.layout, [limb])[0], limb.point
    # What is not used may be missing, NaN even.
    index = [i for i, weight in zip(index, shares) if weight]
    weights = [weight for weight in shares if weight]
    points = np.asarray(stream.keypoints)[:, index].astype(np.float64)
    known = (np.asarray(stream.scores)[:, index] > 0).all(axis=1)
    known &= ~undetected(points).any(axis=1)
    if known.sum() < 8:
        return None
    known = _apart(times, np.asarray(known))
    times, points = times[known], points[known]
    points = points * [1.0, -1.0]  # image rows count downwards
    place = np.tensordot(weights, points, (0, 1))
    segment = np.zeros_like(place)
    if len(weights) == 2:
        segment = points[:, 1] - points[:, 0]
    period = 1.0 / stream.clock.mean_rate
    mask = _covered(times, grid, 3.2 * period)
    guard = round(_GUARD_SEC * RATE)
    padded = np.pad(mask > 0, guard, mode='edge')
    mask = binary_erosion(padded, iterations=guard)[guard:-guard]
    path = smooth_path(times, np.hstack([place, segment]), 1 / period)
    wide = np.concatenate([grid[:1] - STEP_SEC, grid, grid[-1:] + STEP_SEC])
    values = path(np.clip(wide, times[0], times[-1])).T
    # At the ends, where a step leads beyond the stream, as one step inside.
    inside = np.flatnonzero((wide >= times[0]) & (wide <= times[-1]))
    if len(inside) < 3:
        return None
    at = np.clip(np.arange(1, len(grid) + 1), inside[0] + 1, inside[-1] - 1)
    before, now, after = values[:, at - 1], values[:, at], values[:, at + 1]
    size = np.median((segment**2).sum(axis=1))
    turned = before[2] * after[3] - before[3] * after[2]
    acc = (before - 2 * now + after)[:2] / STEP_SEC**2
    spin = turned / (2 * STEP_SEC * max(size, 1e-9))
    values = bridged(np.vstack([acc, now[2:], spin]), mask)
    return LimbMotion(
        acc=values[:2],
        segment=values[2:4],
        mask=mask.astype(np.float64),
        noise=keypoint_noise(times, place, period),
        spin=values[4],
        length=float(np.sqrt(size)),
    )


def bridged(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Channels (C, T) with straight lines where the mask is 0.

    Splines swing far out in gaps, and filters would spread that. Before the
    first sample and after the last one they have their mean.
    """
    seen = np.flatnonzero(mask)
    if not len(seen) or len(seen) == len(mask):
        return values
    gaps = np.flatnonzero(mask == 0)
    values = values.copy()
    for row in values:
        mean = row[seen].mean()
        row[gaps] = np.interp(gaps, seen, row[seen], left=mean, right=mean)
    return values


def smooth_path(times: np.ndarray, values: np.ndarray, rate: float) -> BSpline:
    """Cubic spline through samples (T, C), which the grid can follow.

    What is faster than the grid can show would be folded into its bands, so
    streams with more samples than the grid are smoothed first.
    """
    if rate > 1.2 * RATE:
        values = gaussian_filter1d(
            values, 0.5 * rate / RATE, axis=0, mode='nearest'
        )
    return make_interp_spline(times, values)


def keypoint_noise(
    times: np.ndarray, place: np.ndarray, period: float
) -> float:
    """Standard deviation of white noise on a path (T, 2), same unit.

    From fourth differences: a body's motion has hardly any, those of white
    noise have 70 times its variance. The median ignores bursts.
    """
    if len(times) < 12:
        return 0.0
    fourth = np.diff(place, 4, axis=0)
    regular = times[4:] - times[:-4] < 4.5 * period
    if regular.sum() < 8:
        return 0.0
    return float(np.median(np.abs(fourth[regular])) / 0.6745 / np.sqrt(70))


def known_samples(
    stream: SensorStream, names: Iterable[str] = ('acc', 'gyro', 'quat')
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Times (T,) and float64 channels (T, c) of the samples that are known.

    Samples that nothing measures are left out, and so are quaternions of
    zeros, which some devices write until they know their orientation.
    """
    times = stream.clock.at()
    channels = {
        name: np.asarray(stream.channels[name], dtype=np.float64)
        for name in names
        if name in stream.channels
    }
    known = np.isfinite(times)
    for value in channels.values():
        known &= measurable(value).all(axis=1)
    if 'quat' in channels:
        known &= np.linalg.norm(channels['quat'], axis=1) > 1e-6
    known = _apart(times, known)
    return times[known], {k: v[known] for k, v in channels.items()}


def _apart(times: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Indices of what is known (T,), one of those at nearly the same time.

    No curve leads through two values at once.
    """
    at = np.flatnonzero(known)
    steps = np.diff(times[at])
    usual = float(np.median(steps)) if len(steps) else 0.0
    return at[np.r_[True, steps > max(_TIED * usual, 1e-9)][: len(at)]]


def _orientation(
    times: np.ndarray, channels: dict, stream: SensorStream
) -> Rotation | None:
    """Sensor-to-level rotations; None if the channels lack them."""
    if 'quat' in channels:
        return Rotation.from_quat(channels['quat'][:, [1, 2, 3, 0]])
    if stream.frame == 'world':
        return Rotation.identity(len(times))
    if 'gyro' in channels and stream.gravity:
        return attitude(times, channels['acc'], channels['gyro'])
    return None


def _rates(times: np.ndarray, turned: Rotation | None) -> np.ndarray:
    """Angular rates (T, 3) of sensor-to-world rotations, sensor frame."""
    if turned is None:
        return np.zeros((len(times), 3))
    steps = (turned[:-1].inv() * turned[1:]).as_rotvec()
    steps /= np.maximum(np.diff(times), 1e-6)[:, None]
    between = np.vstack([steps[:1], steps, steps[-1:]])
    return 0.5 * (between[:-1] + between[1:])


def _covered(times: np.ndarray, grid: np.ndarray, gap: float) -> np.ndarray:
    """1 where a grid time lies between samples at most ``gap`` apart."""
    right = np.clip(np.searchsorted(times, grid), 1, len(times) - 1)
    near = times[right] - times[right - 1] <= gap
    slack = 0.5 * gap
    near &= (grid >= times[0] - slack) & (grid <= times[-1] + slack)
    return near.astype(np.float64)


def integrate(times: np.ndarray, gyro: np.ndarray) -> Rotation:
    """Sensor-to-start rotations (T,) from angular rates.

    ``gyro`` (T, 3) is in rad/s in the sensor frame.
    """
    steps = np.diff(times)[:, None]
    turns = Rotation.from_rotvec(0.5 * (gyro[1:] + gyro[:-1]) * steps)
    # Running product of the turns, by doubling: log2(T) vectorised steps.
    quats = np.vstack([[0.0, 0.0, 0.0, 1.0], turns.as_quat()]).T[[3, 0, 1, 2]]
    reach = 1
    while reach < quats.shape[1]:
        product = quat_product(quats[:, :-reach], quats[:, reach:])
        quats = np.hstack([quats[:, :reach], product])
        reach *= 2
    return Rotation.from_quat(quats[[1, 2, 3, 0]].T)


def attitude(times: np.ndarray, acc: np.ndarray, gyro: np.ndarray) -> Rotation:
    """Orientation of a sensor without magnetometer, up to heading.

    The angular rate is integrated. In the frame that this gives, gravity
    would be constant but for the drift, so the slowly varying mean of the
    specific force shows the drifted vertical, and is rotated back. It works
    on a whole clip, forwards and backwards in time alike.

    Args:
        times: (T,) seconds.
        acc: (T, 3) specific force in m/s^2, sensor frame.
        gyro: (T, 3) rad/s, sensor frame.

    Returns:
        Sensor-to-level rotations (T,), z up; the heading starts at an
        unknown angle and drifts like the gyroscope.
    """
    integrated = integrate(times, gyro)
    rate = 1.0 / np.median(np.diff(times))
    up = gaussian_filter1d(
        integrated.apply(acc), _LEVEL_SEC * rate, axis=0, mode='nearest'
    )
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    return _to_vertical(up) * integrated


def _to_vertical(up: np.ndarray) -> Rotation:
    """Shortest rotations (T,) that turn unit vectors (T, 3) to z."""
    axis = np.cross(up, [0.0, 0.0, 1.0])
    norm = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(norm, up[:, 2:])
    # Upside down, any horizontal axis turns it.
    usable = norm > 1e-9
    axis = np.where(usable, axis / np.where(usable, norm, 1.0), [1.0, 0, 0])
    return Rotation.from_rotvec(axis * angle)
