"""Cameras that project points: with and without place and distortion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAREST = 0.01
"""Metres in front of a calibrated camera below which it sees nothing."""


@dataclass(frozen=True)
class PinholeCamera:
    """Intrinsics of a camera that looks along +z, with x right and y down.

    Args:
        name: What to call it in files that it made.
        img_shape: (height, width) in pixels.
        fx: Focal length in pixels, along x.
        fy: Focal length in pixels, along y.
        cx: Principal point in pixels, along x.
        cy: Principal point in pixels, along y.

    >>> camera = PinholeCamera('webcam', (480, 640), 500, 500, 320, 240)
    >>> camera.project(np.array([0.2, 0.0, 2.0])).tolist()
    [370.0, 240.0]
    """

    name: str
    img_shape: tuple[int, int]
    fx: float
    fy: float
    cx: float
    cy: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points.

        Args:
            points: (..., 3) in the camera's frame, in any one unit.

        Returns:
            (..., 2) pixels, inside the image or not.

        Raises:
            ValueError: If a point is not in front of the camera.
        """
        depth = points[..., 2]
        if not (depth > 0).all():
            raise ValueError(
                f'a point has depth {depth.min():g} and is not in front of '
                f'the camera {self.name}'
            )
        u = self.cx + self.fx * points[..., 0] / depth
        v = self.cy + self.fy * points[..., 1] / depth
        return np.stack([u, v], axis=-1)


@dataclass(frozen=True)
class CalibratedCamera:
    """A camera in the world, with x right, y down and z forward.

    A point (X, Y, Z) in the camera's frame has the normalised coordinates
    ``x = X / Z``, ``y = Y / Z`` and the pixel ``fx * d * x + cx``,
    ``fy * d * y + cy`` with ``d = 1 + k1 * (x^2 + y^2)``: the first radial
    term of Brown's model, as in OpenCV.

    Args:
        name: What to call it.
        img_shape: (height, width) in pixels.
        focal: (fx, fy) in pixels.
        centre: (cx, cy), the principal point in pixels.
        k1: Radial distortion, 0 for none.
        rotation: (3, 3) world to camera.
        translation: (3,) world to camera in metres.
    """

    name: str
    img_shape: tuple[int, int]
    focal: tuple[float, float]
    centre: tuple[float, float]
    k1: float
    rotation: np.ndarray
    translation: np.ndarray

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points of the world.

        A point is visible if it lies in front of the camera, inside the
        image, and where the distortion still grows with the angle to the
        axis: a polynomial with ``k1 < 0`` turns back far outside the image
        and would fold such points into it.

        Args:
            points: (..., 3) metres.

        Returns:
            Pixels (..., 2), 0 where the point is not visible, and whether
            it is visible (...).
        """
        seen = points @ self.rotation.T + self.translation
        depth = seen[..., 2]
        ahead = depth > NEAREST
        flat = seen[..., :2] / np.where(ahead, depth, 1.0)[..., None]
        square = np.einsum('...c,...c->...', flat, flat)
        pixels = flat * (1 + self.k1 * square)[..., None]
        pixels = pixels * np.array(self.focal) + np.array(self.centre)
        height, width = self.img_shape
        inside = (pixels >= 0) & (pixels <= (width - 1, height - 1))
        visible = ahead & inside.all(axis=-1) & (1 + 3 * self.k1 * square > 0)
        return np.where(visible[..., None], pixels, 0.0), visible
