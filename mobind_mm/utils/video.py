"""Video files: times and images of their frames.

PyAV reads them (the extra ``video``, also in ``pose``). Without it OpenCV
does, which is slower and knows nothing of the sound.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .errors import mistake

_UNEVEN = 0.05
"""Part of a frame's length by which a frame of a constant rate may be off."""
_ROUNDED_SEC = 0.0011
"""Containers such as Matroska keep whole milliseconds."""
_OPTIONS = {'protocol_whitelist': 'file'}
"""A playlist must not open anything on the network."""


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


@dataclass(frozen=True, eq=False)
class VideoFacts:
    """What a video file says about itself.

    Args:
        times: (T,) presentation times in seconds since the first frame,
            increasing.
        rate: Frames per second; the mean where they vary.
        constant: Whether the frames are evenly spaced.
        img_shape: (height, width) in pixels of the upright image.
        rotation: Degrees, counterclockwise, by which the stored image is
            turned to be upright: 0, 90, 180 or 270.
        has_audio: Whether it has sound; None if that is not known.
        notes: What is unusual, a sentence each.
    """

    times: np.ndarray
    rate: float
    constant: bool
    img_shape: tuple[int, int]
    rotation: int
    has_audio: bool | None
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float(self.times[-1]) + 1 / self.rate


def video_facts(path: str | Path) -> VideoFacts:
    """Read the times of all frames of a video, and what else it says.

    Frames are not decoded where PyAV is installed. A second call on the same
    file costs nothing.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If neither PyAV nor OpenCV is installed.
        ValueError: If it cannot be read as a video.
    """
    return known_video(path)[0]


def frame_times(path: str | Path) -> np.ndarray:
    """Presentation times (T,) of a video's frames in seconds.

    They count from the first frame, in the order in which frames are shown.
    See :func:`video_facts` for the errors.
    """
    return video_facts(path).times


def read_frames(
    path: str | Path, first: int = 0
) -> Iterator[tuple[int, np.ndarray]]:
    """Decode the frames of a video.

    Yields:
        Index of the frame among its :func:`frame_times`, and its image
        (H, W, 3) uint8 BGR, upright. A frame that is damaged is left out.
    """
    facts, stamps = known_video(path)
    turn = facts.rotation // 90
    if stamps is None:
        yield from _frames_of_cv2(path, first)
        return
    last = first - 1
    with opening_video(path) as (container, stream):
        if 0 < first < len(stamps):
            container.seek(int(stamps[first]), stream=stream)
        for frame in decoded(container, stream):
            if frame.pts is None or last + 1 >= len(stamps):
                continue
            index = int(np.searchsorted(stamps, frame.pts))
            if index < first and frame.pts < stamps[first]:
                continue
            last = min(max(index, last + 1), len(stamps) - 1)
            image = frame.to_ndarray(format='bgr24')
            yield last, np.ascontiguousarray(np.rot90(image, turn))


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames of a stream; what is damaged is left out."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return  # the rest cannot be read
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from frames


@dataclass
class VideoReader:
    """An open video whose frames are asked for by number.

    Args:
        path: The file.
        facts: What it says about itself.
    """

    path: str | Path
    facts: VideoFacts

    def __post_init__(self) -> None:
        self._frames: Iterator[tuple[int, np.ndarray]] = iter(())
        self._index = len(self.facts.times)
        self._image: np.ndarray | None = None

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.facts.rate

    @property
    def img_shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.facts.img_shape

    def frame(self, index: int) -> np.ndarray | None:
        """A frame (H, W, 3) uint8 BGR; None beyond the end.

        Frames are read in order; an earlier one, or one far ahead, is
        searched for. The one before it replaces a damaged frame.
        """
        if index >= len(self.facts.times):
            return None
        if index < self._index or index > self._index + 100:
            self._frames = read_frames(self.path, index)
            self._index, self._image = index - 1, None
        while self._index < index:
            self._index, self._image = next(
                self._frames, (len(self.facts.times), None)
            )
        return self._image

    def frame_at(self, time: float) -> np.ndarray | None:
        """The frame that is shown at a time in seconds."""
        at = np.searchsorted(self.facts.times, time + 1e-6, 'right') - 1
        return self.frame(max(int(at), 0))


@contextmanager
def open_video(path: str | Path) -> Iterator[VideoReader]:
    """Open a video for reading; see :func:`video_facts` for the errors."""
    reader = VideoReader(path, video_facts(path))
    try:
        yield reader
    finally:
        reader._frames = iter(())  # closes the file


