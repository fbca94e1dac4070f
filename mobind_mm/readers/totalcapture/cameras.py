"""Read ``calibration.cal``, the cameras of TotalCapture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..calibrated_camera import CalibratedCamera
from .text import read_lines, shown

_MAX_CAMERAS = 64
_MAX_PIXELS = 16384


def read_cameras(path: str | Path) -> dict[str, CalibratedCamera]:
    """Read the cameras: ``cam1``, ``cam2``, … in the order of the file.

    The file has their number and the order of the distortion, then of each
    camera: first and last row, first and last column; fx fy cx cy; the
    coefficients of the distortion; the rotation and the translation from
    world to camera, in metres. Line breaks may be anywhere.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or the order of distortion is not 0 or
            1: what the coefficients of higher orders stand for is not
            documented.
    """
    words = _words(path)
    count, order = (_integer(path, words) for _ in range(2))
    if not 1 <= count <= _MAX_CAMERAS:
        raise ValueError(
            f'{path}, line 1: {count} cameras, expected 1 to {_MAX_CAMERAS}. '
            'Get this file again.'
        )
    if order not in (0, 1):
        raise ValueError(
            f'{path}, line 1: distortion of order {order}, only 0 (none) and '
            '1 (one radial coefficient) are known. Undistort the videos, '
            'set the order to 0, and take the coefficients out of the file.'
        )
    cameras = {}
    for number in range(1, count + 1):
        values = [_number(path, words) for _ in range(8 + order + 12)]
        name = f'cam{number}'
        cameras[name] = _camera(f'{path}: {name}', name, values, order)
    if rest := next(words, None):
        raise ValueError(
            f'{path}, line {rest[0]}: {shown(rest[1])} follows the {count} '
            'cameras that line 1 announces. Get this file again.'
        )
    return cameras


def _camera(
    where: str, name: str, values: list[float], order: int
) -> CalibratedCamera:
    """Check the numbers of one camera and name them."""
    top, bottom, left, right = values[:4]
    size = (bottom - top + 1, right - left + 1)
    if (top, left) != (0, 0) or not all(
        n.is_integer() and 1 < n <= _MAX_PIXELS for n in size
    ):
        raise ValueError(
            f'{where}: rows {top:g} to {bottom:g} and columns {left:g} to '
            f'{right:g} are not those of an image from 0 0 on. Get this file '
            'again.'
        )
    fx, fy, cx, cy = values[4:8]
    if not (1 < fx < 1e6 and 1 < fy < 1e6 and abs(cx) < 1e5 > abs(cy)):
        raise ValueError(
            f'{where}: fx {fx:g}, fy {fy:g}, cx {cx:g} and cy {cy:g} are no '
            'intrinsics in pixels. Get this file again.'
        )
    k1 = values[8] if order else 0.0
    rotation = np.array(values[-12:-3]).reshape(3, 3)
    translation = np.array(values[-3:])
    proper = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    if not proper or np.linalg.det(rotation) < 0:
        raise ValueError(
            f'{where}: the 3x3 matrix is not a rotation. Get this file again.'
        )
    if np.abs(translation).max() > 1000 or abs(k1) > 100:
        raise ValueError(
            f'{where}: distortion {k1:g} and translation '
            f'{translation.tolist()} m are impossible. Get this file again.'
        )
    return CalibratedCamera(
        name=name,
        img_shape=(int(size[0]), int(size[1])),
        focal=(fx, fy),
        centre=(cx, cy),
        k1=k1,
        rotation=rotation,
        translation=translation,
    )


def _words(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Line number, from 1, and text of every word."""
    for number, line in enumerate(read_lines(path), 1):
        for word in line.split():
            yield number, word


def _number(path: str | Path, words: Iterator[tuple[int, bytes]]) -> float:
    line, word = _next(path, words)
    try:
        value = float(word)
    except ValueError:
        value = float('nan')
    if not np.isfinite(value):
        raise ValueError(
            f'{path}, line {line}: expected a finite number, got '
            f'{shown(word)}. Get this file again.'
        )
    return value


def _integer(path: str | Path, words: Iterator[tuple[int, bytes]]) -> int:
    line, word = _next(path, words)
    if not word.isdigit() or len(word) > 9:
        raise ValueError(
            f'{path}, line {line}: expected the number of cameras and the '
            f'order of distortion, got {shown(word)}. Get this file again.'
        )
    return int(word)


def _next(
    path: str | Path, words: Iterator[tuple[int, bytes]]
) -> tuple[int, bytes]:
    try:
        return next(words)
    except StopIteration:
        raise ValueError(
            f'{path} ends before the last camera is complete. Get this file '
            'again.'
        ) from None
