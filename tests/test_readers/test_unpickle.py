import os
import pickle
import random
import sys
from collections import OrderedDict

import numpy as np
import pytest
from corruption import check_contained, corruptions, malicious_pickle
from scipy.io import savemat

from mobind_mm.readers import unpickle
from mobind_mm.readers.matlab import read_mat
from mobind_mm.readers.unpickle import Inert, load_npy_objects, load_pickle

CONTENT = OrderedDict(
    turned=np.arange(6.0).reshape(2, 3).T,
    items=[np.float32(3), 'x', b'yy', (1, 2), None, 1 + 2j],
    names={1, 2},
    objects=np.array([{'k': np.ones(3)}, None], object),
    text=np.array(['ab', 'c']),
    big_endian=np.array([1, 2], '>i4'),
    raw=np.array([b'ab']),
    flag=np.bool_(True),
    empty=np.zeros((0, 3)),
    cube=np.arange(24.0).reshape(2, 3, 4),
    nothing=b'',
    long_text=['é' * 100, '\u20ac' * 100],
)

TWO_GB = (1 << 31).to_bytes(8, 'little')


def same(a, b):
    if isinstance(a, np.ndarray):
        alike = a.dtype == b.dtype and a.shape == b.shape
        return alike and all(map(same, a.ravel(), b.ravel()))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_back(protocol, tmp_path):
    path = tmp_path / 'a.pkl'
    path.write_bytes(pickle.dumps(CONTENT, protocol))
    assert same(dict(CONTENT), dict(load_pickle(path)))


def test_pickles_of_python_2(tmp_path):
    # What Python 2.7 wrote for {'a': np.array([1., 2.])} with protocol 0.
    content = (
        b"(dp0\nS'a'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\n"
        b"ndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\n"
        b"dtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1"
        b"\nI-1\nI0\ntp14\nbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00"
        b"\\x00\\x00\\x00\\x00\\x00\\x00@'\np15\ntp16\nbs."
    )
    (tmp_path / 'a.pkl').write_bytes(content)
    found = load_pickle(tmp_path / 'a.pkl')
    np.testing.assert_array_equal(found['a'], [1.0, 2.0])


@pytest.mark.parametrize(
    'array',
    [
        np.array({'person': {'pose': np.ones(3)}}),
        np.array([{'name': 'a', 'keypoints': np.ones((17, 3))}], object),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.float64(3.0),
    ],
)
def test_npy_files(array, tmp_path):
    np.save(tmp_path / 'a.npy', array)
    expected = array.item() if np.shape(array) == () else array
    assert same(expected, load_npy_objects(tmp_path / 'a.npy'))


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / 'marker'
    path = tmp_path / 'a.pkl'
    path.write_bytes(malicious_pickle(marker))
    with pytest.raises(ValueError, match=r"holds '\w+\.mkdir'"):
        load_pickle(path)
    np.save(tmp_path / 'a.npy', np.array({'a': 1}))
    content = (tmp_path / 'a.npy').read_bytes()
    head = content[: content.index(b'\n') + 1]
    (tmp_path / 'a.npy').write_bytes(head + malicious_pickle(marker))
    with pytest.raises(ValueError, match=r"holds '\w+\.mkdir'"):
        load_npy_objects(tmp_path / 'a.npy')
    assert not marker.exists()
    os.mkdir(marker)  # what the pickle would have done is possible


class Foreign:
    pass


def test_foreign_classes_are_refused_or_stood_in_for(tmp_path):
    thing = Foreign()
    thing.x = np.ones(2)
    path = tmp_path / 'a.pkl'
    path.write_bytes(pickle.dumps({'a': thing}))
    with pytest.raises(ValueError, match='Foreign'):
        load_pickle(path)
    key = (Foreign.__module__, 'Foreign')
    found = load_pickle(path, stand_ins={key: Inert})['a']
    assert type(found) is Inert and found.state['x'].tolist() == [1, 1]


@pytest.mark.parametrize(
    'content',
    [
        b'\x80\x04\x8e' + TWO_GB + b'abc.',  # bytes
        b'\x80\x04\x8d' + TWO_GB + b'abc.',  # text
        b'\x80\x05\x96' + TWO_GB + b'abc.',  # bytearray
        b'\x80\x02\x8b\xff\xff\xff\x7fabc.',  # number
        b'\x80\x04Nr\xff\xff\xff\x7f0.',  # place in the memo
        b'\x80\x04\x95' + TWO_GB + b'N',  # frame
    ],
)
def test_a_count_that_is_too_large_takes_no_memory(content, tmp_path):
    """More than check_contained lets it have raises MemoryError."""
    path = tmp_path / 'a.pkl'
    path.write_bytes(content)
    outcome = check_contained(lambda: load_pickle(path), tmp_path)
    assert outcome.startswith(str(path))


def test_lack_of_memory_is_not_the_fault_of_the_file(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(unpickle, '_build', fail)
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(1))
    with pytest.raises(MemoryError):
        load_pickle(tmp_path / 'a.pkl')


@pytest.mark.parametrize('protocol', [0, 2, 4])
def test_damaged_pickles(protocol, tmp_path):
    path = tmp_path / 'a.pkl'
    content = pickle.dumps(CONTENT, protocol)
    clear = 0
    for name, damaged in corruptions(content, seed=protocol, count=300):
        path.write_bytes(damaged)
        outcome = check_contained(lambda: load_pickle(path), tmp_path)
        assert outcome == 'fine' or outcome.startswith(str(path)), name
        clear += outcome != 'fine'
    assert clear > 100


def test_damaged_npy_files(tmp_path):
    path = tmp_path / 'a.npy'
    np.save(path, np.array(dict(CONTENT)))
    content = path.read_bytes()
    for name, damaged in corruptions(content, seed=5, count=300):
        path.write_bytes(damaged)
        outcome = check_contained(lambda: load_npy_objects(path), tmp_path)
        assert outcome == 'fine' or outcome.startswith(str(path)), name


def test_a_program_that_embeds_python_is_told_what_to_set(
    tmp_path, monkeypatch
):
    path = tmp_path / 'a.pkl'
    path.write_bytes(pickle.dumps([1]))
    monkeypatch.setattr(unpickle, '_PROCESS', unpickle._Process())
    monkeypatch.setattr(sys, 'executable', '')
    with pytest.raises(OSError, match='sys.executable is empty. Set it'):
        unpickle.load_pickle(path)


# MAT-files are read without SciPy's reader, which crashes on some


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
