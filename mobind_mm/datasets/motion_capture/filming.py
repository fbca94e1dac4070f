"""A captured body in a camera, and what a pose estimator makes of it.

The errors are those measured on real predictions: MMPose (one person, 273
frames) and OpenPose (three people, 125 frames). White noise is 0.8 % of the
torso's length in the middle and 2 to 3 % in the worst tenth of MMPose's
keypoints; OpenPose's grows sixfold from a score of 0.9 to 0.1. Left and right
were never exchanged in 483 pairs, so exchanges are rare here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline

from ...recordings import Clock, PoseStream
from ...skeleton import get_layout
from ..synthetic.camera import Camera
from ..synthetic.noise import smooth_noise
from .anatomy import keypoints_of
from .sensors import EDGE_SEC, smoothed

_TORSO = 0.5
"""Metres from the shoulders to the hips."""


@dataclass(frozen=True)
class PoseErrors:
    """Errors of a pose estimator; lengths are fractions of the torso.

    Args:
        white: Standard deviation of white noise at a score of 1.
        by_score: How many times as large it is at a score of 0.
        drift: Standard deviation of the error that varies slowly.
        bias: Standard deviation of each keypoint's constant offset, since
            annotators do not click on joint centres.
        outlier: Fraction of time in which a keypoint is badly wrong.
        drop: Gaps per minute of a keypoint, 0.1 to 0.6 s each.
        drop_person: Gaps per minute of the whole person.
        swap: Exchanges of left and right per minute and pair of joints.
        never: Probability that a keypoint is never seen, because something
            hides it.
        cut: Probability that the image ends at the hips, knees or neck.
        zeros: Whether a keypoint that is missing is (0, 0) with score 1.
    """

    white: float = 0.005
    by_score: float = 5.0
    drift: float = 0.02
    bias: float = 0.04
    outlier: float = 0.01
    drop: float = 1.0
    drop_person: float = 1.0
    swap: float = 0.2
    never: float = 0.01
    cut: float = 0.03
    zeros: bool = False

    @classmethod
    def none(cls) -> PoseErrors:
        """Exact pixels with score 1."""
        return cls(0, 1, 0, 0, 0, 0, 0, 0, 0, 0)

    @classmethod
    def sample(cls, rng: np.random.Generator) -> PoseErrors:
        """Draw the estimator of one video."""
        factor = float(np.exp(rng.normal(0, 0.5)))
        return cls(
            white=0.005 * factor,
            by_score=float(rng.uniform(1, 8)),
            drift=0.02 * factor,
            outlier=float(rng.choice([0.0, 0.01, 0.03])),
            swap=float(rng.choice([0.0, 0.0, 1.0])),
        )


def simulate_pose(
    positions: np.ndarray,
    camera: Camera,
    fps: float,
    rng: np.random.Generator,
    rate: float = 60.0,
    orientations: np.ndarray | None = None,
    errors: PoseErrors | None = None,
    smooth_hz: float | None = 10.0,
) -> PoseStream:
    """Film a captured motion; the skeleton has the layout ``coco``.

    Args:
        positions: (T, 20, 3) joints in metres, see
            :data:`mobind_mm.readers.motions.body.JOINTS`.
        camera: The camera; see :func:`look_at`.
        fps: Frames per second of the video.
        rng: Source of errors.
        rate: Frames per second of the positions.
        orientations: (T, 15, 4) segments, which turn the head; without
            them it turns with the trunk.
        errors: Errors of the pose estimator; usual ones by default.
        smooth_hz: Low-pass of the markers' noise, as for the sensors.

    Returns:
        Pixels and scores. The clock counts seconds from the first frame of
        the positions and leaves out :data:`.sensors.EDGE_SEC` at the ends.

    >>> from mobind_mm.datasets.motion_capture import look_at, standing
    >>> positions, _ = standing(seconds=2.0, rate=60.0)
    >>> rng = np.random.default_rng(0)
    >>> simulate_pose(positions, look_at(positions, rng), 30, rng).layout
    'coco'
    """
    errors = errors or PoseErrors()
    positions = smoothed(positions, rate, smooth_hz)
    seconds = (len(positions) - 1) / rate
    start = EDGE_SEC + rng.uniform(0, 1 / fps)
    clock = Clock(
        int((seconds - EDGE_SEC - start) * fps) + 1, rate=fps, start=start
    )
    times = clock.at()
    points = keypoints_of(positions, orientations)
    here = np.isfinite(points).all(axis=(0, 2))
    spline = make_interp_spline(
        np.arange(len(points)) / rate, points[:, here], 3
    )
    pixels, depth = camera.project(spline(times))
    keypoints = np.zeros((len(times), len(here), 2))
    scores = np.zeros((len(times), len(here)))
    names = [n for n, there in zip(get_layout('coco'), here) if there]
    unit = _TORSO * camera.focal / np.maximum(depth.mean(axis=1), 0.1)
    seen, score = _detect(pixels, unit, names, times, rng, errors)
    height, width = camera.img_shape
    inside = (seen >= 0).all(-1) & (seen[..., 0] < width)
    inside &= (seen[..., 1] < height) & (depth > 0.1)
    score = np.where(inside, score, 0.0)
    seen[score == 0] = 0.0
    if errors.zeros:
        score = np.ones_like(score)
    keypoints[:, here], scores[:, here] = seen, score
    keypoints, scores = keypoints.astype('f4'), scores.astype('f4')
    keypoints.flags.writeable = scores.flags.writeable = False
    return PoseStream(clock, keypoints, scores, 'coco', camera.img_shape)


def look_at(positions: np.ndarray, rng: np.random.Generator) -> Camera:
    """Draw a camera that sees the whole motion (T, 20, 3)."""
    middle = positions[:, 0].mean(axis=0) * np.array([1.0, 1.0, 0.0])
    away = np.linalg.norm(positions[:, :, :2] - middle[:2], axis=-1)
    camera = Camera.sample(rng, max(float(away.max()), 0.8))
    shifted = camera.translation - camera.rotation @ middle
    return Camera(camera.rotation, shifted, camera.focal, camera.img_shape)


def _detect(
    pixels: np.ndarray,
    unit: np.ndarray,
    names: list[str],
    times: np.ndarray,
    rng: np.random.Generator,
    errors: PoseErrors,
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (T, K, 2) with errors, and scores (T, K); 0 is missing."""
    frames, count = pixels.shape[:2]
    seconds = times[-1] - times[0]
    clean = pixels
    pixels = pixels.copy()
    _swap(pixels, names, seconds, rng, errors.swap)
    # How sure the estimator is varies slowly, and by keypoint.
    usual = 0.8 + 0.1 * rng.normal(size=count)
    sure = usual + 0.08 * smooth_noise(rng, times, 0.3, count)
    score = np.clip(sure, 0.15, 1.0)
    outlier = rng.random((frames, count)) < errors.outlier
    score = np.where(outlier, score * rng.uniform(0.3, 1), score)
    white = errors.white * (1 + (errors.by_score - 1) * (1 - score))
    spread = np.where(outlier, 8 * white, white)[..., None]
    error = spread * rng.standard_normal((frames, count, 2))
    slow = smooth_noise(rng, times, 0.2, 2 * count)
    error += errors.drift * slow.reshape(frames, count, 2)
    error += errors.bias * rng.standard_normal((count, 2))
    pixels = pixels + unit[:, None, None] * error
    gone = np.repeat(rng.random((1, count)) < errors.never, frames, axis=0)
    gone |= _gaps(times, count, rng, errors)
    if rng.random() < errors.cut:
        gone |= _outside(clean, names, rng)
    exact = not (errors.white or errors.drift)
    return pixels, np.where(gone, 0.0, 1.0 if exact else score)


