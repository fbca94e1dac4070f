"""From detections in the frames of a video to the skeletons of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..recordings import PoseStream
from ..utils.errors import mistake
from .base import FileReader
from .detections import Detections
from .fillers import without_fillers
from .pose_video import Video, on_video, rates_apart
from .tracking import (
    Track,
    follow_person,
    numbered,
    tracks_with_note,
    who_returned,
    who_was_lost,
)

_MAX_GAP_SEC = 1.0
"""Seconds after which somebody else appears, in general."""


class PoseReader(FileReader):
    """Reads everybody whom a pose tool saw in a video.

    Derived classes set ``name`` and ``title``, and implement
    :meth:`recognizes` and :meth:`detect`. Options are the fields of
    :class:`Video` and ``min_sec``; others are left alone.

    Attributes:
        title: What users call the tool.
        lists_all: Whether the file has an entry for frames in which nobody
            was seen; if not, the video may be longer.
    """

    title: ClassVar[str] = ''
    lists_all: ClassVar[bool] = True

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in all frames, and what the file says of its video.

        Coordinates are pixels, or shares of the image if most are below 1.

        Args:
            video: What the user said of it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: Naming file, place and value.
        """
        raise NotImplementedError

    def detections(self) -> tuple[Detections, Video]:
        """Everybody in pixels, and the video with a rate and a size."""
        video = Video.of(self.options)
        if video.rate is not None and video.img_shape is not None:
            video.facts(self.source)  # before a long file is read
        detections, file_video = self.detect(video)
        detections = without_fillers(replace(detections, source=self.source))
        given = self.options.get('notes', ())
        used = file_video.rate if video.rate is None else video.rate
        clip = video.clip.rate if video.clip else None
        rates = {'the file': file_video.rate, 'the video': clip}
        apart = rates_apart(self.source, used, rates)
        notes = (*given, *detections.notes, *apart)
        detections = replace(detections, notes=notes)
        return on_video(
            detections, video.with_file(file_video), self.lists_all
        )

    def read_person(self, person: str | int = 'longest') -> PoseStream:
        """One person, followed through the video; see :func:`one_person`."""
        detections, video = self.detections()
        return one_person(detections, video, person)

    def read_people(self) -> Mapping[str, PoseStream]:
        """Everybody, by names such as ``person 0``; see :class:`Everybody`."""
        detections, video = self.detections()
        seconds = self.options.get('min_sec', 1.0)
        people = all_people(detections, video, seconds)
        if not people:
            raise ValueError(f'{self.source}: nobody is seen for {seconds} s.')
        return people.named()


def one_person(
    detections: Detections, video: Video, person: str | int = 'longest'
) -> PoseStream:
    """Follow people through detections and choose one of them.

    ``person`` is ``longest``, ``largest`` or an id; see
    :func:`.tracking.choose_person`. The stream has all frames of the
    video; keypoints and scores are 0 where the person was not detected.

    Raises:
        ValueError: If the video cannot be so, or has no such person.

    >>> from mobind_mm.readers.mmpose import collect_results
    >>> person = {'keypoints': [[9, 9]] * 17, 'keypoint_scores': [0.9] * 17}
    >>> detections, _ = collect_results([[person], [], [person]])
    >>> video = Video(rate=30.0, img_shape=(1080, 1920))
    >>> pose = one_person(detections, video, 'largest')
    >>> pose.keypoints.shape, (pose.scores[:, 0] > 0).tolist()
    ((3, 17, 2), [True, False, True])
    """
    detections, tracks, max_gap = _followed(detections, video)
    track = follow_person(detections, person, max_gap, tracks)
    return _stream(detections, track, video)


