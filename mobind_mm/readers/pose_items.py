"""Frames and people of a file, however it holds them.

JSON of a list, of frames by name, of a data frame, a line per frame; pickles;
tables with lists in their cells: all are items that :mod:`.pose_people` takes
apart. What a file says of itself besides is kept: names of keypoints, the
video, the images.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake, shown
from .foreign_values import brief
from .headers import head, head_lines
from .json_items import JSONItems, open_text
from .keypoint_names import keypoint_name
from .pose_people import POINTS, axis_of, has_layout, number_of, people_of
from .unpickle import array_shapes, load_npy_objects, load_pickle, read_arrays

LISTS = (
    'frames', 'results', 'predictions', 'annotations', 'instance_info', 'data',
    'poses', 'tracks', 'images',
)  # fmt: skip
"""Keys of the list of frames, where the file holds a dict."""
BY_NUMBER = r'^\s*\{\s*"keypoints"\s*:\s*\[\s*\{\s*("\d+"\s*:|\})'
"""Start of a file of easy_ViTPose."""
_BY_COLUMN = r'^\s*\{\s*"[A-Za-z_ ]+"\s*:\s*\{\s*"0"\s*:'
"""Start of a data frame of pandas."""
_FACT = r'"\w+"\s*:\s*(-?[\d.]+|"[^"]*"|\[[\d., ]*\])\s*,\s*'
_ARRAY = rf'\s*\{{\s*({_FACT}){{,9}}"(keypoints|scores)"\s*:\s*\[\s*\[\s*\['
"""Start of one array of all frames."""
_LIST = r'(?P<list>\s*:\s*(?:\[|\{(?=\s*"[^"\d]{0,20}\d)))'
_TOKEN = rf'"(?P<name>(?:\\.|[^"\\])*)"{_LIST}?|[\[\]{{}}]'
_BY_JOINT = (
    rf'\s*\{{\s*({_FACT}){{,9}}"([A-Za-z_. ]+)"\s*:\s*'
    r'(\[\s*[\[{]|\{\s*"x"\s*:\s*\[|\[\s*-?\d|\{\s*"0"\s*:\s*-?\d)'
)
"""Start of a dict of joints, each with its points in all frames."""
_LINE = 1 << 22
"""Characters of a line that is an item."""
_FRAMES_OF = ('frame_ids', 'frame_id', 'frames', 'frame_indices')
"""Keys of the frames of somebody, beside the points in all of them."""
_DEEPEST = 8
NUMPY = ('.npy', '.npz')
_MOST_PEOPLE = 20
"""People of a file whose first level is not of frames."""
_LEAST_POINTS = 5
_IS_FRAME = re.compile(r'\d+|.*(frame|ima?ge?).*', re.IGNORECASE)
"""Key that may be that of a frame, in a dict of few."""


class Items:
    """Items of a file: frames, or people, as plain values.

    An item of a dict of frames is a pair of its name and value.

    Args:
        path: JSON, pickle, or table with lists in cells.

    Attributes:
        others: What else the file says, after the iteration.
        notes: How the items were taken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.others: dict[str, Any] = {}
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Any]:
        self.others, self.notes = {}, []
        for item in self._by_frame(self._raw()):
            if _is_movenet(item):
                item = [[row[1], row[0], *row[2:]] for row in item[0][0]]
                self.notes = ['points are y, x, as MoveNet gives them']
            if isinstance(item, tuple) and not re.search(r'\d', item[0]):
                inner = _inner_frames(*item)
                if not inner:
                    self.others[item[0]] = item[1]  # the version or the like
                for one in inner:
                    yield from _expanded(one)
                continue
            yield from _expanded(item)

    def _raw(self) -> Iterator[Any]:
        path = self.path
        if path.suffix.lower() in ('.pkl', '.pickle'):
            yield from self._of(_plain(load_pickle(path)))
        elif path.suffix.lower() in NUMPY:
            content, note = _arrays(path)
            self.notes += [note] if note else []
            yield from self._of(_plain(content))
        elif head(path).lstrip()[:1] in ('[', '{'):
            yield from self._of_json()
        else:
            yield from _rows(path)

    def _of(self, content: Any) -> Iterator[Any]:
        """Items of something that was read as a whole."""
        if isinstance(content, list):
            yield from content
            return
        if not isinstance(content, Mapping):
            raise mistake(self.path, 'holds neither frames nor people')
        names = (n for n in LISTS if isinstance(content.get(n), list))
        key = next(names, None)
        if _holds_array(content):
            yield from _frames_of(content)
        elif key is None:
            yield from ((str(k), v) for k, v in content.items())
            return
        else:
            yield from content[key]
        self.others = {k: v for k, v in content.items() if k not in POINTS}
        self.others.pop(key or '', None)

    def _of_json(self) -> Iterator[Any]:
        path, text = self.path, head(self.path)
        first, _, more = text.lstrip().partition('\n')
        ends = {'{': '}', '[': ']'}.get(first[:1])
        if first.rstrip()[-1:] == ends and more.lstrip()[:1] in ('[', '{'):
            yield from self._of_lines()
            return
        if re.match(BY_NUMBER, text):
            items = JSONItems(path, 'keypoints')
            yield from map(_by_number, items)
        elif re.match(_BY_COLUMN, text):
            yield from _by_column(dict(JSONItems(path, None)))
            return
        elif starts_with_joint(text):
            yield from self._of_joints(dict(JSONItems(path, None)))
            return
        elif re.match(_ARRAY, text):
            yield from self._of(dict(JSONItems(path, None)))
            return
        else:
            items = JSONItems(path, _list_key(text), pairs=True)
            for index, item in enumerate(items):
                where = f'{path}: item {index}'
                if isinstance(item, str) and item.lstrip()[:1] in ('[', '{'):
                    item = _parsed(item, where)
                columns = items.others.get('columns')
                if isinstance(columns, list) and isinstance(item, list):
                    item = dict(zip(map(str, columns), item))
                yield item
        self.others.update(items.others)

    def _of_joints(self, content: Mapping[str, Any]) -> Iterator[dict]:
        """Frames of a dict of joints, each with its points over time."""
        joints = {}
        for name, points in content.items():
            if isinstance(points, Mapping) and axis_of(name):
                points = [*points.values()]  # a data frame
            if isinstance(points, Mapping):  # of lists
                axes = {k: v for k, v in points.items() if isinstance(v, list)}
                points = [dict(zip(axes, row)) for row in zip(*axes.values())]
            named = keypoint_name(name) or axis_of(name)
            if isinstance(points, list) and named:
                joints[name] = points
        lengths = {name: len(points) for name, points in joints.items()}
        if len({*lengths.values()}) > 1:
            few = min(lengths, key=lambda name: lengths[name])
            raise mistake(
                self.path,
                f'{few} has {lengths[few]} points, other joints up to '
                f'{max(lengths.values())}',
                'Write a point for each joint and frame, null if it is absent',
            )
        length = max(lengths.values(), default=0)
        for name, values in content.items():  # such as those of the frames
            if isinstance(values, list) and len(values) == length:
                joints.setdefault(name, values)
        self.others = {k: v for k, v in content.items() if k not in joints}
        for row in range(length):
            yield {name: points[row] for name, points in joints.items()}

    def _by_frame(self, items: Iterable[Any]) -> Iterator[Any]:
        """Items of frames, where a dict has people before their frames."""
        items = iter(items)
        start = [*islice(items, _MOST_PEOPLE + 1)]
        pairs = [one for one in start if isinstance(one, tuple)]
        people = {n: f for n, v in pairs if (f := _frames_by_name(v))}
        ids = [number_of(name) for name in people]
        longest = max(map(len, people.values()), default=0)
        words = not any(map(_IS_FRAME.fullmatch, people))
        if (
            len(start) > _MOST_PEOPLE
            or longest <= len(people)
            or (longest <= _MOST_PEOPLE and not words)
        ):
            yield from start
            yield from items
            return
        if len(people) == 1 and None in ids:  # the video
            yield from next(iter(people.values())).items()
            return
        if any(re.search('cam|view|video', n, re.IGNORECASE) for n in people):
            raise mistake(
                self.path,
                f'holds {len(people)} views or videos ({shown([*people], 5)})',
                'Give each a file of its own',
            )
        self.notes.append(
            f'its keys {shown([*people], 5)} are taken for people, those '
            'below for frames'
        )
        if None in ids:
            ids = [*range(len(people))]
        for who, frames in zip(ids, people.values()):
            yield from _of_somebody(who, frames)
        yield from (one for one in pairs if one[0] not in people)

    def _of_lines(self) -> Iterator[Any]:
        """Items of a file with one per line, whose last may be cut."""
        with open_text(self.path) as file:
            lines = iter(lambda: file.readline(_LINE), '')
            for row, line in enumerate(lines, 1):
                if not line.strip('\0 \r\n\t'):
                    continue
                try:
                    item = _parsed(line, f'{self.path}, row {row}')
                except ValueError:
                    if row == 1 or line.endswith('\n') or len(line) == _LINE:
                        raise
                    self.notes.append(
                        f'the last row, {row}, is cut and left out'
                    )
                    return
                yield item


