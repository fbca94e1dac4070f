"""A continuous motion: smooth curves of the degrees of freedom."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import BSpline

from .body import DOFS, Body, Kinematics

_DEGREE = 5


class Motion:
    """A body and its degrees of freedom as functions of time.

    The curves are quintic B-splines, so positions and orientations have
    four continuous derivatives and can be asked for at any time.

    Args:
        body: The bones.
        start: Time of the first coefficient in seconds.
        rate: Coefficients per second.
        dofs: (n, len(DOFS)) coefficients of the B-spline, see
            :data:`.body.DOFS`. A B-spline averages its coefficients, so
            joint limits that they respect hold for the curve too.
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
                'asked for.'
            )
        return self._spline(times)

    def kinematics(self, times: np.ndarray) -> Kinematics:
        """Exact keypoints and segments in the world at times (T,)."""
        return self.body.forward(self.dofs(times))

    def segments(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Origins (T, 11, 3) and rotations (T, 11, 3, 3) at times (T,)."""
        return self.body.segments(self.dofs(times))
