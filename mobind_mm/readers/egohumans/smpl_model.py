"""The SMPL body: its model, where its skin is, and how joints are turned.

A model is the authors' .pkl file, or its arrays as .npz. The pickles hold
arrays of chumpy, which no longer installs, and a sparse matrix of SciPy. Both
are read as the numbers that they hold.

Source: Loper, Mahmood, Romero, Pons-Moll and Black, "SMPL: A Skinned
Multi-Person Linear Model", ACM Transactions on Graphics 2015. Numbers in
brackets are its equations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from scipy.sparse import csc_matrix

from ..foreign_values import brief, read_npy_header
from ..unpickle import Inert, load_pickle

PARENTS = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19,
    20, 21,
)  # fmt: skip
"""Parent of each of the 24 joints; the pelvis has none."""


@dataclass(frozen=True)
class SMPLBody:
    """Some vertices of a SMPL model, and what moves them.

    The joints depend linearly on the shape, so the regressor is applied to
    the template and to the shape directions once, not to every person.

    Args:
        template: (V, 3) vertices of the mean shape in metres.
        shape_dirs: (V, 3, N) their change with each shape coefficient.
        pose_dirs: (V, 3, 207) their change with each element of the
            rotation matrices of joints 1 to 23.
        weights: (V, 24) skinning weights.
        joints: (24, 3) joints of the mean shape in metres.
        joint_dirs: (24, 3, N) their change with each shape coefficient.
    """

    template: np.ndarray
    shape_dirs: np.ndarray
    pose_dirs: np.ndarray
    weights: np.ndarray
    joints: np.ndarray
    joint_dirs: np.ndarray

    def pose(
        self, betas: np.ndarray, pose: np.ndarray, transl: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pose the body in every frame.

        Args:
            betas: (T, B) shape; of B and N coefficients the first that both
                have are used.
            pose: (T, 24, 3) rotation of each joint in its parent's frame,
                as axis times angle in radians; the first is that of the
                body in the world.
            transl: (T, 3) translation in metres.

        Returns:
            Vertices (T, V, 3) in metres, and rotation matrices
            (T, 24, 3, 3) of the joints, both in the world.
        """
        count = min(betas.shape[1], self.shape_dirs.shape[2])
        betas = betas[:, :count]
        local = rotation_matrices(pose)
        joints = self.joints + _blend(self.joint_dirs[..., :count], betas)
        turned, placed = _chain(local, joints)
        # Template with blend shapes of shape (8) and pose (9).
        features = (local[:, 1:] - np.eye(3)).reshape(len(pose), -1)
        rest = self.template + _blend(self.shape_dirs[..., :count], betas)
        rest = rest + _blend(self.pose_dirs, features)
        # Blend skinning (7): each joint takes a vertex along as if it were
        # rigidly attached, starting from the rest pose.
        offset = placed - np.einsum('tjxy,tjy->tjx', turned, joints)
        turn = np.tensordot(turned, self.weights, (1, 1))
        move = np.tensordot(offset, self.weights, (1, 1))
        skinned = np.einsum('txyv,tvy->tvx', turn, rest)
        skinned = skinned + np.swapaxes(move, 1, 2)
        return skinned + transl[:, None], turned


def rotation_matrices(vectors: np.ndarray) -> np.ndarray:
    """Rodrigues' formula (1): (..., 3, 3) of axis times angle (..., 3)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    cross = cross.reshape(*vectors.shape, 3)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    # sin(a) / a and (1 - cos(a)) / a^2, also for a = 0.
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def _blend(directions: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """(V, 3, N) directions and (T, N) coefficients to (T, V, 3) offsets."""
    return np.tensordot(coefficients, directions, (1, 2))


def _chain(
    local: np.ndarray, joints: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and places of joints in the world, from the pelvis on (4).

    ``local`` (T, 24, 3, 3) are rotations in the parents' frames, ``joints``
    (T, 24, 3) places in the rest pose.
    """
    turned, placed = local.copy(), joints.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        turned[:, joint] = turned[:, parent] @ local[:, joint]
        bone = joints[:, joint] - joints[:, parent]
        placed[:, joint] = placed[:, parent] + np.einsum(
            'txy,ty->tx', turned[:, parent], bone
        )
    return turned, placed


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
