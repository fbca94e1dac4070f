"""The video that skeletons come from, and where they are in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

import numpy as np

from ..recordings import Clock
from ..utils.errors import mistake
from .detections import Detections
from .frame_times import check_frame_times

_FRACTION = 2.0
"""Coordinates whose 95th percentile is below are shares of the image."""
FRACTION_NOTE = (
    'coordinates are shares of the image and are taken times its size'
)
_BEYOND, _OUTSIDE, _SQUARE = 0.05, 1.2, 1.1
"""Share of the points that lie outside the image if shares are of one side,
and beyond what, as whoever leaves it does not; ratio of the sides below which
that makes no difference."""
_CORNER = 0.36
"""Share of the image in whose upper left nobody is all the time."""
_FEW = 3
"""Steps between frames that show none."""
_OTHER_RATE = 0.01
"""Relative difference of rates that is noted."""
_SPARE = 2
"""Frames by which a video and the poses in it may differ: decoders do."""


@dataclass(frozen=True)
class Video:
    """What is known of the video that skeletons come from.

    Args:
        rate: Frames per second; None takes them from the file.
        img_shape: (height, width) in pixels; None likewise.
        layout: Skeleton layout; None likewise.
        start: Time of the first frame in seconds.
        max_gap_sec: Seconds without a person after which whoever appears is
            somebody else; None for 1 s, but a minute if two people are never
            seen at once.
        first_frame: ``frame_id`` of the first frame; None infers it.
        times: (T,) presentation times of the frames in seconds, strictly
            increasing, instead of ``rate``.
        num_frames: Frames of the video; None ends it with the file.
        clip: What the video file itself says, for what is still unknown.

    >>> Video(start=2.0).completed(rate=30.0, img_shape=(1080, 1920)).rate
    30.0
    """

    rate: float | None = None
    img_shape: tuple[int, int] | None = None
    layout: str | None = None
    start: float = 0.0
    max_gap_sec: float | None = None
    first_frame: int | None = None
    times: np.ndarray | None = None
    num_frames: int | None = None
    clip: Video | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Video:
        """The video that options of a reader describe; others are ignored."""
        names = {field.name for field in fields(cls)}
        known = {
            name: value
            for name, value in options.items()
            if name in names and value is not None
        }
        if 'img_shape' in known:
            known['img_shape'] = tuple(known['img_shape'])
        return cls(**known)

    def known(self) -> dict[str, Any]:
        """What is known, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: value for k, value in values.items() if value is not None}

    def plain_facts(self) -> dict[str, Any]:
        """Rate and size as far as anything says them, else None."""
        clip = self.clip or Video()
        rate = self.rate
        if rate is None and self.times is not None and len(self.times) > 1:
            rate = float(1 / np.median(np.diff(self.times)))
        shape = self.img_shape or clip.img_shape
        return {
            'rate': clip.rate if rate is None else rate,
            'img_shape': None if shape is None else list(shape),
        }

    def completed(self, **facts: Any) -> Video:
        """Fill in what is still unknown; what is known stays."""
        unknown = {k: v for k, v in facts.items() if getattr(self, k) is None}
        return replace(self, **unknown)

    def with_file(self, written: Video) -> Video:
        """Fill in what a file of skeletons, and the video, say.

        Times go before rates, which may be nominal; what the file says goes
        before what the video says, except the size. A start of the file is
        added.
        """
        clip, result = self.clip or Video(), self
        if self.rate is None and self.times is None:
            times = written.times if written.times is not None else clip.times
            rate = clip.rate if written.rate is None else written.rate
            if rate and clip.rate and abs(clip.rate / rate - 1) < _OTHER_RATE:
                rate = clip.rate  # that of the file may be rounded
            result = replace(result, times=times)
            if times is None:
                result = replace(result, rate=rate)
        return result.completed(
            img_shape=clip.img_shape or written.img_shape,
            layout=written.layout,
        ).delayed(written.start)

    def delayed(self, seconds: float) -> Video:
        """The video, beginning so many seconds later."""
        return replace(self, start=self.start + seconds)

    def facts(self, source: object) -> tuple[float, tuple[int, int]]:
        """Frames per second and (height, width), which must be known.

        Raises:
            ValueError: If one is unknown, or anything else about the video
                cannot be; names the source.
        """
        rate = self.rate
        if self.times is not None:
            if rate is not None:
                what = 'both a rate and the times of the frames are given'
                raise mistake(source, what, 'Give one of them')
            times = check_frame_times(self.times, f'{source}: times')
            rate = (
                float(1 / np.median(np.diff(times))) if len(times) > 1 else 1.0
            )
        if rate is None or self.img_shape is None:
            flags = {}
            if rate is None:
                flags['frames per second (rate)'] = '--fps, --frame-times'
            if self.img_shape is None:
                flags['height and width (img_shape)'] = (
                    '--img-shape HEIGHT WIDTH'
                )
            raise ValueError(
                f'{source} does not give the {" and the ".join(flags)} of '
                f'its video; give them ({", ".join(flags.values())}), or the '
                'video (--video).'
            )
        for name, value, least, most in (
            ('rate', rate, 1e-3, 1e5),
            ('start', self.start, -math.inf, math.inf),
            ('max_gap_sec', self.max_gap_sec or 0.0, 0.0, math.inf),
            *(('img_shape', length, 1, 1e6) for length in self.img_shape),
        ):
            number = isinstance(value, Real)
            if not number or not math.isfinite(value) or value < least:
                raise ValueError(
                    f'{source}: {name} is {value}, expected a number >= '
                    f'{least}.'
                )
            if value > most:
                raise ValueError(
                    f'{source}: {name} is {value}, expected a number <= '
                    f'{most:g}.'
                )
        if len(self.img_shape) != 2:
            raise ValueError(
                f'{source}: img_shape is {list(self.img_shape)}, expected '
                '[height, width] of the video in pixels.'
            )
        height, width = self.img_shape
        return rate, (height, width)

    def clock(self, num_frames: int) -> Clock:
        """Clock of the frames."""
        if self.times is None:
            return Clock(num_frames, rate=self.rate, start=self.start)
        times = np.asarray(self.times, np.float64) + self.start
        return Clock(num_frames, times=times)


