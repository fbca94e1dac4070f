"""Read a SMPL model: the authors' .pkl file, or its arrays as .npz.

The authors' pickles hold arrays of chumpy, which no longer installs, and a
sparse matrix of SciPy. Both are read as the numbers that they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from scipy.sparse import csc_matrix

from ..foreign_values import brief, read_npy_header
from ..unpickle import Inert, load_pickle
from .smpl import PARENTS, SMPLBody

NUM_VERTICES = 6890
MAX_SHAPES = 400  # the largest published model has 300
MAX_ITEMS = NUM_VERTICES * 3 * MAX_SHAPES  # of the largest array
SMPL_ARRAYS: dict[str, tuple[int | str, ...]] = {
    'v_template': (NUM_VERTICES, 3),
    'shapedirs': (NUM_VERTICES, 3, 'N'),
    'posedirs': (NUM_VERTICES, 3, 207),
    'weights': (NUM_VERTICES, 24),
    'J_regressor': (24, NUM_VERTICES),
    'kintree_table': (2, 24),
}
"""Shapes by name; N is the number of shape coefficients."""


def read_smpl(path: str | Path, vertices: Sequence[int]) -> SMPLBody:
    """Read some vertices of a SMPL model; nothing in the file is executed.

    Args:
        path: ``.pkl`` as downloaded, or ``.npz`` with its arrays.
        vertices: Indices of the vertices to keep.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is damaged or not a SMPL model.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no SMPL model {path}. Download SMPL (not SMPL-H or '
            'SMPL-X) from https://smpl.is.tue.mpg.de and give its .pkl file.'
        )
    kinds = {'.pkl': _read_pickle, '.npz': _read_npz}
    if path.suffix.lower() not in kinds:
        raise ValueError(
            f'{path}: a SMPL model must be a .pkl file, as downloaded, or '
            'an .npz file.'
        )
    arrays = kinds[path.suffix.lower()](path)
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
    """Refuse values that no SMPL model has."""
    advice = 'The file is damaged or not a SMPL model; download it again.'
    if (arrays['kintree_table'][0, 1:] != PARENTS[1:]).any():
        raise ValueError(
            f'{path}: kintree_table[0] does not hold the parents of the '
            f'joints of SMPL. {advice}'
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


def _check_array(name: str, shape: Sequence[int], kind: str) -> None:
    """Check what a file says about an array, before it is read."""
    expected = SMPL_ARRAYS[name]
    fits = len(shape) == len(expected) and all(
        10 <= size <= MAX_SHAPES if want == 'N' else size == want
        for size, want in zip(shape, expected)
    )
    if not fits or kind not in 'fiu':
        words = ', '.join(str(want) for want in expected)
        where = f', N from 10 to {MAX_SHAPES}' if 'N' in expected else ''
        raise ValueError(
            f'{name} has shape {brief(shape)} and kind {kind!r}, expected '
            f'numbers of shape ({words}){where}'
        )


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a model in an .npz file, by name.

    The header of an array is checked before any memory is reserved for it,
    and one of Python objects is refused.
    """
    arrays = {}
    try:
        with ZipFile(path) as archive:
            for name in SMPL_ARRAYS:
                arrays[name] = _read_member(archive, name)
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        text = ' '.join(str(error).split()) or type(error).__name__
        raise ValueError(
            f'{path} cannot be read as a SMPL model: {text}. Download it '
            'again, or save these arrays of the .pkl file with numpy.savez: '
            f'{", ".join(SMPL_ARRAYS)}.'
        ) from None
    return arrays


def _read_member(archive: ZipFile, name: str) -> np.ndarray:
    """One array, once directory and header say what is expected."""
    entry = archive.getinfo(f'{name}.npy')
    # bzip2 and LZMA unpack any amount of zeros at once, however little is
    # asked for; numpy.savez does not use them.
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError(f'{name} is not compressed with deflate')
    with archive.open(entry) as member:
        shape, columns_first, dtype = read_npy_header(member)
        _check_array(name, shape, dtype.kind)
        size = int(np.prod(shape)) * dtype.itemsize
        if entry.file_size != member.tell() + size:
            raise ValueError(
                f'{name} takes {entry.file_size} bytes, expected '
                f'{member.tell() + size}'
            )
        content = member.read(size)
        if len(content) != size:
            raise ValueError(f'{name} ends after {len(content)} bytes')
    order: Literal['F', 'C'] = 'F' if columns_first else 'C'
    return np.frombuffer(content, dtype).reshape(shape, order=order)


class _Kept(Inert):
    """What a foreign object was pickled with; none of its code."""

    def get(self, name: str) -> Any:
        """An attribute that the object had; None without it."""
        return self.state.get(name) if isinstance(self.state, dict) else None


class _Array(_Kept):
    """Stands for ``chumpy.ch.Ch``: an array in its attribute ``x``."""

    def array(self) -> np.ndarray:
        """The array."""
        return _plain_array(self.get('x'), 'fiu')


class _Selection(_Kept):
    """Stands for ``chumpy.reordering.Select``: elements of another one."""

    def array(self) -> np.ndarray:
        """The elements, in their shape."""
        whole = self.get('a')
        if isinstance(whole, _Array):
            whole = whole.array()
        whole = _plain_array(whole, 'fiu')
        index = _plain_array(self.get('idxs'), 'iu')
        chosen, shape = whole.ravel()[index], self.get('preferred_shape')
        return chosen if shape is None else chosen.reshape(shape)


class _Sparse(_Kept):
    """Stands for ``scipy.sparse.csc_matrix``."""

    def array(self) -> np.ndarray:
        """The dense array."""
        shape = self.get('_shape') or self.get('shape') or ()
        data = _plain_array(self.get('data'), 'fiu')
        index = [
            _plain_array(self.get(name), 'iu')
            for name in ('indices', 'indptr')
        ]
        _check_array('J_regressor', shape, data.dtype.kind)
        matrix = csc_matrix((data, *index), shape=shape)
        matrix.check_format(full_check=True)
        return matrix.toarray()


class _Object:
    """Stands for ``object``, the base that old pickles name."""


def _rebuild(kind: type, base: type, state: None) -> _Kept:
    """Stands for ``copy_reg._reconstructor``: an object without state."""
    if not issubclass(kind, _Kept):
        raise ValueError(f'{kind.__name__} instead of an array')
    return kind()


_STAND_INS: dict[tuple[str, str], Any] = {
    ('copy_reg', '_reconstructor'): _rebuild,
    ('__builtin__', 'object'): _Object,
    ('chumpy.ch', 'Ch'): _Array,
    ('chumpy.reordering', 'Select'): _Selection,
    ('scipy.sparse.csc', 'csc_matrix'): _Sparse,
    ('scipy.sparse._csc', 'csc_matrix'): _Sparse,
}


def _read_pickle(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a model in a pickle, by name."""
    content = load_pickle(path, _STAND_INS)
    if not isinstance(content, Mapping):
        raise ValueError(
            f'{path} holds a {type(content).__name__}, expected a dictionary '
            'with the arrays of a SMPL model.'
        )
    arrays = {}
    for name in SMPL_ARRAYS:
        try:
            array = _as_array(content.get(name))
            _check_array(name, array.shape, array.dtype.kind)
        except Exception as error:  # many kinds, if the content is damaged
            raise ValueError(
                f'{path}: {name} cannot be read ({error}). Download the '
                'SMPL model again.'
            ) from None
        arrays[name] = array
    return arrays


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, (_Array, _Selection, _Sparse)):
        return value.array()
    if not isinstance(value, np.ndarray):
        raise ValueError(f'it is not an array but {brief(value)}')
    return value


def _plain_array(value: Any, kinds: str) -> np.ndarray:
    """An array of numbers, not larger than that of any model.

    Text is refused before anything is done with it, since one element may
    be as large as the file.
    """
    if (
        not isinstance(value, np.ndarray)
        or value.dtype.kind not in kinds
        or value.size > MAX_ITEMS
    ):
        raise ValueError(
            f'it is made of {brief(value)} instead of an array of numbers '
            f'with at most {MAX_ITEMS} elements'
        )
    return value
