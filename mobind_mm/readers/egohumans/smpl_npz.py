"""Read the arrays of a SMPL model that was saved with numpy.savez."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from ..npy_header import read_npy_header
from .smpl_arrays import SMPL_ARRAYS, check_smpl_array


def read_smpl_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a model in an .npz file, by name.

    The header of an array is checked before any memory is reserved for it,
    and one of Python objects is refused.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """
    arrays = {}
    try:
        with ZipFile(path) as archive:
            for name in SMPL_ARRAYS:
                arrays[name] = _read_array(archive, name)
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        text = ' '.join(str(error).split()) or type(error).__name__
        raise ValueError(
            f'{path} cannot be read as a SMPL model: {text}. Get it again, '
            'or save these arrays of the .pkl file with numpy.savez: '
            f'{", ".join(SMPL_ARRAYS)}.'
        ) from None
    return arrays


def _read_array(archive: ZipFile, name: str) -> np.ndarray:
    """One array, once directory and header say what is expected."""
    entry = archive.getinfo(f'{name}.npy')
    # bzip2 and LZMA unpack any amount of zeros at once, however little is
    # asked for; numpy.savez does not use them.
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError(f'{name} is compressed in another way than deflate')
    with archive.open(entry) as member:
        shape, columns_first, dtype = read_npy_header(member)
        check_smpl_array(name, shape, dtype.kind)
        size = int(np.prod(shape)) * dtype.itemsize
        if entry.file_size != member.tell() + size:
            raise ValueError(
                f'{name} takes {entry.file_size} bytes, expected '
                f'{member.tell() + size}'
            )
        content = member.read(size)
        if len(content) != size:
            raise ValueError(f'{name} ends after {len(content)} bytes')
    order = 'F' if columns_first else 'C'
    return np.frombuffer(content, dtype).reshape(shape, order=order)
