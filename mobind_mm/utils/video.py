"""Video files: read by OpenCV, written by PyAV or OpenCV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
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
        num_frames: Number of frames according to the file.
    """

    rate: float
    img_shape: tuple[int, int]
    num_frames: int
    _capture: Any = None
    _next: int = 0

    def frame(self, index: int) -> np.ndarray | None:
        """A frame (H, W, 3) uint8 BGR; None beyond the end.

        Frames are read in order; an earlier one, or one far ahead, is
        searched for.
        """
        cv2 = require_cv2()
        if index < self._next or index > self._next + 100:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            self._next = index
        while self._next < index:
            self._capture.grab()
            self._next += 1
        success, image = self._capture.read()
        self._next += 1
        return image if success else None


@contextmanager
def open_video(path: str | Path) -> Iterator[VideoReader]:
    """Open a video for reading.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If OpenCV is not installed.
        ValueError: If OpenCV cannot read it as a video.
    """
    cv2 = require_cv2()
    if not Path(path).is_file():
        raise FileNotFoundError(f'There is no video {path}; check the path.')
    capture = cv2.VideoCapture(str(path))
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        if not capture.isOpened() or not rate > 0:
            raise ValueError(f'{path}: OpenCV cannot read it as a video.')
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        yield VideoReader(rate, (height, width), count, capture)
    finally:
        capture.release()


@contextmanager
def writing_video(
    path: str | Path, rate: float, size: tuple[int, int]
) -> Iterator[Callable[[np.ndarray], Any]]:
    """Write an MP4 file atomically.

    It is H.264 if PyAV is installed; otherwise MPEG-4 by OpenCV, which is
    larger and which browsers do not play.

    Args:
        path: File to write, ending in ``.mp4``.
        rate: Frames per second.
        size: (width, height) in pixels, even numbers.

    Yields:
        A function that takes frames (H, W, 3) uint8 BGR one by one.

    Raises:
        ImportError: If neither is installed.
        ValueError: If the name does not end in ``.mp4`` or OpenCV cannot
            write MP4.
    """
    if Path(path).suffix != '.mp4':
        raise ValueError(f'{path} is not the name of an MP4 file (.mp4).')
    write = _with_av if find_spec('av') else _with_cv2
    with replacing(path) as temporary:
        # Both infer the container from the suffix.
        part = temporary.with_suffix('.mp4')
        try:
            with write(part, rate, size) as add:
                yield add
            part.rename(temporary)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _with_av(
    path: Path, rate: float, size: tuple[int, int]
) -> Iterator[Callable[[np.ndarray], None]]:
    import av

    with av.open(str(path), 'w') as container:
        exact = Fraction(rate).limit_denominator(1001)
        stream = container.add_stream('h264', rate=exact)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.options = {'crf': '24'}

        def add(frame: np.ndarray) -> None:
            image = av.VideoFrame.from_ndarray(frame, format='bgr24')
            container.mux(stream.encode(image))

        yield add
        container.mux(stream.encode())


@contextmanager
def _with_cv2(
    path: Path, rate: float, size: tuple[int, int]
) -> Iterator[Callable[[np.ndarray], None]]:
    cv2 = require_cv2()
    code = cv2.VideoWriter_fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), code, rate, size)
    try:
        if not writer.isOpened():
            raise ValueError(f'This OpenCV cannot write {path} as MP4.')
        yield writer.write
    finally:
        writer.release()
