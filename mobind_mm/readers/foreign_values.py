"""Handle values of unknown files in bounded time and memory."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from .unpickle_child import LARGEST_INT, brief

__all__ = ['LARGEST_INT', 'as_numbers', 'brief', 'consists_of']

LONGEST_HEADER = 10_000
"""Bytes; NumPy reads no longer one either, but only refuses it when it has
read it whole."""
_DEEPEST = 32
"""No array has more axes."""

# Readers, and how the length of the header is written, by version.
_READERS = {
    (1, 0): (npy.read_array_header_1_0, '<H'),
    (2, 0): (npy.read_array_header_2_0, '<I'),
}


def as_numbers(value: Any) -> np.ndarray:
    """Array of the numbers in an array or in nested lists.

    NumPy would make all texts in a list as long as the longest, which takes
    any amount of memory, so only lists of numbers are given to it.

    Returns:
        The array, of kind ``b``, ``i``, ``u`` or ``f``. One of objects
        stands for anything else, such as lists of different lengths.
    """
    if consists_of(value, _is_numeric):
        try:
            array = np.asarray(value)
        except ValueError:  # lists of different lengths
            array = np.empty(0, object)
        if array.dtype.kind in 'biuf':
            return array
    return np.empty(0, object)


def consists_of(
    value: Any, fits: Callable[[Any], bool], depth: int = _DEEPEST
) -> bool:
    """Whether all items of lists and tuples, nested to a depth, fit."""
    if not isinstance(value, (list, tuple)):
        return fits(value)
    return depth > 0 and all(consists_of(v, fits, depth - 1) for v in value)


def _is_numeric(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in 'biuf'
    return isinstance(value, (int, float))


def read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis is the fastest, and dtype of an array.

    The file is read up to where the numbers begin.

    Raises:
        ValueError: If it is not a header, without the name of the file.
    """
    version = npy.read_magic(file)
    if version not in _READERS:
        raise ValueError(f'version {version} of .npy files is not read')
    read_header, layout = _READERS[version]
    start = file.read(struct.calcsize(layout))
    if len(start) < struct.calcsize(layout):
        raise ValueError('the file ends within its header')
    (length,) = struct.unpack(layout, start)
    if length > LONGEST_HEADER:
        raise ValueError(
            f'its header should have {length} bytes; more than '
            f'{LONGEST_HEADER} are not read'
        )
    header = io.BytesIO(start + file.read(length))
    try:
        return read_header(header)
    # Python's parser raises many kinds, MemoryError for many brackets.
    except Exception as error:
        text = str(error).split('\n')[0][:80]
        raise ValueError(
            f'its header is damaged ({type(error).__name__}: {text})'
        ) from None
