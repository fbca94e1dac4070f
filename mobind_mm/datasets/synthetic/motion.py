"""Continuous motions, and how a person performs labelled segments."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import BSpline, PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from .actions import ACTIONS, mirror, pose_vector
from .body import DOF, DOFS, SEGMENTS, Body, Kinematics
from .noise import smooth_noise
from .subject import SPREAD, Subject, vary_keys

_DEGREE = 5

RATE = 50.0
"""Coefficients of a motion per second."""

LEAD = 1.5
"""Seconds of motion before and after a take, so that its ends are normal."""

_SMOOTH, _SMOOTH_FLOOR, _SMOOTH_HEIGHT = 0.035, 0.09, 0.05
"""Standard deviations in seconds of the Gaussian filters of the key-pose
curves, the path over the floor and the height of the hip."""

_FIDGET = np.deg2rad(2.0)
"""Standard deviation of every joint's fidgeting, in radians."""

_YAW, _LIFT = DOF['yaw'], DOF['z']


class Motion:
    """A body and its degrees of freedom as functions of time.

    The curves are quintic B-splines, so positions and orientations have
    four continuous derivatives and can be evaluated at any time.

    Args:
        body: The bones.
        start: Time of the first coefficient in seconds.
        rate: Coefficients per second.
        dofs: (n, len(DOFS)) coefficients of the B-spline, see
            :data:`.body.DOFS`. A B-spline averages its coefficients, so if
            they respect the joint limits, so does the curve.
    """

    def __init__(
        self, body: Body, start: float, rate: float, dofs: np.ndarray
    ) -> None:
        if dofs.ndim != 2 or dofs.shape[1] != len(DOFS):
            raise ValueError(
                f'dofs must be (n, {len(DOFS)}), got {dofs.shape}.'
            )
        self.body = body
        count = len(dofs)
        knots = np.arange(count + _DEGREE + 1) - (_DEGREE + 1) / 2
        self._spline = BSpline(start + knots / rate, dofs, _DEGREE)
        self.span = (start + 2 / rate, start + (count - 3) / rate)

    def dofs(self, times: np.ndarray) -> np.ndarray:
        """Degrees of freedom (T, len(DOFS)) at times (T,) in seconds.

        Raises:
            ValueError: If a time lies outside ``span``.
        """
        times = np.asarray(times, dtype=np.float64)
        low, high = times.min(), times.max()
        if low < self.span[0] or high > self.span[1]:
            raise ValueError(
                f'This motion covers {self.span[0]:.3f} to '
                f'{self.span[1]:.3f} s, but {low:.3f} to {high:.3f} s were '
                'requested.'
            )
        return self._spline(times)

    def kinematics(self, times: np.ndarray) -> Kinematics:
        """Exact keypoints and segments in the world at times (T,)."""
        return self.body.forward(self.dofs(times))

    def segments(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Origins (T, 11, 3) and rotations (T, 11, 3, 3) at times (T,)."""
        return self.body.segments(self.dofs(times))

    def held(self) -> Motion:
        """The body, standing still as in the middle of this motion."""
        dofs = self._spline.c
        return self._like(np.repeat(dofs[[len(dofs) // 2]], len(dofs), 0))

    def repeated(self, period: float) -> Motion:
        """The middle ``period`` seconds of this motion, over and over.

        The change of the degrees of freedom over a period is subtracted
        linearly, so that they return to where they started.
        """
        dofs = self._spline.c
        rate = 1.0 / (self._spline.t[1] - self._spline.t[0])
        count = max(round(period * rate), 1)
        first = (len(dofs) - count) // 2
        cycle = dofs[first : first + count + 1]
        ramp = np.arange(count)[:, None] / count
        cycle = cycle[:-1] - ramp * (cycle[-1] - cycle[0])
        return self._like(cycle[np.arange(len(dofs)) % count])

    def _like(self, dofs: np.ndarray) -> Motion:
        """Another motion of the same body over the same time."""
        knots = self._spline.t
        rate = 1.0 / (knots[1] - knots[0])
        start = knots[0] + (_DEGREE + 1) / 2 / rate
        return Motion(self.body, float(start), float(rate), dofs)


def _limits() -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest angle of every degree of freedom."""
    low, high = np.full(len(DOFS), -np.inf), np.full(len(DOFS), np.inf)
    for name, span in (
        ('elbow', (3, 150)),
        ('knee', (1, 150)),
        ('arm_flex', (-55, 172)),
        ('arm_abd', (-40, 168)),
        ('arm_twist', (-110, 85)),
        ('hip_flex', (-35, 120)),
        ('hip_abd', (-2, 45)),
    ):
        for side in ('left', 'right'):
            i = DOF[f'{side}_{name}']
            low[i], high[i] = np.deg2rad(span)
    low[_LIFT] = 0.0
    return low, high


_LOW, _HIGH = _limits()


def perform(
    subject: Subject,
    segments: list[tuple[float, float, str]],
    rng: np.random.Generator,
    position: tuple[float, float] = (0.0, 0.0),
    heading: float = 0.0,
) -> Motion:
    """Let a person perform a take.

    Args:
        subject: The person.
        segments: (start, end, action name) in seconds, tiling the take.
        rng: Source of the variability within this take.
        position: Mean place on the floor in metres.
        heading: Initial yaw in radians.

    Returns:
        A motion over the take and ``LEAD`` seconds around it.
    """
    times, poses = _knots(subject, segments, rng)
    start, end = segments[0][0] - LEAD, segments[-1][1] + LEAD
    grid = start + np.arange(round((end - start) * RATE) + 1) / RATE
    curve = PchipInterpolator(times, poses)
    dofs = np.empty((len(grid), len(DOFS)))
    for lag in np.unique(subject.lag):
        columns = subject.lag == lag
        when = np.clip(grid - lag, times[0], times[-1])
        dofs[:, columns] = curve(when)[:, columns]
    dofs = gaussian_filter1d(dofs, _SMOOTH * RATE, axis=0)
    fidget = smooth_noise(rng, grid, 0.7, len(DOFS)) * _FIDGET
    dofs += subject.posture + fidget * SPREAD
    dofs = np.clip(dofs, _LOW, _HIGH)
    dofs[:, _YAW] += heading
    lift = dofs[:, _LIFT].copy()
    dofs[:, :3] = 0.0
    dofs[:, :3] = _walk(subject, dofs)
    dofs[:, 0] += position[0]
    dofs[:, 1] += position[1]
    dofs[:, 2] += lift
    return Motion(subject.body, grid[0], RATE, dofs)


def _knots(
    subject: Subject,
    segments: list[tuple[float, float, str]],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) and key poses (n, len(DOFS)) of a whole take."""
    rest = pose_vector()
    times, poses = [np.array([segments[0][0] - 60.0])], [rest[None]]
    yaw = 0.0
    for k, (start, end, name) in enumerate(segments):
        action = ACTIONS[name]
        start -= LEAD if k == 0 else 0.0
        end += LEAD if k == len(segments) - 1 else 0.0
        # Key poses stay clear of the border, where the curve blends.
        clock, last = start + rng.uniform(0.25, 0.45), end - 0.3
        gain = subject.gain * rng.lognormal(0, 0.06)
        tempo = subject.tempo[name] * rng.lognormal(0, 0.06)
        direction, first = rng.choice([-1.0, 1.0]), True
        while first or clock + 0.5 * action.period / tempo < last:
            tempo *= rng.lognormal(0, 0.04)
            period = action.period / tempo * rng.lognormal(0, 0.05)
            period = min(period, last - clock)
            choice = rng.integers(len(action.variants))
            phases, keys = action.variants[choice]
            shift = rng.uniform(-0.15, 0.15, len(phases))
            gaps = np.diff(phases, append=1.0)
            phases = phases + shift * np.minimum(gaps, np.roll(gaps, 1))
            amount = gain * np.exp(rng.normal(0, 0.10, len(DOFS)))
            keys = action.base + (keys - action.base) * amount
            keys = keys + subject.habits[name][choice]
            keys += vary_keys(rng, keys, 1.5, 0.07)
            left = subject.left_handed
            if action.alternate:
                left = rng.random() < (0.7 if left else 0.3)
            keys = np.clip(mirror(keys) if left else keys, _LOW, _HIGH)
            turn = direction * np.deg2rad(rng.uniform(*action.turn))
            keys[:, _YAW] = yaw + turn * phases
            yaw += turn
            times.append(clock + phases * period)
            poses.append(keys)
            clock, first = clock + period, False
            if rng.random() < action.pause:
                clock = min(clock + rng.uniform(0.3, 1.4), last)
                still = keys[-1:].copy()
                still[:, _YAW] = yaw
                times.append(np.array([clock - 0.1]))
                poses.append(still)
    times.append(np.array([segments[-1][1] + 60.0]))
    poses.append(rest[None] + yaw * (np.arange(len(DOFS)) == _YAW))
    stacked = np.concatenate(times)
    # Jitter may bring neighbours close: keep them 20 ms apart and in order.
    stacked = np.maximum.accumulate(stacked - 0.02 * np.arange(len(stacked)))
    return stacked + 0.02 * np.arange(len(stacked)), np.concatenate(poses)


def _walk(subject: Subject, dofs: np.ndarray) -> np.ndarray:
    """Path (n, 3) of the mid-hip that keeps the lower foot on the floor.

    The lower an ankle, the more weight it is taken to bear. The standing foot
    gives the height, and the hip's velocity is minus its own. A leak towards
    the starting place keeps a take on the spot over tens of seconds.
    """
    origins, rotations = subject.body.segments(dofs)
    size = subject.body.lengths
    down = np.array([0, 0, -size['shank']])
    shanks = [SEGMENTS.index(f'{s}_shank') for s in ('left', 'right')]
    feet = origins[:, shanks] + rotations[:, shanks] @ down
    scale = 0.02
    weights = np.exp(
        (feet[..., 2].min(1, keepdims=True) - feet[..., 2]) / scale
    )
    total = weights.sum(1, keepdims=True)
    height = size['ankle_height'] - feet[..., 2].min(1)
    height += scale * np.log(total[:, 0] / 2)
    speed = np.gradient(feet[..., :2], 1 / RATE, axis=0)
    speed = -(speed * (weights / total)[..., None]).sum(1)
    leak = 1 / (6.0 * RATE)
    path = lfilter([1 / RATE], [1, leak - 1], speed, axis=0)
    path -= path.mean(0)
    path = gaussian_filter1d(path, _SMOOTH_FLOOR * RATE, axis=0)
    height = gaussian_filter1d(height, _SMOOTH_HEIGHT * RATE)
    return np.column_stack([path, height])
