"""Writing MP4 files, with the sound of another video.

PyAV does it (the extra ``video``, also in ``pose``). Without it OpenCV
writes files that browsers do not play, without sound.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
    read_frames,
    require_cv2,
    video_facts,
)

_TICKS = 90_000
"""Units of time per second in files that are written."""
_COPIED = ('aac', 'mp3', 'opus', 'ac3', 'eac3', 'alac', 'flac')
"""Sound that MP4 holds as it is; other sound is encoded again, as AAC."""


@contextmanager
def writing_video(
    path: str | Path,
    rate: float,
    size: tuple[int, int],
    sound: tuple[str | Path, float, float] | None = None,
    quality: int = 24,
) -> Iterator[Callable[..., Any]]:
    """Write an MP4 file atomically.

    It is H.264 if PyAV is installed; otherwise MPEG-4 by OpenCV, which is
    larger, has no sound, and which browsers do not play.

    Args:
        path: File to write, ending in ``.mp4``.
        rate: Frames per second.
        size: (width, height) in pixels, even numbers.
        sound: Video whose sound is added, if it has any, and from which
            second after its first frame, and for how many. It is copied,
            with new times, where MP4 allows it.
        quality: Constant rate factor of H.264; lower is better.

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
        part = temporary.with_name(f'{temporary.name}.mp4')
        try:
            writing = (
                _with_av(part, rate, size, sound, quality)
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
    quality: int,
) -> Iterator[Callable[..., None]]:
    import av

    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(path), 'w'))
        exact = Fraction(rate).limit_denominator(1001)
        stream = container.add_stream('h264', rate=exact)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.options = {'crf': str(quality)}
        tick = Fraction(1, _TICKS)
        stream.codec_context.time_base = tick
        count = itertools.count()
        packets: Iterator[tuple[float, Any]] = iter(())
        if sound and video_facts(sound[0]).has_audio:
            source, _ = stack.enter_context(opening_video(sound[0]))
            packets = _sound(container, source, *sound)
        waiting = next(packets, None)

        def add_sound(until: float) -> None:
            nonlocal waiting
            while waiting is not None and waiting[0] <= until:
                container.mux(waiting[1])
                waiting = next(packets, None)

        def add(frame: np.ndarray, time: float | None = None) -> None:
            image = av.VideoFrame.from_ndarray(frame, format='bgr24')
            number = next(count)
            time = number / rate if time is None else time
            image.pts, image.time_base = round(time * _TICKS), tick
            container.mux(stream.encode(image))
            add_sound(time)

        yield add
        container.mux(stream.encode())
        add_sound(float('inf'))


def _sound(
    container: Any, source: Any, path: str | Path, start: float, seconds: float
) -> Iterator[tuple[float, Any]]:
    """Packets of the sound from a second of a video, and their seconds.

    They are those of the video, with new times; what MP4 does not hold is
    encoded as AAC. The first packet may begin before the start: a decoder
    needs it, and MP4 does not play what is before 0.
    """
    import av

    stamps = known_video(path)[1]
    assert stamps is not None
    pictures, audio = source.streams.video[0], source.streams.audio[0]
    origin = float(stamps[0] * pictures.time_base) + start
    if audio.codec_context.name.startswith(_COPIED):
        voice = container.add_stream_from_template(audio)
        packets, encoder = source.demux(audio), None
    else:
        voice = encoder = container.add_stream('aac', rate=48_000)
        packets = _encoded(source, audio, encoder)
    source.seek(int(max(origin - 1, 0) * av.time_base))
    for packet in packets:
        if packet.pts is None or packet.time_base is None:
            continue
        time = float(packet.pts * packet.time_base) - origin
        if time > seconds:
            return
        length = float((packet.duration or 0) * packet.time_base)
        if time >= -length:  # the first one is cut by the container
            shift = round(origin / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts
            packet.stream = voice
            yield time, packet


def _encoded(source: Any, audio: Any, encoder: Any) -> Iterator[Any]:
    """Packets of AAC at 48 kHz, with the times of the source."""
    import av

    resample = av.AudioResampler('fltp', 'stereo', 48_000)
    for frame in decoded(source, audio):
        if frame.pts is not None:
            for block in resample.resample(frame):
                yield from encoder.encode(block)
    yield from encoder.encode()


def trim_video(
    video: str | Path,
    path: str | Path,
    start: float,
    end: float,
    advance: Callable[[int, int], Any] | None = None,
) -> tuple[int, int, list[str]]:
    """Write a part of a video, with its sound.

    Its first frame is the one that is shown at ``start``. Frames last as
    long as in the video; they are encoded again, because a copy could only
    begin at a key frame. The sound is copied.

    Args:
        video: Video file.
        path: MP4 file to write.
        start: Second after the video's first frame.
        end: Second of the last frame.
        advance: Is told the progress: frames that are done, and all.

    Returns:
        Index of the first frame, that after the last one, and notes.

    Raises:
        ValueError: If there is no frame in between.
    """
    facts = video_facts(video)
    first = int(np.searchsorted(facts.times, start + 1e-6, 'right')) - 1
    first = max(first, 0)
    stop = int(np.searchsorted(facts.times, end + 1e-6, 'right'))
    if stop <= first or start > facts.duration:
        raise ValueError(
            f'{video} has no frame from {start:.3f} to {end:.3f} s; it lasts '
            f'{facts.duration:.3f} s.'
        )
    origin = facts.times[first]
    height, width = (side - side % 2 for side in facts.img_shape)
    length = facts.times[stop - 1] - origin + 1 / facts.rate
    sound = (video, float(origin), float(length))
    count = 0
    with writing_video(path, facts.rate, (width, height), sound, 18) as add:
        for index, image in read_frames(video, first):
            if index >= stop:
                break
            add(
                np.ascontiguousarray(image[:height, :width]),
                float(facts.times[index] - origin),
            )
            count += 1
            if advance is not None:
                advance(index + 1 - first, stop - first)
    name, notes = Path(video).name, []
    if count < stop - first:
        notes.append(
            f'{name}: {stop - first - count} damaged frames are missing in '
            f'{Path(path).name}.'
        )
    if facts.has_audio is None:
        notes.append('Without PyAV, the clip has no sound.')
    return first, stop, notes


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
