"""Which skeleton layout MMPose's predictions have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..skeleton import LAYOUTS, get_layout
from .json_items import shorten

MMPOSE_DEFAULT = 'coco'
"""Layout of 17 keypoints without names; ``h36m`` has 17 too and must be
asked for."""


def find_layout(
    wanted: str | None,
    meta: Any,
    num_keypoints: int | None,
    path: str | Path,
) -> str:
    """Decide on the layout.

    Args:
        wanted: Layout that the user asks for, or None.
        meta: ``meta_info`` of the file, or None. The layout is the one that
            has the names of its ``keypoint_id2name``, else the one of its
            ``dataset_name``.
        num_keypoints: Number in the file, or None if it shows nobody; it
            decides among the built-in layouts if there is nothing else.
        path: File, for the messages.

    Raises:
        ValueError: If the layout stays open, or what is known contradicts.
    """
    named = _named_layout(meta if isinstance(meta, dict) else {}, path)
    layout = wanted or named
    if layout is None:
        fitting = [n for n, k in LAYOUTS.items() if len(k) == num_keypoints]
        if MMPOSE_DEFAULT in fitting:
            return MMPOSE_DEFAULT
        if len(fitting) != 1:
            raise ValueError(
                f'{path}: the file does not say what its '
                f'{num_keypoints or "missing"} keypoints are; name the '
                'layout.'
            )
        return fitting[0]
    try:
        expected = len(get_layout(layout))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    if num_keypoints not in (None, expected):
        raise ValueError(
            f'{path}: {num_keypoints} keypoints, but the layout '
            f'{layout!r} has {expected}; name the right layout.'
        )
    if named and get_layout(named) != get_layout(layout):
        raise ValueError(
            f'{path}: layout {layout!r} was asked for, but meta_info says '
            f'that the keypoints are those of {named!r}.'
        )
    return layout


def _named_layout(meta: Mapping, path: str | Path) -> str | None:
    """Layout that ``meta_info`` tells, or None if it tells none."""
    name = meta.get('dataset_name')
    names = _keypoint_names(meta.get('keypoint_id2name'), path)
    for candidate in (*LAYOUTS, name if isinstance(name, str) else ''):
        try:
            layout = get_layout(candidate)
        except ValueError:
            continue
        if layout == names or (names is None and candidate == name):
            return candidate
    if names is not None:
        raise ValueError(
            f'{path}: meta_info names the keypoints {shorten(list(names))}, '
            f'which no layout has; built in are {sorted(LAYOUTS)}, more '
            'come with an installed MMPose.'
        )
    return None


def _keypoint_names(names: Any, path: str | Path) -> tuple[str, ...] | None:
    """Names in the order of their index; None if the file has none."""
    if names is None:
        return None
    try:
        indices = {int(index): str(name) for index, name in names.items()}
        return tuple(indices[i] for i in range(len(indices)))
    except (AttributeError, KeyError, ValueError):
        raise ValueError(
            f'{path}: keypoint_id2name of meta_info is {shorten(names)}, '
            'expected {"0": name, "1": name, ...}.'
        ) from None
