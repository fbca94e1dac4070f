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

    def held(self) -> Motion:
        """A body that stands still as in the middle of this motion."""
        dofs = self._spline.c
        return self._like(np.repeat(dofs[[len(dofs) // 2]], len(dofs), 0))

    def repeated(self, period: float) -> Motion:
        """The middle ``period`` seconds of this motion over and over.

        What the degrees of freedom change over a period is taken off
        evenly, so that they come back to where they began.
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
