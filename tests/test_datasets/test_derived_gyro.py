"""A gyroscope that a recording lacks follows from its orientation."""

from dataclasses import replace

import numpy as np
import pytest
from recordings import AXIS, OMEGA, make_recording, make_results

from mobind_mm.datasets import transforms as t
from mobind_mm.datasets.packed_streams import StreamPacker
from mobind_mm.recordings import Recording

CHANNELS = ('acc', 'gyro')


def without_gyro(names=('acc', 'quat')):
    recording = make_recording()
    imu = {
        name: replace(s, channels={c: s.channels[c] for c in names})
        for name, s in recording.imu.items()
    }
    return Recording(imu, recording.pose)


def test_it_is_derived_where_it_is_named():
    load = t.LoadWindow(channels=CHANNELS)
    loaded = load(make_results(without_gyro()))['imu']['left_wrist']
    assert sorted(loaded) == ['acc', 'gyro']
    expected = np.tile(OMEGA * AXIS, (len(loaded['gyro']), 1))
    np.testing.assert_allclose(loaded['gyro'], expected, atol=1e-3)
    fast = load(make_results(without_gyro(), speed=1.5))['imu']['left_wrist']
    np.testing.assert_allclose(fast['gyro'][0], 1.5 * expected[0], atol=1e-3)


def test_nothing_else_is_derived():
    everything = t.LoadWindow()(make_results(without_gyro()))['imu']
    assert sorted(everything['left_wrist']) == ['acc', 'quat']
    load = t.LoadWindow(channels=CHANNELS)
    alone = load(make_results(without_gyro(('acc',))))['imu']['left_wrist']
    assert sorted(alone) == ['acc']


@pytest.mark.parametrize(
    ('channels', 'found'),
    [(CHANNELS, ['acc', 'gyro']), (None, ['acc', 'quat'])],
)
def test_packed_streams_have_the_same(channels, found):
    packer = StreamPacker(
        t.LoadWindow(channels=channels), t.ResampleIMU(50), t.ResamplePose(25)
    )
    about = packer.describe(without_gyro())
    assert about['sensors']['left_wrist']['channels'] == found
    info = make_results(without_gyro())
    arrays, _ = packer.pack(info)
    if channels:
        turning = arrays['imu'][3:6, 10:-10]
        expected = np.tile((OMEGA * AXIS)[:, None], turning.shape[1])
        np.testing.assert_allclose(turning, expected, atol=1e-2)
