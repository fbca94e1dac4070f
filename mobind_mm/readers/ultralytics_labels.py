"""Read the label files of Ultralytics: a text file per frame."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..skeleton import LAYOUTS, get_layout
from ..utils.errors import mistake
from .base import register_reader
from .detections import Detections, Instances
from .mmpose import MAX_PEOPLE
from .peek import head
from .people import PoseReader, Video
from .pose_json import Frames

_NAME = re.compile(r'(.*?)_?(\d{1,15})\.txt')
_NUMBER = r'-?\d+(?:\.\d*)?(?:e[+-]?\d+)?'
_LINE = re.compile(rf'{_NUMBER}(?: {_NUMBER}){{38,}} ?', re.IGNORECASE)
_BOX = 5
"""Numbers before the keypoints: class, centre and size of the box."""
_LARGEST = 1 << 20
"""Bytes of a file of one frame."""


@register_reader
class UltralyticsLabelsReader(PoseReader):
    """Reads a folder that ``save_txt`` wrote, or one with it as ``labels``.

    A line is a person: ``class x y w h``, then x, y (and score) of each
    keypoint as shares of the image, then perhaps confidence and identity.
    Frames of a video count from 1; those without people have no file.
    """

    name = 'ultralytics_labels'
    title = 'Ultralytics'
    lists_all = False

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By a line of the first file."""
        return any(
            _LINE.fullmatch(head(file).split('\n', 1)[0])
            for file in islice(_files(path), 5)
        )

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in all files."""
        rows: list[tuple[int, Path, int, np.ndarray]] = []
        videos: dict[str, int] = defaultdict(int)
        for path in sorted(_files(self.source)):
            match = _NAME.fullmatch(path.name)
            if match is None:
                continue
            videos[match[1]] += 1
            lines = [line for line in _text(path).split('\n') if line.strip()]
            if len(lines) > MAX_PEOPLE:
                what = f'more than {MAX_PEOPLE} people'
                raise mistake(path, what, 'Run the tool again')
            rows += [
                (int(match[2]), path, number, _numbers(line, path, number))
                for number, line in enumerate(lines, 1)
            ]
        if len(videos) != 1:
            listed = ', '.join(f'{n!r} ({k})' for n, k in videos.items())
            raise mistake(
                self.source,
                f'holds the frames of {len(videos)} videos: {listed[:200]}',
                'Give each a folder of its own',
            )
        if not rows:
            raise mistake(self.source, 'nobody is seen in any frame')
        length = max(len(values) for *_, values in rows)
        k, width = _shape(length, video, self.source)
        extra = length - _BOX - k * width
        last = np.array([v[-1] for *_, v in rows if len(v) == length])
        has_id = extra == 2 or (extra == 1 and bool((last % 1 == 0).all()))
        frames, instances = Frames(self.source, from_one=True), Instances()
        for number, path, line, values in rows:
            without_id = len(values) == length - 1 and has_id
            if len(values) != length and not without_id:
                raise mistake(
                    path,
                    f'{len(values)} numbers, other rows have {length}',
                    'Keep one model in a folder',
                    row=line,
                )
            points = values[_BOX : _BOX + k * width].reshape(k, width)
            person: dict[str, Any] = {'keypoints': points.tolist()}
            if width == 2:
                person['keypoint_scores'] = [1.0] * k
            if has_id and not without_id:
                person['track_id'] = values[-1]
            where = f'{path}, row {line}'
            instances.add(frames.number(number), person, where)
        return frames.detections(instances, video), Video()


def _files(folder: Path) -> list[Path]:
    """Text files of a folder, or of ``labels`` in it."""
    for place in (folder, folder / 'labels'):
        try:
            with os.scandir(place) as entries:
                found = [
                    place / entry.name
                    for entry in entries
                    if _NAME.fullmatch(entry.name)
                ]
        except OSError:
            continue
        if found:
            return found
    return []


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST:
        raise mistake(path, 'is too large for one frame')
    try:
        return path.read_text('utf-8')
    except UnicodeDecodeError:
        raise mistake(path, 'is not text') from None


def _numbers(line: str, path: Path, row: int) -> np.ndarray:
    try:
        values = np.array([float(cell) for cell in line.split()])
    except ValueError:
        values = np.array([np.nan])
    if np.isnan(values).any() or len(values) < _BOX + 2:
        what = 'is not a line of class, box and keypoints'
        raise mistake(path, what, 'Run the tool again', row=row)
    return values


def _shape(length: int, video: Video, source: Path) -> tuple[int, int]:
    """Number of keypoints, and numbers of each: x, y and perhaps score."""
    if video.layout:
        sizes = [len(get_layout(video.layout))]
    else:  # the most likely first
        sizes = [17, *sorted({len(k) for k in LAYOUTS.values()} - {17})]
    for k in sizes:
        for width in (3, 2):
            if 0 <= length - _BOX - k * width <= 2:
                return k, width
    raise mistake(
        source,
        f'{length} numbers in a line are not those of a known skeleton',
        'Name the layout (--layout)',
    )
