"""KeepStreams: raw samples of exactly the two windows."""

import numpy as np
import pytest
from recordings import (
    acc_at,
    keypoints_at,
    make_pose,
    make_recording,
    make_results,
    make_sensor,
)
from scipy.spatial.transform import Rotation

from mobind_mm.datasets import transforms as t
from mobind_mm.recordings import Recording
from mobind_mm.recordings.derived import (
    derivable,
    specific_force,
    turning_rate,
)

PLACEMENTS = ('left_wrist', 'head')


def kept(offset=0.0, recording=None, **changes):
    recording = recording or make_recording(placements=PLACEMENTS)
    results = make_results(recording, 2.0, 4.0, offset=offset, **changes)
    return t.KeepStreams()(t.LoadWindow(margin_sec=1.0)(results))


def jittered(rate, seconds=10.0, seed=0):
    times = np.arange(0, seconds, 1 / rate)
    late = np.random.default_rng(seed).uniform(-0.3, 0.3, len(times))
    return times + late / rate


@pytest.mark.parametrize('regular', [True, False])
def test_samples_and_clocks_are_those_of_the_recording(regular):
    if regular:
        recording = make_recording(placements=PLACEMENTS)
    else:
        wrist, frames = jittered(100.0), jittered(30.0, seed=1)
        recording = Recording(
            dict(left_wrist=make_sensor(wrist, regular=False)),
            make_pose(frames, regular=False),
        )
    results = kept(offset=0.513, recording=recording)
    streams = results['streams']
    assert set(streams.imu) == set(recording.imu)
    for placement, stream in streams.imu.items():
        clock = recording.imu[placement].clock
        source = clock.at(slice(0, clock.num_samples)) - (2.0 - 0.513)
        inside = (source >= 0) & (source < 4)
        times = stream.clock.at(slice(0, stream.clock.num_samples))
        np.testing.assert_allclose(times, source[inside], atol=1e-9)
        assert (stream.clock.times is None) == regular
        original = recording.imu[placement].channels['gyro'][inside]
        np.testing.assert_array_equal(stream.channels['gyro'], original)
    pose, source = streams.pose, recording.pose
    times = source.clock.at(slice(0, source.clock.num_samples)) - 2.0
    inside = (times >= 0) & (times < 4)
    found = pose.clock.at(slice(0, pose.clock.num_samples))
    np.testing.assert_allclose(found, times[inside], atol=1e-9)
    np.testing.assert_array_equal(pose.keypoints, source.keypoints[inside])
    np.testing.assert_array_equal(pose.scores, source.scores[inside])
    assert (pose.layout, pose.img_shape) == ('coco', (480, 640))


def test_a_sample_on_the_border_belongs_to_the_window_that_starts_there():
    streams = kept()['streams']
    assert streams.imu['head'].clock.num_samples == 400
    assert streams.imu['head'].clock.start == pytest.approx(0, abs=1e-12)
    assert streams.pose.clock.num_samples == 120


def test_the_model_sees_nothing_beyond_the_clip():
    """What lies outside the windows changes no output at all."""
    outputs = []
    for beyond in (0.0, 1e3):
        times, frames = np.arange(1000) / 100, np.arange(300) / 30
        acc, points = acc_at(times), keypoints_at(frames)
        acc[(times < 2 - 1e-9) | (times >= 6 - 1e-9)] += beyond
        points[(frames < 2 - 1e-9) | (frames >= 6 - 1e-9)] += beyond
        pose = make_pose(frames)
        pose.keypoints[:] = points
        recording = Recording(
            dict(left_wrist=make_sensor(times, acc=acc)), pose
        )
        results = t.LoadWindow(margin_sec=1.0)(
            make_results(recording, 2.0, 4.0)
        )
        results = t.KeepStreams()(results)
        outputs.append(t.ResamplePose(25)(t.ResampleIMU(25)(results)))
    first, second = outputs
    np.testing.assert_array_equal(
        first['imu']['left_wrist']['acc'], second['imu']['left_wrist']['acc']
    )
    np.testing.assert_array_equal(first['keypoints'], second['keypoints'])
    assert first['keypoint_mask'].all()
    assert first['imu_mask']['left_wrist']


def test_transforms_leave_the_kept_streams_alone():
    results = kept()
    streams = results['streams']
    before = streams.pose.keypoints.copy(), streams.imu['head'].channels
    acc = before[1]['acc'].copy()
    results = t.ResamplePose(30)(t.ResampleIMU(100)(results))
    t.RandomIMUNoise(1.0)(t.NormalizeKeypoints('torso')(results))
    np.testing.assert_array_equal(streams.pose.keypoints, before[0])
    np.testing.assert_array_equal(streams.imu['head'].channels['acc'], acc)


def test_missing_streams_stay_missing():
    recording = Recording(make_recording().imu, None)
    assert kept(recording=recording)['streams'].pose is None
    # The pose window lies behind the end of the recording.
    results = kept(recording=make_recording(6.0), window_start=8.0, offset=6.0)
    streams = results['streams']
    assert streams.pose.clock.num_samples == 0
    assert streams.pose.keypoints.shape == (0, 17, 2)
    assert streams.imu['left_wrist'].clock.num_samples == 400
    results = t.ResamplePose(25)(t.ResampleIMU(25)(results))
    assert not results['keypoint_mask'].any()


def test_its_place_is_before_resampling():
    results = t.LoadWindow()(make_results())
    with pytest.raises(ValueError, match='before ResampleIMU'):
        t.KeepStreams()(t.ResampleIMU(25)(results))
    with pytest.raises(ValueError, match='put LoadWindow before'):
        t.KeepStreams()(make_results())


# Channels that follow from others, against closed forms

G = 9.80665


def quat_of(rotation):
    return np.roll(rotation.as_quat(), 1, axis=1)


@pytest.mark.parametrize('axis', [(1, 0, 0), (0, 1, 0), (0.6, 0.0, 0.8)])
def test_a_constant_rate_is_found_exactly(axis):
    times = np.cumsum(np.random.default_rng(0).uniform(0.005, 0.02, 300))
    rate = 2.5 * np.array(axis)
    start = Rotation.random(random_state=1)
    turn = start * Rotation.from_rotvec(times[:, None] * rate)
    sign = np.where(np.arange(300) % 2, 1, -1)[:, None]  # q and -q are one
    found = turning_rate(times, quat_of(turn) * sign)
    np.testing.assert_allclose(found, np.tile(rate, (300, 1)), atol=1e-5)
    assert turning_rate(times[:1], quat_of(turn)[:1]).tolist() == [[0, 0, 0]]


def test_gravity_is_added_in_the_frame_of_the_sensor():
    turn = Rotation.random(50, random_state=2)
    world = np.random.default_rng(3).normal(size=(50, 3))
    expected = turn.inv().apply(world + np.array([0, 0, G]))
    found = specific_force(world, quat_of(turn), 'world')
    np.testing.assert_allclose(found, expected, atol=1e-5)
    free = turn.inv().apply(world)
    found = specific_force(free, quat_of(turn), 'sensor')
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_can_be_derived():
    assert derivable(['acc']) == {'acc'}
    assert derivable(['quat']) == {'quat', 'gyro'}