def _followed(
    detections: Detections, video: Video
) -> tuple[Detections, list[Track], int]:
    """Detections with notes on who is who, the people, and ``max_gap``."""
    rate, _ = video.facts(detections.source)
    given = video.max_gap_sec
    max_gap = round((_MAX_GAP_SEC if given is None else given) * rate)
    tracks, joined = tracks_with_note(detections, max_gap)
    returned = ''
    if given is None:
        tracks, returned = who_returned(tracks, detections, rate)
    if detections.ids is None:
        tracks = numbered(tracks, rate)
    lost = who_was_lost(tracks, detections, rate, max_gap)
    parts = filter(None, (joined, returned, lost))
    notes = (f'{detections.source}: {note}' for note in parts)
    return detections.noted(*notes), tracks, max_gap


class Everybody(Mapping[Any, PoseStream]):
    """The skeletons of people, each made when it is asked for.

    A skeleton has all frames of its video. Were hundreds who pass by in a
    long one made at once, they would take more memory than there is.
    """

    def __init__(
        self, detections: Detections, tracks: Mapping[Any, Track], video: Video
    ) -> None:
        self._detections, self._tracks, self._video = detections, tracks, video

    def named(self) -> Everybody:
        """The same by names such as ``person 0``."""
        tracks = {f'person {id}': t for id, t in self._tracks.items()}
        return Everybody(self._detections, tracks, self._video)

    def __getitem__(self, name: Any) -> PoseStream:
        return _stream(self._detections, self._tracks[name], self._video)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._tracks)

    def __len__(self) -> int:
        return len(self._tracks)

    def __contains__(self, name: object) -> bool:
        return name in self._tracks


def all_people(
    detections: Detections, video: Video, min_sec: float = 1.0
) -> Everybody:
    """Follow people through detections, by id.

    Whoever is seen for less than ``min_sec`` is left out: what flashes up is
    mostly not a person. See :func:`one_person` for the rest.
    """
    rate, _ = video.facts(detections.source)
    detections, everybody, _ = _followed(detections, video)
    tracks = {
        track.id: track
        for track in everybody
        if len(track.instances) >= min_sec * rate
    }
    return Everybody(detections, tracks, video)


def _stream(detections: Detections, track: Track, video: Video) -> PoseStream:
    """Put a track on the clock of the video."""
    _, img_shape = video.facts(detections.source)
    rows = track.instances
    frames = detections.frames[rows]
    shape = (detections.num_frames, detections.keypoints.shape[1])
    keypoints = np.zeros((*shape, 2), np.float32)
    scores = np.zeros(shape, np.float32)
    keypoints[frames] = detections.keypoints[rows]
    scores[frames] = detections.scores[rows]
    return PoseStream(
        video.clock(detections.num_frames),
        keypoints,
        scores,
        detections.layout,
        img_shape,
        detections.notes,
    )


def choose_stream(
    people: Mapping[Any, PoseStream], person: str | int, source: object
) -> PoseStream:
    """One of several people.

    ``person`` is ``longest`` (seen in most frames), ``largest`` (largest
    median height), or a number or name.

    Raises:
        ValueError: If there is no such person.
    """
    if not people:
        raise mistake(source, 'nobody is seen in it')
    for name in (person, str(person), f'person {person}'):
        if name in people:
            return people[name]
    if person == 'longest':
        return max(
            people.values(), key=lambda p: (p.scores[:] > 0).any(1).sum()
        )
    if person == 'largest':
        return max(people.values(), key=_height)
    names = [str(name).removeprefix('person ') for name in people]
    raise mistake(
        source,
        f'there is no person {person}; there are {", ".join(names)}',
        name=person,
        known=names,
    )


def _height(pose: PoseStream) -> float:
    """Median height in pixels over the frames with the person."""
    seen = pose.scores[:] > 0
    y, frames = pose.keypoints[:][..., 1], seen.any(axis=1)
    if not frames.any():
        return -1.0
    top = np.where(seen, y, np.inf)[frames].min(axis=1)
    return float(
        np.median(np.where(seen, y, -np.inf)[frames].max(axis=1) - top)
    )
