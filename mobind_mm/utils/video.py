"""Video files, by OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .files import replacing


def require_cv2() -> ModuleType:
    """Import OpenCV, or say what to install.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise ImportError(
            'Videos need OpenCV: pip install opencv-python.'
        ) from None
    return cv2


@dataclass
class VideoReader:
    """An open video.

    Args:
        rate: Frames per second.
        img_shape: (height, width) in pixels.
        num_frames: Frames that the file announces.
    """

    rate: float
    img_shape: tuple[int, int]
    num_frames: int
    _capture: Any = None
    _next: int = 0

    def frame(self, index: int) -> np.ndarray | None:
        """A frame (H, W, 3) uint8 BGR; None beyond the end.

        Frames are read forwards; asking for an earlier one seeks.
        """
        cv2 = require_cv2()
        if index < self._next or index > self._next + 100:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            self._next = index
        while self._next < index:
            self._capture.grab()
            self._next += 1
        found, image = self._capture.read()
        self._next += 1
        return image if found else None


@contextmanager
def open_video(path: str | Path) -> Iterator[VideoReader]:
    """Open a video for reading.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If OpenCV is not installed.
        ValueError: If it is no video that OpenCV reads.
    """
    cv2 = require_cv2()
    if not Path(path).is_file():
        raise FileNotFoundError(f'There is no video {path}; check the path.')
    capture = cv2.VideoCapture(str(path))
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        if not capture.isOpened() or not rate > 0:
            raise ValueError(f'{path}: OpenCV cannot read it as a video.')
        size = (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
        yield VideoReader(
            rate,
            tuple(int(capture.get(key)) for key in size),
            int(capture.get(cv2.CAP_PROP_FRAME_COUNT)),
            capture,
        )
    finally:
        capture.release()


@contextmanager
def writing_video(
    path: str | Path, rate: float, size: tuple[int, int]
) -> Iterator[Any]:
    """Write an MP4 that is either whole or not there.

    Args:
        path: File to write; ends in ``.mp4``.
        rate: Frames per second.
        size: (width, height) in pixels.

    Yields:
        OpenCV's writer; ``write`` takes frames (H, W, 3) uint8 BGR.

    Raises:
        ImportError: If OpenCV is not installed.
        ValueError: If the name does not end in ``.mp4`` or this OpenCV
            cannot write MP4.
    """
    cv2 = require_cv2()
    if Path(path).suffix != '.mp4':
        raise ValueError(f'{path} must end in .mp4.')
    with replacing(path) as temporary:
        # OpenCV takes the container from the suffix.
        part = temporary.with_suffix('.mp4')
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(part), code, rate, size)
        try:
            if not writer.isOpened():
                raise ValueError(f'This OpenCV cannot write {path} as MP4.')
            yield writer
            writer.release()
            part.rename(temporary)
        finally:
            writer.release()
            part.unlink(missing_ok=True)
