"""Random numbers that depend on names, not on the order of calls."""

from __future__ import annotations

import zlib

import numpy as np
from scipy.interpolate import BSpline


def derive_rng(seed: int, *names: str | int) -> np.random.Generator:
    """Make the random generator of a seed and a tuple of names.

    The same arguments give the same numbers in every process, whatever was
    drawn before.
    """
    words = [zlib.crc32(str(name).encode()) for name in names]
    return np.random.default_rng([seed, *words])


def smooth_noise(
    rng: np.random.Generator, times: np.ndarray, step: float, width: int = 1
) -> np.ndarray:
    """Draw C2-smooth noise (T, width) of about unit variance.

    A cubic B-spline whose coefficients, one every ``step`` seconds, are
    independent standard normal numbers; it lives below about ``0.5 / step``
    Hz.
    """
    count = int(np.ceil((times[-1] - times[0]) / step)) + 4
    knots = times[0] + (np.arange(count + 4) - 3) * step
    # The mean over time of the sum of the squared cubic B-splines is
    # 151/315; dividing by its root gives unit variance.
    weights = rng.standard_normal((count, width)) / np.sqrt(151 / 315)
    return BSpline(knots, weights, 3)(times)
