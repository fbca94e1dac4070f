"""Read the JSON files of pose tools: one list of people or of frames.

AlphaPose, COCO results, Ultralytics, MMPose 0.x, MediaPipe and OpenPose all
write the same things in different words: a frame, people in it, and points of
a person. This module knows the words, and one class a tool says which file is
whose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, ClassVar

import numpy as np

from ..skeleton import get_layout
from ..utils.errors import mistake
from .base import register_reader
from .detections import Detections, Instances
from .headers import head
from .instance_batches import LOGIT_LIMIT, SCORES, SIZES, SPATIAL, flat_width
from .json_items import JSONItems, shorten, without_cycles
from .keypoint_names import keypoint_name
from .mmpose import MAX_PEOPLE, check_body, find_layout, from_zero, guessed
from .people import PoseReader, Video

FRAMES = (
    *('frame', 'frame_id', 'frame_idx', 'frame_index', 'frame_number'),
    *('image_id', 'image', 'image_path', 'image_name', 'file_name', 'path'),
)
"""Keys of the number of a frame, or of its image, whose name ends in it."""
LISTS = (
    *('frames', 'results', 'predictions', 'annotations', 'instance_info'),
    *('data', 'poses', 'images'),
)
"""Keys of the list of frames, where the file holds a dict."""
PEOPLE = (
    *('instances', 'people', 'persons', 'detections', 'predictions'),
    *('results', 'objects', 'annotations', 'bodies', 'poses'),
    *('pose_results', 'preds'),
)
"""Keys of the list of people in a frame."""
POINTS = (
    *('keypoints', 'pose_keypoints_2d', 'pose_keypoints', 'landmarks'),
    *('pose_landmarks', 'poseLandmarks', 'pose', 'joints'),
)
"""Keys of the points of a person."""
_BY_NUMBER = r'^\s*\{\s*"keypoints"\s*:\s*\[\s*\{\s*("\d+"\s*:|\})'
_DEEPEST = 6
_LINE = 1 << 22
"""Characters of a line that is an item."""
_LOGITS = 0.05
"""Share of the visibilities outside [0, 1] from which they are logits."""
_LEAST_NAMED = 4
_SAMPLE = 100
"""Items of the file that show whether they are."""


class PoseJSONReader(PoseReader):
    """Reads a JSON file of people.

    Attributes:
        marks: Regular expressions that the start of the file matches.
        guesses: Whether the number of keypoints alone says the layout, so
            that a note is due.
    """

    lists_all = False
    guesses: ClassVar[bool] = False
    marks: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the keys at the start of the file."""
        text = head(path)
        if text.lstrip()[:1] not in ('[', '{'):
            return False
        return all(re.search(mark, text) for mark in cls.marks)

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in the file, which says nothing else of its video."""
        names = Frames(self.source, guesses=self.guesses)
        return read_people_json(names, video, self.title), Video()


@register_reader
class OpenPoseJSONReader(PoseJSONReader):
    """Reads frames of OpenPose that somebody merged into one file."""

    name = 'openpose_json'
    title = 'OpenPose'
    marks = (r'"pose_keypoints(_2d)?"\s*:',)

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in the file, which must not be of a single frame."""
        text = head(self.source)
        start = r'\s*\{\s*("version"\s*:\s*[\d.]+\s*,\s*)?"people"'
        if re.match(start, text) and text.count('"people"') == 1:
            raise mistake(
                self.source,
                'holds a single frame of OpenPose',
                f'Give the folder with all of them: {self.source.parent}',
            )
        return super().detect(video)


@register_reader
class AlphaPoseReader(PoseJSONReader):
    """Reads AlphaPose's and other COCO results: a list of people."""

    name = 'coco_results'
    title = 'AlphaPose or COCO results'
    marks = (r'"image_id"\s*:', r'"keypoints"\s*:\s*\[')


@register_reader
class UltralyticsReader(PoseJSONReader):
    """Reads results of Ultralytics' YOLO, as its ``tojson`` writes them."""

    name = 'ultralytics'
    title = 'Ultralytics'
    marks = (r'\\?"keypoints\\?"\s*:\s*\{\s*\\?"x\\?"',)


@register_reader
class MediaPipeJSONReader(PoseJSONReader):
    """Reads lists of MediaPipe's landmarks."""

    name = 'mediapipe_json'
    title = 'MediaPipe'
    marks = (r'"(visibility|landmarks|pose_?[lL]andmarks)"\s*:', r'"x"\s*:')


