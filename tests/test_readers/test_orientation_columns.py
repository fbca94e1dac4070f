"""Orientations that tables write as matrices, angles or three numbers."""

import numpy as np
import pytest
import raw_devices as raw
from scipy.spatial.transform import Rotation

from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import STANDARD_GRAVITY
from mobind_mm.synchronization.signals import attitude

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


# Orientation from gyroscope and gravity, against exact rotations

GRAVITY = STANDARD_GRAVITY
UP = np.array([0.0, 0.0, GRAVITY])


def spin(axis, speed, start, times):
    """Exact sensor-to-world rotations of a constant turn in world axes."""
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    return Rotation.from_rotvec(np.outer(speed * times, axis)) * start


def measure(turned, rate_world, acc_world):
    """What a perfect IMU reads: (acc, gyro) in its own frame."""
    force = acc_world + UP
    return turned.inv().apply(force), turned.inv().apply(rate_world)


def heading(turned, truth):
    """Angles (T,) about z between estimate and truth, and the tilt error."""
    error = turned * truth.inv()
    up = error.apply([0.0, 0.0, 1.0])
    east = error.apply([1.0, 0.0, 0.0])
    tilt = np.arccos(np.clip(up[:, 2], -1, 1))
    return np.unwrap(np.arctan2(east[:, 1], east[:, 0])), tilt


@pytest.mark.parametrize('axis', [(0, 0, 1), (1, 0, 0), (1, -2, 0.5)])
def test_constant_turn_is_integrated_exactly(axis):
    times = np.arange(600) / 100
    start = Rotation.from_euler('xyz', [0.4, -1.0, 2.0])
    truth = spin(axis, 2.0, start, times)
    unit = np.asarray(axis) / np.linalg.norm(axis)
    acc, gyro = measure(truth, np.tile(2.0 * unit, (600, 1)), np.zeros(3))
    found = attitude(times, acc, gyro)
    angle, tilt = heading(found, truth)
    # The heading starts anywhere but stays what it is; up is up.
    assert tilt.max() < 1e-6
    np.testing.assert_allclose(angle, angle[0], atol=1e-6)
    np.testing.assert_allclose(
        found.apply(acc), np.tile([0, 0, GRAVITY], (600, 1)), atol=1e-5
    )


def test_turning_in_the_sensors_own_frame_multiplies_on_the_right():
    # 90 degrees about x, then 90 about the new z: not the same reversed.
    times = np.arange(201) / 100
    gyro = np.zeros((201, 3))
    gyro[:100, 0] = gyro[101:, 2] = np.pi / 2
    gyro[100] = [np.pi / 4, 0, np.pi / 4]
    truth = [Rotation.identity()]
    for a, b in zip(gyro, gyro[1:]):
        truth.append(truth[-1] * Rotation.from_rotvec(0.5 * (a + b) / 100))
    truth = Rotation.concatenate(truth)
    acc = truth.inv().apply([0.0, 0.0, GRAVITY])
    angle, tilt = heading(attitude(times, acc, gyro), truth)
    assert tilt.max() < 1e-6
    np.testing.assert_allclose(angle, angle[0], atol=1e-6)


def test_gyro_bias_tips_nothing_over():
    # Without correction 0.02 rad/s would tip the vertical by 0.6 rad.
    times = np.arange(3000) / 100
    still = np.tile([0.0, 0.0, GRAVITY], (3000, 1))
    gyro = np.tile([0.02, -0.01, 0.0], (3000, 1))
    up = attitude(times, still, gyro).apply([0.0, 0.0, 1.0])
    inner = slice(500, 2500)
    assert np.degrees(np.arccos(up[inner, 2])).max() < 0.1


def test_fast_accelerations_do_not_move_the_vertical():
    times = np.arange(2000) / 100
    acc = np.tile([0.0, 0.0, GRAVITY], (2000, 1))
    acc[:, 0] += 5 * np.sin(2 * np.pi * 1.5 * times)
    found = attitude(times, acc, np.zeros((2000, 3)))
    up = found.apply([0.0, 0.0, 1.0])
    assert np.degrees(np.arccos(up[500:-500, 2])).max() < 0.1


def test_irregular_samples_and_a_gap():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 8, 1200))
    times = times[(times < 3) | (times > 3.4)]
    truth = spin((1, 1, 0), 0.7, Rotation.identity(), times)
    axis = 0.7 * np.array([1, 1, 0]) / np.sqrt(2)
    acc, gyro = measure(truth, np.tile(axis, (len(times), 1)), np.zeros(3))
    angle, tilt = heading(attitude(times, acc, gyro), truth)
    assert tilt.max() < 1e-6
    np.testing.assert_allclose(angle, angle[0], atol=1e-6)


def test_sensor_upside_down_and_free_fall_are_finite():
    times = np.arange(50) / 100
    down = np.tile([0.0, 0.0, -GRAVITY], (50, 1))
    found = attitude(times, down, np.zeros((50, 3)))
    np.testing.assert_allclose(found.apply(down)[:, 2], GRAVITY)
    nothing = attitude(times, np.zeros((50, 3)), np.zeros((50, 3)))
    assert np.isfinite(nothing.as_matrix()).all()
