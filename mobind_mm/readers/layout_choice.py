"""Which layout the keypoints of a file have.

Some files name their keypoints, or the data set; of others, only their number
is known. Several layouts may have as many: which it is, the proportions of
the body tell, or nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..skeleton import (
    LAYOUTS,
    USUAL,
    get_layout,
    keypoint_indices,
    layout_name,
)
from ..utils.errors import mistake
from .detections import Detections, boxes_of
from .json_items import shorten
from .keypoint_names import resolve_names

MMPOSE_DEFAULT = 'coco'
"""Layout of 17 keypoints without names that needs no note."""
_MOST = 2000
"""Instances that are measured."""
_LENGTHS = 0.02, 0.7
"""Of a bone, in diagonals of the box."""
_SEEN = 0.2
"""Least score of what is seen: a limb out of view is drawn anywhere."""
_BONES = (
    ('shoulder', 'elbow', _LENGTHS), ('elbow', 'wrist', _LENGTHS),
    ('hip', 'knee', _LENGTHS), ('knee', 'ankle', _LENGTHS),
    ('nose', 'eye', (-1.0, 0.2)),
)  # fmt: skip
_STRICT = (
    'halpe136', 'openpose_body25', 'openpose_coco18', 'mediapipe33',
)  # fmt: skip
"""Usual layouts without models in MMPose: what is not a body is refused."""
_FITS = ', whose proportions fit'
_UNSURE = ', which their proportions do not tell beyond doubt'
_LIMBS = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
_ALIKE = 0.7
"""Logarithm of the ratio of bones that are alike."""
_NEAR = (
    (('neck', 'neck_base', 'thorax', 'spine_shoulder'), 0, 0.4),
    (('upper_neck', 'head_bottom'), 0, 0.6),
    (('nose', 'head', 'head_top', 'top_head'), 0, 1.3),
    (('hip', 'root', 'pelvis'), 3, 0.4),
)
"""Joints that are near the middle of the shoulders (0) or the hips (3), and
their largest distance in lengths of the trunk."""
_DISTINCT = 1.25
"""Factor by which the limbs of any other layout must be longer: joints in the
wrong order lie farther apart."""
_LEAST = 5
"""Instances with all limbs that are enough to measure."""
_OPPOSITE, _HEAD = -0.5, 0.06
"""Cosine of the directions from the nose to the eyes below which, and distance
between them in diagonals above which they are the top and bottom of a head."""


def with_layout(
    detections: Detections,
    wanted: str | None = None,
    names: Sequence[str] | None = None,
    noted: bool = True,
) -> Detections:
    """Detections with the layout of their keypoints, which may be unnamed.

    Args:
        detections: K keypoints each; ``layout`` is any with as many, or ''.
        wanted: Layout that the user named.
        names: Of the K keypoints, where the file has them.
        noted: Whether a usual layout is a guess, which is noted.

    Raises:
        ValueError: If no layout fits, or none beyond doubt.
    """
    count, source = detections.keypoints.shape[1], detections.source
    if names is not None and len(names) == count:
        return named(detections, names, wanted)
    if wanted:
        return replace(detections, layout=check_count(wanted, count, source))
    fitting = [name for name, k in LAYOUTS.items() if len(k) == count]
    if not fitting:
        raise mistake(
            source,
            f'does not say what its {count} keypoints are, and no layout has '
            'so many',
            'Name the layout (--layout)',
        )
    usual = fitting[0] if fitting[0] in USUAL else None
    if not len(detections.frames) and usual is None:
        raise mistake(
            source,
            f'nobody is seen whose {count} keypoints would tell which they '
            f'are, of {", ".join(fitting)}',
            'Name the layout (--layout)',
        )
    alone = len(fitting) == 1 and usual not in _STRICT
    if usual and alone:
        _refuse_others(replace(detections, layout=usual))
    if usual and (alone or is_body(replace(detections, layout=usual))):
        layout, why, clear = usual, '', alone
        if not alone:
            layout, why, clear = _better(detections, fitting, usual)
    else:
        layout, why = _by_proportions(detections, fitting, usual)
        clear = False
    if layout == usual and clear and (not noted or layout == MMPOSE_DEFAULT):
        return replace(detections, layout=layout)
    note = (
        f'{source}: the {count} keypoints have no names and are taken for '
        f'those of {layout}{why}'
    )
    return replace(detections, layout=layout).noted(note)


def layout_of_arrays(
    keypoints: np.ndarray,
    scores: np.ndarray,
    wanted: str | None,
    where: str,
    noted: bool = True,
) -> tuple[str, tuple[str, ...]]:
    """Layout of keypoints (M, T, K, 2) of M people, and notes.

    The other arguments are those of :func:`with_layout`.

    Raises:
        ValueError: If no layout fits, or none beyond doubt.
    """
    rows = np.argwhere((scores > 0).any(axis=2))
    rows = rows[:: max(1, len(rows) // _MOST)]
    points, seen = keypoints[tuple(rows.T)], scores[tuple(rows.T)]
    boxes = boxes_of(points, seen)
    some = Detections(
        len(rows), rows[:, 1], points, seen, boxes, '', source=where
    )
    some = with_layout(some, wanted, noted=noted)
    return some.layout, some.notes


def check_count(wanted: str, count: int | None, source: object) -> str:
    """Our name of a layout, which must have ``count`` keypoints.

    Raises:
        ValueError: If it is unknown, or has another number.
    """
    layout = layout_name(wanted)
    try:
        expected = len(get_layout(layout))
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from None
    if count not in (None, expected):
        raise ValueError(
            f'{source}: {count} keypoints, but the layout '
            f'{layout!r} has {expected}; name the right layout.'
        )
    return layout


def named(
    detections: Detections, names: Sequence[str], wanted: str | None = None
) -> Detections:
    """Detections whose keypoints are in the order of a layout, by names.

    Raises:
        ValueError: If the names are not those of a body.
    """
    for layout in LAYOUTS:
        if get_layout(layout) == tuple(names) and wanted in (None, layout):
            return replace(detections, layout=layout)
    layout, joints = resolve_names(names, detections.source, wanted)
    order = get_layout(layout)
    keypoints = np.zeros((len(detections.frames), len(order), 2), np.float32)
    scores = np.zeros(keypoints.shape[:2], np.float32)
    columns = [order.index(joint) for joint in joints]
    places = [[*names].index(name) for name in joints.values()]
    keypoints[:, columns] = detections.keypoints[:, places]
    scores[:, columns] = detections.scores[:, places]
    return replace(
        detections, keypoints=keypoints, scores=scores, layout=layout
    )


def named_in_file(
    detections: Detections, meta: Any, wanted: str | None
) -> Detections | None:
    """Detections with the layout of MMPose's ``meta_info``, if it says one.

    It is the one with the names of ``keypoint_id2name``, else that with most
    of them, else that of its ``dataset_name``.

    Raises:
        ValueError: If the user wants another, or the names are not those of
            a body.
    """
    if not isinstance(meta, Mapping):
        return None
    name, source = meta.get('dataset_name'), detections.source
    names = _keypoint_names(meta.get('keypoint_id2name'), source)
    count = detections.keypoints.shape[1]
    for candidate in (*LAYOUTS, name if isinstance(name, str) else ''):
        try:
            layout = get_layout(candidate)
        except ValueError:
            continue
        if layout != names and (names is not None or candidate != name):
            continue
        if wanted and get_layout(check_count(wanted, count, source)) != layout:
            raise ValueError(
                f'{source}: layout {layout_name(wanted)!r} was asked for, but '
                f'meta_info says that the keypoints are those of '
                f'{candidate!r}.'
            )
        return replace(
            detections, layout=check_count(candidate, count, source)
        )
    if names is None:
        return None
    if len(names) != count:
        raise ValueError(
            f'{source}: meta_info names the keypoints '
            f'{shorten(list(names))}, which no layout has; there are {count}.'
        )
    return named(detections, names, wanted)


def _keypoint_names(names: Any, source: object) -> tuple[str, ...] | None:
    """Names in the order of their index; None if the file has none."""
    if names is None:
        return None
    try:
        indices = {int(index): str(name) for index, name in names.items()}
        return tuple(indices[i] for i in range(len(indices)))
    except (AttributeError, KeyError, ValueError):
        raise ValueError(
            f'{source}: keypoint_id2name of meta_info is {shorten(names)}, '
            'expected {"0": name, "1": name, ...}.'
        ) from None


def is_body(detections: Detections) -> bool:
    """Whether limbs and face mostly have the proportions of a body."""
    every = max(1, len(detections.frames) // _MOST)
    keypoints = detections.keypoints[::every]
    scores = detections.scores[::every]
    boxes = detections.boxes[::every]
    diagonals = np.maximum(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T), 1e-9)
    order = get_layout(detections.layout)
    faces = []
    for side in ('left', 'right'):
        for *ends, (least, most) in _BONES:
            names = [e if e == 'nose' else f'{side}_{e}' for e in ends]
            if 'nose' in ends and not {*names} <= {*order}:
                continue
            pair = keypoint_indices(detections.layout, names)
            seen: np.ndarray = np.all(scores[:, pair] > _SEEN, axis=1)
            between = np.diff(keypoints[:, pair], axis=1)[:, 0]
            if 'nose' in ends:
                faces.append(np.where(seen[:, None], between, np.nan))
            shares = np.hypot(*between[seen].T) / diagonals[seen]
            if len(shares) and not least < np.median(shares) < most:
                return False
    if len(faces) < 2:
        return True
    lengths = np.maximum(np.hypot(*faces[0].T) * np.hypot(*faces[1].T), 1e-9)
    cosines = (faces[0] * faces[1]).sum(axis=1) / lengths
    heads = np.hypot(*(faces[0] - faces[1]).T) / diagonals
    known = np.isfinite(cosines)
    return not known.any() or not (
        np.median(cosines[known]) < _OPPOSITE
        and np.median(heads[known]) > _HEAD
    )


def _refuse_others(detections: Detections) -> None:
    """Refuse keypoints that are certainly not those of the only layout."""
    length, alike = _limbs(detections)
    if alike or not np.isfinite(length):
        return
    places = _limb_places(detections.layout)
    shoulders, hips = (places[i :: len(_LIMBS)] for i in (0, 3))
    y, scores = detections.keypoints[..., 1], detections.scores
    seen: np.ndarray = np.all(scores[:, shoulders + hips] > _SEEN, axis=1)
    down = y[seen][:, shoulders].mean(axis=1) > y[seen][:, hips].mean(axis=1)
    if is_body(detections) and down.mean() < 0.5:
        return
    count = detections.keypoints.shape[1]
    raise mistake(
        detections.source,
        f'the {count} keypoints have no names, and their proportions are not '
        f'those of {detections.layout}, the only layout with so many; perhaps '
        'some of another layout were left out',
        'Give their names (keypoint_id2name of meta_info, or a mapping), or '
        'all of a layout',
    )


def _by_proportions(
    detections: Detections, fitting: Sequence[str], usual: str | None
) -> tuple[str, str]:
    """The layout of as many keypoints that fits beyond doubt, and why.

    Raises:
        ValueError: If there is none.
    """
    count, source = detections.keypoints.shape[1], detections.source
    close, distinct = _closest(detections, fitting)
    if distinct:
        return close[0], _FITS
    if not close and usual in _STRICT:
        raise ValueError(
            f'{source}: the {count} keypoints are not those of {usual}: '
            'its arms and legs would have no length, or be as long as the '
            'body, or the eyes be far from the nose; name the layout '
            '(--layout).'
        )
    if not close and usual:
        return usual, ''
    raise mistake(
        source,
        f'does not say what its {count} keypoints are, and '
        f'{"more than one" if close[1:] else "none"} of the layouts '
        f'fits beyond doubt ({", ".join(close if close[1:] else fitting)})',
        'Name the layout (--layout)',
    )


def _better(
    detections: Detections, fitting: Sequence[str], usual: str
) -> tuple[str, str, bool]:
    """The usual layout, unless another alone has the proportions of a body.

    Also why it is taken, and whether the proportions speak for it.
    """
    close, distinct = _closest(detections, fitting)
    if distinct and usual not in close:
        return close[0], _FITS, True
    limbs = _limb_places(usual)
    others = [name for name in close if _limb_places(name) != limbs]
    if distinct or not others:
        return usual, '' if distinct else _UNSURE, distinct
    return usual, f', though {" and ".join(others)} would fit, too', False


def _closest(
    detections: Detections, fitting: Sequence[str]
) -> tuple[list[str], bool]:
    """Layouts that make a body with short limbs, and if all have the same."""
    every, lengths = [], {}
    for name in fitting:
        some = replace(detections, layout=name)
        if is_body(some):
            length, alike = _limbs(some)
            every.append(length)
            if alike:
                lengths[name] = length
    most = min(lengths.values(), default=0.0) * _DISTINCT
    close = [name for name in lengths if lengths[name] < most]
    short = [n for n in close if lengths[n] < min(every) * _DISTINCT]
    same = len({tuple(_limb_places(name)) for name in close}) == 1
    return close, same and bool(short)


def _limb_places(layout: str) -> list[int]:
    names = [f'{side}_{j}' for side in ('left', 'right') for j in _LIMBS]
    return keypoint_indices(layout, names)


def _limbs(detections: Detections) -> tuple[float, bool]:
    """Median length of limbs and trunk in diagonals, and if it is a body.

    Both sides are alike, and so are the two bones of a limb; the neck is
    between the shoulders, the pelvis between the hips.
    """
    every = max(1, len(detections.frames) // _MOST)
    points = detections.keypoints[::every].astype(np.float64)
    scores, boxes = detections.scores[::every], detections.boxes[::every]
    places = _limb_places(detections.layout)
    rows: np.ndarray = np.all(scores[:, places] > _SEEN, axis=1)
    if rows.sum() < _LEAST:
        return np.inf, False
    points, scores, boxes = points[rows], scores[rows], boxes[rows]
    sides = points[:, places].reshape(len(points), 2, len(_LIMBS), 2)
    bones = np.stack(
        [
            np.hypot(*np.moveaxis(sides[:, :, b] - sides[:, :, a], -1, 0))
            for a, b in ((0, 1), (1, 2), (3, 4), (4, 5), (0, 3))
        ],
        axis=-1,
    )  # (n, side, bone)
    usual = np.maximum(np.median(bones, axis=0), 1e-9)
    diagonals = np.maximum(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T), 1e-9)
    length = float(np.median(bones.sum(axis=(1, 2)) / diagonals))
    upper, lower = usual[:, [0, 2]].mean(0), usual[:, [1, 3]].mean(0)
    ratios = np.r_[usual[0] / usual[1], (upper / lower) / 1.2]
    if np.abs(np.log(ratios)).max() > _ALIKE:
        return length, False
    middles = sides.mean(axis=1)
    trunk = np.median(np.hypot(*(middles[:, 0] - middles[:, 3]).T))
    order = get_layout(detections.layout)
    for names, joint, most in _NEAR:
        for name in (n for n in names if n in order):
            place = order.index(name)
            seen = scores[:, place] > _SEEN
            apart = points[seen, place] - middles[seen, joint]
            if len(apart) and np.median(np.hypot(*apart.T)) > most * trunk:
                return length, False
    return length, True


def names_of(others: Mapping[str, Any]) -> list[str] | None:
    """Names of keypoints that a dict of a file's facts lists, if any.

    >>> names_of({'categories': [{'keypoints': ['nose', 'neck']}]})
    ['nose', 'neck']
    >>> names_of({'skeleton': {'1': 'neck', '0': 'nose'}})
    ['nose', 'neck']
    """
    for value in (others, *_inner(others)):
        for key in _NAME_KEYS:
            names: Any = value.get(key)
            if isinstance(names, Mapping) and names:
                keys = [str(k) for k in names]
                if all(k.isdecimal() and len(k) < 5 for k in keys):
                    names = [names[k] for k in sorted(names, key=int)]
            listed = isinstance(names, list) and bool(names)
            if listed and all(isinstance(n, str) for n in names):
                return [*names]
    return None


_NAME_KEYS = (
    'keypoint_names', 'keypoints_names', 'joint_names', 'landmark_names',
    'keypoints', 'joints', 'landmarks', 'skeleton', 'keypoint_id2name',
    'bodyparts', 'node_names', 'kpt_names', 'names',
)  # fmt: skip
"""Keys of the names of all keypoints, in their order."""


def _inner(others: Mapping[str, Any]) -> Iterable[Mapping]:
    """Dicts one level down, and the first of a list of them."""
    for value in others.values():
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, Mapping):
            yield value
