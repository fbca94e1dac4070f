"""Picture of one frame: people and where they wear sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..skeleton import get_layout, keypoint_indices
from .figures import COLOURS, GREY, INK, ORANGE, new_figure, plain

_SIDED = ('shoulder-elbow', 'elbow-wrist', 'shoulder-hip', 'hip-knee')
_SIDED += ('knee-ankle', 'eye-ear')
_BONES = [
    tuple(f'{side}_{end}' for end in bone.split('-'))
    for bone in _SIDED
    for side in ('left', 'right')
]
_BONES += [
    *(('left_shoulder', 'right_shoulder'), ('left_hip', 'right_hip')),
    *(('nose', 'left_eye'), ('nose', 'right_eye')),
]
_NECK = ('left_shoulder', 'right_shoulder', 'nose')

WORN_AT = {
    'head': ('left_eye', 'right_eye'),
    'pelvis': ('left_hip', 'right_hip'),
    **{f'{s}_wrist': (f'{s}_wrist',) for s in ('left', 'right')},
    # The sensor called after the knee sits on the shank below it.
    **{f'{s}_knee': (f'{s}_knee', f'{s}_ankle') for s in ('left', 'right')},
    **{f'{s}_thigh': (f'{s}_hip', f'{s}_knee') for s in ('left', 'right')},
}
"""Keypoints in whose middle a sensor sits, by placement."""


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
    """
    people = [_checked(person, layout) for person in people]
    seen = [p['keypoints'][p['seen']] for p in people if p['seen'].any()]
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
    for person, colour in zip(people, _cycle(len(people))):
        _draw_person(axes, person, colour, layout, 0.05 * size.max())
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
    if unknown := sorted(set(sensors) - WORN_AT.keys()):
        raise ValueError(
            f'Nobody knows where {unknown} are worn; draw sensors of '
            f'{sorted(WORN_AT)}.'
        )
    seen = (scores > 0) & np.isfinite(keypoints).all(axis=1)
    return dict(
        keypoints=keypoints,
        seen=seen,
        sensors=sensors,
        name=str(person.get('name', '')),
    )


def _draw_person(
    axes: Axes, person: dict, colour: str, layout: str, step: float
) -> None:
    """Bones, keypoints, sensors and a name above the head."""
    points, seen = person['keypoints'], person['seen']
    if not seen.any():
        return
    for bone in _BONES:
        ends = _find(layout, bone)
        if ends and seen[ends].all():
            axes.plot(
                *points[ends].T,
                color=colour,
                linewidth=3,
                solid_capstyle='round',
                alpha=0.85,
            )
    neck = _find(layout, _NECK)
    if neck and seen[neck].all():
        ends = np.stack([points[neck[:2]].mean(axis=0), points[neck[2]]])
        axes.plot(*ends.T, color=colour, linewidth=3, alpha=0.85)
    axes.plot(*points[seen].T, 'o', color='white', mec=colour, ms=4)
    sensors = {}
    for name in person['sensors']:
        at = _find(layout, WORN_AT[name])
        if at and seen[at].all():
            sensors[name] = points[at].mean(axis=0)
            axes.plot(
                *sensors[name], 's', color=ORANGE, mec=INK, ms=8, zorder=4
            )
    _name_sensors(axes, sensors, points[seen], step)
    centre = points[seen].mean(axis=0)
    axes.text(
        centre[0],
        points[seen][:, 1].min() - step,
        person['name'],
        ha='center',
        va='bottom',
        fontsize=9,
        weight='bold',
        color=colour,
    )


def _name_sensors(
    axes: Axes, sensors: dict[str, np.ndarray], points: np.ndarray, step: float
) -> None:
    """Names beside the person, one below the other, with thin leaders."""
    left, right = points[:, 0].min(), points[:, 0].max()
    gap = 0.033 * abs(np.subtract(*axes.get_ylim()))
    lowest = {'left': -np.inf, 'right': -np.inf}
    for name, (x, y) in sorted(sensors.items(), key=lambda item: item[1][1]):
        side = 'left' if x < points[:, 0].mean() else 'right'
        lowest[side] = max(y, lowest[side] + gap)
        beside = left - 0.5 * step if side == 'left' else right + 0.5 * step
        axes.annotate(
            name.replace('_', ' '),
            (x, y),
            (beside, lowest[side]),
            ha='right' if side == 'left' else 'left',
            va='center',
            fontsize=7.5,
            color=INK,
            zorder=5,
            arrowprops=dict(arrowstyle='-', color=GREY, lw=0.7, zorder=3),
            path_effects=[withStroke(linewidth=2.5, foreground='white')],
        )


def bone_indices(layout: str) -> list[tuple[int, int]]:
    """Indices of the ends of each bone of a layout that is drawn."""
    found = (_find(layout, bone) for bone in _BONES)
    return [tuple(ends) for ends in found if ends]


def neck_indices(layout: str) -> list[list[int]]:
    """Shoulders and nose, between which the neck is drawn; none without."""
    found = _find(layout, _NECK)
    return [found] if found else []


def _find(layout: str, names: Sequence[str]) -> list[int]:
    """Indices of keypoints; none if the layout lacks one of them."""
    try:
        return keypoint_indices(layout, names)
    except ValueError:
        return []


def _cycle(count: int) -> list[str]:
    """Colours for so many people; orange is for sensors."""
    colours = [colour for colour in COLOURS if colour != ORANGE]
    return [colours[i % len(colours)] for i in range(count)]