def rates_apart(
    source: object, used: float | None, others: Mapping[str, float | None]
) -> list[str]:
    """Notes of frames per second that are not those used, by who has them."""
    return [
        f'{source}: {used:g} frames per second are used, but {name} has '
        f'{rate:g}'
        for name, rate in others.items()
        if used and rate and abs(rate / used - 1) > _OTHER_RATE
    ]


def on_video(
    detections: Detections, video: Video, lists_all: bool = True
) -> tuple[Detections, Video]:
    """Bring detections to the pixels and the frames of their video.

    ``detections`` are in pixels, or in shares of the image; with ``lists_all``
    the file has an entry for every frame.

    Raises:
        ValueError: If a fact is unknown, or what is known contradicts.
    """
    source = detections.source
    _, img_shape = video.facts(source)
    detections = _in_pixels(detections, img_shape)
    frames, notes = detections.num_frames, list(detections.notes)
    steps = np.diff(np.unique(detections.frames))
    stride = int(np.gcd.reduce(steps)) if len(steps) > _FEW else 1
    if stride > 1:
        notes.append(
            f'{source}: frames are numbered in steps of {stride}, and those '
            'between are taken to show nobody. If the video has no others, '
            f'give {stride} times its frame rate (--fps)'
        )
    notes += _other_frames(video, frames, source)
    if video.num_frames is not None:
        if video.num_frames < frames:
            raise ValueError(
                f'{source}: {frames} frames, but the video has '
                f'{video.num_frames}; use the predictions on this video.'
            )
        frames = video.num_frames
    if video.times is not None:
        video, frames, note = _matched(video, frames, source, lists_all)
        notes += [note] if note else []
    detections = replace(detections, num_frames=frames, notes=tuple(notes))
    return detections.without_whole_image(img_shape), video


def _other_frames(video: Video, frames: int, source: object) -> list[str]:
    """Note of a file with frames that cannot be those of the video."""
    clip, rate = video.clip or Video(), video.rate
    if not clip.num_frames or not clip.rate or not frames:
        return []
    if rate is not None and abs(rate / clip.rate - 1) > _OTHER_RATE:
        return []
    length, step = clip.num_frames, round(clip.num_frames / frames)
    said = f'{source}: {frames} frames, but the video has {length}'
    if step > 1 and abs(length - step * frames) <= step + _SPARE:
        return [
            f'{said}, {step} times as many: if one in {step} was used, give '
            f'their rate or times (--fps {clip.rate / step:g}, --frame-times)'
        ]
    if frames > length + _SPARE and clip.times is None:
        return [f'{said}: give the predictions on this video']
    return []


