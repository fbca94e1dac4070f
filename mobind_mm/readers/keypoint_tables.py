"""Read tables of keypoints whose columns say what they are.

MediaPipe, SLEAP and the scripts of many people write a row per frame with
columns such as ``NOSE_x``, ``left_wrist.x`` or ``x0``, or a row per landmark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..skeleton import LAYOUTS
from ..utils.errors import mistake
from .base import register_reader
from .detections import Detections
from .dialects import Dialect
from .frame_times import are_frames, check_frame_times, seconds, time_column
from .headers import head, head_lines
from .keypoint_names import keypoint_name, owner_of
from .layout_choice import with_layout
from .mmpose import counts_from_one, from_zero
from .named_points import clock_of_rows, detections_of
from .parquet import PARQUET
from .people import PoseReader
from .pose_frames import VIDEOS
from .pose_people import MOST_PEOPLE
from .pose_video import Video
from .tables import Table, column_names, read_table
from .trc import AROUND, below_zero, drawn_from_side, in_space

_SCORES = (
    'visibility|vis|score|confidence|conf|likelihood|presence|probability|'
    'prob|v|c|p|s'
)
_AFTER = re.compile(
    rf'(.+?)[\s_.:/(\[-]*([xyz]|{_SCORES})[)\]]?', re.IGNORECASE
)
_PIXELS = re.compile(
    r'([\s_.]+[(\[]?|[(\[])(px|pix(els?)?)[)\]]?$', re.IGNORECASE
)
"""Unit behind the name of a column."""
_BEFORE = re.compile(rf'([xyz]|{_SCORES})[\s_.:-]*(.+)', re.IGNORECASE)
_NUMBERED = re.compile(r'(?:[a-z]+[\s_.:-]*)?(\d{1,3})', re.IGNORECASE)
_FRAME = (
    *('frame', 'frame_id', 'frame_number', 'frame_idx', 'frame_index'),
    *('frame_num', 'frame_no', 'frame_nr', 'frameno', 'frames', 'image_id'),
)
_IMAGE = (
    *('image', 'image_name', 'image_path', 'img', 'img_name', 'img_path'),
    *('filename', 'file_name', 'file', 'frame_name', 'path'),
)
"""Columns of the image of a frame, whose name ends in a number."""
_PERSON = (
    'person', 'person_id', 'track_id', 'track', 'individual', 'subject',
    'subject_id', 'instance_id', 'object_id', 'body_id', 'human_id', 'id',
)  # fmt: skip
_LANDMARK = (
    *(
        f'{word}{end}'
        for end in ('_name', '', '_id', '_index', '_idx')
        for word in ('landmark', 'keypoint', 'joint', 'bodypart', 'point')
    ),
    'id',
)
_AGAIN = re.compile(
    rf'[._](\d{{1,2}})(?=$|[\s_.:/-]*(?:[xyz]|{_SCORES})$)', re.IGNORECASE
)
"""Number of a person in a column: ``nose_x.1``, ``nose_1_x``."""
_FEW = 20
"""People in a table of a moment."""
_LEAST = 6
"""Keypoints that make a skeleton."""
_BODY, _FACE = 33, 468
"""Points of MediaPipe's Holistic, in this order."""
_LINES = 30
"""Lines in which the names of the columns are looked for."""


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are.

    Args:
        points: Name of a point to its columns x, y and perhaps score; of a
            long table, '' to those of any point.
        time: Column of times and its unit, if any.
        frame: Column of frames, if any.
        image: Column of images, if nothing else tells the frames.
        person: Column that names people, if any.
        landmark: Column that names points, in a long table.
        where: Rows of a long table that are of the body.
        depth: Columns z of the points by their columns x.
        others: Points of further people, who have columns of their own.
        notes: What columns are left out, or somebody lacks.
    """

    points: Mapping[str, tuple[str, ...]]
    time: tuple[str, str] | None = None
    frame: str | None = None
    image: str | None = None
    person: str | None = None
    landmark: str | None = None
    where: Mapping[str, str] | None = None
    depth: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()


@register_reader
class KeypointTableReader(PoseReader):
    """Reads a table of keypoints by the names of its columns."""

    name = 'keypoint_table'
    title = 'MediaPipe or another table of keypoints'
    lists_all = False

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By its columns."""
        return _columns(_lines(path)) is not None

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody in the table."""
        path = self.source
        columns = _columns(_lines(path))
        if columns is None:
            what = 'its columns do not say which keypoints they are'
            fix = 'Describe them in a mapping (--pose-mapping)'
            raise mistake(path, what, fix)
        everybody = (columns.points, *columns.others)
        names = [n for one in everybody for some in one.values() for n in some]
        some = (columns.person, columns.landmark, columns.image)
        texts = [name for name in some if name]
        numbers = [*names, *([columns.frame] if columns.frame else [])]
        time = [columns.time[0]] if columns.time else []
        numbers += columns.depth.values()
        table = read_table(path, numbers, time, texts, columns.where)
        if not len(table):
            raise mistake(path, 'has no rows')
        columns = _with_images(columns, table)
        points, depths, rows = _points(columns, table, path)
        numbered = _numbers(points)
        order = None
        if numbered is not None:
            order = [numbered[number] for number in sorted(numbered)]
        frames, file_video, num_frames, notes = _frames(
            columns, table, rows, video, path
        )
        people = _people(columns, table, rows)
        if columns.others:
            people = np.repeat(np.arange(len(everybody)), len(table))
            frames = np.tile(frames, len(everybody))
            num_frames = None
            each = [
                {n: _scored(_values(table, t)) for n, t in one.items()}
                for one in everybody
            ]
            points = {
                n: np.concatenate([one[n] for one in each]) for n in points
            }
            depths = {
                n: np.concatenate(
                    [_depth(columns, table, one[n]) for one in everybody]
                )
                for n in points
            }
        points, shape, drawn = _from_space(points, depths, video, path)
        file_video = file_video.completed(img_shape=shape)
        detections = detections_of(
            points,
            video,
            path,
            self.options.get('keypoint_names'),
            frames,
            people,
            num_frames,
            order,
        )
        if numbered is not None:
            detections = with_layout(detections, video.layout)
        if len(frames) and np.bincount(frames).max() > MOST_PEOPLE:
            what = f'more than {MOST_PEOPLE} people in a frame'
            raise mistake(path, what)
        more = [f'{path}: {note}' for note in columns.notes]
        notes = (*table.notes, *more, *notes, *drawn, *detections.notes)
        return replace(detections, notes=notes), file_video


def _lines(path: Path) -> tuple[str, ...]:
    """Lines of which one may have the names of the columns."""
    if path.suffix.lower() not in PARQUET:
        text = head(path).lstrip()
        table = text and text[0] not in '[{'
        return tuple(head_lines(path, _LINES)) if table else ()
    with suppress(ImportError, ValueError, OSError):
        return (','.join(column_names(path, (), Dialect())),)
    return ()


def _with_images(columns: _Columns, table: Table) -> _Columns:
    """Columns whose frames are those in which the names of images end."""
    if columns.image is None:
        return columns
    names = [
        PurePath(n.replace('\\', '/')) for n in table.texts[columns.image]
    ]
    ends = [re.search(r'(\d{1,15})\D*$', name.stem) for name in names]
    numbers = [float(match[1]) if match else np.nan for match in ends]
    table.numbers[columns.image] = np.array(numbers)
    single = columns.landmark is None and columns.person is None
    videos = any(name.suffix.lower() in VIDEOS for name in names[:_FEW])
    if videos or (single and 2 * len({*numbers}) < len(numbers)):
        return columns
    return replace(columns, frame=columns.image)


@lru_cache(maxsize=16)
def _columns(lines: Sequence[str]) -> _Columns | None:
    """What the columns are, by the first line that tells it."""
    for line in lines:
        for mark in (',', ';', '\t'):
            names = [cell.strip().strip('"') for cell in line.split(mark)]
            columns = _long(names) or _wide(names) if len(names) > 3 else None
            if columns is not None:
                return columns
    return None


def _plain(names: Iterable[str]) -> dict[str, str]:
    """Names by how they read in lower case with underscores."""
    spaced = {re.sub(r'(?<=[a-z])(?=[A-Z])', '_', n.strip()): n for n in names}
    return {re.sub(r'[\s.-]+', '_', k.lower()): n for k, n in spaced.items()}


def _first(plain: Mapping[str, str], wanted: Iterable[str]) -> str | None:
    return next((plain[name] for name in wanted if name in plain), None)


def _others(names: Sequence[str]) -> dict[str, Any]:
    plain = _plain(names)
    time, frame = time_column([*names]), _first(plain, _FRAME)
    numbered = time is None and frame is None  # such an id is that of a row
    person = _first(plain, _PERSON[: -1 if numbered else None])
    image = _first(plain, _IMAGE) if numbered else None
    return dict(time=time, frame=frame, person=person, image=image)


def _long(names: Sequence[str]) -> _Columns | None:
    """A table with a row per point."""
    plain = _plain(names)
    landmark = _first(plain, _LANDMARK)
    others = _others([name for name in names if name != landmark])
    if landmark is None or not {'x', 'y'} <= {*plain}:
        return None
    if not (others['time'] or others['frame'] or others['image']):
        return None
    score = _first(plain, _SCORES.split('|'))
    point = (plain['x'], plain['y'], *([score] if score else []))
    # MediaPipe's Holistic: body, face and hands
    where = {plain['type']: 'pose'} if 'type' in plain else None
    depth = {plain['x']: plain['z']} if 'z' in plain else {}
    return _Columns(
        {'': point}, landmark=landmark, where=where, depth=depth, **others
    )


def _wide(names: Sequence[str]) -> _Columns | None:
    """A table with a row per frame, or per frame and person."""
    owned: dict[str, dict[str, str]] = {}
    for name in names:
        owner, rest = _owner(name)
        owned.setdefault(owner, {}).setdefault(rest, name)
    whole = _wide_of_one(names)
    people: dict[str, dict[str, tuple[str, ...]]] = {}
    depth: dict[str, str] = {}
    lost: list[str] = []
    for owner, columns in owned.items() if len(owned) > 1 else ():
        person = _wide_of_one([*columns])
        if person is not None:
            people[owner] = _called(person, columns)
            pairs = person.depth.items()
            depth |= {columns[x]: columns[z] for x, z in pairs}
        elif sum(map(_is_of_point, columns)) >= _LEAST:
            lost.append(next(iter(columns.values())))
    if len(people) < 2:
        plain = {r: n for some in owned.values() for r, n in some.items()}
        bare = _wide_of_one([*plain]) if len(plain) == len(names) else None
        if bare is not None:  # without the word before all of them
            people = {'': _called(bare, plain)}
            depth = {plain[x]: plain[z] for x, z in bare.depth.items()}
            lost = []
        most = max(map(len, people.values()), default=0)
        if whole is not None and len(whole.points) >= most:
            return whole
    if not people:
        return None
    points = dict.fromkeys(p for one in people.values() for p in one)
    notes = [f'columns such as {n} are no skeleton and left out' for n in lost]
    for one in people.values():
        absent = [p for p in points if p not in one]
        if absent:
            notes.append(
                f'the person of {next(iter(one.values()))[0]} has no columns '
                f'of {", ".join(absent)}; never detected'
            )
    first, *others = (
        {p: one.get(p, ()) for p in points} for one in people.values()
    )
    return _Columns(
        first,
        depth=depth,
        others=tuple(others),
        notes=tuple(notes),
        **_others(names),
    )


def _called(
    person: _Columns, columns: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Points of one person, by what the file calls their columns."""
    points = person.points.items()
    return {p: tuple(columns[name] for name in some) for p, some in points}


