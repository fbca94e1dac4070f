"""People and points in what pose tools write.

A frame holds people, under one of many keys, and a person holds points: flat
numbers, rows, dicts, or lists of x and of y.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from ..skeleton import get_layout
from ..utils.errors import mistake
from .instance_batches import (
    LOGIT_LIMIT,
    NAMES,
    NUMBERS,
    SCORES,
    SIZES,
    SPATIAL,
    flat_width,
)
from .json_items import shorten
from .keypoint_names import joints_of, keypoint_name

PEOPLE = (
    'instances', 'people', 'persons', 'detections', 'predictions', 'results',
    'objects', 'annotations', 'bodies', 'poses', 'pose_results', 'preds',
    'skeleton', 'pred_instances', 'body_list',
)  # fmt: skip
"""Keys of the list of people in a frame."""
POINTS = (
    'keypoints', 'pose_keypoints_2d', 'pose_keypoints', 'landmarks',
    'pose_landmarks', 'poseLandmarks', 'pose', 'joints', 'keypoints_2d',
    'kpts', 'keypoint_2d', 'keypoint', 'joints2d', 'joints_2d', 'xy', 'xyn',
    'landmark', 'pred_keypoints',
)  # fmt: skip
"""Keys of the points of a person."""
_OWN_SCORES = (
    'keypoint_scores', 'keypoints_scores', 'kpt_scores', 'scores', 'score',
    'confidences', 'keypoints_conf', 'keypoint_confidence', 'confidence',
    'conf', 'visibility', 'keypoints_visible',
)  # fmt: skip
"""Keys of a list of the scores of all points."""
_SOMEBODY = re.compile(
    r'(?:person|player|subject|individual|athlete|human|body|skeleton|track|'
    r'id|p)?[\s_.-]*(\d{1,15})',
    re.IGNORECASE,
)
"""Key of somebody in a dict of people."""
_AXIS = re.compile(
    r'(.+?)[\s_.:-]*([xyz]|score|conf(?:idence)?|visibility|likelihood)',
    re.IGNORECASE,
)
_DEEPEST = 6
LOGITS = 0.05
"""Share of the visibilities outside [0, 1] from which they are logits."""
LOGIT_NOTE = 'visibility is a logit; scores are its sigmoid'
_LEAST_NAMED = 4
MOST_PEOPLE = 300
"""In one frame; MMDetection's detectors find no more. Everybody is compared
with everybody."""


def few(people: Iterable[Any], where: object) -> list[Any]:
    """People of a frame, who must not be more than :data:`MOST_PEOPLE`."""
    some = list(islice(people, MOST_PEOPLE + 1))
    if len(some) > MOST_PEOPLE:
        what = f'has more than {MOST_PEOPLE} people'
        raise mistake(where, what, 'Run the tool again')
    return some


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
        people = value.get(key)
        if isinstance(people, (list, Mapping)):
            if key == 'skeleton' and not _are_people(people):
                continue  # the bones
            yield from people_of(people, depth - 1)
            return
    for key in POINTS:
        points = value.get(key)
        if isinstance(points, list) and not _is_points(points):
            yield from _each(value, key, depth)
            return
        if isinstance(points, Mapping) and not {*POINTS}.isdisjoint(points):
            yield from people_of(points, depth - 1)
            return
        if points and isinstance(points, (list, Mapping)):
            if isinstance(points, Mapping):
                points = _flat_sides(points)
            yield _with_scores({**value, 'keypoints': points})
            return
    if numbered := _numbered(value):
        yield {'keypoints': numbered}
        return
    columns = [value.get(axis) for axis in 'xy']
    if all(isinstance(c, list) and len(c) >= _LEAST_NAMED for c in columns):
        yield {'keypoints': value}
        return
    value = _flat_sides(value)
    named = {k: p for k, p in value.items() if _is_point(p)}
    if len(named) >= _LEAST_NAMED and len(joints_of(named)) >= _LEAST_NAMED:
        others = {k: v for k, v in value.items() if k not in named}
        yield {**others, 'keypoints': named}
        return
    if named := _by_axis(value):
        others = {k: v for k, v in value.items() if axis_of(k) is None}
        yield {**others, 'keypoints': named}
        return
    inner = {k: v for k, v in value.items() if isinstance(v, (list, Mapping))}
    people = {k: number_of(k) for k in inner}
    if None not in people.values():
        for name, number in people.items():
            for person in people_of(inner[name], depth - 1):
                yield {'track_id': number, **person}


def _flat_sides(points: Mapping) -> Mapping:
    """Points of a dict, those of its sides with the side in their names."""
    sides = {
        f'{side}_{name}': point
        for side in points
        if side in ('left', 'right') and isinstance(points[side], Mapping)
        for name, point in points[side].items()
    }
    if not sides:
        return points
    others = {k: p for k, p in points.items() if k not in ('left', 'right')}
    return {**others, **sides}


def number_of(name: str) -> int | None:
    """Number of somebody whom a key of a dict names, if it does.

    >>> number_of('2'), number_of('person_03'), number_of('cam1')
    (2, 3, None)
    """
    match = _SOMEBODY.fullmatch(name)
    return int(match[1]) if match else None


def axis_of(name: str) -> tuple[str, str] | None:
    """Joint and axis, or score, of a column; None of anything else.

    >>> axis_of('left_wrist_x'), axis_of('Nose.conf'), axis_of('box_x')
    (('left_wrist', 'x'), ('Nose', 'score'), None)
    """
    match = _AXIS.fullmatch(name)
    if match is None or keypoint_name(match[1]) is None:
        return None
    axis = match[2].lower()
    return match[1], axis if axis in 'xyz' else 'score'


def _by_axis(value: Mapping) -> dict[str, dict]:
    """Points by name of a dict with a number per axis, if it is one."""
    points: dict[str, dict] = {}
    for name, number in value.items():
        place = (
            None if isinstance(number, (str, list, Mapping)) else axis_of(name)
        )
        if place is not None:
            points.setdefault(place[0], {})[place[1]] = number
    whole = {n: point for n, point in points.items() if _is_point(point)}
    return whole if len(joints_of(whole)) >= _LEAST_NAMED else {}


def _numbered(value: Mapping) -> list[dict] | None:
    """Points of a dict by their numbers, each with its number."""
    if len(value) < _LEAST_NAMED or not all(
        k.isdecimal() and len(k) < 4 for k in value
    ):
        return None
    points = {int(k): point or () for k, point in value.items()}
    if not all(_is_point(p) or p == () for p in points.values()):
        return None
    return [
        {'id': k, **p}
        if isinstance(p, Mapping)
        else {'id': k, **dict(zip(('x', 'y', 'score'), p or (None, None)))}
        for k, p in points.items()
    ]


def has_layout(person: Mapping) -> bool:
    """Whether somebody has as many points as a layout, or points by name."""
    points = person['keypoints']
    if not isinstance(points, list):
        return True
    plain = isinstance(next(iter(points), None), (int, float))
    return (
        flat_width(len(points)) is not None if plain else len(points) in SIZES
    )


def _are_people(people: Any) -> bool:
    return isinstance(people, list) and bool(
        people and isinstance(people[0], Mapping)
    )


def _each(value: Mapping, key: str, depth: int) -> Iterator[Any]:
    """People whose points are in one list and whose scores are in another."""
    points = value[key]
    columns = {
        k: v
        for k, v in value.items()
        if isinstance(v, list) and len(v) == len(points)
    }
    if not all(isinstance(p, list) and _is_points(p) for p in points):
        yield from people_of(points, depth - 1)
        return
    for row in range(len(points)):
        person = {k: column[row] for k, column in columns.items()}
        yield _with_scores({**person, 'keypoints': points[row]})


def _with_scores(person: dict[str, Any]) -> dict[str, Any]:
    """A person whose scores have their usual key."""
    points = person['keypoints']
    if not isinstance(points, list) or isinstance(points[0], Mapping):
        return person
    for key in _OWN_SCORES:
        scores = person.get(key)
        count = len(scores) if isinstance(scores, list) else 0
        if count and len(points) in (count, 2 * count, 3 * count):
            return {**person, 'keypoint_scores': scores}
    return person


def _is_points(value: list) -> bool:
    """Whether a list is one person's points, rather than of people."""
    first = value[0] if value else None
    if isinstance(first, Mapping):
        here = {'x', 'y'} <= {*_place(first)}
        return here and {*POINTS}.isdisjoint(first)  # of a box
    if isinstance(first, list):
        return 2 <= len(first) <= 4 and not isinstance(first[0], (list, dict))
    return isinstance(first, (int, float))


