"""Resampling with one finite kernel, and quaternion arithmetic.

An output sample at time t is a weighted mean of the source samples within
``HALF_WIDTH`` periods of the slower clock, weighted by a Kaiser-windowed sinc
of their distance to t. The weights depend on distances alone, so a sample has
the same value wherever the window is cut; the sinc's pass band ends below the
target's Nyquist frequency, so nothing is aliased.
"""

from __future__ import annotations

import numpy as np

HALF_WIDTH = 5
"""Half the support of the kernel, in periods of the slower clock."""
STOPBAND_DB = 40.0
"""Suppression of what lies above the target's Nyquist frequency."""

_TABLE_STEPS = 2048  # table entries per period; interpolated linearly
_SAME_RATE = 1.05  # up to this ratio of rates nothing is filtered


def _kernel_table(cutoff: float) -> np.ndarray:
    """Windowed sinc on [0, HALF_WIDTH]; ``cutoff`` 1 is Nyquist."""
    # Kaiser's formula for the shape that gives this suppression.
    beta = 0.5842 * (STOPBAND_DB - 21) ** 0.4 + 0.07886 * (STOPBAND_DB - 21)
    at = np.arange(HALF_WIDTH * _TABLE_STEPS + 1) / _TABLE_STEPS
    window = np.i0(beta * np.sqrt(1 - (at / HALF_WIDTH) ** 2)) / np.i0(beta)
    table = np.sinc(cutoff * at) * window
    table[-1] = 0.0
    return np.append(table, 0.0)


# Width of the transition, which ends at Nyquist, in units of Nyquist.
_TRANSITION = (STOPBAND_DB - 7.95) / (14.36 * HALF_WIDTH)
_INTERPOLATE = _kernel_table(1.0)
_LOW_PASS = _kernel_table(1.0 - _TRANSITION / 2)


def support_sec(rate_in: float, rate_out: float) -> float:
    """Seconds of source on either side of an output sample."""
    if rate_in <= _SAME_RATE * rate_out:
        return HALF_WIDTH / rate_in
    return HALF_WIDTH / rate_out


def resample(
    values: np.ndarray,
    first_time: float,
    rate_in: float,
    times_out: np.ndarray,
    rate_out: float,
) -> np.ndarray:
    """Resample a regular stream.

    Args:
        values: (T_in, C), T_in >= 1; held beyond its ends.
        first_time: Time of its first sample in seconds.
        rate_in: Its rate in Hz.
        times_out: (T_out,) seconds.
        rate_out: Rate in Hz whose Nyquist frequency limits the output.

    Returns:
        (T_out, C) float32.
    """
    if rate_in <= _SAME_RATE * rate_out:
        table, scale = _INTERPOLATE, 1.0
    else:
        table, scale = _LOW_PASS, rate_out / rate_in
    reach = int(np.ceil(HALF_WIDTH / scale))
    position = (times_out - first_time) * rate_in
    base = np.floor(position).astype(np.int64)
    taps = np.arange(1 - reach, reach + 1)
    distance = np.abs((position - base)[:, None] - taps)
    distance *= scale * _TABLE_STEPS
    np.minimum(distance, len(table) - 2, out=distance)
    entry = distance.astype(np.int64)
    low = table[entry]
    weights = low + (distance - entry) * (table[entry + 1] - low)
    weights /= weights.sum(axis=1, keepdims=True)
    index = base[:, None] + taps
    np.minimum(np.maximum(index, 0, out=index), len(values) - 1, out=index)
    weights = weights.astype(np.float32)[:, None]
    return np.matmul(weights, values[index])[:, 0]


