"""Read a SMPL model: the authors' .pkl file, or its arrays as .npz."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .smpl import PARENTS, SMPLBody
from .smpl_npz import read_smpl_npz
from .smpl_pickle import read_smpl_pickle

_READERS = {'.pkl': read_smpl_pickle, '.npz': read_smpl_npz}


def read_smpl(path: str | Path, vertices: Sequence[int]) -> SMPLBody:
    """Read some vertices of a SMPL model; nothing in the file is executed.

    Args:
        path: ``.pkl`` as downloaded, or ``.npz`` with its arrays.
        vertices: Indices of the vertices to keep.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is damaged or no SMPL model.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no SMPL model {path}. Download SMPL (not SMPL-H or '
            'SMPL-X) from https://smpl.is.tue.mpg.de and give its .pkl file.'
        )
    if path.suffix.lower() not in _READERS:
        raise ValueError(
            f'{path}: a SMPL model must be a .pkl file, as downloaded, or '
            'an .npz file.'
        )
    arrays = _READERS[path.suffix.lower()](path)
    for name in ('posedirs', 'weights'):  # the whole is large and not needed
        arrays[name] = arrays[name][list(vertices)]
    with np.errstate(invalid='ignore'):  # checked below
        arrays = {name: a.astype(float) for name, a in arrays.items()}
    _check(path, arrays)
    regressor, chosen = arrays['J_regressor'], list(vertices)
    return SMPLBody(
        template=arrays['v_template'][chosen],
        shape_dirs=arrays['shapedirs'][chosen],
        pose_dirs=arrays['posedirs'],
        weights=arrays['weights'],
        joints=regressor @ arrays['v_template'],
        joint_dirs=np.tensordot(regressor, arrays['shapedirs'], (1, 0)),
    )


def _check(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Refuse values that no SMPL model has.

    Raises:
        ValueError: Naming the file and the array.
    """
    advice = 'The file is damaged or no SMPL model; get it again.'
    if (arrays['kintree_table'][0, 1:] != PARENTS[1:]).any():
        raise ValueError(
            f'{path}: kintree_table[0] are not the parents of the joints of '
            f'SMPL. {advice}'
        )
    for name, array in arrays.items():
        # The largest are unscaled shape directions, around 10.
        bad = ~(np.abs(array) < 1e4)
        if name != 'kintree_table' and bad.any():
            index = np.argwhere(bad)[0].tolist()
            raise ValueError(
                f'{path}: {name}{index} is {array[tuple(index)]}, expected '
                f'a number of metres or a weight. {advice}'
            )
    for name in ('weights', 'J_regressor'):
        sums = arrays[name].sum(axis=1)
        row = int(np.argmax(np.abs(sums - 1)))
        if abs(sums[row] - 1) > 1e-3:
            raise ValueError(
                f'{path}: row {row} of {name} adds up to {sums[row]:g}, '
                f'expected 1. {advice}'
            )
