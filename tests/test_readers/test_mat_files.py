"""MAT-files are read without SciPy's reader, which crashes on some."""

import random

import numpy as np
import pytest
from scipy.io import savemat

from mobind_mm.readers.matlab import read_mat


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=(50, 6))


@pytest.mark.parametrize('compressed', [False, True])
@pytest.mark.parametrize('dtype', ['f8', 'f4', 'i2', 'u1', 'i8'])
def test_same_as_written(tmp_path, values, dtype, compressed):
    values = (values * 40).astype(dtype)
    other = {'note': 'text', 'c': np.array([[1]], object)}
    content = {**other, 'd_iner': values, 'more': values[:, 0]}
    savemat(tmp_path / 'a.mat', content, do_compression=compressed)
    found = read_mat(tmp_path / 'a.mat', 'd_iner', ('T', 6))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)


def test_three_axes_keep_their_order(tmp_path):
    values = np.arange(20 * 3 * 4, dtype=float).reshape(20, 3, 4)
    savemat(tmp_path / 'a.mat', {'d_skel': values})
    found = read_mat(tmp_path / 'a.mat', 'd_skel', (20, 3, 'F'))
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'d_iner': 'text'}, 'not an array of real numbers'),
        ({'d_iner': np.ones((5, 6)) * 1j}, 'not an array of real numbers'),
        ({'d_iner': np.ones((5, 3))}, r'expected numbers of shape \(T, 6\)'),
        ({'other': np.ones((5, 6))}, r"no variable d_iner, only 'other'"),
    ],
)
def test_something_else_is_named(tmp_path, content, message):
    savemat(tmp_path / 'a.mat', content)
    with pytest.raises(ValueError, match=rf'a\.mat.*{message}'):
        read_mat(tmp_path / 'a.mat', 'd_iner', ('T', 6))


@pytest.mark.parametrize('compressed', [False, True])
def test_every_damaged_copy_is_read_or_refused(tmp_path, values, compressed):
    path = tmp_path / 'a.mat'
    savemat(path, {'d_iner': values}, do_compression=compressed)
    data, rng = path.read_bytes(), random.Random(0)
    copies = [data[:n] for n in range(0, 400, 7)]
    for bit in [
        *range(124 * 8, 200 * 8),
        *rng.sample(range(len(data) * 8), 400),
    ]:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        copies.append(bytes(flipped))
    for copy in copies:
        path.write_bytes(copy)
        try:
            assert read_mat(path, 'd_iner', ('T', 6)).shape == (50, 6)
        except ValueError as error:
            assert 'a.mat' in str(error)
            assert len(str(error)) < 400