def resample_window(
    values: np.ndarray,
    meta: dict,
    times_out: np.ndarray,
    rate: float,
    num_quats: int = 0,
) -> np.ndarray:
    """Resample (T, C) to (T_out, C), whether its clock is regular or not.

    ``meta`` is its clock, see :class:`LoadWindow`; ``rate`` that of
    ``times_out``; for ``num_quats`` see :func:`regularize`.
    """
    first = meta['times'][0]
    if not meta['regular']:
        reach = support_sec(meta['rate'], rate)
        values, first = regularize(
            values,
            meta['times'],
            meta['rate'],
            meta['origin'],
            (times_out[0] - reach, times_out[-1] + reach),
            num_quats,
        )
    return resample(values, first, meta['rate'], times_out, rate)


def regularize(
    values: np.ndarray,
    times: np.ndarray,
    rate: float,
    origin: float,
    span: tuple[float, float],
    num_quats: int = 0,
) -> tuple[np.ndarray, float]:
    """Put an irregular stream on the grid ``origin + k / rate``.

    Linear between neighbours, spherical for quaternions, held beyond the
    ends.

    Args:
        values: (T, C), T >= 1.
        times: (T,) seconds, strictly increasing.
        rate: Rate of the grid in Hz.
        origin: A time of the grid in seconds.
        span: First and last time that the grid must cover.
        num_quats: Number of sign-continuous quaternions in the last columns.

    Returns:
        The values on the grid and the time of the first one.
    """
    first = np.floor((span[0] - origin) * rate)
    last = np.ceil((span[1] - origin) * rate)
    grid = origin + np.arange(first, last + 1) / rate
    left, right, at = bracket(times, grid)
    weight = at.astype(np.float32)[:, None]
    out = values[left] * (1 - weight) + values[right] * weight
    if num_quats:
        quats = values[:, -4 * num_quats :].reshape(len(values), -1, 4)
        turned = slerp(quats[left], quats[right], at[:, None])
        out[:, -4 * num_quats :] = turned.reshape(len(out), -1)
    return out, float(grid[0])


def bracket(
    times: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours in ``times`` of each time ``at``.

    Returns:
        Indices of the samples before and after, and the fraction of the way
        from the first to the second, held at 0 or 1 beyond the ends.
    """
    if len(times) < 2:
        zeros = np.zeros(len(at), dtype=np.int64)
        return zeros, zeros, np.zeros(len(at))
    left = np.searchsorted(times, at, side='right') - 1
    left = np.minimum(np.maximum(left, 0), len(times) - 2)
    fraction = (at - times[left]) / (times[left + 1] - times[left])
    return left, left + 1, np.minimum(np.maximum(fraction, 0), 1)


def sign_continuous(quat: np.ndarray) -> np.ndarray:
    """Choose between q and -q, (T, ..., 4), the one nearer to the last sample.

    The first sample gets w >= 0, so a stream and its copy with random signs
    give the same result.
    """
    signs = np.empty(quat.shape[:-1], dtype=quat.dtype)
    signs[0] = np.where(quat[0, ..., 0] < 0, -1, 1)
    dots = np.einsum('...c,...c->...', quat[1:], quat[:-1])
    signs[1:] = np.where(dots < 0, -1, 1)
    return quat * np.cumprod(signs, axis=0)[..., None]


def normalize(quat: np.ndarray) -> np.ndarray:
    """Scale (T, ..., 4) to norm 1 and give the first sample w >= 0."""
    square = np.einsum('...c,...c->...', quat, quat)
    scale = 1 / np.sqrt(np.maximum(square, 1e-12))
    scale *= np.where(quat[0, ..., 0] < 0, -1, 1).astype(quat.dtype)
    return quat * scale[..., None]


def slerp(first: np.ndarray, second: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rotate from ``first`` to ``second`` (..., 4) by fractions ``at``.

    Both must have the same sign, see :func:`sign_continuous`.
    """
    dot = np.einsum('...c,...c->...', first, second)
    angle = np.maximum(np.arccos(np.clip(dot, -1, 1)), 1e-4)
    left = np.sin((1 - at) * angle) / np.sin(angle)
    right = np.sin(at * angle) / np.sin(angle)
    return left[..., None] * first + right[..., None] * second
