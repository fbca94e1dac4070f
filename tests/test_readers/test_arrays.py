"""Arrays of NumPy, MATLAB, PyTorch and pickles are read as tables."""

import pickle
import zipfile

import numpy as np
import pytest
from helpers.raw_tables import people
from scipy.io import savemat

from mobind_mm.apis.sources import to_imu, to_recording
from mobind_mm.checks.inspection import inspect_path
from mobind_mm.readers import arrays
from mobind_mm.readers.arrays import array_columns
from mobind_mm.readers.files import load_people
from mobind_mm.readers.matlab import read_mat_file
from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import STANDARD_GRAVITY as G
from mobind_mm.skeleton import get_layout

PLACES = ('head', 'left_knee')
ABOUT = {'gravity': 'included', 'frame': 'sensor'}


@pytest.fixture(scope='module')
def worn():
    """Two sensors of one person."""
    (take,) = people(seconds=30.0)
    return {name: take.imu[name] for name in PLACES}


def values(stream, channel):
    return np.asarray(stream.channels[channel], float)


def stacked(worn, channel):
    """(T, S, c) of all sensors."""
    return np.stack([values(s, channel) for s in worn.values()], axis=1)


def times_of(worn):
    return worn['head'].clock.at() + 5


def assert_same(streams, worn, channels=('acc', 'gyro'), times=True):
    assert {*streams} == {*worn}
    for name, stream in worn.items():
        assert {*streams[name].channels} == {*channels}
        for channel in channels:
            assert np.allclose(
                streams[name].channels[channel],
                values(stream, channel),
                0,
                1e-3,
            )
        if times:
            found = streams[name].clock.at()
            assert np.allclose(found, times_of(worn), 0, 1e-6)


def save(path, content):
    """Write arrays by name in the format of the suffix."""
    if path.suffix == '.npz':
        np.savez(path, **content)
    elif path.suffix == '.mat':
        savemat(path, content, do_compression=True)
    elif path.suffix == '.pkl':
        path.write_bytes(pickle.dumps(content, protocol=2))
    elif path.suffix == '.pt':
        torch = pytest.importorskip('torch')
        known = {
            k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v
            for k, v in content.items()
        }
        torch.save(known, path)
    else:
        h5py = pytest.importorskip('h5py')
        with h5py.File(path, 'w') as file:
            for name, array in content.items():
                file[name] = array
    return path


@pytest.mark.parametrize('suffix', ['.npz', '.mat', '.pkl', '.pt', '.h5'])
def test_arrays_with_a_mapping_and_without(tmp_path, worn, suffix):
    content = {
        'acc': stacked(worn, 'acc') / G,
        'gyro': stacked(worn, 'gyro'),
        'ori': stacked(worn, 'quat'),
        'ms': times_of(worn) * 1000,
    }
    path = save(tmp_path / f'take{suffix}', content)
    mapping = {
        'sensor': {
            **ABOUT,
            'units': {'time': 'ms', 'acc': 'g', 'gyro': 'rad/s'},
        },
        'imu': {
            name: {
                'columns': {
                    'time': 'ms',
                    'acc': [f'acc_{i}_{axis}' for axis in (1, 2, 3)],
                    'gyro': [f'gyro_{i}_{axis}' for axis in (1, 2, 3)],
                }
            }
            for i, name in enumerate(worn, 1)
        },
    }
    assert_same(read_imu_file(path, mapping), worn)
    np.savez(tmp_path / 'named.npz', sensors=np.array([*worn]), **content)
    assert_same(to_recording(tmp_path / 'named.npz').imu, worn)
    facts = inspect_path(path)
    assert facts['use'] == '--imu, --mapping' and not facts['problem']
    assert f'arrays: acc {content["acc"].shape}' in str(facts['notes'])
    named = to_imu({'file': path, 'placement': dict(zip('12', worn))})
    assert_same(named, worn)


def test_names_in_a_file_name_its_sensors_and_a_number_its_rate(
    tmp_path, worn
):
    content = {'acc': stacked(worn, 'acc'), 'gyro': stacked(worn, 'gyro')}
    rate = worn['head'].clock.rate
    path = tmp_path / 'take.npz'
    np.savez(path, **content, sensors=np.array([*worn]), fs=rate)
    streams = to_imu(path)
    assert_same(streams, worn, times=False)
    three = {c: values[:, [0, 1, 1]] for c, values in content.items()}
    np.savez(path, **three, sensors=np.array([*worn, 'pelvis']), fs=rate)
    assert_same({name: to_imu(path)[name] for name in worn}, worn, times=False)
    assert streams['left_knee'].clock.rate == rate
    np.savez(path, **content, sensors=np.array([*worn]))
    with pytest.raises(ValueError, match='no times were found'):
        to_imu(path)


