"""Files that are small, but ask for much memory or time."""

import _codecs
import contextlib
import pickle
import struct
from collections import OrderedDict
from itertools import count

import numpy as np
import pytest
from corruption import check_contained

from mobind_mm.readers import unpickle
from mobind_mm.readers.detections import parse_instance
from mobind_mm.readers.egohumans.sequences import read_bodies, read_poses
from mobind_mm.readers.foreign_values import as_numbers, brief
from mobind_mm.readers.mri.labels import read_labels
from mobind_mm.readers.unpickle import load_npy_objects, load_pickle


class Made:
    """Is pickled as what it is made of."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


def array_of(shape, dtype, data=b''):
    make = np.zeros(1).__reduce__()[0]
    state = (1, shape, dtype, False, data)
    return Made(make, (np.ndarray, (0,), b'b'), state)


def doubled(levels):
    """A tuple that holds one twice, which holds one twice, and so on."""
    value = ()
    for _ in range(levels):
        value = (value, value)
    return value


def refusal(content, tmp_path, read=load_pickle):
    """Message about a file, which must not take much memory."""
    path = tmp_path / 'a.pkl'
    if not isinstance(content, bytes):
        content = pickle.dumps(content, 4)
    path.write_bytes(content)
    message = check_contained(lambda: read(path), tmp_path)
    assert message == 'fine' or message.startswith(str(path))
    assert len(message) < 500
    return message


HUGE = 1 << 1_600_000  # 200 kB
# An array of shape (HUGE, HUGE, ...), in which HUGE is written once.
SHAPE_OF_HUGE = (
    b'\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n'
    b'K\x00\x85C\x01b\x87R(K\x01('
    + pickle.dumps(HUGE, 2)[2:-1]
    + b'\x94'
    + b'h\x00' * 2000
    + b'tcnumpy\ndtype\n\x8c\x02f8\x85R\x89C\x00tb.'
)
FLOATS = np.dtype('f8')
FAR_MORE = 'far more than a file of its size'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        # What a message shows.
        (Made(np.dtype, (doubled(28),)), FAR_MORE),
        (Made(np.dtype, (doubled(3),)), 'a dtype (a tuple, a tuple)'),
        (Made(np.dtype, ('',)), "a dtype ''"),
        (Made(_codecs.encode, ('a', doubled(28))), FAR_MORE),
        (
            Made(_codecs.encode, ('a', doubled(3))),
            'the encoding (a tuple, a tuple)',
        ),
        (array_of(doubled(28), FLOATS), FAR_MORE),
        (array_of(doubled(3), FLOATS), 'shape (a tuple, a tuple)'),
        (SHAPE_OF_HUGE, 'a number of 1600001 bits'),
        (array_of(((1 << 40) + 1,), FLOATS), 'shape (1099511627777,)'),
        (array_of((1,) * 33, FLOATS, bytes(8)), 'an array of shape a tuple'),
        (array_of((1 << 40,) * 3, FLOATS), 'a huge number bytes or items'),
        (array_of([1], FLOATS, bytes(8)), 'an array of shape [1]'),
        (array_of((1,), np.dtype('O'), 'a'), "an array of 'a'"),
        (HUGE, 'a number of 1600001 bits'),
        (b'\x80\x04' + b']' * 99_999 + b'a' * 99_998 + b'.', 'recursion'),
        # Keys are hashed, which takes as long as to write them out.
        ({doubled(20): 1}, 'the key (a tuple, a tuple)'),
        ({1: 2, (1, 2): 3}, 'the key (1, 2)'),
        ({1 << 41: 1}, 'the key 2199023255552'),
        ({1, doubled(20)}, 'the key (a tuple, a tuple)'),
        (frozenset([1, 'a', (1,)]), 'the key (1,)'),
        (Made(set, ([doubled(20)],)), FAR_MORE),
        (Made(set, ([doubled(3)],)), 'the key (a tuple, a tuple)'),
        (Made(frozenset, ([HUGE],)), 'a number of 1600001 bits'),
        (Made(frozenset, ([1 << 41],)), 'the key 2199023255552'),
        (Made(OrderedDict, ([[(1,), 1]],)), 'the key (1,)'),
        ({Made(np.dtype, ('f8',)): 1}, 'the key a Float64DType'),
        (b'(()Nd.', 'the key ()'),
        (Made(bytes, (1 << 33,)), 'takes 0 positional arguments'),
        (b'Np1099511627777\n.', 'needs more than 256 MiB'),
        # Two million sets in a tuple: 100 bytes out of each one.
        (b'\x80\x04(' + b'\x8f' * 2_000_000 + b't.', 'more than 294 MiB'),
        # Kinds of NumPy that are no plain numbers.
        (np.zeros(2, 'M8[s]'), "a dtype 'M8'"),
        (np.zeros(2, 'm8[s]'), "a dtype 'm8'"),
        (np.zeros(2, 'i4,f8'), "a dtype 'V12'"),
        (array_of((1,), Made(np.dtype, ('f4,f4',)), bytes(8)), "'f4,f4'"),
    ],
    ids=count(),
)
def test_what_is_refused(content, message, tmp_path):
    assert message in refusal(content, tmp_path)


def test_keys_of_all_plain_kinds(tmp_path):
    content = {'a': 1, 1: 2, -(1 << 40): 3, 0.5: 4, b'a': 5, None: 6}
    content['sets'] = {1, 'a', b'b', None}, frozenset([False, 2.5])
    for protocol in range(6):
        (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content, protocol))
        assert load_pickle(tmp_path / 'a.pkl') == content


def many_times(value, levels=3):
    for _ in range(levels):
        value = [value] * 1000
    return value


def endless():
    value = []
    value.extend([value, value])
    return value


def objects_that_hold_themselves():
    value = np.empty(1, object)
    value[0] = value
    return value


@pytest.mark.parametrize(
    'content',
    [
        many_times(0),
        tuple(many_times(0)),
        {'a': many_times({'b': 1})},
        many_times(np.ones(2000), 1),
        many_times(np.array(many_times([0], 1), object), 2),
        endless(),
        objects_that_hold_themselves(),
        # Calls that copy, and arrays that share their bytes.
        [
            Made(_codecs.encode, (text, 'latin1'))
            for text in ['a' * 9999] * 999
        ],
        [Made(set, (items,)) for items in [list(range(9999))] * 999],
        [Made(OrderedDict, (i,)) for i in [[['a', 1]] * 9999] * 999],
        [array_of((1250,), FLOATS, data) for data in [bytes(10_000)] * 999],
    ],
    ids=count(),
)
def test_much_out_of_little(content, tmp_path):
    assert FAR_MORE in refusal(content, tmp_path)


def test_things_may_be_shared(tmp_path):
    shape, ones = (1080, 1920), np.ones(3)
    content = [{'img_shape': shape, 'ones': ones} for _ in range(5_000)]
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content))
    found = load_pickle(tmp_path / 'a.pkl')
    assert len(found) == 5_000 and found[-1]['img_shape'] == shape
    assert found[0]['ones'] is found[-1]['ones']


def poses_in(path):
    return read_poses({1: path})


def bodies_in(path):
    return read_bodies({1: path})


def as_npy(content, folder):
    np.save(folder / 'b.npy', content)
    return (folder / 'b.npy').read_bytes()


@pytest.mark.parametrize(
    'value',
    [many_times(0), ['x' * 100_000, *([''] * 20_000)], doubled(40)],
    ids=count(),
)
def test_no_reader_expands_it(value, tmp_path):
    """Lists of the same list; texts of different lengths."""
    person = [{'human_name': 'aria01', 'keypoints': value}]
    poses = as_npy(np.array(person, object), tmp_path)
    assert refusal(poses, tmp_path, poses_in) != 'fine'
    body = as_npy(np.array({'aria01': {'global_orient': value}}), tmp_path)
    assert refusal(body, tmp_path, bodies_in) != 'fine'
    labels = {'video_label': {'walk': [0, 1]}, 'imu_avail_frames': value}
    assert refusal(labels, tmp_path, read_labels) != 'fine'


@pytest.mark.parametrize(
    'row',
    [['x' * 100_000, *([''] * 20_000)], [True, 2], [False, 2.5]],
    ids=count(),
)
def test_keypoints_in_json_are_numbers(row, tmp_path):
    """Neither text, which NumPy would make 8 GB of, nor true or false."""

    def parse():
        parse_instance({'keypoints': [row] * 17}, 'p.json')

    message = check_contained(parse, tmp_path)
    assert 'expected a list of numbers' in message


def test_names_of_people_are_cut(tmp_path):
    person = {'human_name': doubled(12), 'keypoints': np.ones((17, 3))}
    content = as_npy(np.array([person], object), tmp_path)
    message = refusal(content, tmp_path, poses_in)
    assert 'names a person (a tuple, a tuple), expected' in message


@pytest.mark.parametrize(
    'state',
    [
        b'N}\x8c\x0c__defaults__\x8c\x06latin1\x85s\x86',  # attributes
        b'}\x8c\x04made\x8c\x01as',  # entries of its __dict__
    ],
)
@pytest.mark.parametrize('name', [b'_codecs\nencode', b'numpy\nndarray'])
def test_the_reader_is_not_changed(state, name, tmp_path):
    content = b'\x80\x04c' + name + b'\n' + state + b'b.'
    message = refusal(content, tmp_path)
    assert '__setstate__() missing 1 required' in message
    # Nor is the process that reads: what it read last is as it was.
    test_keys_of_all_plain_kinds(tmp_path)


@pytest.mark.parametrize(
    ('content', 'what'),
    [
        (b'\x80\x02cnumpy\nndarray\n.', "holds 'a type'"),
        (b'\x80\x04cnumpy\nndarray\n)}\x92.', 'is not a complete pickle'),
        (b'cbuiltins\nset\n]R.', 'argument list must be a tuple'),
        (b'\x82\x05.', 'unregistered extension code 5'),
        (b'Pname\n.', 'persistent id'),
        # Other ways to call what is allowed.
        (b'(ibuiltins\nset\n.', 'fine'),
        (b'(cbuiltins\nset\no.', 'fine'),
        (b'\x80\x02cbuiltins\nset\n)\x81.', 'fine'),
        (b'\x80\x02cbuiltins\ncomplex\n)\x81.', 'fine'),
    ],
)
def test_other_ways_to_make_objects(content, what, tmp_path):
    assert what in refusal(content, tmp_path)


def test_time_is_limited(tmp_path, monkeypatch):
    """Keys are hashed before anybody can look at them."""
    content = b'\x80\x04})'
    content += b'2\x86' * 60 + b'K\x01s.'
    monkeypatch.setattr(unpickle, 'SECONDS', (0.2, 0.0))
    assert 'takes more than 0.2 s' in refusal(content, tmp_path)
    # By the clock, where the system cannot limit the processor's time.
    monkeypatch.setattr(unpickle, 'SECONDS', (0.01, 0.0))
    assert 'takes more than 0.01 s' in refusal(content, tmp_path)
    monkeypatch.undo()
    test_keys_of_all_plain_kinds(tmp_path)


def test_a_process_that_was_killed_is_not_the_fault_of_the_file(
    tmp_path, monkeypatch
):
    def kill(process, request):
        process.kill()
        return talk(process, request)

    talk = unpickle._talk
    monkeypatch.setattr(unpickle, '_talk', kill)
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(1))
    with pytest.raises(OSError, match=r'a\.pkl was not read.*ended with -9'):
        load_pickle(tmp_path / 'a.pkl')
    monkeypatch.undo()
    assert load_pickle(tmp_path / 'a.pkl') == 1


def test_one_process_reads_many_files(tmp_path):
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(1))
    load_pickle(tmp_path / 'a.pkl')
    process = unpickle._PROCESS.running
    for content in (b'', pickle.dumps(print), pickle.dumps([1])):
        (tmp_path / 'b.pkl').write_bytes(content)
        with contextlib.suppress(ValueError):
            load_pickle(tmp_path / 'b.pkl')
    assert unpickle._PROCESS.running is process


def npy(header, version=b'\x02\x00', length=None):
    length = len(header) if length is None else length
    return b'\x93NUMPY' + version + struct.pack('<I', length) + header


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (npy(b' ' * 20_000), '20000 bytes; more than 10000'),
        (npy(b'{}', length=3 << 30), '3221225472 bytes'),
        (npy(b'(' * 9_999), 'header is damaged'),
        (npy(b'{}', version=b'\x03\x00'), 'version'),
        (npy(b'')[:9], 'ends within its header'),
        (
            npy(
                b"{'descr': '<f8', 'fortran_order': False, 'shape': ("
                + b'1,' * 2000
                + b')}'
            ),
            'an array of shape a tuple',
        ),
        (
            npy(b"{'descr': '<M8[s]', 'fortran_order': False, 'shape': (0,)}"),
            'it holds the dtype datetime64',
        ),
    ],
)
def test_headers_of_arrays(content, message, tmp_path):
    assert message in refusal(content, tmp_path, load_npy_objects)


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        ('x' * 99, repr('x' * 40)),
        (10**30, 'a huge number'),
        (-5, '-5'),
        (None, 'None'),
        ((1, 'a'), "(1, 'a')"),
        ((1,), '(1,)'),
        ([1, [2]], '[1, a list]'),
        ((1, 2, 3, 4, 5), 'a tuple'),
        (np.ones(3), 'a ndarray'),
        (1 + 2j, 'a complex'),
    ],
)
def test_brief(value, text):
    assert brief(value) == text


def test_as_numbers():
    np.testing.assert_array_equal(
        as_numbers([[1, True], [2.5, 3]]), [[1, 1], [2.5, 3]]
    )
    ones = np.ones((2, 3), np.float32)
    assert as_numbers(ones) is ones
    assert as_numbers([ones, ones]).shape == (2, 2, 3)
    assert as_numbers((np.int8(1), 2)).tolist() == [1, 2]
    nested = 1
    for _ in range(33):
        nested = [nested]
    for value in (
        '1',
        [1, '2'],
        [None],
        [[1], [1, 2]],
        {},
        [np.array('a')],
        nested,
        [1j],
        None,
        [10**30],
    ):
        assert as_numbers(value).dtype == object
