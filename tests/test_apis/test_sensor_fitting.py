"""Sensors as a model takes them."""

import numpy as np
from recordings import make_sensor

from mobind_mm.apis.fitting import fit_sensors, match_limbs
from mobind_mm.recordings import Clock, SensorStream

TIMES = np.arange(100) / 50
WORN = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')


def sensor(*channels, **header):
    widths = {'quat': 4}
    arrays = {
        c: np.tile(np.eye(widths.get(c, 3))[0], (100, 1)).astype(np.float32)
        for c in channels
    }
    return SensorStream(Clock(100, rate=50.0), arrays, **header)


def test_sensors_find_limbs_with_the_same_keypoints():
    imu = dict.fromkeys(
        ('left_forearm', 'right_shank', 'sternum', 'left_thigh', 'head')
    )
    assert match_limbs(imu, WORN) == {
        'left_forearm': 'left_wrist',
        'right_shank': 'right_knee',
        'sternum': None,
        'left_thigh': 'left_knee',
        'head': 'head',
    }


def test_two_sensors_on_one_limb_do_not_share_its_place():
    imu = dict.fromkeys(('left_forearm', 'left_wrist', 'left_hand'))
    found = match_limbs(imu, WORN)
    assert found == {
        'left_forearm': None,
        'left_wrist': 'left_wrist',
        'left_hand': None,
    }
    assert match_limbs(dict.fromkeys(('A', 'left_hand')), WORN) == {
        'A': None,
        'left_hand': 'left_wrist',
    }


def test_notes_say_what_was_changed_or_left_out():
    imu = {
        'left_forearm': sensor('acc', 'gyro'),
        'sternum': sensor('acc', 'gyro'),
        'head': sensor('acc'),
        'left_knee': sensor('acc', 'quat', gravity=False),
    }
    served, notes = fit_sensors(imu, WORN, ('acc', 'gyro'))
    assert sorted(served) == ['left_knee', 'left_wrist']
    assert served['left_wrist'] is imu['left_forearm']
    knee = served['left_knee']
    assert knee.gravity and knee.frame == 'sensor'
    np.testing.assert_allclose(knee.channels['acc'][0], [1, 0, 9.80665])
    texts = '\n'.join(notes)
    for text in (
        'left_forearm: the model has no such limb, so it is taken for its '
        'left_wrist',
        'sternum: left out by the model, which has left_wrist',
        "head has no ['gyro'], which the model needs, so it is left out.",
        'left_knee: gyro is derived from quat',
        'left_knee: gravity is added to acc',
    ):
        assert text in texts
    assert len(notes) == 5


def test_what_fits_stays_as_it_is():
    imu = {'head': make_sensor(TIMES, acc=np.ones((100, 3)))}
    assert fit_sensors(imu, WORN, ('acc',)) == (imu, [])