def test_an_array_without_names(tmp_path, worn):
    stream = worn['head']
    table = np.column_stack(
        [
            np.arange(len(times_of(worn))) // 3,  # the frame of the video
            times_of(worn) * 1000,
            values(stream, 'acc'),
        ]
    )
    one = {'head': stream}
    np.save(tmp_path / 'w00_sw_r.npy', table.T)  # MATLAB's order
    found = to_imu({'file': tmp_path / 'w00_sw_r.npy', 'placement': 'head'})
    assert_same(found, one, ['acc'])
    savemat(tmp_path / 'a.mat', {'sensor_readings': table, 'age': '33'})
    found = to_imu({'file': tmp_path / 'a.mat', 'placement': 'head'})
    assert_same(found, one, ['acc'])
    fields = [('t', 'f8'), ('acc', 'f4', 3), ('gyro', 'f4', 3)]
    rows = np.zeros(len(table), fields)
    rows['t'], rows['acc'] = times_of(worn), values(stream, 'acc')
    rows['gyro'] = values(stream, 'gyro')
    np.save(tmp_path / 'fields.npy', rows)
    found = to_imu({'file': tmp_path / 'fields.npy', 'placement': 'head'})
    assert_same(found, one)
    np.save(tmp_path / 'many.npy', np.tile(table, 5))
    with pytest.raises(ValueError, match='25 columns without names'):
        to_imu({'file': tmp_path / 'many.npy', 'placement': 'head'})


def test_a_folder_of_arrays_holds_channels(tmp_path, worn):
    for name, stream in worn.items():
        for channel, word in (('acc', 'acc'), ('gyro', 'gyr')):
            table = [times_of(worn), *values(stream, channel).T]
            np.save(tmp_path / f'{name}_{word}.npy', np.column_stack(table))
    np.save(tmp_path / 'pose_2d.npy', np.ones((2, 40, 18)))
    assert_same(to_imu(tmp_path), worn)


def test_skeletons_of_other_shapes(tmp_path):
    points = np.random.default_rng(0).uniform(100, 900, (2, 40, 17))
    np.save(tmp_path / 'pose.npy', points)
    names = {name: str(i) for i, name in enumerate(get_layout('coco'), 1)}
    keys = {
        **{'format': 'table', 'layout': 'coco', 'rate': 30},
        'img_shape': [1080, 1920],
        'columns': {'x': '1_{keypoint}', 'y': '2_{keypoint}'},
        'keypoint_names': names,
    }
    (pose,) = load_people(tmp_path / 'pose.npy', mapping=keys).values()
    found = np.asarray(pose.keypoints)
    assert np.allclose(found, np.moveaxis(points, 0, 2), 0, 1e-3)


def test_rows_of_rotations_are_no_acceleration(tmp_path, worn):
    turns = np.tile(np.eye(3), (len(times_of(worn)), 2, 1, 1))
    path = tmp_path / 'a.npz'
    np.savez(path, imu_ori=turns, time=times_of(worn))
    with pytest.raises(ValueError, match='no acceleration'):
        to_imu(path)
    facts = inspect_path(path)
    assert not facts['sensors'] and 'imu_ori' in str(facts['notes'])


def test_structures_and_cells_of_matlab(tmp_path, worn):
    content = {
        'S1': {
            'imu': {
                name: {c: values(stream, c) for c in ('acc', 'gyro')}
                for name, stream in worn.items()
            },
            'time': times_of(worn),
            'subject': 'anna',
        }
    }
    savemat(tmp_path / 'S1.mat', content)
    assert_same(to_imu(tmp_path / 'S1.mat'), worn)
    rows = np.zeros((1, 2), [(key, 'O') for key in ('name', 'acc', 'gyro')])
    for i, (name, stream) in enumerate(worn.items()):
        rows[0, i] = (name, values(stream, 'acc'), values(stream, 'gyro'))
    savemat(tmp_path / 'rows.mat', {'IMU': rows, 't': times_of(worn)})
    assert_same(to_imu(tmp_path / 'rows.mat'), worn)
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.ones((9, 2)), np.zeros((11, 3))
    savemat(tmp_path / 'cells.mat', {'sensor': cells, 'who': 'me'})
    found = read_mat_file(tmp_path / 'cells.mat')
    assert found['who'] == 'me'
    assert [part.shape for part in found['sensor']] == [(9, 2), (11, 3)]
    assert array_columns(tmp_path / 'cells.mat')[0] == 'sensor.2_1'
    data = bytearray((tmp_path / 'S1.mat').read_bytes())
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(data), 40).tolist():
        odd = data.copy()
        odd[cut % 1200] ^= 1 << (cut % 8)
        (tmp_path / 'odd.mat').write_bytes(odd if cut % 2 else data[:cut])
        try:
            read_mat_file(tmp_path / 'odd.mat')
        except ValueError as error:
            assert 'odd.mat' in str(error)


class Evil:
    """What would run if it were unpickled."""

    def __reduce__(self):
        return (print, ('executed',))


