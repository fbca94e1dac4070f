"""A pinhole camera that looks at the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    def sample(
        cls,
        rng: np.random.Generator,
        radius: float,
        azimuth_deg: tuple[float, float] = (-180.0, 180.0),
    ) -> Camera:
        """Draw a viewpoint that sees a scene around the world's origin.

        Args:
            rng: Source of randomness.
            radius: Metres of floor around the origin to show.
            azimuth_deg: Range of directions to look from.
        """
        azimuth = np.deg2rad(rng.uniform(*azimuth_deg))
        focal, height = rng.uniform(1000, 1600), rng.uniform(0.8, 2.8)
        # Far enough for the width, and for 2.4 m of height in the middle.
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
            Pixels (..., 2) and depths (...) in metres; a pixel means
            nothing where the depth is not positive.
        """
        seen = points @ self.rotation.T + self.translation
        depth = seen[..., 2]
        height, width = self.img_shape
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)[..., None]
        centre = np.array([width / 2, height / 2])
        return self.focal * seen[..., :2] / safe + centre, depth
