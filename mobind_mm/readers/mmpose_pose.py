"""From MMPose's predictions on a video to the skeletons of people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..recordings import Clock, PoseStream
from .detections import Detections
from .mmpose_json import read_mmpose_json
from .tracking import Track, follow_person, track_people


def read_mmpose_person(
    path: str | Path,
    *,
    rate: float,
    img_shape: tuple[int, int],
    person: str | int = 'longest',
    layout: str | None = None,
    start: float = 0.0,
    max_gap_sec: float = 1.0,
    first_frame: int | None = None,
    num_frames: int | None = None,
) -> PoseStream:
    """Read one person.

    Args:
        path: JSON file; see :func:`read_mmpose_json`.
        rate: Frames per second of the video.
        img_shape: (height, width) of the video in pixels.
        person: ``longest``, ``largest`` or an id; see
            :func:`choose_person`.
        layout: Skeleton layout; None takes it from the file.
        start: Time of the first frame in seconds.
        max_gap_sec: Seconds without the person after which who comes is
            somebody else.
        first_frame: ``frame_id`` of the video's first frame; None finds
            out.
        num_frames: Frames of the video; None ends it with the last frame
            of the file.

    Returns:
        All frames of the video on a regular clock; keypoints and scores are
        0 where the person was not detected.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, contradicts the arguments, or
            has no such person; names the file.
    """
    _check_video(path, rate, img_shape, start, max_gap_sec)
    detections = _read(path, img_shape, layout, first_frame, num_frames)
    return one_person(
        *(detections, path, rate, img_shape, person, start, max_gap_sec)
    )


def one_person(
    detections: Detections,
    source: str | Path,
    rate: float,
    img_shape: tuple[int, int],
    person: str | int = 'longest',
    start: float = 0.0,
    max_gap_sec: float = 1.0,
) -> PoseStream:
    """Follow people through detections and choose one of them.

    Args:
        detections: What the pose estimator saw.
        source: Where they are from, for messages.
        rate: As of :func:`read_mmpose_person`, like the other arguments.
        img_shape: (height, width) of the video in pixels.
        person: ``longest``, ``largest`` or an id.
        start: Time of the first frame in seconds.
        max_gap_sec: Longest absence in seconds.

    Raises:
        ValueError: If the video cannot be so, or has no such person.
    """
    _check_video(source, rate, img_shape, start, max_gap_sec)
    max_gap = round(max_gap_sec * rate)
    track = follow_person(detections, person, max_gap, source)
    return _stream(detections, track, rate, start, img_shape)


def read_mmpose_people(
    path: str | Path,
    *,
    rate: float,
    img_shape: tuple[int, int],
    min_sec: float = 1.0,
    layout: str | None = None,
    start: float = 0.0,
    max_gap_sec: float = 1.0,
    first_frame: int | None = None,
    num_frames: int | None = None,
) -> dict[int, PoseStream]:
    """Read everybody.

    Args:
        path: As of :func:`read_mmpose_person`, like the other arguments.
        rate: Frames per second of the video.
        img_shape: (height, width) of the video in pixels.
        min_sec: Seconds for which somebody must be seen to be returned;
            what flashes up is mostly no person.
        layout: Skeleton layout; None takes it from the file.
        start: Time of the first frame in seconds.
        max_gap_sec: Longest absence in seconds.
        first_frame: ``frame_id`` of the video's first frame.
        num_frames: Frames of the video.

    Returns:
        Id to skeleton on the clock of the video.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or contradicts the arguments.
    """
    _check_video(path, rate, img_shape, start, max_gap_sec)
    detections = _read(path, img_shape, layout, first_frame, num_frames)
    return all_people(
        *(detections, path, rate, img_shape, min_sec, start, max_gap_sec)
    )


def all_people(
    detections: Detections,
    source: str | Path,
    rate: float,
    img_shape: tuple[int, int],
    min_sec: float = 1.0,
    start: float = 0.0,
    max_gap_sec: float = 1.0,
) -> dict[int, PoseStream]:
    """Follow people through detections.

    Args:
        detections: What the pose estimator saw.
        source: Where they are from, for messages.
        rate: As of :func:`read_mmpose_people`, like the other arguments.
        img_shape: (height, width) of the video in pixels.
        min_sec: Seconds for which somebody must be seen to be returned.
        start: Time of the first frame in seconds.
        max_gap_sec: Longest absence in seconds.

    Raises:
        ValueError: If the video cannot be so.
    """
    _check_video(source, rate, img_shape, start, max_gap_sec)
    return {
        track.id: _stream(detections, track, rate, start, img_shape)
        for track in track_people(detections, round(max_gap_sec * rate))
        if len(track.instances) >= min_sec * rate
    }


def _check_video(
    path: str | Path,
    rate: float,
    img_shape: Sequence[int],
    start: float,
    max_gap_sec: float,
) -> None:
    """Refuse what describes no video."""
    for name, value, least in (
        ('rate', rate, 1e-3),
        ('start', start, -math.inf),
        ('max_gap_sec', max_gap_sec, 0.0),
        *(('img_shape', length, 1) for length in img_shape),
    ):
        if not math.isfinite(value) or value < least:
            raise ValueError(
                f'{path}: {name} is {value}, expected a number >= {least}.'
            )
    if len(img_shape) != 2:
        raise ValueError(
            f'{path}: img_shape is {list(img_shape)}, expected [height, '
            'width] of the video in pixels.'
        )


def _read(
    path: str | Path,
    img_shape: tuple[int, int],
    layout: str | None,
    first_frame: int | None,
    num_frames: int | None,
) -> Detections:
    """Read the people of all frames, compared with what the video is."""
    found = read_mmpose_json(path, layout, first_frame)
    if num_frames is not None:
        if num_frames < found.num_frames:
            raise ValueError(
                f'{path}: {found.num_frames} frames, but the video has '
                f'{num_frames}; take the predictions of this video.'
            )
        found = replace(found, num_frames=num_frames)
    seen = found.keypoints[found.scores > 0]
    outside = ((seen < 0) | (seen > img_shape[::-1])).any(axis=1)
    if len(seen) and outside.mean() > 0.5:
        raise ValueError(
            f'{path}: {outside.mean():.0%} of the keypoints lie outside of '
            f'img_shape {list(img_shape)}; it is [height, width] of the '
            'video in pixels.'
        )
    return found.without_whole_image(img_shape)


def _stream(
    detections: Detections,
    track: Track,
    rate: float,
    start: float,
    img_shape: tuple[int, int],
) -> PoseStream:
    """Put a track on the clock of the video."""
    rows = track.instances
    frames = detections.frames[rows]
    shape = (detections.num_frames, detections.keypoints.shape[1])
    keypoints = np.zeros((*shape, 2), np.float32)
    scores = np.zeros(shape, np.float32)
    keypoints[frames] = detections.keypoints[rows]
    scores[frames] = detections.scores[rows]
    return PoseStream(
        Clock(detections.num_frames, rate=rate, start=start),
        keypoints,
        scores,
        detections.layout,
        tuple(img_shape),
    )