@register_reader
class EasyViTPoseReader(PoseJSONReader):
    """Reads easy_ViTPose's frames of people by number, y before x."""

    name = 'easy_vitpose'
    title = 'easy_ViTPose'
    guesses = True
    marks = (_BY_NUMBER,)

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in the file."""
        detections, own = super().detect(video)
        note = f'{self.source}: points are y, x, as {self.title} writes them'
        return replace(detections, notes=(*detections.notes, note)), own


@register_reader
class PeopleJSONReader(PoseJSONReader):
    """Reads any other list of frames or people, such as MMPose's 0.x."""

    name = 'people_json'
    title = 'MMPose 0.x or alike'
    guesses = True
    marks = (r'"(keypoints|joints)"\s*:\s*[\[{]',)


@without_cycles()
def read_people_json(
    names: Frames, video: Video, title: str = ''
) -> Detections:
    """Read the people of all frames.

    Args:
        names: Of the file: a list of people with their frame, a list of
            frames, or a dict of frames by name.
        video: What is known of the video: ``layout`` and ``first_frame``.
        title: What to call the tool.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file, place and value.
    """
    path = names.path
    logits = _are_logits(islice(_items(path), _SAMPLE))
    instances = Instances(points_of, logits)
    for index, item in enumerate(_items(path)):
        if isinstance(item, tuple) and not re.search(r'\d', item[0]):
            continue  # not a frame, but the version or the like
        frame = names.add(index, item)
        people = list(islice(people_of(item), MAX_PEOPLE + 1))
        for number, person in enumerate(people):
            where = f'{path}: item {index}, person {number}'
            instances.add(frame, person, where)
        if len(people) > MAX_PEOPLE:
            what = f'item {index} has more than {MAX_PEOPLE} people'
            raise mistake(path, what, 'Run the tool again')
    if instances.num_keypoints is None:
        fix = f'Export the result of {title or "the tool"} as JSON again'
        if re.search('"pose_?world', head(path), re.IGNORECASE):
            fix = 'World landmarks are metres: write pose_landmarks, too'
        raise mistake(path, 'holds no keypoints of people', fix)
    detections = names.detections(instances, video)
    if logits:
        note = f'{path}: visibility is a logit; scores are its sigmoid'
        detections = replace(detections, notes=(*detections.notes, note))
    return detections


class Frames:
    """Numbers of the frames, as a file has them.

    Args:
        path: The file, for messages.
        from_one: Whether the tool counts the frames of a video from 1; None
            takes it from the numbers.
        guesses: Whether the layout is a guess, which is checked.
    """

    def __init__(
        self,
        path: str | Path,
        from_one: bool | None = None,
        guesses: bool = False,
    ) -> None:
        self.path, self.from_one, self.guesses = path, from_one, guesses
        self.ids: dict[int, int] = {}

    def add(self, index: int, item: Any) -> int:
        """Frame of an item, as a number of :attr:`ids`."""
        return self.number(frame_number(item, index, self))

    def number(self, frame: int) -> int:
        """Place of a number in the order of first appearance."""
        return self.ids.setdefault(frame, len(self.ids))

    def detections(self, instances: Instances, video: Video) -> Detections:
        """The instances, on frames that count from 0."""
        path, first = self.path, video.first_frame
        ids, notes = list(self.ids), []
        smallest = min(ids)
        if first is None and self.from_one is not None:
            first = int(self.from_one and smallest > 0)
        if first is None and smallest == 1:
            notes.append(
                f'{path}: the first frame with a person is 1, and frames are '
                'taken to count from 1 (else: first_frame: 0)'
            )
        numbers = from_zero(ids, first, path)
        most = np.bincount(np.array(instances.frames, np.int64)).max(initial=0)
        if most > MAX_PEOPLE:
            what = f'{most} people in one frame, expected at most {MAX_PEOPLE}'
            raise mistake(path, what, 'Run the tool again')
        layout = find_layout(video.layout, None, instances.num_keypoints, path)
        result = instances.detections(
            int(numbers.max()) + 1, layout, path, numbers
        )
        if not video.layout:
            check_body(result, path)
        if self.guesses and not video.layout:
            result = guessed(result, path)
        return replace(result, notes=(*result.notes, *notes))


