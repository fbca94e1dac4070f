"""Read MMAction2's pickles of skeletons."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import Clock, PoseStream
from ..skeleton import LAYOUTS, get_layout
from ..utils.errors import nearest
from .foreign_values import brief
from .unpickle import load_pickle

_BY_LENGTH = {17: 'coco', 26: 'halpe26', 133: 'coco_wholebody'}
"""Layout by number of keypoints; 17 are COCO's, as MMAction2 has them."""
_LARGEST_IMAGE = 100_000
"""Pixels on a side."""


def read_mmaction_skeleton(
    path: str | Path,
    name: str,
    *,
    rate: float,
    person: str | int = 'longest',
    layout: str | None = None,
    img_shape: Sequence[int] | None = None,
    start: float = 0.0,
) -> PoseStream:
    """Read one person of one video.

    Args:
        path: Pickle of ``dict(split, annotations)`` or of the annotations.
        name: ``frame_dir`` of the video.
        rate: Frames per second.
        person: ``longest`` (seen in most frames), ``largest`` (largest
            median height) or the number of the person from 0.
        layout: Skeleton layout; None takes it from the number of keypoints.
        img_shape: (height, width) in pixels, where the file does not say.
        start: Time of the first frame in seconds.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is damaged or has no such person, naming
            file, video and value.
    """
    path = Path(path)
    annotations = _annotations(str(path), path.stat().st_mtime_ns)
    if name not in annotations:
        raise ValueError(
            f'{path} has no video with frame_dir {name!r}. '
            f'{nearest(name, annotations)}It has {len(annotations)}: '
            f'{", ".join(key[:40] for key in list(annotations)[:10])}.'
        )
    annotation = annotations[name]
    where = f'{path}: {name}'
    keypoints, scores = _arrays(annotation, where)
    shape = _img_shape(annotation, img_shape, where)
    layout = layout or _BY_LENGTH.get(keypoints.shape[2])
    if layout is None or len(get_layout(layout)) != keypoints.shape[2]:
        raise ValueError(
            f'{where} has {keypoints.shape[2]} keypoints, layout {layout!r} '
            f'does not fit; set layout, such as one of {sorted(LAYOUTS)}.'
        )
    index = _choose(keypoints, scores, person, where)
    seen = scores[index] > 0
    points = np.where(seen[..., None], keypoints[index], 0.0)
    return PoseStream(
        clock=Clock(len(seen), rate=rate, start=start),
        keypoints=points.astype(np.float32),
        scores=scores[index].astype(np.float32),
        layout=layout,
        img_shape=shape,
    )


@lru_cache(maxsize=1)  # many takes of one large file
def _annotations(path: str, changed: int) -> dict[str, Mapping]:
    """Annotations by ``frame_dir``."""
    listed = load_pickle(path)
    if isinstance(listed, Mapping):
        listed = listed.get('annotations')
    if not isinstance(listed, list):
        raise ValueError(
            f'{path} is not an MMAction2 skeleton file: expected a dict with '
            'a list "annotations", or that list.'
        )
    annotations: dict[str, Mapping] = {}
    for number, annotation in enumerate(listed):
        name = None
        if isinstance(annotation, Mapping):
            name = annotation.get('frame_dir', annotation.get('filename'))
        if not isinstance(name, str) or name in annotations:
            raise ValueError(
                f'{path}: annotation {number} has frame_dir {brief(name)}; '
                'each needs its own text.'
            )
        annotations[name] = annotation
    return annotations


