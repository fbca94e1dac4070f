"""The arrays of a SMPL model file."""

from __future__ import annotations

from collections.abc import Sequence

from ..foreign_values import brief

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


def check_smpl_array(name: str, shape: Sequence[int], kind: str) -> None:
    """Check what a file says about an array, before it is read.

    Args:
        name: Key of :data:`SMPL_ARRAYS`.
        shape: What the file says.
        kind: NumPy's kind of its dtype.

    Raises:
        ValueError: With the array's name, but not that of the file.
    """
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