def _swap(
    pixels: np.ndarray,
    names: list[str],
    seconds: float,
    rng: np.random.Generator,
    per_minute: float,
) -> None:
    """Exchange left and right of a pair of joints for a few frames."""
    pairs = [
        (i, names.index('right' + name[4:]))
        for i, name in enumerate(names)
        if name.startswith('left') and 'right' + name[4:] in names
    ]
    for _ in range(rng.poisson(per_minute * seconds / 60 * len(pairs))):
        left, right = pairs[rng.integers(len(pairs))]
        start = rng.integers(len(pixels))
        part = slice(start, start + rng.integers(1, 10))
        pixels[part, [left, right]] = pixels[part, [right, left]]


def _gaps(
    times: np.ndarray, count: int, rng: np.random.Generator, errors: PoseErrors
) -> np.ndarray:
    """Missing keypoints (T, K): single ones, and the whole person."""
    gone = np.zeros((len(times), count), dtype=bool)
    minutes = (times[-1] - times[0]) / 60
    for _ in range(rng.poisson(errors.drop * minutes * count)):
        start = rng.uniform(times[0], times[-1])
        part = (times >= start) & (times < start + rng.uniform(0.1, 0.6))
        gone[part, rng.integers(count)] = True
    for _ in range(rng.poisson(errors.drop_person * minutes)):
        start = rng.integers(len(times))
        gone[start : start + rng.integers(1, 13)] = True
    return gone


def _outside(
    pixels: np.ndarray, names: list[str], rng: np.random.Generator
) -> np.ndarray:
    """Keypoints (T, K) beyond an edge at the hips, knees or neck."""
    joint = rng.choice(['hip', 'knee', 'shoulder'])
    at = [i for i, name in enumerate(names) if name.endswith(joint)]
    edge = np.median(pixels[:, at, 1]) if at else 0.0
    above = joint == 'shoulder'
    return (pixels[..., 1] < edge) if above else (pixels[..., 1] > edge)
