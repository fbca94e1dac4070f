"""Read arrays of MAT-files, with errors that name the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import loadmat, whosmat


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
        content = loadmat(path, variable_names=[key])
        names = [name for name, *_ in whosmat(path)]
    except NotImplementedError:
        raise ValueError(
            f'{path} is a MATLAB 7.3 file (HDF5), which scipy cannot read; '
            "save it again in MATLAB with save(..., '-v7')."
        ) from None
    except Exception as error:  # scipy and zlib raise many kinds
        raise ValueError(
            f'{path} is not a complete MAT-file ({type(error).__name__}: '
            f'{error}). Download the file again.'
        ) from None
    if key not in content:
        raise ValueError(
            f'{path} has no variable {key}, only {names}. Download the '
            'original file again.'
        )
    array = content[key]
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
