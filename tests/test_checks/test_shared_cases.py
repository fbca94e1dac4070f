"""Inputs from the field that go wrong: what the checks say of them."""

import json

import numpy as np
import pytest
from shared import shared_path

from mobind_mm.apis.synchronizing import align
from mobind_mm.checks import View, check_recordings, settle_inputs
from mobind_mm.checks.plausibility import comparable_sensors
from mobind_mm.readers.files import Video, load_pose
from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import Recording

VIDEO = {'rate': 30.0, 'img_shape': (1080, 1920)}


def sensors(case, file, mapping=None):
    folder = shared_path(f'cases/{case}')
    return read_imu_file(
        folder / file, None if mapping is None else folder / mapping
    )


def skeleton(path='_shared/pose.json', **video):
    return load_pose(shared_path(f'cases/{path}'), Video(**{**VIDEO, **video}))


def test_raw_counts():
    imu = sensors('12_raw_counts', 'mpu6050.csv', 'map_mpu.yml')
    with pytest.raises(ValueError, match='right_wrist') as caught:
        settle_inputs(imu, skeleton())
    assert 'raw counts?' in str(caught.value)
    assert '0.0011971 if 1 g is 8192 counts' in str(caught.value)


def test_acceleration_without_gravity_and_orientation():
    imu = sensors('05_sensor_logger', 'map_Accelerometer_s.yml', None)
    pose = skeleton()
    settled, _ = settle_inputs(imu, pose)
    (note,) = settled['right_wrist'].notes
    assert 'without gravity and there is no orientation' in note
    assert 'TotalAcceleration' in note and 'columns.gravity' in note
    kept, notes = comparable_sensors(Recording(settled, pose))
    assert [*kept.imu] == ['right_wrist'] and not notes
    both = {**settled, 'left_knee': sensors('_shared', 'imu.csv')['left_knee']}
    kept, notes = comparable_sensors(Recording(both, pose))
    assert [*kept.imu] == ['left_knee']
    assert notes == ['right_wrist: left out of the comparison']


@pytest.mark.parametrize(
    ('file', 'mapping'),
    [('imu_ms.csv', 'map_s.yml'), ('imu_ns.csv', 'map_ms.yml')],
)
def test_units_of_time(file, mapping):
    """The reader of tables asks, or the checks correct it."""
    try:
        imu = sensors('14_epoch_an_hour_apart', file, mapping)
    except ValueError as error:
        assert 'units.time' in str(error)
        return
    settled, _ = settle_inputs(imu, skeleton())
    stream = settled['right_wrist']
    assert 'units.time' in ' '.join(stream.notes)
    assert stream.clock.mean_rate == pytest.approx(100, rel=0.01)


def test_gyroscope_in_degrees():
    imu = sensors(
        '01_xsens_dot_realtime',
        'dot_offline.csv',
        'map_offline_as_docs_say.yml',
    )
    right = sensors(
        '01_xsens_dot_realtime', 'dot_offline.csv', 'map_offline_right.yml'
    )
    settled, _ = settle_inputs(imu, skeleton())
    stream = settled['right_wrist']
    assert 'units.gyro: deg/s' in ' '.join(stream.notes)
    np.testing.assert_allclose(
        stream.channels['gyro'],
        right['right_wrist'].channels['gyro'],
        rtol=1e-5,
        atol=1e-6,
    )
    assert settle_inputs(right)[0]['right_wrist'].notes == ()


@pytest.mark.parametrize(('file', 'zeros'), [('rand3', 543), ('burst8', 1754)])
def test_zeros_are_missing(file, zeros):
    source = shared_path(f'cases/34_zero_for_missing/{file}.json')
    content = json.loads(source.read_text())
    assert content
    pose = skeleton(f'34_zero_for_missing/{file}.json')
    _, settled = settle_inputs({}, pose)
    at_zero = (np.asarray(settled.keypoints) == 0).all(axis=2)
    assert at_zero.sum() >= zeros
    assert (settled.scores[at_zero] == 0).all()


@pytest.mark.slow
def test_a_rotated_video():
    imu = sensors('28_rotated_video', 'imu.csv')
    pose = skeleton('28_rotated_video/rot90.json', img_shape=(1920, 1080))
    clock = pose.clock
    shifted = {
        name: type(s)(
            type(clock)(s.clock.num_samples, times=s.clock.at() - 3.217),
            s.channels,
        )
        for name, s in imu.items()
    }
    view = View('a', 'a', lambda: shifted, lambda: pose)
    (finding,) = check_recordings([view]).findings
    assert finding.kind == 'rotated'
    assert 'pose.img_shape: [1080, 1920]' in finding.fix


@pytest.mark.slow
@pytest.mark.parametrize(
    ('file', 'given', 'right'),
    [('slowmo240.json', 30.0, 240), ('p30.json', 25.0, 30)],
)
def test_a_wrong_frame_rate(file, given, right):
    pose = skeleton(f'27_wrong_frame_rate/{file}', rate=given)
    imu = sensors('_shared', 'imu.csv')
    clock = align(Recording(imu, pose))
    assert clock.abstained and clock.result.reason == 'frame rate'
    assert f'fit at {right} frames per second' in ' '.join(clock.notes)