def _inner_frames(name: str, value: Any) -> list:
    """Frames that a key of a dict holds; none of other facts."""
    if isinstance(value, Mapping):
        lists = (value[k] for k in LISTS if isinstance(value.get(k), list))
        value = next(lists, [])
    elif name not in POINTS:
        value = []
    some = next((v for v in value if v), None) if value else None
    return value if any(map(has_layout, people_of(some))) else []


def starts_with_joint(text: str) -> bool:
    """Whether a file begins as a dict of joints, each over time."""
    match = re.match(_BY_JOINT, text)
    if match is None:
        return False
    axes = match[4][-1:].isdecimal()
    return (axis_of if axes else keypoint_name)(match[3]) is not None


def _frames_by_name(value: Any) -> Mapping[str, Any]:
    """Frames of somebody by their names in a dict; none of anything else."""
    if isinstance(value, Mapping) and isinstance(value.get('frames'), Mapping):
        value = value['frames']
    if not isinstance(value, Mapping) or not value:
        return {}
    some = next((v for v in value.values() if v), None)
    named = all(re.search(r'\d', name) for name in value)
    return value if named and any(map(has_layout, people_of(some))) else {}


def _of_somebody(who: Any, frames: Mapping[str, Any]) -> Iterator[Any]:
    """Pairs of a frame and somebody in it, of a dict of frames."""
    for frame, value in frames.items():
        for person in people_of(value):
            yield frame, {**person, 'track_id': who}


