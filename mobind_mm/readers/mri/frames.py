"""Which frames a stream of mRI has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..foreign_values import as_numbers

FRAME_RATE = 10.0
MAX_FRAMES = int(24 * 3600 * FRAME_RATE)
"""A day. Greater numbers are damage."""


@dataclass(frozen=True)
class FrameSet:
    """Frames that a stream has, as one value of the labels lists them.

    Args:
        name: Key of the value, for messages.
        readings: What the value may mean: increasing frames (n,) int64. The
            first counts; only a pair has a second, without its last frame.
        kind: ``list``, ``pair`` (first and last frame) or ``mask``.
        length: Frames of the recording, which only a mask tells.
    """

    name: str
    readings: tuple[np.ndarray, ...]
    kind: str
    length: int = 0

    @property
    def frames(self) -> np.ndarray:
        """The usual reading."""
        return self.readings[0]

    def counted_from(self, first: int) -> FrameSet:
        """Number the frames from 0; a mask is numbered so by nature."""
        if self.kind == 'mask':
            return self
        return replace(
            self, readings=tuple(frames - first for frames in self.readings)
        )


def parse_frames(value: Any, name: str, where: str) -> FrameSet:
    """Understand a list of frames, a pair (first, last), or a mask.

    Args:
        value: Two numbers are a pair; booleans, or only zeros and ones, a
            mask over all frames; anything else a list.
        name: Key of the value.
        where: File, for messages.

    Raises:
        ValueError: If it is none of them.
    """
    where = f'{where}: {name}'
    array = _numbers(value, where)
    size = len(array)
    if size != 2 and np.isin(array, (0, 1)).all():
        return FrameSet(name, (np.flatnonzero(array),), 'mask', size)
    if size != 2:
        if not (np.diff(array) > 0).all():
            row = int(np.argmin(np.diff(array) > 0))
            raise ValueError(
                f'{where} lists frame {array[row + 1]} after {array[row]}; '
                'expected increasing frames. Get the original file again.'
            )
        return FrameSet(name, (array,), 'list')
    first, last = (int(number) for number in array)
    if last <= first:
        raise ValueError(
            f'{where} is [{first}, {last}], expected [first, last frame]. '
            'Get the original file again.'
        )
    frames = np.arange(first, last + 1)
    return FrameSet(name, (frames, frames[:-1]), 'pair')


def parse_pair(value: Any, where: str) -> tuple[int, int]:
    """Understand [first, last frame] of an action.

    Raises:
        ValueError: If it is something else.
    """
    array = _numbers(value, where)
    if len(array) != 2 or array[1] < array[0]:
        raise ValueError(
            f'{where} is {array[:5].tolist()}, expected [first, last frame]. '
            'Get the original file again.'
        )
    return int(array[0]), int(array[1])


def _numbers(value: Any, where: str) -> np.ndarray:
    """Whole numbers (n,) int64, n > 0, that can be frames."""
    array = as_numbers(value)
    # np.where gives a tuple of one array; columns and rows occur too.
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim != 1 or array.dtype.kind not in 'biuf' or not len(array):
        raise ValueError(
            f'{where} is {array.dtype} of shape {array.shape}, expected a '
            'list of frames, [first, last frame], or a mask over all '
            'frames. Get the original file again.'
        )
    bad = ~((array >= 0) & (array < MAX_FRAMES))  # NaN too
    if array.dtype.kind == 'f' and not bad.any():
        bad = array != np.floor(array)
    if bad.any():
        raise ValueError(
            f'{where} contains {array[bad][0]}, expected whole frame numbers '
            f'from 0 to {MAX_FRAMES} (a day). Get the original file again.'
        )
    return array.astype(np.int64)
