"""Writing MP4 files, with the sound of another video.

PyAV does it (the extra ``video``, also in ``pose``). Without it OpenCV
writes files that browsers do not play, without sound.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .files import replacing
from .video import (
    decoded,
    known_video,
    opening_video,
    require_cv2,
    video_facts,
)

_TICKS = 90_000
"""Units of time per second in files that are written."""


@contextmanager
def writing_video(
    path: str | Path,
    rate: float,
    size: tuple[int, int],
    sound: tuple[str | Path, float, float] | None = None,
) -> Iterator[Callable[..., Any]]:
    """Write an MP4 file atomically.

    It is H.264 if PyAV is installed; otherwise MPEG-4 by OpenCV, which is
    larger, has no sound, and which browsers do not play.

    Args:
        path: File to write, ending in ``.mp4``.
        rate: Frames per second.
        size: (width, height) in pixels, even numbers.
        sound: Video whose sound is added, if it has any, and from which
            second after its first frame, and for how many.

    Yields:
        A function that takes frames (H, W, 3) uint8 BGR one by one, and
        their time in seconds; without it they follow at ``rate``, as they
        always do with OpenCV.

    Raises:
        ImportError: If neither is installed.
        ValueError: If the name does not end in ``.mp4`` or OpenCV cannot
            write MP4.
    """
    if Path(path).suffix != '.mp4':
        raise ValueError(f'{path} is not the name of an MP4 file (.mp4).')
    with replacing(path) as temporary:
        # Both infer the container from the suffix.
        part = temporary.with_suffix('.mp4')
        try:
            writing = (
                _with_av(part, rate, size, sound)
                if find_spec('av')
                else _with_cv2(part, rate, size)
            )
            with writing as add:
                yield add
            part.rename(temporary)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _with_av(
    path: Path,
    rate: float,
    size: tuple[int, int],
    sound: tuple[str | Path, float, float] | None,
) -> Iterator[Callable[..., None]]:
    import av

    with av.open(str(path), 'w') as container:
        exact = Fraction(rate).limit_denominator(1001)
        stream = container.add_stream('h264', rate=exact)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.options = {'crf': '24'}
        tick = Fraction(1, _TICKS)
        stream.codec_context.time_base = tick
        count = itertools.count()
        heard = sound and video_facts(sound[0]).has_audio
        voice = container.add_stream('aac', rate=48_000) if heard else None

        def add(frame: np.ndarray, time: float | None = None) -> None:
            image = av.VideoFrame.from_ndarray(frame, format='bgr24')
            number = next(count)
            time = number / rate if time is None else time
            image.pts, image.time_base = round(time * _TICKS), tick
            container.mux(stream.encode(image))

        yield add
        container.mux(stream.encode())
        if voice is not None and sound is not None:
            for block in _sound(*sound):
                container.mux(voice.encode(block))
            container.mux(voice.encode())


def _sound(path: str | Path, start: float, seconds: float) -> Iterator[Any]:
    """Sound of a video from a second after its first frame, at 48 kHz."""
    import av

    stamps = known_video(path)[1]
    with opening_video(path) as (container, stream):
        assert stamps is not None
        origin = float(stamps[0] * stream.time_base) + start
        audio = container.streams.audio[0]
        resample = av.AudioResampler('fltp', 'stereo', 48_000)
        container.seek(int(max(origin - 1, 0) * av.time_base))
        for frame in decoded(container, audio):
            if frame.pts is None:
                continue
            if frame.time > origin + seconds:
                return
            for block in resample.resample(frame):
                at = round(((block.time or 0) - origin) * 48_000)
                if at + block.samples <= 0:
                    continue
                block.pts, block.time_base = at, Fraction(1, 48_000)
                yield block


@contextmanager
def _with_cv2(
    path: Path, rate: float, size: tuple[int, int]
) -> Iterator[Callable[..., None]]:
    cv2 = require_cv2()
    code = cv2.VideoWriter_fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), code, rate, size)
    try:
        if not writer.isOpened():
            raise ValueError(f'This OpenCV cannot write {path} as MP4.')
        yield lambda frame, time=None: writer.write(frame)
    finally:
        writer.release()