def _in_pixels(
    detections: Detections, img_shape: tuple[int, int]
) -> Detections:
    """Detections in pixels, of which most lie in the image."""
    seen = detections.keypoints[detections.scores > 0]
    if are_shares(seen):
        size = np.array(img_shape[::-1], np.float32)
        if (seen < -0.1).any(axis=1).mean() > 0.05:
            raise mistake(
                detections.source,
                'coordinates are from -1 to 1, not pixels',
                'Write pixels (OpenPose: --keypoint_scale 0)',
            )
        inside = detections.layout != 'mediapipe33'  # which guesses beyond
        size, note = shares_of(seen, size, inside)
        scaled = replace(
            detections,
            keypoints=detections.keypoints * size,
            boxes=detections.boxes * np.tile(size, 2),
        )
        return scaled.noted(f'{detections.source}: {note}')
    if not len(seen):
        return detections
    outside = ((seen < 0) | (seen > img_shape[::-1])).any(axis=1).mean()
    above = (seen[:, 1] < 0).mean()
    if outside > 0.5:
        raise ValueError(
            f'{detections.source}: {outside:.0%} of the keypoints lie outside '
            f'img_shape {list(img_shape)}; '
            + (
                'their y is below 0, so it seems to point upwards, or from '
                'the middle. Pixels count from the upper left corner, down.'
                if above > 0.4
                else 'it is [height, width] of the video in pixels.'
            )
        )
    right, low = np.quantile(seen, 0.999, axis=0) / img_shape[::-1]
    if max(right, low) >= _CORNER:
        return detections
    return detections.noted(
        f'{detections.source}: all points lie in the upper left of the image, '
        f'within {right:.0%} of its width and {low:.0%} of its height; if '
        'they are pixels of a smaller image, or of a part of it, give the '
        'size of that (--img-shape)'
    )


def shares_of(
    shares: np.ndarray, size: np.ndarray, inside: bool = True
) -> tuple[np.ndarray, str]:
    """What shares (M, 2) are of, in pixels (x, y), and a note.

    Some scripts divide both coordinates by one side. Shares of the shorter
    one exceed 1 along the longer, if all points are ``inside`` the image;
    those of the longer one may be others.
    """
    long, short = int(np.argmax(size)), int(np.argmin(size))
    axis, side = 'xy'[long], ('width', 'height')
    ratio = float(size[long] / size[short])
    if (
        inside
        and (shares[:, long] > _OUTSIDE).mean() > _BEYOND
        and (
            np.quantile(shares, 0.99, axis=0)[[short, long]] < [1, ratio]
        ).all()
    ):
        note = f'{axis} exceeds 1, so coordinates are taken for shares of the '
        return np.repeat(size[short], 2), f'{note}{side[short]} alone'
    highest = float(shares[:, short].max())
    if ratio < _SQUARE or highest > 1 / ratio:
        return size, FRACTION_NOTE
    return size, (
        f'{FRACTION_NOTE}; no {"xy"[short]} exceeds {highest:.2f}: if both '
        f'were divided by the {side[long]}, multiply {"xy"[short]} by '
        f'{ratio:.3g} first'
    )


def are_shares(points: np.ndarray) -> bool:
    """Whether coordinates (M, 2) are shares of the image, not pixels."""
    return bool(len(points) and np.quantile(np.abs(points), 0.95) < _FRACTION)


def _matched(
    video: Video, frames: int, source: object, lists_all: bool
) -> tuple[Video, int, str]:
    """The video with one time per frame, the frames, and a note."""
    times = np.asarray(video.times)
    clip = video.clip.times if video.clip else None
    of_clip = clip is not None and len(clip) == len(times)
    more = len(times) - frames
    if not more:
        return video, frames, ''
    if more > 0 and not lists_all:
        return video, len(times), ''
    if of_clip and more >= -_SPARE:
        note = f'{source}: {frames} frames, but the video has {len(times)}; '
        if more > 0:
            note += 'nobody is seen in those after the last'
            return video, len(times), note
        step = np.median(np.diff(times))
        further = times[-1] + step * np.arange(1, 1 - more)
        note += 'those after its end are taken to follow at its rate'
        return replace(video, times=np.r_[times, further]), frames, note
    raise mistake(
        source,
        f'{frames} frames, but {len(times)} times of frames are given',
        'Give one time per frame of the same video',
    )
