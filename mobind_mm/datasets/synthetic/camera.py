"""A pinhole camera, and what a keypoint detector makes of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from .noise import smooth_noise

_COCO_SIGMAS = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]
)
"""Spread of human annotations, in 1/1000 of the object's size (COCO)."""


@dataclass(frozen=True)
class Camera:
    """An ideal pinhole: ``pixel = focal * (X, Y) / Z + centre``.

    Args:
        rotation: (3, 3) world to camera (x right, y down, z forward).
        translation: (3,) world to camera in metres.
        focal: Focal length in pixels.
        img_shape: (height, width); the principal point is its middle.
    """

    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    img_shape: tuple[int, int] = (1080, 1920)

    @classmethod
    def sample(cls, rng: np.random.Generator, radius: float) -> Camera:
        """Draw a viewpoint that shows ``radius`` metres around the origin."""
        azimuth = np.deg2rad(rng.uniform(-180.0, 180.0))
        focal, height = rng.uniform(1000, 1600), rng.uniform(0.8, 2.8)
        # Far enough away for the width, and for 2.4 m of height in the middle.
        fit = max(0.5 * radius + focal * radius / 1150, focal * 1.2 / 500)
        ground = fit * rng.uniform(1.0, 1.25)
        eye = np.array(
            [ground * np.cos(azimuth), ground * np.sin(azimuth), height]
        )
        target = np.array([0, 0, 0.95]) + rng.normal(0, 0.05, 3)
        return cls.look_at(eye, target, focal, rng.normal(0, 0.02))

    @classmethod
    def look_at(
        cls,
        eye: np.ndarray,
        target: np.ndarray,
        focal: float,
        roll: float = 0.0,
    ) -> Camera:
        """Build a camera at ``eye`` that looks at ``target`` (metres)."""
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        c, s = np.cos(roll), np.sin(roll)
        rotation = np.stack(
            [c * right + s * down, c * down - s * right, forward]
        )
        return cls(rotation, -rotation @ eye, float(focal))

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project world points.

        Args:
            points: (..., 3) metres.

        Returns:
            Pixels (..., 2) and depths (...) in metres; pixels are
            meaningless where the depth is not positive.
        """
        seen = points @ self.rotation.T + self.translation
        depth = seen[..., 2]
        height, width = self.img_shape
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)[..., None]
        centre = np.array([width / 2, height / 2])
        return self.focal * seen[..., :2] / safe + centre, depth


@dataclass(frozen=True)
class Detector:
    """Keypoint errors of a detector; ``Detector.ideal()`` makes none.

    An error's standard deviation is ``error`` times COCO's sigma of the
    keypoint times the person's size in pixels. ``error_m`` is added to it.

    Args:
        error: Scale of the errors; half is white, half drifts slowly.
        doubt: Fraction of time in which a keypoint is uncertain: its error
            is four times as large and its score low.
        drop_keypoint: Probability that a single keypoint is missing.
        drop_burst: Gaps per minute of a keypoint (0.1-0.6 s each).
        drop_person: Gaps per minute of the person (1-12 frames each).
        error_m: Standard deviation, in metres at the body, of white noise
            along each axis of the image, equal for all keypoints.

    Raises:
        ValueError: If ``error_m`` is negative.
    """

    error: float = 0.35
    doubt: float = 0.06
    drop_keypoint: float = 0.005
    drop_burst: float = 1.0
    drop_person: float = 2.0
    error_m: float = 0.0

    def __post_init__(self) -> None:
        if not self.error_m >= 0:
            raise ValueError(f'error_m must be >= 0, got {self.error_m} m.')

    @classmethod
    def ideal(cls) -> Detector:
        """Exact pixels with score 1 for every point inside the image."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0)

    def detect(
        self,
        points: np.ndarray,
        camera: Camera,
        times: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Detect a person's keypoints.

        Args:
            points: (T, 17, 3) world positions.
            camera: The camera.
            times: (T,) seconds.
            rng: Source of errors.

        Returns:
            Keypoints (T, 17, 2) in pixels and scores (T, 17), float32. A
            keypoint outside the image or dropped is (0, 0) with score 0.
        """
        pixels, depth = camera.project(points)
        shape = depth.shape
        # Not from a box: the length in the image of a body at this depth.
        size = 0.8 * camera.focal / np.maximum(depth.mean(1), 0.1)
        spread = size[:, None] * _COCO_SIGMAS / 1000 * self.error
        quality = smooth_noise(rng, times, 0.25, shape[1])
        doubtful = quality > -ndtri(self.doubt)
        spread = np.where(doubtful, 4 * spread, spread)[..., None]
        drift = smooth_noise(rng, times, 0.15, 2 * shape[1])
        error = drift.reshape(*shape, 2) + rng.standard_normal((*shape, 2))
        pixels = pixels + spread * np.sqrt(0.5) * error
        scores = 1.0 - 0.25 * rng.beta(2, 5, shape) * bool(self.error)
        low = rng.uniform(0.12, 0.5, shape)
        scores = np.where(doubtful, low, scores)
        dropped = self._dropped(shape, times, rng)
        if self.error_m:  # drawn last, so it changes no other draw
            metre = camera.focal / np.maximum(depth, 0.1)[..., None]
            noise = rng.standard_normal((*shape, 2))
            pixels = pixels + self.error_m * metre * noise
        height, width = camera.img_shape
        inside = (pixels >= 0).all(-1) & (pixels[..., 0] < width)
        inside &= (pixels[..., 1] < height) & (depth > 0.1)
        gone = ~inside | dropped
        pixels[gone], scores[gone] = 0.0, 0.0
        pixels, scores = pixels.astype(np.float32), scores.astype(np.float32)
        pixels.flags.writeable = scores.flags.writeable = False
        return pixels, scores

    def _dropped(
        self, shape: tuple, times: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Missing keypoints (T, 17)."""
        gone = rng.random(shape) < self.drop_keypoint
        minutes = (times[-1] - times[0]) / 60
        begin, end = times[0], times[-1]
        for _ in range(rng.poisson(self.drop_burst * minutes * shape[1])):
            start, joint = rng.uniform(begin, end), rng.integers(shape[1])
            length = rng.uniform(0.1, 0.6)
            gone[(times >= start) & (times < start + length), joint] = True
        for _ in range(rng.poisson(self.drop_person * minutes)):
            start = rng.integers(shape[0])
            gone[start : start + rng.integers(1, 13)] = True
        return gone
