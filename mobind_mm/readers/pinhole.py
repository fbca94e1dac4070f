"""A camera that projects points without distortion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
