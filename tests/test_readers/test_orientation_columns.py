"""Orientations that tables write as matrices, angles or three numbers."""

import numpy as np
import pytest
import raw_devices as raw

from mobind_mm.readers.sensors import read_imu_file

ONE = raw.motion()
EULER = raw.turns(ONE.quat).as_euler('ZYX', degrees=True)[:, ::-1]
MATRIX = raw.turns(ONE.quat).as_matrix().reshape(-1, 9)
KEYS = {
    'placement': 'head',
    'units': {'time': 's'},
    'quat_direction': 'sensor_to_world',
}


def written(path, names, values):
    rows = raw.lines_of(ONE.times, *values.T)
    return raw.write_lines(path, ','.join(['t', *names]), rows)


@pytest.mark.parametrize('direction', ['sensor_to_world', 'world_to_sensor'])
@pytest.mark.parametrize(
    ('key', 'values'),
    [('matrix', MATRIX), ('euler', EULER), ('quat', ONE.quat[:, 1:])],
)
def test_orientations_become_quaternions(key, values, direction, tmp_path):
    names = [f'c{i}' for i in range(values.shape[1])]
    path = written(tmp_path / 'a.csv', names, values)
    columns = {'time': 't', key: names}
    mapping = {**KEYS, 'columns': columns, 'quat_direction': direction}
    found = read_imu_file(path, mapping)['head'].channels['quat']
    sign = 1 if direction == 'sensor_to_world' else -1
    wanted = ONE.quat * [1, sign, sign, sign]
    found = found * np.sign(found[:, :1])
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_numbers_that_are_no_rotation_are_refused(tmp_path):
    names = [f'c{i}' for i in range(9)]
    columns = {'time': 't', 'matrix': names}
    mirrored = MATRIX.copy()
    mirrored[7] *= -1
    path = written(tmp_path / 'a.csv', names, mirrored)
    with pytest.raises(ValueError, match=r'row 9.*orientation'):
        read_imu_file(path, {**KEYS, 'columns': columns})
    names, columns = names[:3], {'time': 't', 'quat': names[:3]}
    path = written(tmp_path / 'b.csv', names, 2 * ONE.quat[:, 1:])
    with pytest.raises(ValueError, match=r'norm of the quaternion'):
        read_imu_file(path, {**KEYS, 'columns': columns})


def test_a_sensor_has_one_orientation(tmp_path):
    names = [f'c{i}' for i in range(6)]
    path = written(tmp_path / 'a.csv', names, np.c_[EULER, ONE.quat[:, 1:]])
    columns = {'time': 't', 'euler': names[:3], 'quat': names[3:]}
    with pytest.raises(ValueError, match='quat and euler are both orient'):
        read_imu_file(path, {**KEYS, 'columns': columns})
