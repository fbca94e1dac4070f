"""Rules of the recording format: checks shared by reading and writing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..skeleton import get_layout
from ..utils.errors import mistake, show
from .streams import LARGEST_SEC, RATES, PoseStream, SensorStream, measurable

FORMAT_VERSION = 1
IMU_FORMAT = 'mobind_mm/imu'
POSE_FORMAT = 'mobind_mm/pose'
STANDARD_GRAVITY = 9.80665
"""m/s^2 of 1 g."""
IMU_CHANNELS: dict[str, int] = {'acc': 3, 'gyro': 3, 'quat': 4, 'mag': 3}
"""Channel names and widths."""
FRAMES = ('sensor', 'world')


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and not a bool."""
    real = isinstance(value, (int, float, np.integer, np.floating))
    # A whole number of JSON may be longer than any float.
    return (
        real
        and not isinstance(value, bool)
        and abs(value) < 1e300
        and math.isfinite(value)
    )


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(is_number(side) and side > 0 for side in value)
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


KINDS: Mapping[str, Callable[[Any], bool]] = {
    'a number': is_number,
    'a number above 0': lambda value: is_number(value) and value > 0,
    'text': lambda value: isinstance(value, str),
    'true or false': lambda value: isinstance(value, bool),
    'a mapping': lambda value: isinstance(value, dict),
    'a list': lambda value: isinstance(value, list),
    'a list of texts': _is_texts,
    '[height, width] in pixels': _is_size,
}
"""What a field of a header or of annotations can be."""


def read_field(header: Mapping, key: str, kind: str, where: str | Path) -> Any:
    """A field of a header, of one of :data:`KINDS`.

    Raises:
        ValueError: If it is missing, or of another kind.

    >>> read_field({'rate': 'fast'}, 'rate', 'a number', 'a.safetensors')
    Traceback (most recent call last):
    ...
    ValueError: a.safetensors: rate is 'fast', expected a number.
    """
    if key not in header:
        raise ValueError(
            f'{where}: the header lacks {key!r}; it has {show([*header])}.'
        )
    value = header[key]
    if not KINDS[kind](value):
        raise ValueError(f'{where}: {key} is {show(value)}, expected {kind}.')
    return value


def check_sensor(stream: SensorStream, where: str) -> None:
    """Raise ValueError if names, shapes or the clock of an IMU are wrong."""
    if not stream.channels:
        raise ValueError(f'{where}: no channels.')
    for name, array in stream.channels.items():
        if name not in IMU_CHANNELS:
            raise ValueError(
                f'{where}: unknown channel {name!r}; the format has '
                f'{IMU_CHANNELS}.'
            )
        expected = (stream.clock.num_samples, IMU_CHANNELS[name])
        if np.shape(array) != expected:
            raise ValueError(
                f'{where}/{name}: shape {np.shape(array)}, expected '
                f'{expected}.'
            )
    if stream.frame not in FRAMES:
        raise ValueError(
            f'{where}: frame {show(stream.frame)}; choose from {FRAMES}.'
        )
    if not isinstance(stream.gravity, (bool, np.bool_)):
        raise ValueError(
            f'{where}: gravity is {show(stream.gravity)}, expected True '
            '(included) or False.'
        )
    check_times(stream.clock.times, where)


def as_numbers(
    values: Any, where: str, what: str, dtype: type = np.float64
) -> np.ndarray:
    """Real numbers, in memory of their own; those masked are NaN.

    Args:
        values: An array, a tensor, or nested lists.
        where: What messages call the place.
        what: And what stands there.
        dtype: Floating point; what is too large for it is infinite.

    Raises:
        ValueError: If it is anything else.

    >>> as_numbers([1, 2.5], 'A chunk', 'times')
    array([1. , 2.5])
    """
    try:
        if hasattr(values, 'detach'):  # a tensor, wherever it is
            values = values.detach().cpu().double().numpy()
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        array: np.ndarray = np.asarray(values)
        if array.dtype.kind in 'buifO':
            with np.errstate(over='ignore'):
                return array.astype(dtype)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass
    raise mistake(where, f'has {what} that are not an array of numbers')