def known_video(path: str | Path) -> tuple[VideoFacts, np.ndarray | None]:
    """Facts of a video, and stamps (T,) of its frames, if PyAV read them.

    Stamps are in the unit of the stream. See :func:`video_facts` for the
    errors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'There is no video {path}; check the path.')
    state = path.stat()
    return _read_facts(str(path), state.st_mtime_ns, state.st_size)


@functools.lru_cache(8)
def _read_facts(
    path: str, _mtime: int, _size: int
) -> tuple[VideoFacts, np.ndarray | None]:
    """Facts, and the stamps (T,) of the frames in the stream's unit."""
    if not find_spec('av'):
        return _facts_by_cv2(path), None
    import av

    with opening_video(path) as (container, stream):
        try:
            packets = (
                (p.pts, p.is_keyframe, p.is_discard)
                for p in container.demux(stream)
                if p.size
            )
            usable = itertools.dropwhile(lambda p: not p[1], packets)
            shown = [p[0] for p in usable if p[0] is not None and not p[2]]
            container.seek(0, any_frame=False)
            image = next(container.decode(stream))
        except (av.FFmpegError, StopIteration):
            raise _not_a_video(path, 'PyAV') from None
        if not shown:
            raise _not_a_video(path, 'PyAV')
        stamps = np.sort(np.array(shown, np.int64))
        turn = round(image.rotation / 90) % 4
        shape = (image.height, image.width)[:: -1 if turn % 2 else 1]
        nominal = stream.average_rate or stream.guessed_rate
        facts = _facts(
            path,
            (stamps - stamps[0]) * float(stream.time_base),
            float(nominal or 0),
            (shape[0], shape[1]),
            90 * turn,
            bool(container.streams.audio),
        )
    return facts, stamps


def _facts_by_cv2(path: str) -> VideoFacts:
    cv2 = require_cv2()
    capture = cv2.VideoCapture(path)
    try:
        nominal = capture.get(cv2.CAP_PROP_FPS)
        times = []
        while capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        if not times or not nominal > 0:
            raise _not_a_video(path, 'OpenCV')
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        # OpenCV counts clockwise, and turns the images itself.
        turn = -int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
    finally:
        capture.release()
    note = (
        f'{Path(path).name}: frame times were read with OpenCV; PyAV is more '
        "exact (pip install 'mobind_mm[video]')"
    )
    stamps = np.array(times) - times[0]
    shape = (height, width)
    return _facts(path, stamps, nominal, shape, turn, None, note)


def _frames_of_cv2(
    path: str | Path, first: int
) -> Iterator[tuple[int, np.ndarray]]:
    capture = require_cv2().VideoCapture(str(path))
    try:
        for index in itertools.count():
            if not capture.grab():
                return
            if index >= first:
                yield index, capture.retrieve()[1]
    finally:
        capture.release()


def _facts(
    path: str | Path,
    times: np.ndarray,
    nominal: float,
    img_shape: tuple[int, int],
    rotation: int,
    has_audio: bool | None,
    *notes: str,
) -> VideoFacts:
    """Judge the times of frames (T,), which may coincide."""
    name = Path(path).name
    tied = np.flatnonzero(np.diff(times, prepend=-1.0) <= 0)
    if tied.size:
        step = 1 / nominal if nominal > 0 else 0.04
        index = np.arange(len(times))
        frames = np.delete(index, tied)
        end = times[-1] + step * (index[-1] + 1 - frames[-1])
        times = np.interp(index, [*frames, len(times)], [*times[frames], end])
        notes = (
            *notes,
            f'{name}: {tied.size} frames have the time of the frame before '
            'them; they were spread evenly up to the next one',
        )
    rate = nominal if nominal > 0 else 25.0
    constant = True
    if len(times) > 1:
        mean = (len(times) - 1) / float(times[-1])
        even = np.arange(len(times)) / mean
        off = np.abs(times - even).max()
        constant = bool(off <= max(_UNEVEN / mean, _ROUNDED_SEC))
        agrees = abs(nominal / mean - 1) * times[-1] < _ROUNDED_SEC
        rate = nominal if constant and agrees else mean
    return VideoFacts(
        times, rate, constant, img_shape, rotation, has_audio, notes
    )


def _not_a_video(path: str | Path, what: str) -> Exception:
    return mistake(
        path,
        f'{what} cannot read it as a video',
        'Check that it is one and complete, or encode it again as MP4',
    )


@contextmanager
def opening_video(path: str | Path) -> Iterator[tuple[Any, Any]]:
    """Container and video stream of a file."""
    import av

    try:
        container = av.open(str(path), options=_OPTIONS)
    except (av.FFmpegError, UnicodeError):
        raise _not_a_video(path, 'PyAV') from None
    with container:
        if not container.streams.video:
            raise _not_a_video(path, 'PyAV')
        stream = container.streams.video[0]
        stream.thread_type = 'AUTO'
        yield container, stream
