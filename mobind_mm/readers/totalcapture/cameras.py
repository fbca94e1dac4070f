"""Read ``calibration.cal``, the cameras of TotalCapture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..cameras import CalibratedCamera
from .text import AGAIN, damaged, read_lines, shown

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
    words = [
        (number, word)
        for number, line in enumerate(read_lines(path), 1)
        for word in line.split()
    ]
    short = f'{path} ends before the last camera is complete. {AGAIN}'
    if len(words) < 2:
        raise ValueError(short)
    count, order = (_integer(path, *word) for word in words[:2])
    if not 1 <= count <= _MAX_CAMERAS:
        problem = f'{count} cameras, expected 1 to {_MAX_CAMERAS}'
        raise damaged(path, 1, problem)
    if order not in (0, 1):
        raise damaged(
            path,
            1,
            f'distortion of order {order}, only 0 (none) and 1 (one radial '
            'coefficient) are known',
            'Undistort the videos, set the order to 0, and take the '
            'coefficients out of the file.',
        )
    size = 8 + order + 12
    values = [_number(path, *word) for word in words[2 : 2 + count * size]]
    if len(values) < count * size:
        raise ValueError(short)
    if rest := words[2 + count * size :]:
        line, word = rest[0]
        raise damaged(
            path,
            line,
            f'{shown(word)} follows the {count} cameras that line 1 announces',
        )
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
    top, bottom, left, right = values[:4]
    size = (bottom - top + 1, right - left + 1)
    if (top, left) != (0, 0) or not all(
        n.is_integer() and 1 < n <= _MAX_PIXELS for n in size
    ):
        raise ValueError(
            f'{where}: rows {top:g} to {bottom:g} and columns {left:g} to '
            f'{right:g} are not those of an image that starts at 0 0. {AGAIN}'
        )
    fx, fy, cx, cy = values[4:8]
    if not (1 < fx < 1e6 and 1 < fy < 1e6 and abs(cx) < 1e5 > abs(cy)):
        raise ValueError(
            f'{where}: fx {fx:g}, fy {fy:g}, cx {cx:g} and cy {cy:g} are not '
            f'intrinsics in pixels. {AGAIN}'
        )
    k1 = values[8] if order else 0.0
    rotation = np.array(values[-12:-3]).reshape(3, 3)
    translation = np.array(values[-3:])
    proper = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    if not proper or np.linalg.det(rotation) < 0:
        raise ValueError(f'{where}: the 3x3 matrix is not a rotation. {AGAIN}')
    if np.abs(translation).max() > 1000 or abs(k1) > 100:
        raise ValueError(
            f'{where}: distortion {k1:g} and translation '
            f'{translation.tolist()} m are impossible. {AGAIN}'
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


def _number(path: str | Path, line: int, word: bytes) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float('nan')
    if not np.isfinite(value):
        problem = f'expected a finite number, got {shown(word)}'
        raise damaged(path, line, problem)
    return value


def _integer(path: str | Path, line: int, word: bytes) -> int:
    if not word.isdigit() or len(word) > 9:
        raise damaged(
            path,
            line,
            'expected the number of cameras and the order of distortion, got '
            f'{shown(word)}',
        )
    return int(word)
