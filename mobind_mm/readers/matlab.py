"""Read arrays of MAT-files, with errors that name the file.

Arrays, texts, cells and structures of MATLAB's format 5 (5.0 to 7.2) are read
here: one flipped bit in the type of an element crashes
:func:`scipy.io.loadmat` (SciPy 1.17).

Source: MathWorks, MAT-File Format, chapter 1.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import shown

_NUMBERS = {
    1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8',
    12: 'i8', 13: 'u8',
}  # fmt: skip
"""NumPy types by the type of a data element."""
_MATRIX, _COMPRESSED, _INT8, _INT32, _UINT32 = 14, 15, 1, 5, 6
_CELL, _STRUCT, _TEXT = 1, 2, 4
_NUMERIC_CLASSES = range(6, 16)
"""mxDOUBLE_CLASS to mxUINT64_CLASS."""
_CHARACTERS = {
    1: 'latin-1', 2: 'latin-1', 4: 'utf-16', 16: 'utf-8', 17: 'utf-16',
    18: 'utf-32',
}  # fmt: skip
"""Encodings of texts by the type of a data element."""
_DEEPEST = 16
"""Structures in structures."""
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
    content = _variables(path, key)
    names = [*content]
    if key not in content:
        raise ValueError(
            f'{path} has no variable {key}, only {shown(names)}. Download the '
            'original file again.'
        )
    array = content[key]
    if not isinstance(array, np.ndarray) or array.dtype.kind == 'c':
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


def read_mat_file(path: str | Path, most: int = _MOST_BYTES) -> dict[str, Any]:
    """Read all variables of a file by name, of ``most`` bytes in all.

    Returns:
        Arrays; texts; cells as lists, of a structure as dicts. None stands
        for what is none of these, such as a ``table`` of MATLAB.

    Raises:
        ValueError: If the file is damaged, or of MATLAB 7.3.
    """
    return _variables(path, None, most)


def _variables(
    path: str | Path, wanted: str | None, most: int = 1 << 40
) -> dict[str, Any]:
    try:
        order, data = _content(Path(path).read_bytes())
        return dict(_arrays(data, order, wanted, most))
    except NotImplementedError:
        raise ValueError(
            f'{path} is a MATLAB 7.3 file (HDF5), which is not read; '
            "save it again in MATLAB with save(..., '-v7')."
        ) from None
    except (ValueError, struct.error, zlib.error, IndexError) as error:
        raise ValueError(
            f'{path} is not a complete MAT-file ({error}). Download the '
            'file again.'
        ) from None


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
    data: bytes, order: str, wanted: str | None, most: int
) -> Iterator[tuple[str, Any]]:
    """Names of the variables; the content of that which is wanted, or all."""
    for kind, content in _elements(data, order):
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            content = unpacker.decompress(content, min(most, _MOST_BYTES))
            most = max(most - len(content), 1)
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
    data: bytes, order: str, wanted: str | None, depth: int = _DEEPEST
) -> tuple[str, Any]:
    """Name and content of a variable, a cell or a field."""
    if not data:
        return '', None
    elements = _elements(data, order)
    facts = [next(elements, (0, b'')) for _ in range(2)]
    flags = struct.unpack_from(f'{order}I', facts[0][1])[0]
    if flags & 0xFF > 16:  # an object, whose size is not given
        names = [text for kind, text in elements if kind == _INT8]
        return (names or [b''])[0].decode('ascii', 'replace'), None
    facts.append(next(elements, (0, b'')))
    if [kind for kind, _ in facts] != [_UINT32, _INT32, _INT8]:
        raise ValueError('a variable without flags, size and name')
    shape = tuple(np.frombuffer(facts[1][1], f'{order}i4').tolist())
    name = facts[2][1].decode('ascii', 'replace')
    if wanted not in (None, name) or not depth:
        return name, None
    if flags & _COMPLEX:  # only its shape is wanted, for a message
        return name, np.broadcast_to(np.complex128(0), shape)
    return name, _value(name, flags & 0xFF, shape, [*elements], order, depth)


def _value(
    name: str,
    kind: int,
    shape: tuple[int, ...],
    elements: Sequence[tuple[int, bytes]],
    order: str,
    depth: int,
) -> Any:
    """Content of a variable by its class and its elements."""
    count = math.prod(shape)
    if kind == _TEXT and len(elements) == 1 and shape[0] == 1:
        encoding = _CHARACTERS.get(elements[0][0], 'latin-1')
        if encoding in ('utf-16', 'utf-32'):
            encoding += {'<': '-le', '>': '-be'}[order]
        return elements[0][1].decode(encoding, 'replace')
    if kind in (_CELL, _STRUCT):
        names = ['']
        if kind == _STRUCT:
            (_, size), (_, fields), *elements = elements
            length = struct.unpack_from(f'{order}i', size)[0]
            names = [
                fields[at : at + length].split(b'\0')[0].decode('ascii')
                for at in range(0, len(fields), max(length, 1))
            ]
        if len(elements) != count * len(names):
            raise ValueError(f'{name} has not as many parts as it says')
        parts = [_variable(e, order, None, depth - 1)[1] for _, e in elements]
        if kind == _CELL:
            return parts
        structs = [
            dict(zip(names, parts[at : at + len(names)]))
            for at in range(0, len(parts), max(len(names), 1))
        ]
        return structs[0] if count == 1 else structs
    if kind not in _NUMERIC_CLASSES:
        return None
    kind, values = elements[0] if elements else (0, b'')
    if kind not in _NUMBERS:
        raise ValueError(f'{name} has numbers of unknown type {kind}')
    dtype = np.dtype(f'{order}{_NUMBERS[kind]}')
    if min(shape, default=-1) < 0 or len(values) != count * dtype.itemsize:
        raise ValueError(f'{name} is not as large as its header says')
    return np.frombuffer(values, dtype).reshape(shape, order='F')
