"""Pictures of frames: people, and where they wear sensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from ..skeleton import LIMBS, find_keypoints, get_layout, keypoint_indices
from .figures import GREY, INK, LEFT, OTHERS, RIGHT, SENSOR, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDED = (
    ('shoulder', 'elbow'),
    ('elbow', 'wrist'),
    ('shoulder', 'hip'),
    ('hip', 'knee'),
    ('knee', 'ankle'),
    ('eye', 'ear'),
)
BONES = (
    *((f'{s}_{a}', f'{s}_{b}') for a, b in _SIDED for s in ('left', 'right')),
    ('left_shoulder', 'right_shoulder'),
    ('left_hip', 'right_hip'),
    ('nose', 'left_eye'),
    ('nose', 'right_eye'),
)
"""Names of the ends of each line of a skeleton."""
_NECK = ('left_shoulder', 'right_shoulder', 'nose')


def draw_skeleton(
    people: Sequence[Mapping],
    layout: str = 'coco',
    title: str = 'Who wears which sensor',
    img_shape: tuple[int, int] | None = None,
) -> Figure:
    """Draw people as limbs, and their sensors with names.

    Args:
        people: For each person ``keypoints`` (K, 2) pixels, ``scores`` (K,)
            (0: not seen), ``sensors``, placements such as ``left_wrist``,
            and ``name``.
        layout: Skeleton layout of the keypoints.
        title: Title of the picture.
        img_shape: (height, width) of the video; its borders are drawn.

    Raises:
        ValueError: If nobody is seen, a placement is unknown, or the
            number of keypoints is not that of the layout.

    Example:
        >>> import numpy as np
        >>> from mobind_mm.visualization import draw_skeleton
        >>> points = np.random.default_rng(0).uniform(0, 100, (17, 2))
        >>> person = dict(keypoints=points, scores=np.ones(17), name='Ada')
        >>> draw_skeleton([person]).axes[0].get_xlabel()
        'x (pixels)'
    """
    checked = [_checked(person, layout) for person in people]
    seen = [p['keypoints'][p['seen']] for p in checked if p['seen'].any()]
    if not seen:
        raise ValueError('None of the people has a visible keypoint.')
    low = np.min([points.min(axis=0) for points in seen], axis=0)
    high = np.max([points.max(axis=0) for points in seen], axis=0)
    size = high - low
    # Room for names beside and above the people.
    margin = np.array([0.22 * size.max(), 0.12 * size.max()])
    low, high = low - margin * (1, 1.2), high + margin
    ratio = np.clip((high[0] - low[0]) / (high[1] - low[1]), 0.6, 2.2)
    figure = new_figure(max(4.6 * ratio, 3.8), 5.0, title)
    axes = figure.subplots()
    axes.set_aspect('equal')
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))
    axes.set_facecolor('#f4f5f7')
    if img_shape is not None:
        height, width = img_shape
        frame = np.array([[0, 0], [width, 0], [width, height], [0, height]])
        axes.fill(*frame.T, facecolor='none', edgecolor='#b8bdc4', zorder=0)
    step = 0.05 * size.max()
    sides = _free_sides(checked, 5 * step)
    # The colours of the sides for one, and one colour per person of several.
    colours = cycle(OTHERS if len(checked) > 1 else [None])
    for person, colour, side in zip(checked, colours, sides):
        _draw_person(axes, person, colour, layout, step, side)
    plain(axes, grid=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set(xlabel='x (pixels)', ylabel='y (pixels)')
    return figure


def _checked(person: Mapping, layout: str) -> dict:
    """A person with arrays, and ``seen`` for keypoints to draw."""
    keypoints = np.asarray(person['keypoints'], dtype=np.float64)
    scores = np.asarray(person['scores'])
    count = len(get_layout(layout))
    if keypoints.shape != (count, 2) or scores.shape != (count,):
        raise ValueError(
            f'The layout {layout!r} has {count} keypoints, got keypoints '
            f'{keypoints.shape} and scores {scores.shape}.'
        )
    sensors = list(person.get('sensors', ()))
    if unknown := sorted(set(sensors) - LIMBS.keys()):
        raise ValueError(
            f'There is no place in the picture for {unknown}; draw sensors '
            f'of {sorted(LIMBS)}.'
        )
    seen = (scores > 0) & np.isfinite(keypoints).all(axis=1)
    return dict(
        keypoints=keypoints,
        seen=seen,
        sensors=sensors,
        name=str(person.get('name', '')),
    )


def _free_sides(people: Sequence[dict], room: float) -> list[str]:
    """On which side of each person names fit; empty: on both.

    Where neighbours are close, names stand on the side with more room.
    """
    spans = [
        (x.min(), x.max()) if len(x := p['keypoints'][p['seen'], 0]) else None
        for p in people
    ]
    sides = []
    for span in spans:
        others = [s for s in spans if s is not None and s is not span]
        if span is None:
            sides.append('')
            continue
        left = [span[0] - s[1] for s in others if sum(s) <= sum(span)]
        right = [s[0] - span[1] for s in others if sum(s) > sum(span)]
        gaps = min(left, default=np.inf), min(right, default=np.inf)
        close = min(gaps) < room
        side = 'left' if gaps[0] > gaps[1] else 'right'
        sides.append(side if close else '')
    return sides


def _draw_person(
    axes: Axes,
    person: dict,
    colour: str | None,
    layout: str,
    step: float,
    side: str = '',
) -> None:
    """Bones, keypoints, sensors and a name above the head."""
    points, seen = person['keypoints'], person['seen']
    if not seen.any():
        return
    for a, b, side_colour in coloured_bones(layout):
        if seen[a] and seen[b]:
            axes.plot(
                *points[[a, b]].T,
                color=colour or side_colour,
                linewidth=3,
                solid_capstyle='round',
                alpha=0.85,
            )
    for a, b, c in neck_indices(layout):
        if seen[[a, b, c]].all():
            ends = np.stack([points[[a, b]].mean(axis=0), points[c]])
            axes.plot(*ends.T, color=colour or GREY, linewidth=3, alpha=0.85)
    axes.plot(*points[seen].T, 'o', color='white', mec=colour or INK, ms=4)
    sensors = {}
    for name in person['sensors']:
        place = worn_at(layout, name, points, seen)
        if place is not None:
            sensors[name] = place
            axes.plot(
                *sensors[name], 's', color=SENSOR, mec=INK, ms=8, zorder=4
            )
    _name_sensors(axes, sensors, points[seen], step, colour or INK, side)
    centre = points[seen].mean(axis=0)
    axes.text(
        centre[0],
        points[seen][:, 1].min() - step,
        person['name'],
        ha='center',
        va='bottom',
        fontsize=9,
        weight='bold',
        color=colour or INK,
    )


def _name_sensors(
    axes: Axes,
    sensors: dict[str, np.ndarray],
    points: np.ndarray,
    step: float,
    colour: str,
    only: str,
) -> None:
    """Names beside the person, one below the other, with thin leaders."""
    from matplotlib.patheffects import withStroke

    left, right = points[:, 0].min(), points[:, 0].max()
    gap = 0.033 * abs(np.subtract(*axes.get_ylim()))
    lowest = {'left': -np.inf, 'right': -np.inf}
    for name, (x, y) in sorted(sensors.items(), key=lambda item: item[1][1]):
        side = only or ('left' if x < points[:, 0].mean() else 'right')
        lowest[side] = max(y, lowest[side] + gap)
        beside = left - 0.5 * step if side == 'left' else right + 0.5 * step
        axes.annotate(
            name.replace('_', ' '),
            (x, y),
            (beside, lowest[side]),
            ha='right' if side == 'left' else 'left',
            va='center',
            fontsize=7.5,
            color=colour,
            zorder=5,
            arrowprops=dict(arrowstyle='-', color=GREY, lw=0.7, zorder=3),
            path_effects=[withStroke(linewidth=2.5, foreground='white')],
        )


def bone_indices(layout: str) -> list[tuple[int, int]]:
    """Indices of the ends of each bone that a layout has."""
    ends = (find_keypoints(layout, bone) for bone in BONES)
    return [(pair[0], pair[1]) for pair in ends if pair]


def coloured_bones(layout: str) -> list[tuple[int, int, str]]:
    """Ends of each bone that a layout has, and the colour of its side."""
    colours = {'left': LEFT, 'right': RIGHT}
    sides = [name.split('_')[0] for name in get_layout(layout)]
    return [
        (a, b, colours.get(sides[a], GREY) if sides[a] == sides[b] else GREY)
        for a, b in bone_indices(layout)
    ]


def neck_indices(layout: str) -> list[list[int]]:
    """Shoulders and nose, between which the neck is drawn, if there."""
    neck = find_keypoints(layout, _NECK)
    return [neck] if neck else []


def worn_at(
    layout: str, sensor: str, points: np.ndarray, seen: np.ndarray
) -> np.ndarray | None:
    """Where in a frame a sensor sits (2,), as far as that is seen.

    Args:
        layout: Skeleton layout of the keypoints.
        sensor: Its placement.
        points: (K, 2) pixels.
        seen: (K,) boolean.

    >>> points = np.arange(34.0).reshape(17, 2)
    >>> worn_at('coco', 'left_shank', points, np.ones(17, bool)).tolist()
    [28.0, 29.0]
    """
    try:
        limb = LIMBS[sensor].seen_by(layout)
    except (KeyError, ValueError):  # no placement, or not in this layout
        return None
    weights = np.array(limb.point)
    at = np.array(keypoint_indices(layout, limb.keypoints))
    at, weights = at[weights != 0], weights[weights != 0]
    return weights @ points[at] if seen[at].all() else None


def scene_frames(dataset: Any, limit: int = 2) -> dict[str, dict]:
    """Middle frames of windows in which most people are seen together.

    Args:
        dataset: Windows whose ``get_data_info`` gives ``recording``, or
            data sets of that kind, wrapped or concatenated. Reference
            windows (``role='gallery'``) are skipped.
        limit: Greatest number of frames, each of another scene.

    Returns:
        Arguments of ``draw_skeleton`` by the name of the scene; nothing
        from a data set of another kind, and no frame without a visible
        keypoint. Sensors that the picture has no place for are left out.
    """
    scenes: dict[tuple, list[tuple]] = defaultdict(list)
    for part in _windows(dataset):
        for index in range(len(part)):
            info = part.get_data_info(index)
            if info['recording'].pose is None:
                continue
            at = round(info['window_start'], 3)
            scenes[info['scene'], info['camera'], at].append((part, index))
    frames: dict[str, dict] = {}
    # Stable: the earliest window of the fullest scenes.
    for (scene, *_), members in sorted(
        scenes.items(), key=lambda item: -len(item[1])
    ):
        if len(frames) == limit:
            break
        if scene not in frames:
            frame = _frame(scene, members)
            if any(_visible(person) for person in frame['people']):
                frames[scene] = frame
    return frames


def _windows(dataset: Any) -> list[Any]:
    """Data sets of windows inside wrappers, without reference windows."""
    inner = getattr(dataset, 'datasets', None)
    if inner is None and hasattr(dataset, 'dataset'):
        inner = [dataset.dataset]
    if inner is not None:
        return [windows for part in inner for windows in _windows(part)]
    known = hasattr(dataset, 'get_recording') and dataset.role != 'gallery'
    return [dataset] if known else []


def _frame(name: str, members: list[tuple]) -> dict:
    """One frame of several people."""
    people = []
    for dataset, index in members:
        info = dataset.get_data_info(index)
        recording = info['recording']
        pose = recording.pose
        time = info['window_start'] + info['window_sec'] / 2
        near = pose.clock.between(time - 0.5, time + 0.5)
        if near.stop == near.start:
            continue
        keypoints = np.asarray(pose.keypoints[near])
        scores = np.asarray(pose.scores[near])
        distance = np.abs(pose.clock.at(near) - time)
        best = int(distance.argmin())
        people.append(
            dict(
                keypoints=keypoints[best],
                scores=scores[best],
                sensors=[s for s in recording.imu if s in LIMBS],
                name=info['subject'] or info['take'],
            )
        )
    return dict(
        people=people,
        layout=pose.layout,
        img_shape=pose.img_shape,
        title=f'{name} at {time:.1f} s',
    )


def _visible(person: dict) -> bool:
    """Whether a person has a keypoint to draw."""
    seen = np.isfinite(person['keypoints']).all(axis=1)
    return bool((seen & (person['scores'] > 0)).any())
