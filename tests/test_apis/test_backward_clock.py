"""Recordings built by hand whose clocks were set back."""

from dataclasses import replace

import numpy as np
import pytest

from mobind_mm.apis.sources import to_recording
from mobind_mm.apis.synchronizing import align
from mobind_mm.recordings import Recording
from mobind_mm.synchronization.conformance import simulate_recording

WRIST = 'right_wrist'


@pytest.fixture(scope='module')
def whole():
    return simulate_recording(seed=0, seconds=16.0, offset=0.5)


def _set_back(stream, by):
    times = stream.clock.at()
    times[len(times) // 2 :] -= by
    return stream.at_times(times)


def test_sensor_clock_set_back_is_repaired_with_a_note(whole):
    broken = replace(whole, imu={WRIST: _set_back(whole.imu[WRIST], 4.0)})
    mended = to_recording(broken).imu[WRIST]
    assert np.allclose(mended.clock.at(), whole.imu[WRIST].clock.at())
    (note,) = mended.notes
    assert WRIST in note and 'set back by 4.000 s' in note
    values = {'acc': broken.imu[WRIST].channels['acc']}
    arrays = {
        'imu': {WRIST: {**values, 'times': broken.imu[WRIST].clock.at()}}
    }
    again = to_recording(arrays).imu[WRIST]
    assert np.allclose(again.clock.at(), whole.imu[WRIST].clock.at())


@pytest.mark.parametrize('step', [0.0, 1e-16, 1e-9])
def test_times_that_are_equal_but_for_rounding(whole, step):
    stream = whole.imu[WRIST]
    times = stream.clock.at()
    times[500] = np.nextafter(times[499], np.inf) if step else times[499]
    times[500] = max(times[500], times[499] + step)
    tied = replace(whole, imu={WRIST: stream.at_times(times)})
    mended = to_recording(tied)
    assert 'share the time of the row before' in mended.imu[WRIST].notes[0]
    true = whole.imu[WRIST].clock.at()
    assert np.allclose(mended.imu[WRIST].clock.at(), true, atol=1e-5)
    assert np.diff(mended.imu[WRIST].clock.at()).min() > 0.004
    if step:  # built by hand, not quite equal, and frames as well
        times[300] = times[299] + 5e-6
        tied = replace(whole, imu={WRIST: stream.at_times(times)})
        frames = whole.pose.clock.at()
        frames[200] = np.nextafter(frames[199], np.inf)
        tied = replace(tied, pose=whole.pose.at_times(frames))
        clock = align(tied, max_offset=1.0, around=0.5)
        assert not clock.abstained
        assert clock.offsets[0] == pytest.approx(0.5, abs=0.02)


def test_times_that_increase_stay_as_they_are(whole):
    assert to_recording(whole) is whole


def test_what_is_not_repaired_is_refused_by_name(whole):
    broken = Recording({WRIST: _set_back(whole.imu[WRIST], 4.0)}, whole.pose)
    with pytest.raises(ValueError, match="imu 'right_wrist'.*increasing"):
        align(broken)
    pose = replace(whole, pose=_set_back(whole.pose, 4.0))
    for use in (align, to_recording):
        with pytest.raises(ValueError, match='pose: .*increasing'):
            use(pose)
    times = whole.imu[WRIST].clock.at()
    times[3] = np.nan
    lost = whole.imu[WRIST].at_times(times)
    with pytest.raises(ValueError, match="imu 'right_wrist'.*sample 3"):
        to_recording(replace(whole, imu={WRIST: lost}))
