"""Video of a skeleton beside what sensors and video measure of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt

from ..recordings import PoseStream, Recording
from ..synchronization.clips import cut_clip
from ..synchronization.clock import Track
from ..synchronization.evidence import limb_pairs
from ..synchronization.signals import RATE
from ..utils.files import replacing
from ..utils.video import open_video, require_cv2
from ..utils.video_writing import writing_video
from .figures import GREY, INK, LIMB, SENSOR
from .skeleton import coloured_bones, neck_indices, worn_at

HEIGHT = 480
TRACES_WIDTH = 640
_MOST = 5
"""Most sensors whose traces are shown."""
_SHOWN_SEC = 3.0
"""Seconds before and after the cursor that a trace shows."""
_SMOOTH_HZ = 3.0
_PAPER = (255, 255, 255)
_ANIMATIONS = ('.webp', '.gif')
_ANIMATED_HZ = 10
_ANIMATED_WIDTH = 640


def write_preview(
    streams: Recording,
    path: str | Path,
    video: str | Path | None = None,
    start: float | None = None,
    seconds: float = 20.0,
    answer: Mapping[str, Any] | None = None,
    track: Track | None = None,
) -> int:
    """Write a side-by-side video that shows whether the clocks agree.

    On the left is the skeleton, over the frames of ``video`` if there is
    one; on the right, for each sensor, how strongly the sensor is
    accelerated and how strongly its limb is in the video, with a cursor at
    the current frame. Each frame lasts as long as in the video, and the
    video's sound goes along, if PyAV is installed. Colours mean what they
    mean in every picture: see ``figures``.

    Args:
        streams: Sensors and skeleton on one clock, that of the video.
        path: MP4 file to write; or a small animation for a web page,
            ``.webp`` or ``.gif``, with ten frames per second.
        video: The video that the skeleton was found in.
        start: Second of the video at which to begin; None: its start.
        seconds: Length of the preview.
        answer: What ``MoBindInferencer.synchronize`` returns, to show the
            offset at each frame; ``offset_s`` and ``confidence`` suffice.
        track: Shows the progress of an iteration; takes its description.

    Returns:
        Number of frames.

    Raises:
        ImportError: If OpenCV is not installed.
        ValueError: If there is nothing to show there.
    """
    pose = streams.pose
    if pose is None:
        raise ValueError('A preview shows a skeleton, but there is none.')
    first, last = pose.clock.span
    start = first if start is None else start
    seconds = min(seconds, last - start + 0.5 / pose.clock.mean_rate)
    if seconds <= 0 or start < first - 1:
        raise ValueError(
            f'The preview cannot begin at {start:.1f} s: the skeleton lasts '
            f'from {first:.1f} to {last:.1f} s.'
        )
    part = pose.clock.between(start, start + seconds)
    times = pose.clock.at(part)
    traces = _Traces(streams, start, seconds, answer)
    keypoints = np.asarray(pose.keypoints[part], np.float64)
    seen = np.asarray(pose.scores[part]) > 0
    rate = pose.clock.mean_rate
    opened = nullcontext() if video is None else open_video(video)
    with opened as source:
        small = Path(path).suffix in _ANIMATIONS
        whole = source is not None
        # Frames may have been given other times than the file says.
        count = 0 if source is None else len(source.facts.times)
        alike = count == pose.clock.num_samples
        view = _View(pose, keypoints, seen, whole, small, traces.names)
        size = (view.width + TRACES_WIDTH, HEIGHT)
        sound = None if video is None else (video, times[0] - first, seconds)
        rows, writing = list(range(len(times))), None
        if small:
            rows = rows[:: max(round(rate / _ANIMATED_HZ), 1)]
            writing = _animating(path)
        with writing or writing_video(path, rate, size, sound) as add:
            for row in track(rows, 'Preview') if track else rows:
                time = times[row]
                image = None
                if source is not None and alike:
                    image = source.frame(part.start + row)
                elif source is not None:
                    image = source.frame_at(time - first)
                left = view.draw(image, keypoints[row], seen[row], time)
                frame = np.hstack([left, traces.draw(time)])
                add(frame, time - times[0])
    return len(rows)


class _View:
    """The panel of the skeleton.

    Args:
        pose: The skeleton.
        keypoints: (T, K, 2) pixels that will be shown.
        seen: (T, K) boolean.
        whole: Whether to show the whole image, or where the person is.
        narrow: Whether to leave out sides of the image without the person.
        sensors: Placements to mark.
    """

    def __init__(
        self,
        pose: PoseStream,
        keypoints: np.ndarray,
        seen: np.ndarray,
        whole: bool,
        narrow: bool,
        sensors: Iterable[str],
    ) -> None:
        self.cv2 = require_cv2()
        self.bones = coloured_bones(pose.layout)
        self.necks = neck_indices(pose.layout)
        self.layout, self.sensors = pose.layout, tuple(sensors)
        height, width = pose.img_shape
        low, high = np.zeros(2), np.array([width, height], float)
        if not whole and seen.any():
            points = keypoints[seen]
            low, high = np.percentile(points, (0.2, 99.8), axis=0)
            middle = (low + high) / 2
            reach = 0.62 * (high - low).max()
            low, high = middle - reach, middle + reach
        elif narrow and seen.any():
            across = np.percentile(keypoints[seen][:, 0], (0.2, 99.8))
            low[0], high[0] = np.clip(
                across + np.multiply(0.2 * height, (-1, 1)), 0, width
            )
        self.shown = low[0] / width, high[0] / width
        self.low = low
        self.scale = HEIGHT / (high[1] - low[1])
        width = round((high[0] - low[0]) * self.scale)
        self.width = width + width % 2

    def draw(
        self,
        image: np.ndarray | None,
        keypoints: np.ndarray,
        seen: np.ndarray,
        time: float,
    ) -> np.ndarray:
        """One frame (HEIGHT, width, 3) uint8 BGR."""
        cv2 = self.cv2
        if image is None:
            panel = np.full((HEIGHT, self.width, 3), 245, np.uint8)
        else:
            left, right = (round(x * image.shape[1]) for x in self.shown)
            panel = cv2.resize(image[:, left:right], (self.width, HEIGHT))
        points = np.round((keypoints - self.low) * self.scale).astype(int)
        for a, b, side in self.bones:
            if seen[a] and seen[b]:
                _line(cv2, panel, points[[a, b]], side, 3)
        for a, b, c in self.necks:
            if seen[[a, b, c]].all():
                middle = points[[a, b]].mean(axis=0)
                _line(cv2, panel, [middle, points[c]], GREY, 3)
        for point in points[seen]:
            cv2.circle(panel, tuple(point), 3, _PAPER, -1, cv2.LINE_AA)
        for name in self.sensors:
            place = worn_at(self.layout, name, points, seen)
            if place is not None:
                x, y = place.round().astype(int)
                low, high = (x - 6, y - 6), (x + 6, y + 6)
                cv2.rectangle(panel, low, high, _bgr(SENSOR), -1)
                cv2.rectangle(panel, low, high, _bgr(INK), 1)
        _text(cv2, panel, f'video {time:.3f} s', (10, HEIGHT - 12), INK, 0.5)
        return panel


class _Traces:
    """The panel of the traces.

    Raises:
        ValueError: If no sensor and limb can be compared there.
    """

    def __init__(
        self,
        streams: Recording,
        start: float,
        seconds: float,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        self.cv2 = require_cv2()
        self.origin = start - _SHOWN_SEC
        pairs = _limb_motion(streams, self.origin, seconds + 2 * _SHOWN_SEC)
        self.traces = {
            name: [(*imu, SENSOR), (*limb, LIMB)]
            for name, (imu, limb) in list(pairs.items())[:_MOST]
        }
        if not self.traces:
            raise ValueError(
                f'No sensor can be compared with its limb from {start:.1f} '
                f'to {start + seconds:.1f} s of the video.'
            )
        self.names = list(self.traces)
        self.answer = answer

    def draw(self, time: float) -> np.ndarray:
        """One frame (HEIGHT, TRACES_WIDTH, 3) uint8 BGR."""
        cv2, top = self.cv2, 68
        panel = np.full((HEIGHT, TRACES_WIDTH, 3), 255, np.uint8)
        clocks: Mapping[str, Any] = {}
        if self.answer is not None:
            shared = _offset(self.answer, time)
            clocks = self.answer.get('sensor_clocks', clocks)
            said = f'sensor time = video time {shared}'
            said += f'    confidence {self.answer["confidence"]:.2f}'
            _text(cv2, panel, said, (16, 24), INK, 0.5)
        left = 16
        for words, colour in (
            ('acceleration of the ', GREY),
            ('sensor', SENSOR),
            (' and of the ', GREY),
            ('limb in the video', LIMB),
        ):
            left += _text(cv2, panel, words, (left, 50), colour, 0.45)
        height = (HEIGHT - top - 26) / len(self.traces)
        middle = round((time - self.origin) * RATE)
        reach = round(_SHOWN_SEC * RATE)
        for row, (name, curves) in enumerate(self.traces.items()):
            base = top + (row + 1) * height - 6
            _line(cv2, panel, [(16, base), (TRACES_WIDTH - 16, base)], GREY, 1)
            for values, _, colour in curves:
                index = np.arange(middle - reach, middle + reach + 1)
                inside = (index >= 0) & (index < len(values))
                shown = np.full(len(index), np.nan)
                shown[inside] = values[index[inside]]
                x = 16 + np.linspace(0, TRACES_WIDTH - 32, len(index))
                y = base - np.clip(shown, 0, 1.05) * (height - 34)
                _curve(cv2, panel, np.stack([x, y], axis=1), colour)
            where = (16, round(base - height + 18))
            _text(cv2, panel, name.replace('_', ' '), where, INK, 0.42, True)
            own_clock = clocks.get(name)
            if own_clock is not None and _offset(own_clock, time) != shared:
                below = (where[0], where[1] + 16)
                own_text = f'its clock {_offset(own_clock, time)}'
                _text(cv2, panel, own_text, below, GREY, 0.38, True)
            places = (150, TRACES_WIDTH // 2 + 12)  # beside the cursor
            for (_, most, colour), left in zip(curves, places):
                unit = 'px' if colour == LIMB else 'm'
                peak = f'peak {most:.0f} {unit}/s^2'
                beside = (left, where[1])
                _text(cv2, panel, peak, beside, colour, 0.38, True)
        centre = TRACES_WIDTH // 2
        cursor = [(centre, top - 6), (centre, HEIGHT - 24)]
        _line(cv2, panel, cursor, INK, 1)
        for second in range(-3, 4):
            at = round(centre + second * (TRACES_WIDTH - 32) / 2 / _SHOWN_SEC)
            label = f'{second:+d} s' if second else 'now'
            _text(cv2, panel, label, (at - 12, HEIGHT - 8), GREY, 0.38)
        return panel


def motion_traces(
    streams: Recording, start: float, seconds: float
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """How strongly sensors and their limbs are accelerated, by placement.

    Two arrays (T,) at :data:`~mobind_mm.synchronization.signals.RATE`, of each
    sensor that can be compared and of its limb: 1 where it is large, NaN in
    gaps.
    """
    pairs = _limb_motion(streams, start, seconds)
    return {name: (imu[0], limb[0]) for name, (imu, limb) in pairs.items()}


_Size = tuple[np.ndarray, float]


def _limb_motion(
    streams: Recording, start: float, seconds: float
) -> dict[str, tuple[_Size, _Size]]:
    """The same, each with what 1 stands for."""
    around = cut_clip(streams, start, seconds, 0.0)
    return {
        name: (_size(imu.acc, imu.mask), _size(limb.acc, limb.mask))
        for name, (imu, limb) in limb_pairs(around).items()
    }


def _offset(answer: Mapping[str, Any], time: float) -> str:
    """What is added to a time of the video, which drift and jumps change."""
    offset = answer['offset_s']
    if 'clock' in answer:
        clock = answer['clock']
        offset = np.interp(time, clock['video_s'], clock['offset_s'])
    return f'{offset:+.3f} s'


@contextmanager
def _animating(path: str | Path) -> Iterator[Callable[..., None]]:
    """Collect frames, and write them as an animation without end."""
    from PIL import Image

    frames: list[Any] = []

    def add(frame: np.ndarray, time: float) -> None:
        image = Image.fromarray(np.ascontiguousarray(frame[..., ::-1]))
        image.thumbnail((_ANIMATED_WIDTH, HEIGHT))
        frames.append(image)

    yield add
    with replacing(path) as temporary:
        frames[0].save(
            temporary,
            format=Path(path).suffix[1:].upper(),
            save_all=True,
            append_images=frames[1:],
            duration=round(1000 / _ANIMATED_HZ),
            loop=0,
            quality=40,
            minimize_size=True,
        )


def _size(acc: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, float]:
    """Magnitude (T,) of an acceleration, 1 where it is large, NaN in gaps.

    The other value is what 1 stands for.
    """
    sos = butter(2, _SMOOTH_HZ, fs=RATE, output='sos')
    padding = min(30, acc.shape[1] - 1)
    size = np.linalg.norm(sosfiltfilt(sos, acc, padlen=padding), axis=0)
    known = size[mask > 0]
    top = max(np.percentile(known, 99) if known.size else 1.0, 1e-9)
    return np.where(mask > 0, size / top, np.nan), float(top)


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red


def _line(
    cv2: Any, panel: np.ndarray, points: Any, colour: str, width: int
) -> None:
    path = np.round(points).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(panel, [path], False, _bgr(colour), width, cv2.LINE_AA)


def _curve(
    cv2: Any, panel: np.ndarray, points: np.ndarray, colour: str
) -> None:
    """Lines through points (n, 2), broken where they are NaN."""
    known = np.isfinite(points[:, 1])
    borders = np.flatnonzero(np.diff(known)) + 1
    for run in np.split(np.arange(len(points)), borders):
        if known[run[0]] and len(run) > 1:
            _line(cv2, panel, points[run], colour, 2)


def _text(
    cv2: Any,
    panel: np.ndarray,
    text: str,
    at: tuple[int, int],
    colour: str,
    scale: float,
    halo: bool = False,
) -> int:
    """Write, and give the width in pixels."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), low = cv2.getTextSize(text, font, scale, 1)
    if halo:
        corner = (at[0] - 2, at[1] - height - 2)
        opposite = (at[0] + width, at[1] + low)
        cv2.rectangle(panel, corner, opposite, _PAPER, -1)
    cv2.putText(panel, text, at, font, scale, _bgr(colour), 1, cv2.LINE_AA)
    return int(width)
