"""Folders with a file per frame: OpenPose's JSON, Ultralytics' labels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..skeleton import LAYOUTS, get_layout
from ..utils.errors import mistake
from .archives import is_folder, listing, open_file
from .base import register_reader
from .detections import Detections, Instances
from .headers import head
from .json_items import JSONItems
from .people import PoseReader
from .pose_frames import Frames
from .pose_people import few, people_of, points_of
from .pose_video import Video

_NAME = re.compile(r'(.*?)_?(\d+)(?:_keypoints)?\.json')
_SUFFIX = '_keypoints.json'
_PEOPLE = re.compile(r'"(keypoints|joints|pose_keypoints(_2d)?)"\s*:\s*\[')
_VIDEO = re.compile(r'"(frame_id|image_id|frames)"\s*:')
"""What a file of several frames has, not that of one."""
_OTHERS = re.compile(r'_keypoints_[23]d"\s*:\s*\[\s*-?\d')
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
        if not is_folder(path):
            return False
        names = [entry.name for entry in listing(path, _ENTRIES)]
        if any(name.endswith(_SUFFIX) for name in names):
            return True
        # AlphaPose (sep-json) and MMPose on a folder of images
        some = sorted(name for name in names if _NAME.fullmatch(name))
        heads = [head(Path(path) / name) for name in some[:5]]
        return (
            len(some) > 1
            and any(map(_PEOPLE.search, heads))
            and not any(map(_VIDEO.search, heads))
        )

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
            fix = 'Run OpenPose again'
            if any(_OTHERS.search(head(path)) for path in files.values()):
                what = (
                    f'none of {len(files)} frames has keypoints of the body '
                    'in the image (pose_keypoints_2d), only others'
                )
                fix += ', with the body and without --3d'
            raise mistake(self.source, what, fix)
        detections, file_video = frames.detections(instances, video)
        absent = detections.num_frames - len(files)
        if absent:
            note = (
                f'{self.source}: {absent} of {detections.num_frames} frames '
                'have no file and are taken to show nobody'
            )
            detections = detections.noted(note)
        return detections, file_video


def _frame_files(folder: Path) -> tuple[dict[int, Path], bool]:
    """Files by number of the frame, and whether they are of a video.

    OpenPose names those of a video by 12 digits, from 0; those of images
    are named after the image.
    """
    if not is_folder(folder):
        raise mistake(folder, 'does not exist', kind=FileNotFoundError)
    videos: dict[str, dict[int, Path]] = {}
    padded = True
    paths = listing(folder)
    named = [path for path in paths if path.name.endswith(_SUFFIX)]
    for path in named or [p for p in paths if _NAME.fullmatch(p.name)]:
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
    _check_single({name: len(f) for name, f in videos.items()}, folder)
    return next(iter(videos.values())), padded


def _check_single(videos: Mapping[str, int], folder: Path) -> None:
    """Refuse the frames of several videos, each with their number."""
    if len(videos) != 1:
        listed = ', '.join(f'{n!r} ({k})' for n, k in videos.items())
        raise mistake(
            folder,
            f'holds the frames of {len(videos)} videos: {listed[:200]}',
            'Give each a folder of its own',
        )


def _people(path: Path) -> list:
    """People of a frame who have points."""
    text = head(path)
    if re.search(r'"people"\s*:\s*null', text):
        return []
    keys = 'people|bodies|instances|instance_info'
    key = re.search(rf'"({keys})"\s*:\s*\[', text)
    items = list(JSONItems(path, key[1] if key else 'people'))
    return few(people_of(items), path)


_LABELS_OF = re.compile(r'(.*?)_?(\d{1,15})\.txt')
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
            _LINE.fullmatch(head(file).strip().split('\n', 1)[0])
            for file in islice(_files(path), 5)
        )

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in all files."""
        rows: list[tuple[int, Path, int, np.ndarray]] = []
        videos: dict[str, int] = defaultdict(int)
        for path in sorted(_files(self.source)):
            match = _LABELS_OF.fullmatch(path.name)
            if match is None:
                continue
            videos[match[1]] += 1
            lines = (line for line in _text(path).split('\n') if line.strip())
            rows += [
                (int(match[2]), path, number, _numbers(line, path, number))
                for number, line in enumerate(few(lines, path), 1)
            ]
        _check_single(videos, self.source)
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
        return frames.detections(instances, video)


def _files(folder: Path) -> list[Path]:
    """Text files of a folder, or of ``labels`` in it."""
    for place in (folder, folder / 'labels'):
        if is_folder(place):
            files = [p for p in listing(place) if _LABELS_OF.fullmatch(p.name)]
            if files:
                return files
    return []


def _text(path: Path) -> str:
    with open_file(path, _LARGEST + 1) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise mistake(path, 'is too large for one frame')
    try:
        return content.decode('utf-8')
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