def check_pose(stream: PoseStream, where: str) -> None:
    """Raise ValueError if layout, shapes or clock of a skeleton are wrong."""
    if not isinstance(stream.layout, str):
        raise ValueError(
            f'{where}: layout must be a name, got {show(stream.layout)}.'
        )
    try:
        num_keypoints = len(get_layout(stream.layout))
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None
    shape = (stream.clock.num_samples, num_keypoints)
    for name, array, expected in (
        ('keypoints', stream.keypoints, (*shape, 2)),
        ('scores', stream.scores, shape),
    ):
        if np.shape(array) != expected:
            raise ValueError(
                f'{where}: {name} has shape {np.shape(array)}, expected '
                f'{expected} (time, {num_keypoints} keypoints of '
                f'{stream.layout!r}{", x y" if len(expected) == 3 else ""}).'
            )
    if not _is_size([*stream.img_shape]):
        raise ValueError(
            f'{where}: img_shape must be (height, width) in pixels, got '
            f'{tuple(stream.img_shape)}.'
        )
    check_times(stream.clock.times, where)


def check_times(times: np.ndarray | None, where: str) -> None:
    """Raise ValueError if timestamps do not increase or are not finite."""
    if times is None:
        return
    bad = ~(np.abs(times) < LARGEST_SEC)
    bad[1:] |= ~(np.diff(times) > 0)
    if bad.any():
        index = int(np.argmax(bad))
        before = times[index - 1] if index else None
        raise ValueError(
            f'{where}: timestamps must be finite and strictly increasing, '
            f'but sample {index} is {times[index]} s after {before} s. Give '
            'seconds, sort the samples and drop duplicates, or correct a '
            'clock that was set back.'
        )
    if len(times) > 1 and np.median(np.diff(times)) < 1 / RATES[1]:
        raise ValueError(
            f'{where}: timestamps make more than {RATES[1]:g} samples per '
            'second; give them in seconds.'
        )


def check_sensor_values(
    channels: Mapping[str, np.ndarray], times: np.ndarray, where: str
) -> None:
    """Reject what no sensor measures, and quaternions not of unit norm.

    Args:
        channels: Channel name to (T, c).
        times: (T,) seconds, for the message.
        where: File or take, and placement, for the message.
    """
    for name, array in channels.items():
        fine = measurable(array)
        if not fine.all():
            row = int(np.argmin(fine.all(axis=1)))
            raise ValueError(
                f'{where}/{name}: {array[row].tolist()} at {times[row]:.3f} '
                's. Cut these samples out of the stream and give the rest '
                'timestamps: a gap is normal input, NaN and numbers that no '
                'sensor measures are not.'
            )
    quat = channels.get('quat')
    if quat is None:
        return
    square = np.einsum('tc,tc->t', quat, quat)
    bad = np.abs(square - 1) > 0.1
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f'{where}/quat: norm {square[row] ** 0.5:.3f} at '
            f'{times[row]:.3f} s, expected 1. Store unit quaternions '
            '(w, x, y, z), sensor to world.'
        )


def check_keypoint_values(
    keypoints: np.ndarray, scores: np.ndarray, times: np.ndarray, where: str
) -> None:
    """Reject NaN scores, and what is no pixel with a positive score.

    Args:
        keypoints: (T, K, 2) pixels.
        scores: (T, K).
        times: (T,) seconds, for the message.
        where: File or take, for the message.
    """
    fine = measurable(keypoints).all(axis=2)
    bad = ~measurable(scores) | (~fine & ~(scores <= 0))
    if bad.any():
        row, joint = np.argwhere(bad)[0]
        raise ValueError(
            f'{where}: keypoint {joint} is {keypoints[row, joint].tolist()} '
            f'with score {scores[row, joint]} at {times[row]:.3f} s. Set '
            'the score of keypoints that were not detected to 0.'
        )
