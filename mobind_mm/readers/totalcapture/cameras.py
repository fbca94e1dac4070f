"""Read ``calibration.cal``, the cameras of TotalCapture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..cameras import CalibratedCamera
from .text import AGAIN, TextFile

_MAX_CAMERAS = 64
_MAX_PIXELS = 16384


def read_cameras(path: str | Path) -> dict[str, CalibratedCamera]:
    """Read the cameras: ``cam1``, ``cam2``, … in the order of the file.

    The file has their number and the order of the distortion, then for each
    camera: first and last row, first and last column; fx fy cx cy; the
    coefficients of the distortion; the rotation and the translation from
    world to camera, in metres. Line breaks may be anywhere.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or the order of distortion is not 0 or
            1: what the coefficients of higher orders mean is not
            documented.
    """
    text = TextFile(path)
    words = [
        (row, word) for row in range(len(text)) for word in text.words(row)
    ]
    short = f'{path} ends before the last camera is complete. {AGAIN}'
    if len(words) < 2:
        raise ValueError(short)
    for row, word in words[:2]:
        if not word.isdigit() or len(word) > 9:
            expected = 'the number of cameras and the order of distortion'
            raise text.unexpected(row, expected, word)
    count, order = int(words[0][1]), int(words[1][1])
    if not 1 <= count <= _MAX_CAMERAS:
        problem = f'{count} cameras, expected 1 to {_MAX_CAMERAS}'
        raise text.error(0, problem)
    if order not in (0, 1):
        problem = (
            f'distortion of order {order}, only 0 (none) and 1 (one radial '
            'coefficient) are known'
        )
        fix = (
            'Undistort the videos, set the order to 0, and take the '
            'coefficients out of the file.'
        )
        raise text.error(0, problem, fix)
    size = 8 + order + 12
    values = []
    for row, word in words[2 : 2 + count * size]:
        try:
            values.append(float(word))
        except ValueError:
            values.append(np.nan)
        if not np.isfinite(values[-1]):
            raise text.unexpected(row, 'a finite number', word)
    if len(values) < count * size:
        raise ValueError(short)
    for row, word in words[2 + count * size :]:
        expected = f'nothing after the {count} cameras that line 1 announces'
        raise text.unexpected(row, expected, word)
    cameras = {}
    for index in range(count):
        name = f'cam{index + 1}'
        numbers = values[index * size : (index + 1) * size]
        cameras[name] = _camera(f'{path}: {name}', name, numbers, order)
    return cameras


def _camera(
    where: str, name: str, values: list[float], order: int
) -> CalibratedCamera:
    """Check the numbers of one camera and name them."""
    top, bottom, left, right, fx, fy, cx, cy = values[:8]
    k1 = values[8] if order else 0.0
    rotation = np.array(values[-12:-3]).reshape(3, 3)
    translation = np.array(values[-3:])
    size = (bottom - top + 1, right - left + 1)
    whole = all(n.is_integer() and 1 < n <= _MAX_PIXELS for n in size)
    orthogonal = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    for valid, problem in (
        (
            (top, left) == (0, 0) and whole,
            f'rows {top:g} to {bottom:g} and columns {left:g} to {right:g} '
            'are not those of an image that starts at 0 0',
        ),
        (
            1 < fx < 1e6 and 1 < fy < 1e6 and abs(cx) < 1e5 > abs(cy),
            f'fx {fx:g}, fy {fy:g}, cx {cx:g} and cy {cy:g} are not '
            'intrinsics in pixels',
        ),
        (
            orthogonal and np.linalg.det(rotation) > 0,
            'the 3x3 matrix is not a rotation',
        ),
        (
            np.abs(translation).max() <= 1000 and abs(k1) <= 100,
            f'distortion {k1:g} and translation {translation.tolist()} m are '
            'impossible',
        ),
    ):
        if not valid:
            raise ValueError(f'{where}: {problem}. {AGAIN}')
    shape = (int(size[0]), int(size[1]))
    return CalibratedCamera(
        name, shape, (fx, fy), (cx, cy), k1, rotation, translation
    )