def frame_number(item: Any, index: int, frames: Frames) -> int:
    """Number of the frame of an item; its place in the file if it has none.

    Raises:
        ValueError: If the value is neither a number nor ends in one.
    """
    value: Any = index
    if isinstance(item, tuple):  # of a dict of frames
        value = item[0]
    elif isinstance(item, Mapping):
        value = next((item[k] for k in FRAMES if k in item), index)
    if isinstance(value, str):
        image = PurePath(value[-200:].replace('\\', '/'))
        digits = re.findall(r'\d+', image.stem[-15:])
        if digits and image.suffix and image.stem == str(int(digits[-1])):
            frames.from_one = False  # 0.jpg, as AlphaPose names them
        value = int(digits[-1]) if digits else value
    whole = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not whole or value != value or not 0 <= value < 2**53 or value % 1:
        raise mistake(
            frames.path,
            f'item {index} is of frame {shorten(value)}, which is not a '
            'number of a frame',
            'Number the frames or images from 0',
        )
    return int(value)


def _items(path: str | Path) -> Iterator[Any]:
    """Items of a list, of the list under a known key, or of a dict.

    An item may be JSON in a text; each line of a file may be an item.
    """
    text = head(path)
    first, _, more = text.lstrip().partition('\n')
    ends = {'{': '}', '[': ']'}.get(first[:1])
    items: Iterable[Any]
    if first.rstrip()[-1:] == ends and more.lstrip()[:1] in ('[', '{'):
        with open(path, encoding='utf-8-sig') as file:
            for row, line in enumerate(iter(lambda: file.readline(_LINE), '')):
                if line.strip():
                    yield _parsed(line, f'{path}, row {row + 1}')
        return
    keys = LISTS if text.lstrip()[:1] == '{' else ()
    there = (k for k in keys if re.search(rf'"{k}"\s*:\s*\[', text))
    if re.match(_BY_NUMBER, text):
        yield from map(_by_number, JSONItems(path, 'keypoints'))
        return
    items = JSONItems(path, next(there, None))
    for index, item in enumerate(items):
        if isinstance(item, str) and item.lstrip()[:1] in ('[', '{'):
            item = _parsed(item, f'{path}: item {index}')
        yield item


def _by_number(frame: Any) -> Any:
    """People of a frame of easy_ViTPose."""
    if not isinstance(frame, Mapping):
        return frame
    return [
        {
            'track_id': int(name) if name[:15].isdecimal() else -1,
            'keypoints': [
                [*row[1::-1], *row[2:]] if isinstance(row, list) else row
                for row in (rows if isinstance(rows, list) else [rows])
            ],
        }
        for name, rows in frame.items()
    ]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        fix = 'Write the file again'
        raise mistake(where, 'is no complete JSON', fix) from None


def people_of(value: Any, depth: int = _DEEPEST) -> Iterator[Any]:
    """People in a frame, however deep: each a dict with points, or points."""
    if isinstance(value, tuple):
        value = value[1]
    if not depth or not isinstance(value, (list, Mapping)):
        return
    if isinstance(value, list):
        if _is_points(value):
            yield {'keypoints': value}
            return
        for entry in value:
            yield from people_of(entry, depth - 1)
        return
    for key in PEOPLE:
        if isinstance(value.get(key), list):
            yield from people_of(value[key], depth - 1)
            return
    for key in POINTS:
        points = value.get(key)
        if isinstance(points, list) and not _is_points(points):
            yield from people_of(points, depth - 1)
            return
        if isinstance(points, Mapping) and not {*POINTS}.isdisjoint(points):
            yield from people_of(points, depth - 1)
            return
        if points and isinstance(points, (list, Mapping)):
            yield {**value, 'keypoints': points}
            return
    if value and all(k.isdecimal() and len(k) < 4 for k in value):
        points = [value[k] for k in sorted(value, key=int)]
        if all(isinstance(p, Mapping) and {'x', 'y'} <= {*p} for p in points):
            yield {'keypoints': points}


def _is_points(value: list) -> bool:
    """Whether a list is one person's points, rather than of people."""
    first = value[0] if value else None
    if isinstance(first, Mapping):
        return {'x', 'y'} <= {*_place(first)}
    if isinstance(first, list):
        return 2 <= len(first) <= 4 and not isinstance(first[0], (list, dict))
    return isinstance(first, (int, float))