def _owner(name: str) -> tuple[str, str]:
    """Whose a column is, and its name without that."""
    if (match := _AGAIN.search(name)) and match[0] != name:
        return match[1], name.replace(match[0], '', 1)
    point = _AFTER.fullmatch(_PIXELS.sub('', name))
    end = len(point[1]) if point else len(name)
    owner, rest = owner_of(name[:end])
    return owner, rest + name[end:]


def _is_of_point(name: str) -> bool:
    """Whether a column is that of a joint or a number."""
    name = _PIXELS.sub('', name)
    after, before = _AFTER.fullmatch(name), _BEFORE.fullmatch(name)
    points = [m[i] for m, i in ((after, 1), (before, 2)) if m]
    return any(keypoint_name(p) or _NUMBERED.fullmatch(p) for p in points)


def _wide_of_one(names: Sequence[str]) -> _Columns | None:
    """A table with one skeleton per row."""
    for pattern, name_at, axis_at in ((_AFTER, 1, 2), (_BEFORE, 2, 1)):
        points: dict[str, dict[str, str]] = {}
        for name in names:
            match = pattern.fullmatch(_PIXELS.sub('', name))
            if match:
                axis = match[axis_at].lower()
                axis = axis if axis in 'xyz' else 'score'
                points.setdefault(match[name_at], {}).setdefault(axis, name)
        whole: dict[str, tuple[str, ...]] = {
            name: tuple(axes[a] for a in ('x', 'y', 'score') if a in axes)
            for name, axes in points.items()
            if {'x', 'y'} <= {*axes}
        }
        depth = {
            axes['x']: axes['z']
            for axes in points.values()
            if {*'xyz'} <= {*axes}
        }
        if 2 * sum(len(t) > 2 for t in whole.values()) < len(whole):
            whole = {n: t[:2] for n, t in whole.items()}
        known = {n: t for n, t in whole.items() if keypoint_name(n)}
        if len({*map(keypoint_name, known)}) >= _LEAST:
            return _Columns(known, depth=depth, **_others(names))
        numbers = _numbers({*whole})
        if numbers is not None:
            ordered = {str(k): whole[n] for k, n in sorted(numbers.items())}
            return _Columns(ordered, depth=depth, **_others(names))
    return None


