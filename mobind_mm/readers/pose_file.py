"""Skeletons of one video: a file, MMPose's results, or streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..recordings import PoseStream
from ..recordings.reading import read_pose
from .detections import Detections
from .mmpose_json import read_mmpose_video
from .mmpose_pose import all_people, one_person
from .mmpose_results import collect_results


@dataclass(frozen=True)
class Video:
    """What is known of the video that skeletons come from.

    Args:
        rate: Frames per second; None takes them from the file.
        img_shape: (height, width) in pixels; None likewise.
        layout: Skeleton layout; None likewise.
        start: Time of the first frame in seconds.
        max_gap_sec: Seconds without a person after which who comes is
            somebody else.
        first_frame: ``frame_id`` of the first frame; None finds out.
    """

    rate: float | None = None
    img_shape: tuple[int, int] | None = None
    layout: str | None = None
    start: float = 0.0
    max_gap_sec: float = 1.0
    first_frame: int | None = None


def read_video_facts(path: str | Path) -> Video:
    """Frames per second and size of a video file.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If OpenCV is not installed.
        ValueError: If it cannot be opened as a video.
    """
    from ..utils.video import open_video

    with open_video(path) as video:
        return Video(video.rate, video.img_shape)


def load_pose(
    source: Any, video: Video | None = None, person: str | int = 'longest'
) -> PoseStream:
    """One person's skeleton.

    Args:
        source: A ``.safetensors`` file of ours, MMPose's JSON, or what
            MMPose returns, see :mod:`.mmpose_results`.
        video: What is known of the video.
        person: ``longest``, ``largest`` or an id.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file or frame and the fix.
    """
    if _is_own(source):
        return read_pose(source)
    found, name, video = _detections(source, video or Video())
    return one_person(
        *(found, name, video.rate, video.img_shape),
        *(person, video.start, video.max_gap_sec),
    )


def load_people(
    source: Any, video: Video | None = None, min_sec: float = 1.0
) -> dict[str, PoseStream]:
    """Everybody in a video, by a name such as ``person 0``.

    Args:
        source: As of :func:`load_pose`.
        video: What is known of the video.
        min_sec: Seconds for which somebody must be seen to count.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file or frame and the fix.
    """
    if _is_own(source):
        return {Path(source).stem: read_pose(source)}
    found, name, video = _detections(source, video or Video())
    people = all_people(
        *(found, name, video.rate, video.img_shape),
        *(min_sec, video.start, video.max_gap_sec),
    )
    if not people:
        raise ValueError(f'{name}: nobody is seen for {min_sec} s.')
    return {f'person {number}': pose for number, pose in people.items()}


def _is_own(source: Any) -> bool:
    return (
        isinstance(source, (str, Path))
        and Path(source).suffix == '.safetensors'
    )


def _detections(source: Any, video: Video) -> tuple[Detections, str, Video]:
    """People of all frames, what to call the source, and its video."""
    facts: Mapping[str, Any] = {}
    if isinstance(source, (str, Path)):
        name = str(source)
        found, facts = read_mmpose_video(
            source, video.layout, video.first_frame
        )
        shape = (facts.get('height'), facts.get('width'))
        shape = shape if all(shape) else None
    else:
        name = 'MMPose results'
        found, shape = collect_results(source, video.layout)
    video = replace(
        video,
        rate=video.rate or facts.get('fps'),
        img_shape=video.img_shape or shape,
        layout=found.layout,
    )
    for value, what, flags in (
        (video.rate, 'frames per second (rate)', '--fps or --video'),
        (
            video.img_shape,
            'height and width (img_shape)',
            '--img-shape HEIGHT WIDTH or --video',
        ),
    ):
        if not value:
            raise ValueError(
                f'{name} does not tell the {what} of its video; give them '
                f'({flags}).'
            )
    return found.without_whole_image(video.img_shape), name, video