def _is_movenet(item: Any) -> bool:
    """Whether an item is an array (1, 1, 17, 3) of shares of the image."""
    for _ in range(2):
        if not isinstance(item, list) or len(item) != 1:
            return False
        item = item[0]
    if not isinstance(item, list) or len(item) != 17:
        return False
    return all(
        isinstance(row, list)
        and len(row) == 3
        and all(type(v) in (int, float) and -1 < v < 2 for v in row)
        for row in item
    )


def _list_key(text: str) -> str | None:
    """Key of the list of a file that begins so, if it holds a dict."""
    if text.lstrip()[:1] != '{':
        return None
    if re.search(r'"columns"\s*:\s*\[', text):
        return 'data'
    keys = _top_keys(text)
    if 'images' in keys and 'annotations' not in keys:
        return 'annotations'  # which come later
    if 'people' in keys and re.search(r'"frames"\s*:', text):
        return 'people'
    return next((k for k in LISTS if k in keys), None)


def _top_keys(text: str) -> list[str]:
    """Keys of lists, and of dicts by numbers, in the outermost dict."""
    keys, depth = [], 0
    for token in re.finditer(_TOKEN, text):
        kind = token[0][0]
        if kind == '"':
            if depth == 1 and token['list']:
                keys.append(token['name'])
            depth += bool(token['list'])
        else:
            depth += 1 if kind in '[{' else -1
    return keys


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        fix = 'Write the file again'
        raise mistake(where, 'is not complete JSON', fix) from None


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