def points_of(person: Any, logits: bool, where: str) -> dict[str, Any]:
    """A person as :func:`.detections.parse_instance` takes one.

    Args:
        person: One of :func:`people_of`.
        logits: Whether scores are logits.
        where: File, frame and index, for messages.

    Raises:
        ValueError: If the points are of no known shape.
    """
    points = person['keypoints']
    if isinstance(points, Mapping) and any(
        isinstance(point, Mapping) for point in points.values()
    ):  # by name
        points = [
            {'name': name, **point}
            for name, point in points.items()
            if isinstance(point, Mapping)
        ]
    if isinstance(points, Mapping):  # Ultralytics: lists of x, y, visible
        columns = [points.get('x'), points.get('y'), _score(points, None)]
        given = [column for column in columns if column is not None]
        if any(not isinstance(column, list) for column in columns[:2]):
            given = []
        lengths = {len(c) if isinstance(c, list) else -1 for c in given}
        if len(lengths) != 1 or -1 in lengths:
            raise _unknown_points(points, where)
        rows = [list(row) for row in zip(*given)]
    elif points and isinstance(points[0], Mapping):
        if not all(isinstance(point, Mapping) for point in points):
            raise _unknown_points(points, where)
        rows = [
            [_place(p).get('x'), _place(p).get('y'), _score(p, 1.0)]
            for p in points
        ]
        names = tuple(str(p.get('name', p.get('part', ''))) for p in points)
        if all(names):
            rows = [
                [0.0, 0.0, 0.0] if place is None else rows[place]
                for place in _order(names) or range(len(rows))
            ]
    elif points and isinstance(points[0], list):
        rows = points
    else:
        rows = _reshaped(points, where)
    if not all(isinstance(row, list) for row in rows):
        raise _unknown_points(points, where)
    if rows and all(len(row) == 4 for row in rows):  # x, y, z, visibility
        rows = [[x, y, score] for x, y, _, score in rows]
    elif rows is points and _is_spatial(rows):
        rows = [row[:2] for row in rows]
    if rows and all(len(row) == 2 for row in rows):
        rows = [[*row, 1.0] for row in rows]
    if logits:
        rows = [[*row[:2], *map(_sigmoid, row[2:])] for row in rows]
    scores = {k: person[k] for k in ('keypoint_scores',) if k in person}
    if scores:
        rows = [row[:2] for row in rows]
    known = {k: v for k, v in person.items() if not k.startswith('bbox')}
    return {**known, **scores, 'keypoints': rows}


def _place(point: Mapping) -> Mapping:
    """What holds x and y of a point."""
    inner = point.get('position')
    return inner if isinstance(inner, Mapping) else point


@lru_cache(maxsize=256)
def _order(names: tuple[str, ...]) -> tuple[int | None, ...] | None:
    """Place of each keypoint of a layout among named points; None: unknown.

    The layout is that with just these names, or else one with most joints.
    """
    joints = {keypoint_name(name): i for i, name in enumerate(names)}
    known = {joint for joint in joints if joint}
    if len(known) < _LEAST_NAMED:
        return None
    same = (n for n in ('coco', 'mediapipe33') if {*get_layout(n)} == known)
    return tuple(joints.get(k) for k in get_layout(next(same, 'halpe26')))


def _score(point: Mapping, default: Any) -> Any:
    return next((point[key] for key in SCORES if key in point), default)


def _is_spatial(rows: list[list]) -> bool:
    """Whether rows are x, y, z of MediaPipe: z is also below 0."""
    depths = [row[2] for row in rows if len(row) == 3]
    return len(rows) == SPATIAL and any(
        isinstance(z, (int, float)) and z < 0 for z in depths
    )


def _sigmoid(value: Any) -> Any:
    if isinstance(value, (int, float)) and value == value:
        logit = np.clip(float(value), -LOGIT_LIMIT, LOGIT_LIMIT)
        return float(1 / (1 + np.exp(-logit)))
    return value


def _reshaped(points: list, where: str) -> list[list]:
    """Rows of x, y, score of a flat list."""
    width = flat_width(len(points))
    if width is not None:
        return [points[i : i + width] for i in range(0, len(points), width)]
    raise mistake(
        where,
        f'{len(points)} numbers of keypoints, expected x, y and score of '
        f'each of {", ".join(map(str, sorted(SIZES)))}',
        'Export the 2D keypoints of the body, with a model of so many',
    )


def _unknown_points(points: Any, where: str) -> Exception:
    what = f'keypoints are {shorten(points)}, which is of no known shape'
    return mistake(where, what, 'Write x, y and score of each')


def _are_logits(items: Iterable[Any]) -> bool:
    """Whether visibilities of the first items are not shares."""
    values: list[float] = []
    for item in items:
        for person in islice(people_of(item), MAX_PEOPLE):
            points = person['keypoints']
            if isinstance(points, list) and isinstance(points[0], Mapping):
                given = (p.get('visibility') for p in points if p)
                values += [
                    v
                    for v in given
                    if isinstance(v, (int, float)) and abs(v) < 1e6
                ]
    outside: Any = [v < -0.01 or v > 1.01 for v in values]
    return bool(values) and float(np.mean(outside)) > _LOGITS