def test_what_is_wrong_with_arrays_is_said(tmp_path, capsys):
    acc = {'acc': ['acc_1', 'acc_2', 'acc_3'], 'time': 'ms'}
    mapping = {
        **ABOUT,
        'placement': 'head',
        'units': {'time': 'ms', 'acc': 'g'},
        'columns': acc,
    }
    path = tmp_path / 'a.npz'
    np.savez(path, acc=np.ones((50, 3)), ms=np.arange(51))
    with pytest.raises(
        ValueError, match=r"a\.npz.* 50 samples of 'acc_1'.*51"
    ):
        read_imu_file(path, mapping)
    np.savez(path, acc=np.ones((50, 3)), t=np.arange(50))
    with pytest.raises(ValueError, match=r"a\.npz.*no column 'ms'.*'acc_1'"):
        read_imu_file(path, mapping)
    np.savez(path, head_acc=np.ones((50, 3)), head_gyro=np.ones((90, 3)))
    with pytest.raises(ValueError, match=r'which times .*head_gyro_1'):
        to_imu(path)
    np.savez(path, keypoints=np.full((50, 17, 2), 300.0))
    with pytest.raises(ValueError, match='skeletons as --pose'):
        to_imu(path)
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps({'acc': Evil()}))
    (tmp_path / 'a.pt').write_bytes(b'PK')
    (tmp_path / 'a.mat').write_bytes(b'MATLAB 5.0')
    for name in ('a.pkl', 'a.pt', 'a.mat'):
        with pytest.raises(ValueError, match=name):
            to_imu(tmp_path / name)
        assert inspect_path(tmp_path / name)['problem']
    assert 'executed' not in capsys.readouterr().out


def npy(shape, dtype, data):
    """A ``.npy`` file whose header may say anything."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}"
    text = text.ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00v\x00' + text.encode() + data


def bombs(folder):
    """Files that take far more memory than their size, and what they are."""
    (folder / 'huge.npy').write_bytes(npy((10**11, 6), '<f8', bytes(480)))
    yield 'huge.npy', 'it is cut'
    content = npy((1,), f'<U{2 << 20}', bytes(8 << 20))
    for name, part in (('text.npz', 'a.npy'), ('t.pt', 'archive/data/0')):
        with zipfile.ZipFile(folder / name, 'w', zipfile.ZIP_DEFLATED) as file:
            file.writestr(part, content)
        yield name, 'more than a recording'


def test_arrays_that_take_far_more_than_their_file_are_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(arrays, 'MEMORY', (3 << 20, 20))
    for name, what in bombs(tmp_path):
        with pytest.raises(ValueError, match=rf'{name}.*{what}'):
            to_imu(tmp_path / name)
    h5py = pytest.importorskip('h5py')
    with h5py.File(tmp_path / 'many.h5', 'w') as file:
        for i in range(40):
            file.create_dataset(f'a{i}', (300_000,), 'f8', chunks=(9999,))
    with pytest.raises(ValueError, match=r'many\.h5 holds'):
        array_columns(tmp_path / 'many.h5')
    with h5py.File(tmp_path / 'other.h5', 'w') as file:
        file.create_dataset('a', (9,), 'u1', external=[(__file__, 0, 9)])
    with pytest.raises(ValueError, match='the numbers of a in other files'):
        array_columns(tmp_path / 'other.h5')


@pytest.mark.parametrize('suffix', ['.npz', '.mat', '.pt'])
def test_sensors_that_are_no_real_numbers_are_not_left_out(
    tmp_path, worn, suffix
):
    acc, gyro = (values(worn['head'], c) for c in ('acc', 'gyro'))
    content = {'head_acc': acc + 1j, 'head_gyro': gyro, 't': times_of(worn)}
    path = save(tmp_path / f'take{suffix}', content)
    with pytest.raises(ValueError, match='head_acc.* holds: no real numbers'):
        to_imu(path)
    assert 'head_acc (no real numbers)' in str(inspect_path(path)['notes'])


def test_odd_arrays_are_named(tmp_path):
    torch = pytest.importorskip('torch')
    path = tmp_path / 'a.pt'
    round_and_round = [torch.zeros(3)]
    round_and_round.append(round_and_round)
    torch.save(round_and_round, path)
    with pytest.raises(ValueError, match=r'a\.pt holds lists in lists'):
        to_imu(path)
    torch.save({'head_acc': torch.ones(50, 3).to_sparse()}, path)
    with pytest.raises(ValueError, match=r'it has head_acc \(no real'):
        to_imu(path)
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as file:
        file.writestr('readme.txt', 'hello')
    with pytest.raises(ValueError, match=r"a\.npz.*'readme\.txt' is no array"):
        to_imu(tmp_path / 'a.npz')
    np.save(tmp_path / 'wide.npy', np.ones((2100, 2050)))
    with pytest.raises(ValueError, match=r'2000 columns; it has \(2100, 2050'):
        to_imu(tmp_path / 'wide.npy')


@pytest.mark.parametrize('rate', [np.inf, 1e9, -5.0])
def test_a_number_that_is_no_rate_is_not_taken_for_one(tmp_path, worn, rate):
    content = {'acc': stacked(worn, 'acc'), 'sensors': np.array([*worn])}
    np.savez(tmp_path / 'a.npz', **content, fs=rate)
    with pytest.raises(ValueError, match='no times were found'):
        to_imu(tmp_path / 'a.npz')
