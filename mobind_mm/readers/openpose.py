"""Read what OpenPose writes: a folder with a JSON file per frame."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ..utils.errors import mistake
from .base import register_reader
from .detections import Detections, Instances
from .json_items import JSONItems
from .mmpose import MAX_PEOPLE
from .people import PoseReader, Video
from .pose_json import Frames, people_of, points_of

_NAME = re.compile(r'(.*?)_?(\d+)_keypoints\.json')
_SUFFIX = '_keypoints.json'
_ENTRIES = 10_000
"""Entries of a folder that are looked at to recognise it."""


@register_reader
class OpenPoseReader(PoseReader):
    """Reads a folder of OpenPose, or one of its files with its neighbours.

    The numbers in the names of the files are the frames; one that is
    missing is a frame without people.
    """

    name = 'openpose'
    title = 'OpenPose'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether a folder holds files of OpenPose."""
        try:
            with os.scandir(path) as entries:
                return any(
                    entry.name.endswith(_SUFFIX)
                    for entry in islice(entries, _ENTRIES)
                )
        except OSError:
            return False

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in all files."""
        files, padded = _frame_files(self.source)
        frames = Frames(self.source, from_one=False if padded else None)
        instances = Instances(points_of)
        for number, path in files.items():
            frame = frames.number(number)
            people = _people(path)
            for index, person in enumerate(people):
                where = f'{path}: person {index}'
                instances.add(frame, person, where)
        if instances.num_keypoints is None and not video.layout:
            what = f'nobody is seen in any of {len(files)} frames'
            raise mistake(self.source, what, 'Run OpenPose again')
        detections = frames.detections(instances, video)
        absent = detections.num_frames - len(files)
        if absent:
            note = (
                f'{self.source}: {absent} of {detections.num_frames} frames '
                'have no file and are taken to show nobody'
            )
            detections = replace(detections, notes=(*detections.notes, note))
        return detections, Video()


def _frame_files(folder: Path) -> tuple[dict[int, Path], bool]:
    """Files by number of the frame, and whether they are of a video.

    OpenPose names those of a video by 12 digits, from 0; those of images
    are named after the image.
    """
    if not folder.is_dir():
        raise mistake(folder, 'does not exist', kind=FileNotFoundError)
    videos: dict[str, dict[int, Path]] = {}
    padded = True
    for path in sorted(folder.iterdir()):
        if not path.name.endswith(_SUFFIX):
            continue
        match = _NAME.fullmatch(path.name)
        if match is None or len(match[2]) > 15:
            raise mistake(
                path,
                'has no number of a frame in its name',
                'Name the files like video_000000000012_keypoints.json',
            )
        padded &= len(match[2]) == 12
        files = videos.setdefault(match[1], {})
        if int(match[2]) in files:
            what = f'frame {int(match[2])} is there twice'
            raise mistake(path, what, 'Keep one of the files')
        files[int(match[2])] = path
    if len(videos) != 1:
        listed = ', '.join(f'{n!r} ({len(f)})' for n, f in videos.items())
        raise mistake(
            folder,
            f'holds the frames of {len(videos)} videos: {listed[:200]}',
            'Give each a folder of its own',
        )
    return next(iter(videos.values())), padded


def _people(path: Path) -> list:
    """People of a frame who have points."""
    people = list(islice(people_of(list(JSONItems(path, 'people'))), 301))
    if len(people) > MAX_PEOPLE:
        what = f'more than {MAX_PEOPLE} people'
        raise mistake(path, what, 'Run OpenPose again')
    return people