def points_of(
    person: Any, logits: bool, where: str, layout: str | None = None
) -> dict[str, Any]:
    """A person as :func:`.detections.parse_instance` takes one.

    Args:
        person: One of :func:`people_of`.
        logits: Whether scores are logits.
        where: File, frame and index, for messages.
        layout: In which points with names are brought; see
            :func:`layout_of`.

    Raises:
        ValueError: If the points are of no known shape.
    """
    points = _by_name(person['keypoints'])
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
        points = _by_number(points, where)
        rows = [
            [_place(p).get('x'), _place(p).get('y'), _score(p, 1.0)]
            for p in points
        ]
        names = _names(points)
        if layout and all(names):
            rows = [
                [0.0, 0.0, 0.0] if place is None else rows[place]
                for place in _order(names, layout)
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


def _by_number(points: list[Mapping], where: str) -> list[Mapping]:
    """Points in the order of their numbers, where they have some.

    Raises:
        ValueError: If numbers are left out.
    """
    key = next((k for k in NUMBERS if k in points[0]), None)
    numbers: list[Any] = [point.get(key) for point in points]
    if key is None or any(type(number) is not int for number in numbers):
        return points
    ordered = sorted(numbers)
    if ordered[0] in (0, 1) and ordered == [
        *range(ordered[0], ordered[0] + len(points))
    ]:
        return sorted(points, key=lambda point: point[key])
    if all(_names(points)):
        return points  # which go by their names
    raise mistake(
        where,
        f'its points have the numbers {shorten(numbers)}, which are not those '
        'of all points in a row',
        'Write all points of the model, undetected ones with score 0',
    )


def _by_name(points: Any) -> Any:
    """Points with their names, of a dict of them; others as they are."""
    if not isinstance(points, Mapping):
        return points
    named = {n: point for n, point in points.items() if _is_point(point)}
    if len(joints_of(named)) >= _LEAST_NAMED:
        rows = {n: p for n, p in named.items() if isinstance(p, list)}
        points = {
            **points,
            **{n: dict(zip(('x', 'y', 'score'), p)) for n, p in rows.items()},
        }
    if not any(isinstance(point, Mapping) for point in points.values()):
        return points
    return [
        {'name': name, **point}
        for name, point in points.items()
        if isinstance(point, Mapping)
    ]


def _is_point(value: Any) -> bool:
    """Whether something is one point: x, y and perhaps a score."""
    if isinstance(value, Mapping):
        return {'x', 'y'} <= {*_place(value)}
    return (
        isinstance(value, list)
        and len(value) in (2, 3)
        and all(isinstance(v, (int, float)) for v in value)
    )


def _names(points: Iterable[Mapping]) -> tuple[str, ...]:
    return tuple(
        str(next((p[k] for k in NAMES if k in p), '')) for p in points
    )


@lru_cache(maxsize=256)
def _order(names: tuple[str, ...], layout: str) -> tuple[int | None, ...]:
    """Place of each keypoint of a layout among named points; None: absent."""
    joints = {j: names.index(name) for j, name in joints_of(names).items()}
    return tuple(joints.get(k) for k in get_layout(layout))


def layout_of(items: Iterable[Any]) -> str | None:
    """Layout for the named points of the first items; None without names.

    It is the smallest with all of their joints, or that with most.
    """
    joints: set[str] = set()
    for item in items:
        for person in islice(people_of(item), MOST_PEOPLE):
            points = _by_name(person['keypoints'])
            if isinstance(points, list) and all(
                isinstance(p, Mapping) for p in points
            ):
                joints |= {*joints_of(_names(points))}
    if len(joints) < _LEAST_NAMED:
        return None
    layouts = ('coco', 'halpe26', 'mediapipe33')
    return max(layouts, key=lambda n: len(joints & {*get_layout(n)}))


def _score(point: Mapping, default: Any) -> Any:
    score = next((point[key] for key in SCORES if key in point), default)
    return int(score) if isinstance(score, bool) else score


def _is_spatial(rows: list[list]) -> bool:
    """Whether rows are x, y, z of MediaPipe: z is also below 0."""
    depths = [row[2] for row in rows if len(row) == 3]
    return len(rows) == SPATIAL and any(
        isinstance(z, (int, float)) and z < 0 for z in depths
    )


def space_of(items: Iterable[Any]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Points x, y, z (M, 3) of the first items by name or place, and rows.

    The rows (M, 3) are of people without scores of their own, so that their
    third numbers are scores, or also z.
    """
    space: dict[str, list] = {}
    rows: list[list] = []
    for item in items:
        for person in islice(people_of(item), MOST_PEOPLE):
            points: Any = person['keypoints']
            if isinstance(points, Mapping):
                points = [
                    {'name': name, **point}
                    if isinstance(point, Mapping)
                    else point
                    for name, point in points.items()
                ]
            plain = isinstance(next(iter(points), None), (int, float))
            if plain and flat_width(len(points)) == 3:
                points = [points[i : i + 3] for i in range(0, len(points), 3)]
            scored = 'keypoint_scores' in person or len(points) == SPATIAL
            for place, point in enumerate(points):
                if isinstance(point, Mapping):
                    where = _place(point)
                    name = _names([point])[0] or str(place)
                    xyz = [where.get(axis) for axis in 'xyz']
                    space.setdefault(name, []).append(xyz)
                elif (
                    isinstance(point, list) and len(point) == 3 and not scored
                ):
                    rows.append(point)
    return (
        {name: _floats(some) for name, some in space.items()},
        _floats(rows),
    )


def _floats(rows: list[list]) -> np.ndarray:
    """Rows (M, 3) of numbers; NaN where there is something else."""
    good = [
        [
            v if type(v) in (int, float) and abs(v) < 1e9 else np.nan
            for v in row
        ]
        for row in rows
    ]
    return np.array(good, np.float64).reshape(-1, 3)


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


def are_logits(items: Iterable[Any]) -> bool:
    """Whether visibilities of the first items are not shares."""
    values: list[float] = []
    for item in items:
        for person in islice(people_of(item), MOST_PEOPLE):
            points = person['keypoints']
            given = [
                point.get('visibility')
                for point in (points if isinstance(points, list) else ())
                if isinstance(point, Mapping)
            ]
            values += [
                v
                for v in given
                if isinstance(v, (int, float)) and abs(v) < 1e6
            ]
    outside: Any = [v < -0.01 or v > 1.01 for v in values]
    return bool(values) and float(np.mean(outside)) > LOGITS