def _by_column(content: Mapping[str, Any]) -> Iterator[Any]:
    """Rows of a data frame that pandas wrote by columns."""
    tables = {n: c for n, c in content.items() if isinstance(c, Mapping)}
    points = (c for n, c in tables.items() if n in POINTS or axis_of(n))
    rows = next(points, None)
    if rows is None:
        yield from content.items()  # of people
        return
    for row in rows:
        yield {name: column.get(row) for name, column in tables.items()}


def _holds_array(content: Mapping) -> bool:
    """Whether a dict holds one array (T, ..., K, 2 or 3) of all frames."""
    points = content.get('keypoints')
    for _ in range(3):
        if not isinstance(points, list) or not points:
            return False
        points = points[0]
    return isinstance(points, (int, float, list))


def _frames_of(content: Mapping) -> Iterator[dict]:
    """Frames of arrays (T, ...) of all of them."""
    points = content['keypoints']
    columns = {
        key: value
        for key, value in content.items()
        if isinstance(value, list) and len(value) == len(points)
    }
    for row in range(len(points)):
        yield {key: column[row] for key, column in columns.items()}


def _expanded(item: Any) -> Iterator[Any]:
    """An item for each frame of somebody whose frames stand together."""
    name, value = item if isinstance(item, tuple) else (None, item)
    facts: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    lists = {k: v for k, v in facts.items() if isinstance(v, list) and v}
    who = next((facts[k] for k in ('track_id', 'id') if k in facts), None)
    if who is not None and (named := _frames_by_name(value)):
        yield from _of_somebody(who, named)
        return
    inner = [] if who is None else lists.get('frames', [])
    if inner and all(isinstance(frame, Mapping) for frame in inner):
        for frame in inner:
            yield {'track_id': who, **frame}
        return
    frames = next((lists[k] for k in _FRAMES_OF if k in lists), [])
    lists = {k: v for k, v in lists.items() if len(v) == len(frames)}
    plain = frames and isinstance(frames[0], (int, float, str))
    if not plain or {*POINTS}.isdisjoint(lists):
        yield item
        return
    who = name if name is None or not name[:15].isdecimal() else int(name)
    for row, frame in enumerate(frames):
        columns = {key: column[row] for key, column in lists.items()}
        yield {**columns, 'frame': frame, 'track_id': who}


def cell_columns(path: Path) -> list[str]:
    """Names of the columns of a table with keypoints in cells; else none."""
    try:
        rows = [*csv.reader(head_lines(path, 2))]
    except csv.Error:
        return []
    if not rows or len(rows[0]) > 100:
        return []
    names = [cell.strip() for cell in rows[0]]
    there = [i for i, name in enumerate(names) if name in POINTS]
    starts = [cell[:1] for row in rows[1:] for cell in row]
    joints = [
        name
        for name, start in zip(names, starts)
        if start in ('[', '{', '(') and keypoint_name(name)
    ]
    if there and {'[', '{'} & {*starts}:
        return names
    return names if len(joints) > _LEAST_POINTS else []


def _rows(path: Path) -> Iterator[dict]:
    """Rows of a table, whose cells may hold lists and dicts."""
    names = cell_columns(path)
    with open_text(path) as file:
        rows = csv.reader(file)
        try:
            for number, row in enumerate(rows):
                if number and row:
                    where = f'{path}, row {rows.line_num}'
                    yield {
                        name or 'index': _cell(cell, where, name)
                        for name, cell in zip(names, row)
                    }
        except (csv.Error, UnicodeDecodeError) as error:
            fix = 'Write it again, as UTF-8'
            raise mistake(path, f'is not a table ({error})', fix) from None


