"""Read the arrays of a SMPL model that was saved with numpy.savez."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

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
    """One array, once its header says what is expected."""
    with archive.open(f'{name}.npy') as member:
        version = npy.read_magic(member)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f'{name} is of version {version} of .npy files')
        read_header = (
            npy.read_array_header_1_0
            if version == (1, 0)
            else npy.read_array_header_2_0
        )
        shape, columns_first, dtype = read_header(member)
        check_smpl_array(name, shape, dtype.kind)
        size = int(np.prod(shape)) * dtype.itemsize
        content = member.read(size)
        if len(content) != size:
            raise ValueError(f'{name} ends after {len(content)} bytes')
    order = 'F' if columns_first else 'C'
    return np.frombuffer(content, dtype).reshape(shape, order=order)
