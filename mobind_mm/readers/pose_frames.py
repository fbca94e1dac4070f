"""Which frame of the video an item of a file is of.

Items say it by a number, by the name of an image, by a time, or by their
place. Where images are listed apart, items name them by their number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..utils.errors import mistake
from .dates import parse_date
from .detections import IDENTITIES, Detections, Instances
from .frame_times import are_frames, check_frame_times, seconds, time_column
from .json_items import shorten
from .layout_choice import with_layout
from .mmpose import counts_from_one, from_zero
from .named_points import clock_of_rows
from .pose_items import NUMPY, facts_of
from .pose_people import MOST_PEOPLE, PEOPLE
from .pose_video import Video, rates_apart

FRAMES = (
    'frame', 'frame_id', 'frame_idx', 'frame_index', 'frame_number',
    'frame_num', 'frameNumber', 'frameIndex', 'frameId', 'Frame', 'image_id',
    'image', 'image_path', 'image_name', 'file_name', 'path', 'img_path',
    'imgname', 'img_name', 'filename', 'img_id',
)  # fmt: skip
"""Keys of the number of a frame, or of its image, whose name ends in it."""
_RATES = ('fps', 'frame_rate', 'framerate', 'frameRate', 'video_fps')
_SIDES = tuple(
    tuple(f'{word}{mark}{side}' for side in sides)
    for mark, sides in (('_', ('height', 'width')), ('', ('Height', 'Width')))
    for word in ('video', 'image', 'frame', 'img')
)
_SHAPES = ('orig_shape', 'ori_shape', 'img_shape', 'image_shape')
"""Keys of (height, width)."""
_DIGITS = re.compile(r'\d+')
_SECONDS = r'\d{1,9}\.\d{1,9}'
"""A name of a frame that is its time."""
_OF_DAY = re.compile(r'.*\d:\d\d(:\d\d)?([.,]\d+)?')
"""A name of a frame that is a time in minutes or hours."""
VIDEOS = ('.mp4', '.mov', '.avi', '.mkv', '.m4v', '.webm')
_FIRST = 100
"""Items that show the size of the image, if any does."""
_NUMBER_THEM = 'Number the frames or images from 0'
_TURNS = 32
"""Entries that show whether several people take turns."""


class Frames:
    """Frames of the items of a file, as it tells them.

    Args:
        path: The file, for messages.
        from_one: Whether the tool counts the frames of a video from 1; None
            takes it from the numbers.
        guesses: Whether the layout is a guess, which is noted.
    """

    def __init__(
        self,
        path: str | Path,
        from_one: bool | None = None,
        guesses: bool = False,
    ) -> None:
        self.path, self.from_one, self.guesses = path, from_one, guesses
        self.shape: tuple[int, int] | None = None
        self._places: dict[tuple[str, float], int] = {}
        self._times: dict[int, float] = {}
        self._clock: tuple[str, str] | None = None
        self._items = self._unsaid = 0

    def add(self, index: int, item: Any) -> int:
        """Place of the frame of an item, in the order of appearance."""
        name, value = item if isinstance(item, tuple) else (None, item)
        facts = value if isinstance(value, Mapping) else {}
        self._items += 1
        key = next((k for k in FRAMES if _tells(facts.get(k))), None)
        number = facts[key] if key else name
        time = self._time(facts)
        if name is not None and not key and re.fullmatch(_SECONDS, name):
            self._clock = self._clock or ('the name of a frame', '')
            place = self._place('time', float(name))
            self._times[place] = float(name)
            return place
        if facts and self.shape is None and index < _FIRST:
            self.shape = _shape(facts)
        if number is not None:
            place = self.number(self._number(number, f'item {index}'))
        elif time is not None and _is_person(facts):
            place = self._place('time', time)
        else:
            self._unsaid += time is None and _is_entry(facts)
            place = self._place('index', index)
        if time is not None:
            self._times[place] = time
        return place

    def number(self, frame: int) -> int:
        """Place of a number in the order of first appearance."""
        return self._place('number', frame)

    def _number(self, value: Any, who: str) -> int:
        """Number of a frame, or that in which the name of its image ends.

        Raises:
            ValueError: If the value is neither a number nor ends in one.
        """
        if isinstance(value, str):
            if _OF_DAY.fullmatch(value[-200:]):
                raise mistake(
                    self.path,
                    f'{who} is of frame {shorten(value)}, which is a time',
                    f'{_NUMBER_THEM}, or write times in seconds (12.345)',
                )
            image = PurePath(value[-200:].replace('\\', '/'))
            digits = _DIGITS.findall(image.stem[-15:])
            if digits and image.suffix and image.stem == str(int(digits[-1])):
                self.from_one = False  # 0.jpg, as AlphaPose names them
            value = int(digits[-1]) if digits else value
        whole = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not whole or value != value or not 0 <= value < 2**53 or value % 1:
            raise mistake(
                self.path,
                f'{who} is of frame {shorten(value)}, which is not a number '
                'of a frame',
                _NUMBER_THEM,
            )
        return int(value)

    def _place(self, kind: str, value: float) -> int:
        return self._places.setdefault((kind, value), len(self._places))

    def _time(self, facts: Mapping) -> float | None:
        """Time of an item in the unit of the file."""
        if self._clock is None:
            self._clock = _clock_of(
                tuple(k for k in facts if isinstance(k, str))
            )
        if self._clock is None:
            return None
        value: Any = facts.get(self._clock[0])
        if isinstance(value, str):
            date = parse_date(value)
            if date is not None:
                self._clock = self._clock[0], 's'
                return date
            value = _seconds_of(value)
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if good and abs(value) < 1e19 else None

    def detections(
        self,
        instances: Instances,
        video: Video,
        others: Mapping[str, Any] | None = None,
        names: list[str] | None = None,
    ) -> tuple[Detections, Video]:
        """The instances on frames from 0, and what is said of the video.

        ``instances`` have frames as :meth:`add` gave them.
        """
        path = self.path
        places = np.array(instances.frames, np.int64)
        most = int(np.bincount(places).max(initial=0))
        if most > MOST_PEOPLE:
            what = f'{most} people in a frame, expected at most {MOST_PEOPLE}'
            raise mistake(path, what, 'Run the tool again')
        numbers, file_video, notes = self._numbers(video, others or {})
        length = int(numbers.max()) + 1
        if file_video.num_frames is not None:
            length = max(length, file_video.num_frames)
        result = instances.detections(length, path, numbers, video.layout)
        result = with_layout(result, video.layout, names, self.guesses)
        self._check_order(result)
        facts = _facts(others or {})
        if video.clip is not None:
            rate = facts.pop('rate', None)  # which may be rounded
            used = video.clip.rate if video.rate is None else video.rate
            notes += rates_apart(path, used, {'the file': rate})
        file_video = replace(file_video, num_frames=None).completed(**facts)
        file_video = file_video.completed(img_shape=self.shape)
        return result.noted(*notes), file_video

    def _numbers(
        self, video: Video, others: Mapping[str, Any]
    ) -> tuple[np.ndarray, Video, list[str]]:
        """Frame from 0 by place, what times say, and notes."""
        path = self.path
        if not self._places:
            raise ValueError(
                f'{path}: no frames. Predict on the whole video again.'
            )
        kinds = {kind for kind, _ in self._places}
        if len(kinds) > 1:
            raise mistake(
                path,
                'says of some entries of which frame they are, not of others',
                _NUMBER_THEM,
            )
        values = [value for _, value in self._places]
        if len(values) == 1 and self._items >= _TURNS:
            raise mistake(
                path,
                f'says of all its {self._items} entries that they are of one '
                'frame',
                _NUMBER_THEM,
            )
        by_user = video.rate is not None or video.times is not None
        if len(self._times) == len(values) and self._clock is not None:
            times = np.array([self._times[p] for p in range(len(values))])
            unit, numbered = self._clock[1], kinds == {'number'}
            counts = are_frames(np.unique(times), unit)
            if not counts and not (numbered and by_user):
                return self._by_times(times, video)
            if counts and not numbered:
                values, kinds = times.tolist(), {'number'}
                self._unsaid = 0
        elif self._times and kinds != {'number'}:
            raise mistake(
                path,
                'says of some entries at which time they are, not of others',
                _NUMBER_THEM,
            )
        ids = [int(value) for value in values]
        images = others.get('images')
        if isinstance(images, list) and kinds == {'number'}:
            return self._by_images(ids, images, video)
        notes: list[str] = []
        first, smallest = video.first_frame, min(ids)
        if first is None and self.from_one is not None:
            first = int(self.from_one and smallest > 0)
        if first is None and smallest == 1:
            notes += counts_from_one(path)
        if self._unsaid and PurePath(path).suffix.lower() not in NUMPY:
            notes.append(
                f'{path}: its {self._unsaid} entries do not say of which '
                'frame they are; each is taken for one frame'
            )
        return from_zero(ids, first, path), Video(), notes

    def _by_times(
        self, times: np.ndarray, video: Video
    ) -> tuple[np.ndarray, Video, list[str]]:
        """Frames by the times of the items."""
        assert self._clock is not None
        name, unit = self._clock
        path = self.path
        distinct, which = np.unique(times, return_inverse=True)
        if len(distinct) < len(times):
            row = int(np.flatnonzero(np.bincount(which.ravel()) > 1)[0])
            raise mistake(
                path,
                f'{name} {distinct[row]:.10g} is that of two frames',
                f'Leave {name} out and number the frames',
            )
        clock = seconds(distinct, name, unit, path)
        clock = check_frame_times(clock, path)
        frames, file_video, notes = clock_of_rows(clock, video, path)
        if frames is None:
            frames = np.arange(len(clock))
        return frames[which.ravel()], file_video, [*notes]

    def _by_images(
        self, ids: list[int], images: list, video: Video
    ) -> tuple[np.ndarray, Video, list[str]]:
        """Frames by the images that a file lists."""
        path = self.path
        listed: dict[int, Mapping] = {
            image['id']: image
            for image in images
            if isinstance(image, Mapping) and type(image.get('id')) is int
        }
        files = {k: str(i.get('file_name', k)) for k, i in listed.items()}
        unknown = [one for one in ids if one not in files]
        if unknown:
            what = f'has no image {unknown[0]}, of which there are people'
            raise mistake(path, what, 'Export it again')
        folders = {str(PurePath(files[one]).parent) for one in ids}
        if len(folders) > 1:
            raise mistake(
                path,
                f'holds the frames of {len(folders)} videos: '
                f'{", ".join(sorted(folders))[:200]}',
                'Give each a file of its own',
            )
        own_folder = folders.pop()
        named = {
            one: self._number(file, f'image {one}')
            for one, file in files.items()
            if str(PurePath(file).parent) == own_folder
        }
        first = video.first_frame
        first = min(named.values()) if first is None else first
        numbers = from_zero([named[one] for one in ids], first, path)
        image = listed[next(iter(named))]
        self.shape = self.shape or _shape(
            {f'image_{k}': v for k, v in image.items()}
        )
        length = max(named.values()) - first + 1
        return numbers, Video(num_frames=length), []

    def _check_order(self, detections: Detections) -> None:
        """Refuse entries without a frame that show several in turn."""
        boxes = detections.boxes
        single = len(np.unique(detections.frames)) == len(boxes)
        if not self._unsaid or not single or len(boxes) < _TURNS:
            return
        sizes = np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T)
        centres = (boxes[:, 2:] + boxes[:, :2]) / 2
        size = max(float(np.median(sizes)), 1e-9)
        steps = [
            np.median(np.hypot(*(centres[lag:] - centres[:-lag]).T)) / size
            for lag in (1, 2, 3, 4)
        ]
        if steps[0] > 0.3 and min(steps[1:]) < 0.3 * steps[0]:
            raise mistake(
                self.path,
                'does not say of which frame its entries are, and they seem '
                'to be of several people in turn',
                'Write the number of the frame into each (frame)',
            )


_clock_of = lru_cache(maxsize=256)(time_column)


def _tells(value: Any) -> bool:
    """Whether a value may be that of a frame, and not of the whole video."""
    if isinstance(value, str):
        return PurePath(value[-200:]).suffix.lower() not in VIDEOS
    return value is not None


def _is_entry(facts: Mapping) -> bool:
    """Whether an item is a person, or a frame that holds points itself."""
    return bool(facts) and not any(
        isinstance(facts.get(key), list) for key in PEOPLE
    )


def _is_person(facts: Mapping) -> bool:
    """Whether an item is one person of a frame."""
    return not {*IDENTITIES, 'person', 'id'}.isdisjoint(facts)


def _seconds_of(text: str) -> float | None:
    """Seconds of ``0:01:02.5``, or of a number in a text."""
    parts = text.strip().split(':')
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    if len(parts) > 3 or any('n' in part.lower() for part in parts):
        return None
    return sum(n * 60**i for i, n in enumerate(reversed(numbers)))


def _shape(facts: Mapping) -> tuple[int, int] | None:
    """(height, width) of the image, where an item or a file says it."""
    pairs = [
        *([facts.get(key) for key in keys] for keys in _SIDES),
        *(facts.get(key) for key in _SHAPES),
    ]
    for pair in pairs:
        if isinstance(pair, list) and len(pair) >= 2:
            height, width = pair[:2]
            if all(type(s) in (int, float) and 1 <= s < 1e5 for s in pair[:2]):
                return int(height), int(width)
    return None


def _facts(others: Mapping[str, Any]) -> dict[str, Any]:
    """Rate and size of the video, where a file says them."""
    facts: dict[str, Any] = {}
    for place in facts_of(others):
        for key in _RATES:
            rate: Any = place.get(key)
            if type(rate) in (int, float) and 1 <= rate < 1e4:
                facts.setdefault('rate', float(rate))
        sides = place.get('height'), place.get('width')
        shape = _shape({**place, 'img_shape': [*sides]}) or _shape(place)
        resolution = place.get('resolution')
        if shape is None and isinstance(resolution, list):
            shape = _shape({'img_shape': resolution[1::-1]})
        if shape is not None:
            facts.setdefault('img_shape', shape)
    return facts
