"""From detections in the frames of a video to the skeletons of people."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import Clock, PoseStream
from .detections import Detections
from .tracking import Track, follow_person, track_people


@dataclass(frozen=True)
class Video:
    """What is known of the video that skeletons come from.

    Args:
        rate: Frames per second; None takes them from the file.
        img_shape: (height, width) in pixels; None likewise.
        layout: Skeleton layout; None likewise.
        start: Time of the first frame in seconds.
        max_gap_sec: Seconds without a person after which whoever appears is
            somebody else.
        first_frame: ``frame_id`` of the first frame; None infers it.

    >>> Video(start=2.0).completed(rate=30.0, img_shape=(1080, 1920)).rate
    30.0
    """

    rate: float | None = None
    img_shape: tuple[int, int] | None = None
    layout: str | None = None
    start: float = 0.0
    max_gap_sec: float = 1.0
    first_frame: int | None = None

    def completed(self, **facts: Any) -> Video:
        """Fill in what is still unknown; what is known stays."""
        unknown = {k: v for k, v in facts.items() if getattr(self, k) is None}
        return replace(self, **unknown)

    def facts(self, source: str | Path) -> tuple[float, tuple[int, int]]:
        """Frames per second and (height, width), which must be known.

        Raises:
            ValueError: If one is unknown, or anything else about the video
                cannot be; names the source.
        """
        if self.rate is None:
            raise _unknown(
                source, 'frames per second (rate)', '--fps or --video'
            )
        if self.img_shape is None:
            raise _unknown(
                source,
                'height and width (img_shape)',
                '--img-shape HEIGHT WIDTH or --video',
            )
        for name, value, least in (
            ('rate', self.rate, 1e-3),
            ('start', self.start, -math.inf),
            ('max_gap_sec', self.max_gap_sec, 0.0),
            *(('img_shape', length, 1) for length in self.img_shape),
        ):
            number = isinstance(value, Real)
            if not number or not math.isfinite(value) or value < least:
                raise ValueError(
                    f'{source}: {name} is {value}, expected a number >= '
                    f'{least}.'
                )
        if len(self.img_shape) != 2:
            raise ValueError(
                f'{source}: img_shape is {list(self.img_shape)}, expected '
                '[height, width] of the video in pixels.'
            )
        height, width = self.img_shape
        return self.rate, (height, width)


def _unknown(source: str | Path, what: str, flags: str) -> ValueError:
    return ValueError(
        f'{source} does not tell the {what} of its video; give them ({flags}).'
    )


def one_person(
    detections: Detections,
    source: str | Path,
    video: Video,
    person: str | int = 'longest',
) -> PoseStream:
    """Follow people through detections and choose one of them.

    Args:
        detections: What the pose estimator saw.
        source: Where they are from, for messages.
        video: What is known of the video.
        person: ``longest``, ``largest`` or an id; see
            :func:`.tracking.choose_person`.

    Returns:
        All frames of the video on a regular clock; keypoints and scores are
        0 where the person was not detected.

    Raises:
        ValueError: If the video cannot be so, or has no such person.

    >>> from mobind_mm.readers.mmpose import collect_results
    >>> person = {'keypoints': [[9, 9]] * 17, 'keypoint_scores': [0.9] * 17}
    >>> detections, _ = collect_results([[person], [], [person]])
    >>> video = Video(rate=30.0, img_shape=(1080, 1920))
    >>> pose = one_person(detections, 'walk.mp4', video, 'largest')
    >>> pose.keypoints.shape, (pose.scores[:, 0] > 0).tolist()
    ((3, 17, 2), [True, False, True])
    """
    rate, _ = video.facts(source)
    max_gap = round(video.max_gap_sec * rate)
    track = follow_person(detections, person, max_gap, source)
    return _stream(detections, track, video, source)


def all_people(
    detections: Detections,
    source: str | Path,
    video: Video,
    min_sec: float = 1.0,
) -> dict[int, PoseStream]:
    """Follow people through detections, by id.

    Whoever is seen for less than ``min_sec`` is left out: what flashes up is
    mostly not a person. See :func:`one_person` for the rest.
    """
    rate, _ = video.facts(source)
    return {
        track.id: _stream(detections, track, video, source)
        for track in track_people(detections, round(video.max_gap_sec * rate))
        if len(track.instances) >= min_sec * rate
    }


def _stream(
    detections: Detections, track: Track, video: Video, source: str | Path
) -> PoseStream:
    """Put a track on the clock of the video."""
    rate, img_shape = video.facts(source)
    rows = track.instances
    frames = detections.frames[rows]
    shape = (detections.num_frames, detections.keypoints.shape[1])
    keypoints = np.zeros((*shape, 2), np.float32)
    scores = np.zeros(shape, np.float32)
    keypoints[frames] = detections.keypoints[rows]
    scores[frames] = detections.scores[rows]
    return PoseStream(
        Clock(detections.num_frames, rate=rate, start=video.start),
        keypoints,
        scores,
        detections.layout,
        img_shape,
    )