def _numbers(names: Iterable[str]) -> dict[int, str] | None:
    """Names by their numbers, if they are those of a whole skeleton."""
    numbers = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match is None:
            return None
        numbers[int(match[1])] = name
    sizes = {len(layout) for layout in LAYOUTS.values()}
    first = min(numbers, default=0)
    whole = sorted(numbers) == [*range(first, first + len(numbers))]
    if whole and first < 2 and len(numbers) == _BODY + _FACE:
        return {k: n for k, n in numbers.items() if k < first + _BODY}
    return numbers if whole and first < 2 and len(numbers) in sizes else None


def _from_space(
    points: dict[str, np.ndarray],
    depths: dict[str, np.ndarray],
    video: Video,
    path: Path,
) -> tuple[dict[str, np.ndarray], tuple[int, int] | None, list[str]]:
    """Points (M, 2 or 3), those in space drawn from the side.

    Also the size of the image they are drawn on, if any, and notes.
    """
    space = {n: np.c_[v[:, :2], depths[n]] for n, v in points.items()}
    if not in_space(space):
        if below_zero(space) > AROUND:
            raise mistake(
                path,
                'holds points in metres around the middle of the body (x, y, '
                'z), not in the image',
                'Write landmarks in the image, not world landmarks',
            )
        return points, None, []
    flat, shape, notes = drawn_from_side(space, '', video, path)
    drawn = {n: np.c_[xy, points[n][:, 2:]] for n, xy in flat.items()}
    return drawn, shape, notes


