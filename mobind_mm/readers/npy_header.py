"""Read the header of a ``.npy`` file, in little memory."""

from __future__ import annotations

import io
import struct
from typing import IO

import numpy as np
from numpy.lib import format as npy

LONGEST_HEADER = 10_000
"""Bytes; NumPy reads no longer one either, but only refuses it when it has
read it whole."""

# Readers, and how the length of the header is written, by version.
_READERS = {
    (1, 0): (npy.read_array_header_1_0, '<H'),
    (2, 0): (npy.read_array_header_2_0, '<I'),
}


def read_npy_header(
    file: IO[bytes],
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read up to where the numbers begin.

    Args:
        file: Positioned at the beginning.

    Returns:
        Shape, whether the first axis is the fastest, and dtype.

    Raises:
        ValueError: If it is no header, without the name of the file.
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