def _arrays(annotation: Mapping, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (M, T, V, 2) and scores (M, T, V), checked."""
    keypoints = _numbers(annotation, 'keypoint', where)
    if keypoints.ndim != 4 or keypoints.shape[3] != 2 or not keypoints.size:
        raise ValueError(
            f'{where}: keypoint has shape {keypoints.shape}, expected '
            '(people, frames, keypoints, 2); 3D skeletons have no pixels.'
        )
    if annotation.get('keypoint_score') is None:
        scores = (keypoints != 0).any(axis=3).astype(np.float64)
    else:
        scores = _numbers(annotation, 'keypoint_score', where)
    if scores.shape != keypoints.shape[:3]:
        raise ValueError(
            f'{where}: keypoint_score has shape {scores.shape}, expected '
            f'{keypoints.shape[:3]}.'
        )
    frames = annotation.get('total_frames', keypoints.shape[1])
    whole = isinstance(frames, numbers.Integral)
    if not whole or int(frames) != keypoints.shape[1]:
        raise ValueError(
            f'{where}: total_frames is {brief(frames)}, but keypoint has '
            f'{keypoints.shape[1]} frames.'
        )
    if not np.isfinite(scores).all() or scores.min() < 0:
        raise ValueError(f'{where}: keypoint_score has NaN or values < 0.')
    bad = (scores > 0) & ~(np.abs(keypoints) < 1e6).all(axis=3)
    if bad.any():
        person, frame, joint = np.argwhere(bad)[0]
        raise ValueError(
            f'{where}: keypoint[{person}, {frame}, {joint}] is '
            f'{keypoints[person, frame, joint].tolist()} with a score '
            'above 0.'
        )
    return keypoints, np.minimum(scores, 1.0)


def _numbers(annotation: Mapping, key: str, where: str) -> np.ndarray:
    value = annotation.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in 'fiu':
        raise ValueError(
            f'{where}: {key} is {type(value).__name__}, expected an array '
            'of numbers.'
        )
    return value.astype(np.float64)


def _img_shape(
    annotation: Mapping, named: Sequence[int] | None, where: str
) -> tuple[int, int]:
    """(height, width) of the file, or of the mapping where it has none."""
    shape: Any = annotation.get('img_shape')
    if shape is None:
        if named is None:
            raise ValueError(
                f'{where} has no img_shape; set img_shape: [height, width].'
            )
        height, width = named
        return height, width
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    pair = isinstance(shape, (tuple, list)) and len(shape) == 2
    if not pair or not all(map(_is_side, shape)):
        raise ValueError(
            f'{where}: img_shape is {brief(shape)}, expected (height, width) '
            f'in pixels, at most {_LARGEST_IMAGE}.'
        )
    height, width = (int(side) for side in shape)
    if named is not None and tuple(named) != (height, width):
        raise ValueError(
            f'{where}: img_shape is {(height, width)}, but the mapping says '
            f'{tuple(named)}; leave img_shape out.'
        )
    return height, width


def _is_side(side: Any) -> bool:
    """Whether it is the height or width of an image."""
    if not isinstance(side, numbers.Real) or isinstance(side, bool):
        return False
    return 0 < float(side) <= _LARGEST_IMAGE and float(side).is_integer()


def _choose(
    keypoints: np.ndarray,
    scores: np.ndarray,
    person: str | int,
    where: str,
) -> int:
    """Index of the person that the rule names."""
    frames = (scores > 0).any(axis=2).sum(axis=1)
    if not frames.any():
        raise ValueError(f'{where}: nobody was detected in any frame.')
    if person == 'longest':
        return int(np.argmax(frames))
    if person == 'largest':
        return int(np.argmax([_height(*p) for p in zip(keypoints, scores)]))
    if not 0 <= int(person) < len(frames) or not frames[int(person)]:
        there = ', '.join(map(str, np.flatnonzero(frames)))
        raise ValueError(f'{where}: no person {person}; there are {there}.')
    return int(person)


def _height(keypoints: np.ndarray, scores: np.ndarray) -> float:
    """Median height in pixels over the frames with the person."""
    seen = scores > 0
    frames = seen.any(axis=1)
    if not frames.any():
        return -1.0
    y = keypoints[frames, :, 1]
    top = np.where(seen[frames], y, np.inf).min(axis=1)
    bottom = np.where(seen[frames], y, -np.inf).max(axis=1)
    return float(np.median(bottom - top))
