"""Limbs, skeleton layouts and sensor placements.

The only home of joint indices: everything else refers to keypoint names.
A limb is a sensor placement and the keypoints that move with it, ordered
from proximal to distal. :mod:`.layouts` has the order of the keypoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from ..utils.errors import show
from .layouts import LAYOUTS, USUAL, layout_name

__all__ = [
    'LAYOUTS',
    'LIMBS',
    'USUAL',
    'Limb',
    'get_layout',
    'get_limb',
    'keypoint_indices',
    'layout_limbs',
    'layout_name',
    'limb_indices',
    'placement_name',
    'register_limb',
]

_SYNONYMS: dict[str, tuple[str, ...]] = {
    'nose': ('Nose',),
    **{
        f'{side}_{joint}': (f'{side[0].upper()}_{joint.capitalize()}',)
        for side in ('left', 'right')
        for joint in ('eye', 'shoulder', 'elbow', 'wrist', 'hip', 'knee')
    },
    'left_ankle': ('left_foot', 'L_Ankle'),
    'right_ankle': ('right_foot', 'R_Ankle'),
    'left_big_toe': ('left_foot_index',),
    'right_big_toe': ('right_foot_index',),
}
"""Other names of the same joint: ``L_Hip`` in ``ubody3d``; the feet of
``h36m`` are its ankles, as in the motion capture that it comes from; the
foot index of ``mediapipe33`` is the big toe."""


@dataclass(frozen=True)
class Limb:
    """A sensor placement and its three keypoints, proximal first.

    Args:
        name: Where the sensor is worn.
        keypoints: Keypoints that move with it.
        point: Where it is usually strapped: weights of the keypoints, which
            sum to 1. By default, in their middle.
        fallback: Limb whose keypoints stand for it in layouts that lack some
            of its own, such as the shank for a foot without toes.

    Raises:
        ValueError: If the name is empty or has a slash, which separates
            placement and channel in files, or if the keypoints are not
            three different names.

    >>> Limb('neck', ('left_shoulder', 'right_shoulder', 'nose')).name
    'neck'
    """

    name: str
    keypoints: tuple[str, str, str]
    point: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    fallback: Limb | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip('/ '):
            raise ValueError(
                f'The name of a limb must be a word, got {self.name!r}.'
            )
        if '/' in self.name:
            raise ValueError(
                f'The name of a limb must not have a slash, got {self.name!r}.'
            )
        names = self.keypoints
        if (
            isinstance(names, str)
            or len(names) != 3
            or len(set(names)) != 3
            or not all(isinstance(n, str) and n for n in names)
        ):
            raise ValueError(
                f'Limb {self.name!r} needs three different names of '
                f'keypoints, proximal first, got {names!r}.'
            )
        if len(self.point) != 3 or not abs(sum(self.point) - 1) < 1e-6:
            raise ValueError(
                f'Limb {self.name!r}: point is {self.point!r}, expected three '
                'weights of its keypoints that sum to 1.'
            )

    def seen_by(self, layout: str) -> Limb:
        """This limb, or what stands for it, by what a layout has.

        Raises:
            ValueError: If the layout is unknown, or lacks a keypoint of the
                last fallback, too.

        >>> get_limb('left_foot').seen_by('coco').keypoints
        ('left_hip', 'left_knee', 'left_ankle')
        """
        try:
            keypoint_indices(layout, self.keypoints)
        except ValueError:
            if self.fallback is None:
                raise
            return self.fallback.seen_by(layout)
        return self


def _side(side: str) -> Iterator[Limb]:
    """Placements on one arm and one leg, from proximal to distal."""
    arm = (f'{side}_shoulder', f'{side}_elbow', f'{side}_wrist')
    leg = (f'{side}_hip', f'{side}_knee', f'{side}_ankle')
    yield Limb(f'{side}_upper_arm', arm, (0.5, 0.5, 0.0))
    yield Limb(f'{side}_forearm', arm, (0.0, 0.5, 0.5))
    yield Limb(f'{side}_wrist', arm, (0.0, 0.12, 0.88))
    yield Limb(f'{side}_hand', arm, (0.0, -0.3, 1.3))
    yield Limb(f'{side}_thigh', leg, (0.4, 0.6, 0.0))
    yield Limb(f'{side}_knee', leg, (0.0, 0.75, 0.25))
    yield Limb(f'{side}_shank', leg, (0.0, 0.5, 0.5))
    ankle = Limb(f'{side}_foot', leg, (0.0, 0.0, 1.0))
    toes = (f'{side}_knee', f'{side}_ankle', f'{side}_big_toe')
    yield Limb(f'{side}_foot', toes, (0.0, 0.5, 0.5), ankle)


_TRUNK = (
    Limb('head', ('nose', 'left_eye', 'right_eye')),
    Limb(
        'sternum',
        ('left_shoulder', 'right_shoulder', 'left_hip'),
        (0.45, 0.45, 0.1),
    ),
    Limb(
        'pelvis', ('left_hip', 'right_hip', 'left_shoulder'), (0.5, 0.5, 0.0)
    ),
)

LIMBS: dict[str, Limb] = {
    limb.name: limb for limb in (*_TRUNK, *_side('left'), *_side('right'))
}
"""Limbs by placement name: the built-in ones, and those of
:func:`register_limb`. Wrists, knees, head, pelvis and thighs are those of
MoBind (supplementary limb table)."""

_ALSO = {
    **dict.fromkeys(('chest', 'breastbone', 't8'), 'sternum'),
    **dict.fromkeys(
        ('hip', 'hips', 'waist', 'sacrum', 'lower_back'), 'pelvis'
    ),
    'forehead': 'head',
    **{
        f'{side}_{other}': f'{side}_{name}'
        for side in ('left', 'right')
        for other, name in (
            ('lower_arm', 'forearm'),
            ('biceps', 'upper_arm'),
            ('upper_leg', 'thigh'),
            ('lower_leg', 'shank'),
            ('shin', 'shank'),
            ('tibia', 'shank'),
            ('ankle', 'shank'),
        )
    },
}
"""Other names of placements."""
_SIDES = {'left': 'left', 'l': 'left', 'right': 'right', 'r': 'right'}


def placement_name(name: str) -> str:
    """Our name of a placement; what is not known stays as it is.

    >>> placement_name('Chest'), placement_name('left lower leg')
    ('sternum', 'left_shank')
    >>> placement_name('RightWrist'), placement_name('pocket')
    ('right_wrist', 'pocket')
    """
    if name in LIMBS:
        return name
    spaced = re.sub(r'(?<=[a-z])(?=[A-Z])', '_', name)
    words = [w for w in re.split(r'[\W_]+', spaced.lower()) if w]
    sides = [w for w in words if w in _SIDES]
    rest = [w for w in words if w not in _SIDES]
    plain = '_'.join([*(_SIDES[w] for w in sides), *rest])
    plain = _ALSO.get(plain, plain)
    return plain if plain in LIMBS else name


def mirrored(placement: str) -> str:
    """The same placement on the other side of the body.

    >>> mirrored('left_wrist'), mirrored('head')
    ('right_wrist', 'head')
    """
    side, _, rest = placement.partition('_')
    other = {'left': 'right', 'right': 'left'}.get(side)
    return f'{other}_{rest}' if other else placement


def register_limb(limb: Limb) -> Limb:
    """Make a limb known by its name, wherever placements are named.

    A module of yours registers its limbs when it is imported; name it in
    ``custom_imports`` of the config. To register a limb again does nothing.

    Raises:
        ValueError: If another limb has that name.

    >>> limb = Limb('head', ('nose', 'left_eye', 'right_eye'))
    >>> register_limb(limb) == get_limb('head')
    True
    """
    known = LIMBS.setdefault(limb.name, limb)
    if tuple(known.keypoints) != tuple(limb.keypoints):
        raise ValueError(
            f'The limb {limb.name!r} is registered already, with keypoints '
            f'{tuple(known.keypoints)}, not {tuple(limb.keypoints)}; choose '
            'another name.'
        )
    return known


def get_limb(name: str) -> Limb:
    """Look up a limb that is built in or registered.

    Raises:
        ValueError: If no limb has that name.

    >>> get_limb('left_wrist').keypoints
    ('left_shoulder', 'left_elbow', 'left_wrist')
    """
    try:
        return LIMBS[name]
    except KeyError:
        raise ValueError(
            f'Unknown limb {show(name)}; choose from {sorted(LIMBS)}, or '
            'register one with its three keypoint names: '
            'register_limb(Limb(...)).'
        ) from None


@cache
def get_layout(name: str) -> tuple[str, ...]:
    """Keypoint names of a layout in index order.

    Built-in layouts come from :data:`LAYOUTS`; any other is read from the
    dataset meta information of an installed MMPose, which is not imported.

    Raises:
        ValueError: If the layout is neither built in nor MMPose's.

    >>> get_layout('coco')[:3]
    ('nose', 'left_eye', 'right_eye')
    """
    name = layout_name(name)
    if name in LAYOUTS:
        return LAYOUTS[name]
    layouts = _mmpose_layout_files()
    if name not in layouts:
        known = sorted({*LAYOUTS, *layouts})
        hint = '' if layouts else '; MMPose, which has more, is not installed'
        raise ValueError(
            f'Unknown skeleton layout {show(name)}; choose from {known}{hint}.'
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

    >>> keypoint_indices('h36m', ['left_hip', 'left_ankle'])
    [4, 6]
    """
    order = get_layout(layout)
    indices = []
    for name in names:
        there = [n for n in (name, *_SYNONYMS.get(name, ())) if n in order]
        if not there:
            raise ValueError(
                f'The skeleton layout {layout!r} has no keypoint {name!r}; '
                f'it has {list(order)}.'
            )
        indices.append(order.index(there[0]))
    return indices