def _values(table: Table, names: Sequence[str]) -> np.ndarray:
    """Points (M, 2 or 3) of columns; without any, they are not there."""
    if not names:
        return np.full((len(table), 3), np.nan)
    return np.stack([table.numbers[name] for name in names], axis=1)


def _depth(
    columns: _Columns, table: Table, names: Sequence[str]
) -> np.ndarray:
    """Depths (M,) of a point with such columns; NaN if it has none."""
    gone = np.full(len(table), np.nan)
    return (
        table.numbers.get(columns.depth.get(names[0], ''), gone)
        if names
        else gone
    )


def _scored(values: np.ndarray) -> np.ndarray:
    """Points (M, 3), with score 1 where there is none."""
    return np.c_[values, np.ones((len(values), 3 - values.shape[1]))]


def _points(
    columns: _Columns, table: Table, path: Path
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Points (M, 2 or 3) and depths (M,) by name; the row of each."""
    if columns.landmark is None:
        points = {n: _values(table, t) for n, t in columns.points.items()}
        depths = {
            n: _depth(columns, table, t) for n, t in columns.points.items()
        }
        return points, depths, np.arange(len(table))
    names = np.array(table.texts[columns.landmark])
    distinct, which = np.unique(names, return_inverse=True)
    which = which.ravel()
    key = columns.frame or columns.time[0]  # type: ignore[index]
    groups = [table.numbers[key]]
    if columns.person:
        people = np.array(table.texts[columns.person])
        groups.append(np.unique(people, return_inverse=True)[1].ravel())
    _, rows, place = np.unique(
        np.stack(groups, axis=1),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    place = place.ravel()
    if len(distinct) > max(map(len, LAYOUTS.values())):
        raise mistake(
            path,
            f'{len(distinct)} different points are more than any skeleton has',
            column=columns.landmark,
        )
    cells = place * len(distinct) + which
    if len(np.unique(cells)) < len(cells):
        twice = int(np.argmax(np.bincount(cells)))
        name = str(distinct[twice % len(distinct)])
        raise mistake(
            path,
            f'point {name!r} is there twice in a frame',
            'Add a column person, or remove such rows',
            column=columns.landmark,
        )
    values = _values(table, columns.points[''])
    values = np.c_[values, _depth(columns, table, columns.points[''])]
    flat = np.full((len(rows) * len(distinct), values.shape[1]), np.nan)
    flat[cells] = values
    array = flat.reshape(len(rows), len(distinct), -1)
    points = {str(n): array[:, i, :-1] for i, n in enumerate(distinct)}
    depths = {str(n): array[:, i, -1] for i, n in enumerate(distinct)}
    return points, depths, rows


def _frames(
    columns: _Columns, table: Table, rows: np.ndarray, video: Video, path: Path
) -> tuple[np.ndarray, Video, int | None, tuple[str, ...]]:
    """Frames (M,) of the rows, what they say, number of frames, and notes.

    Times decide, unless there are none or the user says how they are.
    """
    by_user = video.rate is not None or video.times is not None
    counter = columns.frame
    if counter is None and columns.time is not None:
        counter, unit = columns.time
        dated = counter in table.dates
        if dated or not are_frames(np.unique(table.numbers[counter]), unit):
            counter = None
    if counter and (by_user or columns.time is None):
        numbers = table.numbers[counter][rows]
        bad = ~(numbers >= 0) | (numbers % 1 != 0) | (numbers >= 2**53)
        if bad.any():
            row = int(np.argmax(bad))
            raise mistake(
                path,
                'is not a number of a frame',
                row=int(table.lines[rows[row]]),
                column=counter,
                value=float(numbers[row]),
            )
        distinct, which = np.unique(numbers, return_inverse=True)
        ids, first = distinct.astype(np.int64).tolist(), video.first_frame
        told = counts_from_one(path) if first is None and ids[0] == 1 else ()
        zero = from_zero(ids, first, path)
        return zero[which.ravel()], Video(), None, told
    if columns.time is None:
        frames = np.arange(len(rows))
        if columns.person:
            what = 'has several people, but no column frame or time'
            raise mistake(path, what)
        note = f'{path}: no column tells the frames; each row is taken for one'
        return frames, Video(), len(rows), (note,)
    name, unit = columns.time
    unit = 's' if name in table.dates else unit
    values = table.numbers[name][rows]
    if np.isnan(values).any():
        row = int(table.lines[rows[np.argmax(np.isnan(values))]])
        what = 'is empty; every frame needs its time'
        raise mistake(path, what, row=row, column=name)
    distinct, which = np.unique(values, return_inverse=True)
    which = which.ravel()
    if columns.person is None and not (np.diff(values) > 0).all():
        row = int(table.lines[rows[int(np.argmin(np.diff(values) > 0)) + 1]])
        what = 'is not later than in the row before'
        raise mistake(path, what, 'Remove such rows', row=row, column=name)
    times = seconds(distinct, name, unit, path)
    times = check_frame_times(times, path)
    places, file_video, notes = clock_of_rows(times, video, path)
    if places is None:
        return which, file_video, len(times), notes
    return places[which], file_video, None, notes


def _people(
    columns: _Columns, table: Table, rows: np.ndarray
) -> np.ndarray | None:
    """Who is in each row (M,), None for one person."""
    if columns.person is None:
        return None
    names = np.array(table.texts[columns.person])[rows]
    if len(np.unique(names)) > max(len(names) / 2, _FEW):
        return None  # numbers of the rows
    digits = [re.search(r'(\d{1,9})$', name) for name in np.unique(names)]
    distinct, which = np.unique(names, return_inverse=True)
    if all(digits):
        numbers = [int(match[1]) for match in digits if match]
        if len({*numbers}) == len(distinct):
            return np.array(numbers, np.int64)[which.ravel()]
    return which.ravel().astype(np.int64)
