"""Read arrays of MAT-files, with errors that name the file.

Numeric arrays of MATLAB's format 5 (5.0 to 7.2) are read here: one flipped
bit in the type of an element crashes :func:`scipy.io.loadmat` (SciPy 1.17).

Source: MathWorks, MAT-File Format, chapter 1.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..utils.errors import shown

_NUMBERS = {
    1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8',
    12: 'i8', 13: 'u8',
}  # fmt: skip
"""NumPy types by the type of a data element."""
_MATRIX, _COMPRESSED, _INT8, _INT32, _UINT32 = 14, 15, 1, 5, 6
_NUMERIC_CLASSES = range(6, 16)
"""mxDOUBLE_CLASS to mxUINT64_CLASS."""
_COMPLEX = 0x0800
_MOST_BYTES = 1 << 30
"""Of one array; those of the data sets have a few megabytes."""


def read_mat(
    path: str | Path, key: str, shape: Sequence[int | str]
) -> np.ndarray:
    """Read one array of finite numbers.

    Args:
        path: File of MATLAB 7.2 or older.
        key: Name of the variable.
        shape: What each axis must be: its length, or the name of an axis
            that holds at least 2 samples.

    Returns:
        float64 array.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """
    try:
        order, data = _content(Path(path).read_bytes())
        content = dict(_arrays(data, order, key))
    except NotImplementedError:
        raise ValueError(
            f'{path} is a MATLAB 7.3 file (HDF5), which is not read; '
            "save it again in MATLAB with save(..., '-v7')."
        ) from None
    except (ValueError, struct.error, zlib.error) as error:
        raise ValueError(
            f'{path} is not a complete MAT-file ({error}). Download the '
            'file again.'
        ) from None
    names = [*content]
    if key not in content:
        raise ValueError(
            f'{path} has no variable {key}, only {shown(names)}. Download the '
            'original file again.'
        )
    array = content[key]
    if array is None:
        raise ValueError(
            f'{path}: {key} is not an array of real numbers. Download the '
            'original file again.'
        )
    fits = len(array.shape) == len(shape) and all(
        size >= 2 if isinstance(want, str) else size == want
        for size, want in zip(array.shape, shape)
    )
    if not fits or array.dtype.kind not in 'fiu':
        expected = ', '.join(str(want) for want in shape)
        raise ValueError(
            f'{path}: {key} is {array.dtype} of shape {array.shape}, '
            f'expected numbers of shape ({expected}), at least 2 samples '
            'long. Download the original file again.'
        )
    if not np.isfinite(array).all():
        index = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise ValueError(
            f'{path}: {key}{list(index)} is {array[index]}, expected a '
            'finite number. Download the original file again, or move the '
            'take away.'
        )
    return array.astype(np.float64)


def _content(data: bytes) -> tuple[str, bytes]:
    """Byte order, and what follows the header."""
    if data[:4] == b'\x89HDF' or data[:19] == b'MATLAB 7.3 MAT-file':
        raise NotImplementedError
    order = {b'IM': '<', b'MI': '>'}.get(data[126:128])
    if order is None:
        raise ValueError('no header of MATLAB 5')
    if struct.unpack(f'{order}H', data[124:126])[0] >> 8 != 1:
        raise ValueError('unknown version')
    return order, data[128:]


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of each data element."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(f'{order}II', data, at)
        start = at + 8
        if kind >> 16:  # a small element: size and type in four bytes
            kind, size = kind & 0xFFFF, kind >> 16
            start = at + 4
            if size > 4:
                raise ValueError(f'element of {size} bytes in 4 at {at}')
            step = 8
        else:
            padding = 0 if kind == _COMPRESSED else -size % 8
            step = 8 + size + padding
        if start + size > len(data):
            raise ValueError(f'element at {at} is cut')
        yield kind, data[start : start + size]
        at += step


def _arrays(
    data: bytes, order: str, wanted: str
) -> Iterator[tuple[str, np.ndarray | None]]:
    """Names of the variables; the array of the one that is wanted."""
    for kind, content in _elements(data, order):
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            content = unpacker.decompress(content, _MOST_BYTES)
            if unpacker.unconsumed_tail or not unpacker.eof:
                raise ValueError('a variable is cut, or too large')
            parts = [*_elements(content, order)]
            if len(parts) != 1:
                raise ValueError('a compressed element holds no variable')
            kind, content = parts[0]
        if kind != _MATRIX:
            raise ValueError(f'a variable of unknown type {kind}')
        yield _variable(content, order, wanted)


def _variable(
    data: bytes, order: str, wanted: str
) -> tuple[str, np.ndarray | None]:
    elements = _elements(data, order)
    facts = [next(elements, (0, b'')) for _ in range(3)]
    if [kind for kind, _ in facts] != [_UINT32, _INT32, _INT8]:
        raise ValueError('a variable without flags, size and name')
    flags = struct.unpack_from(f'{order}I', facts[0][1])[0]
    shape = tuple(np.frombuffer(facts[1][1], f'{order}i4').tolist())
    name = facts[2][1].decode('ascii', 'replace')
    numeric = flags & 0xFF in _NUMERIC_CLASSES and not flags & _COMPLEX
    if name != wanted or not numeric:
        return name, None
    kind, values = next(elements, (0, b''))
    if kind not in _NUMBERS:
        raise ValueError(f'{name} has numbers of unknown type {kind}')
    dtype = np.dtype(f'{order}{_NUMBERS[kind]}')
    count = math.prod(shape)
    if min(shape, default=-1) < 0 or len(values) != count * dtype.itemsize:
        raise ValueError(f'{name} is not as large as its header says')
    return name, np.frombuffer(values, dtype).reshape(shape, order='F')