def _cell(cell: str, where: str, name: str) -> Any:
    """Value of a cell, as Python or JSON writes it."""
    text = cell.strip()
    if re.fullmatch(r'-?\d{1,15}', text):
        return int(text)
    if re.fullmatch(r'-?\d+\.\d*(e[+-]?\d+)?', text):
        return float(text)
    if text[:1] == '(' and text[-1:] == ')':
        text = f'[{text[1:-1]}]'
    if text[:1] not in ('[', '{'):
        return text
    for old, new in (("'", '"'), ('None', 'null'), ('nan', 'NaN')):
        text = text.replace(old, new)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise mistake(
            where,
            'is not a list of numbers',
            'Write lists, such as keypoints.tolist(), or a column per number',
            column=name,
            value=cell[:60],
        ) from None


def arrays_of_points(path: Path) -> list[str]:
    """Names of the arrays of a file of NumPy that may be of keypoints.

    They have numbers of shape (T, K, c) or (T, N, K, c), with c from 2 to 4;
    or Python objects, which may be anything.
    """
    shapes = array_shapes(path)
    if path.suffix.lower() == '.npy' and shapes.get('', ((), ''))[1] == 'O':
        return ['']
    points = [
        name
        for name, (shape, kind) in shapes.items()
        if kind in 'fiu'
        and (len(shape) in (3, 4) or (len(shape) == 5 and 1 in shape[1:3]))
        and 2 <= shape[-1] <= 4 < shape[-2]
    ]
    named = [name for name in points if name in POINTS]
    return named[:1] or points


def _arrays(path: Path) -> tuple[Any, str]:
    """Arrays of NumPy, those of the points as ``keypoints``; a note."""
    if path.suffix.lower() == '.npy':
        content: Any = load_npy_objects(path)
        if not isinstance(content, np.ndarray) or content.dtype.kind == 'O':
            return content, ''
        content = {'': content}
    else:
        content = read_arrays(path)
    names = arrays_of_points(path)
    if len(names) != 1:
        raise mistake(
            path,
            f'has {len(names)} arrays that may be keypoints ({shown(names)})',
            "Save one of them as 'keypoints'",
        )
    points, note = content.pop(names[0]), ''
    if points.ndim == 5:
        points = points.reshape(len(points), -1, *points.shape[-2:])
    third = points[..., 2:3][np.isfinite(points[..., 2:3])]
    if len(third) and (third.min() < 0 or third.max() > 100):
        raise mistake(
            path,
            'holds points of three numbers, the last of which goes from '
            f'{third.min():.3g} to {third.max():.3g} and is no score',
            'Give keypoints in the image: x and y in pixels, and a score',
        )
    if points.ndim == 4 and len(points) <= _MOST_PEOPLE < points.shape[1]:
        note = f'its array of {points.shape} is taken for (people, frames)'
        content = {
            name: array.swapaxes(0, 1)
            if array.shape[:2] == points.shape[:2]
            else array
            for name, array in content.items()
        }
        points = points.swapaxes(0, 1)
    return {**content, 'keypoints': points}, note


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """What a pickle holds, as JSON would hold it."""
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == 'O':
            return [_plain(v, depth - 1) for v in value.ravel().tolist()]
        return value.tolist()
    if depth and isinstance(value, (list, tuple)):
        return [_plain(entry, depth - 1) for entry in value]
    if depth and isinstance(value, Mapping):
        return {str(k): _plain(v, depth - 1) for k, v in value.items()}
    if value is None or isinstance(value, (str, int, float)):
        return value
    return brief(value)


def facts_of(others: Mapping[str, Any]) -> Iterable[Mapping]:
    """Dicts in which a file tells of its video."""
    yield others
    for key in ('metadata', 'meta', 'info', 'video', 'video_info', 'header'):
        if isinstance(others.get(key), Mapping):
            yield others[key]