def find_keypoints(layout: str, names: Sequence[str]) -> list[int]:
    """Indices of keypoints in a layout; none if it lacks one of them.

    >>> find_keypoints('h36m', ['left_hip', 'left_ear'])
    []
    """
    try:
        return keypoint_indices(layout, names)
    except ValueError:
        return []


def layout_limbs(layout: str) -> list[str]:
    """Names of the known limbs whose keypoints a layout has.

    Raises:
        ValueError: If the layout is unknown.
    """
    get_layout(layout)

    def has(limb: Limb | None) -> bool:
        if limb is None:
            return False
        points = find_keypoints(layout, limb.keypoints)
        return bool(points) or has(limb.fallback)

    return [name for name, limb in LIMBS.items() if has(limb)]


def limb_indices(layout: str, limbs: Sequence[str | Limb]) -> list[list[int]]:
    """Keypoint indices (S, 3) of limbs in a layout, proximal first.

    Raises:
        ValueError: If a limb is unknown or the layout lacks a keypoint.

    >>> limb_indices('coco', ['left_wrist', 'head'])
    [[5, 7, 9], [0, 1, 2]]
    """
    get_layout(layout)
    result = []
    for name in limbs:
        limb = name if isinstance(name, Limb) else get_limb(name)
        try:
            seen = limb.seen_by(layout)
            result.append(keypoint_indices(layout, seen.keypoints))
        except ValueError as error:
            raise ValueError(
                f'Limb {limb.name!r}: {error} Known limbs that it has: '
                f'{layout_limbs(layout)}.'
            ) from None
    return result
