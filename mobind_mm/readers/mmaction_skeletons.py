"""Read MMAction2's pickles of skeletons."""

from __future__ import annotations

import numbers
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import Clock, PoseStream
from ..utils.errors import mistake, nearest
from .base import FileReader, register_reader
from .detections import from_percent, lost_note
from .fillers import at_fillers
from .foreign_values import as_numbers, brief
from .layout_choice import layout_of_arrays
from .pose_video import Video
from .unpickle import load_pickle

_HEAD = 1 << 16
_KEYS = rb'frame_dir|total_frames|keypoint_score(?!s)|keypoint(?![s_])'
_LARGEST_IMAGE = 100_000
"""Pixels on a side."""


@register_reader
class MMActionReader(FileReader):
    """Reads everybody in one video of a pickle of MMAction2.

    Options are ``name`` (``frame_dir`` of the video, where there are
    several), ``rate``, ``layout`` and ``img_shape``.
    """

    name = 'mmaction'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the suffix, the end of a pickle, and the keys of MMAction2."""
        return is_pickle(path) and is_mmaction(path)

    def read_people(self) -> dict[str, PoseStream]:
        """Everybody who is seen, by names such as ``person 0``."""
        keys = ('name', 'rate', 'layout', 'img_shape')
        people = _read(self.source, *map(self.options.get, keys))
        return {f'person {number}': pose for number, pose in people.items()}


def is_pickle(path: Path) -> bool:
    """Whether a file has the suffix and the last byte of a pickle."""
    try:
        if path.suffix.lower() not in ('.pkl', '.pickle'):
            return False
        with path.open('rb') as file:
            file.seek(-1, 2)
            return file.read(1) == b'.'
    except OSError:
        return False


def is_mmaction(path: Path) -> bool:
    """Whether the start of a pickle has keys of MMAction2's annotations."""
    with path.open('rb') as file:
        start = file.read(_HEAD)
    return re.search(_KEYS, start) is not None


def _read(
    path: Path,
    name: str | None,
    rate: float | None,
    layout: str | None,
    img_shape: Sequence[int] | None,
) -> dict[int, PoseStream]:
    """Everybody who is seen, by number."""
    if not path.is_file():
        raise mistake(path, 'does not exist', kind=FileNotFoundError)
    annotations = _annotations(str(path), path.stat().st_mtime_ns)
    if None in annotations or (name is None and len(annotations) == 1):
        name = next(iter(annotations))
    if name not in annotations:
        names = [str(key) for key in annotations]
        what = f'has no video with frame_dir {name!r}. '
        if name is None:
            what = 'has several videos; set name (frame_dir) in a mapping. '
        raise ValueError(
            f'{path} {what}{nearest(name, names)}It has {len(names)}: '
            f'{", ".join(key[:40] for key in names[:10])}.'
        )
    where = str(path) if name is None else f'{path}: {name}'
    keypoints, scores, lost = _arrays(annotations[name], where)
    scores, notes = from_percent(scores, where)
    flat = keypoints.reshape(-1, *keypoints.shape[2:]).astype(np.float32)
    seen = (scores > 0).reshape(flat.shape[:2])
    gone, filled = at_fillers(flat, seen, where)
    scores = np.where(gone.reshape(scores.shape), 0.0, scores).clip(max=1.0)
    shape = _img_shape(annotations[name], img_shape, where)
    rate, _ = Video(rate, shape).facts(where)
    layout, more = layout_of_arrays(
        keypoints, scores, layout, where, noted=False
    )
    notes = (*notes, *filled, *more)
    seen = scores > 0
    if not seen.any():
        raise ValueError(f'{where}: nobody was detected in any frame.')
    return {
        number: PoseStream(
            clock=Clock(len(scores[number]), rate=rate),
            keypoints=np.where(
                seen[number][..., None], keypoints[number], 0.0
            ).astype(np.float32),
            scores=scores[number].astype(np.float32),
            layout=layout,
            img_shape=shape,
            notes=(*lost_note(where, int(lost[number].sum())), *notes),
        )
        for number in np.flatnonzero(seen.any(axis=(1, 2))).tolist()
    }


@lru_cache(maxsize=1)  # many takes of one large file
def _annotations(path: str, changed: int) -> dict[str | None, Mapping]:
    """Annotations by ``frame_dir``; None for the only one of a file.

    MMAction2's own extraction writes one annotation per file.
    """
    listed = load_pickle(path)
    if isinstance(listed, Mapping) and 'keypoint' in listed:
        return {None: listed}
    if isinstance(listed, Mapping):
        listed = listed.get('annotations')
    if not isinstance(listed, list):
        raise ValueError(
            f'{path} is not an MMAction2 skeleton file: expected a dict with '
            'a list "annotations", that list, or one of its entries.'
        )
    annotations: dict[str | None, Mapping] = {}
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


def _arrays(
    annotation: Mapping, where: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints (M, T, V, 2) and scores (M, T, V), checked, and those lost.

    A keypoint that is NaN or exactly (0, 0) has score 0; one that had a
    score is lost.
    """
    keypoints = _numbers(annotation, 'keypoint', where)
    if keypoints.ndim == 3:  # of one person
        keypoints = keypoints[None]
    if keypoints.ndim != 4 or keypoints.shape[3] != 2 or not keypoints.size:
        raise ValueError(
            f'{where}: keypoint has shape {keypoints.shape}, expected '
            '(people, frames, keypoints, 2); 3D skeletons have no pixels.'
        )
    if annotation.get('keypoint_score') is None:
        scores = np.ones(keypoints.shape[:3])
        scores[(keypoints == 0).all(axis=3)] = 0.0
    else:
        scores = _numbers(annotation, 'keypoint_score', where)
        scores = scores[None] if scores.ndim == 2 else scores
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
    gone = np.isnan(keypoints).any(axis=3) | (keypoints == 0).all(axis=3)
    lost = gone & (scores > 0)
    scores = np.where(gone, 0.0, scores)
    bad = (scores > 0) & ~(np.abs(keypoints) < 1e6).all(axis=3)
    if bad.any():
        person, frame, joint = np.argwhere(bad)[0]
        raise ValueError(
            f'{where}: keypoint[{person}, {frame}, {joint}] is '
            f'{keypoints[person, frame, joint].tolist()} with a score '
            'above 0.'
        )
    return keypoints, scores, lost


def _numbers(annotation: Mapping, key: str, where: str) -> np.ndarray:
    value = annotation.get(key)
    if isinstance(value, list):
        numbers = as_numbers(value)
        value = value if numbers.dtype == object else numbers
    if not isinstance(value, np.ndarray) or value.dtype.kind not in 'fiu':
        raise ValueError(
            f'{where}: {key} is {type(value).__name__}, expected an array '
            'of numbers.'
        )
    with np.errstate(invalid='ignore'):  # NaN of odd bits
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
