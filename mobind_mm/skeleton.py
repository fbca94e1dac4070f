"""Limbs, skeleton layouts and sensor placements.

The only home of joint indices: everything else speaks of keypoint names.
A limb is a sensor placement and the keypoints that move with it, ordered
from proximal to distal. Layouts carry the keypoint order of MMPose's
dataset meta information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata

_FINGERS = (
    *('thumb', 'forefinger', 'middle_finger', 'ring_finger'),
    'pinky_finger',
)


def _sides(*names: str) -> tuple[str, ...]:
    """Expand ``('eye',)`` to ``('left_eye', 'right_eye')``."""
    return tuple(f'{side}_{n}' for n in names for side in ('left', 'right'))


def _hand(side: str) -> tuple[str, ...]:
    """Names of the 21 keypoints of one hand."""
    joints = tuple(f'{side}_{f}{i}' for f in _FINGERS for i in range(1, 5))
    return (f'{side}_hand_root', *joints)


def _foot(side: str) -> tuple[str, ...]:
    return tuple(f'{side}_{n}' for n in ('big_toe', 'small_toe', 'heel'))


_COCO = (
    'nose',
    *_sides('eye', 'ear', 'shoulder', 'elbow', 'wrist'),
    *_sides('hip', 'knee', 'ankle'),
)

LAYOUTS: dict[str, tuple[str, ...]] = {
    'coco': _COCO,
    'halpe26': (
        *_COCO,
        *('head', 'neck', 'hip'),
        *_sides('big_toe', 'small_toe', 'heel'),
    ),
    'h36m': (
        *('root', 'right_hip', 'right_knee', 'right_foot'),
        *('left_hip', 'left_knee', 'left_foot'),
        *('spine', 'thorax', 'neck_base', 'head'),
        *('left_shoulder', 'left_elbow', 'left_wrist'),
        *('right_shoulder', 'right_elbow', 'right_wrist'),
    ),
    'coco_wholebody': (
        *_COCO,
        *_foot('left'),
        *_foot('right'),
        *(f'face-{i}' for i in range(68)),
        *_hand('left'),
        *_hand('right'),
    ),
}
"""Keypoint names in index order, by layout name."""

_SYNONYMS: dict[str, tuple[str, ...]] = {
    'nose': ('Nose',),
    **{
        f'{side}_{joint}': (f'{side[0].upper()}_{joint.capitalize()}',)
        for side in ('left', 'right')
        for joint in ('eye', 'shoulder', 'elbow', 'wrist', 'hip', 'knee')
    },
    'left_ankle': ('left_foot', 'L_Ankle'),
    'right_ankle': ('right_foot', 'R_Ankle'),
}
"""Other names of the same joint: ``L_Hip`` in ``ubody3d``; the feet of
``h36m`` are its ankles, as in the motion capture that it comes from."""


@dataclass(frozen=True)
class Limb:
    """A sensor placement and its three keypoints, proximal first."""

    name: str
    keypoints: tuple[str, str, str]


def _arm(side: str) -> tuple[str, str, str]:
    return (f'{side}_shoulder', f'{side}_elbow', f'{side}_wrist')


def _leg(side: str) -> tuple[str, str, str]:
    return (f'{side}_hip', f'{side}_knee', f'{side}_ankle')


LIMBS: dict[str, Limb] = {
    limb.name: limb
    for limb in (
        Limb('left_wrist', _arm('left')),
        Limb('right_wrist', _arm('right')),
        Limb('left_knee', _leg('left')),
        Limb('right_knee', _leg('right')),
        Limb('head', ('nose', 'left_eye', 'right_eye')),
        Limb('pelvis', ('left_hip', 'right_hip', 'left_shoulder')),
        Limb('left_thigh', _leg('left')),
        Limb('right_thigh', _leg('right')),
    )
}
"""Built-in limbs by placement name (MoBind, supplementary limb table)."""


def get_limb(name: str) -> Limb:
    """Look a built-in limb up.

    Raises:
        ValueError: If no limb has that name.
    """
    try:
        return LIMBS[name]
    except KeyError:
        raise ValueError(
            f'Unknown limb {name!r}; choose from {sorted(LIMBS)} or pass a '
            'Limb with its own three keypoint names.'
        ) from None


@cache
def get_layout(name: str) -> tuple[str, ...]:
    """Keypoint names of a layout in index order.

    Built-in layouts come from :data:`LAYOUTS`; any other is read from the
    dataset meta information of an installed MMPose, which is not imported.

    Raises:
        ValueError: If the layout is neither built in nor MMPose's.
    """
    if name in LAYOUTS:
        return LAYOUTS[name]
    layouts = _mmpose_layout_files()
    if name not in layouts:
        known = sorted({*LAYOUTS, *layouts})
        hint = '' if layouts else '; MMPose, which has more, is not installed'
        raise ValueError(
            f'Unknown skeleton layout {name!r}; choose from {known}{hint}.'
        )
    from mmengine.config import Config

    info = Config.fromfile(layouts[name]).dataset_info.keypoint_info
    return tuple(info[i]['name'] for i in sorted(info))


def _mmpose_layout_files() -> dict[str, str]:
    """Paths of MMPose's dataset meta files by layout name."""
    try:
        files = metadata.files('mmpose') or ()
    except metadata.PackageNotFoundError:
        return {}
    return {
        file.stem: str(file.locate())
        for file in files
        if file.match('mmpose/.mim/configs/_base_/datasets/*.py')
    }


def keypoint_indices(layout: str, names: Sequence[str]) -> list[int]:
    """Indices of keypoints in a layout.

    Raises:
        ValueError: If the layout lacks one of them.
    """
    order = get_layout(layout)
    indices = []
    for name in names:
        found = [n for n in (name, *_SYNONYMS.get(name, ())) if n in order]
        if not found:
            raise ValueError(
                f'The skeleton layout {layout!r} has no keypoint {name!r}; '
                f'it has {list(order)}.'
            )
        indices.append(order.index(found[0]))
    return indices


def layout_limbs(layout: str) -> list[str]:
    """Names of the built-in limbs whose keypoints a layout has.

    Raises:
        ValueError: If the layout is unknown.
    """
    known = get_layout(layout)

    def has(name: str) -> bool:
        return any(n in known for n in (name, *_SYNONYMS.get(name, ())))

    return [n for n, limb in LIMBS.items() if all(map(has, limb.keypoints))]


def limb_indices(layout: str, limbs: Sequence[str | Limb]) -> list[list[int]]:
    """Keypoint indices (S, 3) of limbs in a layout, proximal first.

    Raises:
        ValueError: If a limb is unknown or the layout lacks a keypoint.
    """
    get_layout(layout)
    result = []
    for limb in limbs:
        limb = limb if isinstance(limb, Limb) else get_limb(limb)
        try:
            result.append(keypoint_indices(layout, limb.keypoints))
        except ValueError as error:
            raise ValueError(
                f'Limb {limb.name!r}: {error} Built-in limbs that it has: '
                f'{layout_limbs(layout)}.'
            ) from None
    return result
