import numpy as np
import pytest
from recordings import (
    acc_at,
    keypoints_at,
    make_pose,
    make_recording,
    make_results,
    make_sensor,
    quat_at,
    quat_of,
)
from scipy.spatial.transform import Rotation, Slerp

from mobind_mm.datasets.transforms import LoadWindow, ResampleIMU, ResamplePose
from mobind_mm.datasets.transforms.resampling import (
    STOPBAND_DB,
    sign_continuous,
    slerp,
)
from mobind_mm.recordings import Recording

RNG = np.random.default_rng(0)


def imu_window(stream, rate, start=2.0, seconds=4.0, **load):
    """Resample one sensor; returns its channels, mask and true times."""
    results = make_results(Recording(dict(head=stream)), start, seconds)
    results = ResampleIMU(rate)(LoadWindow(**load)(results))
    times = start + np.arange(round(seconds * rate)) / rate
    return results['imu']['head'], results['imu_mask']['head'], times


def pose_window(stream, rate, start=2.0, seconds=4.0, **args):
    results = make_results(Recording(pose=stream), start, seconds)
    return ResamplePose(rate, **args)(LoadWindow()(results))


def grid(rate, seconds=10.0, start=0.0):
    return start + np.arange(round(seconds * rate)) / rate


# Against closed forms


@pytest.mark.parametrize('rate_in', [50, 60, 100, 128.7, 400])
@pytest.mark.parametrize('rate_out', [20, 50, 60])
@pytest.mark.parametrize('start', [2.0, 3.00731])
def test_sines_and_turns_have_their_closed_form(rate_in, rate_out, start):
    stream = make_sensor(grid(rate_in, start=0.0042))
    found, mask, times = imu_window(stream, rate_out, start)
    assert mask
    np.testing.assert_allclose(found['acc'], acc_at(times), atol=0.015)
    expected = quat_at(times)
    expected *= np.sign(expected[0, 0])
    np.testing.assert_allclose(found['quat'], expected, atol=2e-3)
    norm = np.linalg.norm(found['quat'], axis=1)
    np.testing.assert_allclose(norm, 1, atol=1e-6)
    # A constant stays exactly what it is.
    np.testing.assert_allclose(
        found['gyro'],
        stream.channels['gyro'][:1].repeat(len(times), 0),
        rtol=1e-5,
    )


def test_a_sample_that_exists_is_kept():
    stream = make_sensor(grid(50), acc=RNG.normal(size=(500, 3)))
    found, _, _ = imu_window(stream, 50)
    np.testing.assert_allclose(
        found['acc'], stream.channels['acc'][100:300], atol=1e-6
    )


@pytest.mark.parametrize(
    ('rate_in', 'rate_out'), [(100, 50), (60, 20), (200, 50), (128.7, 60)]
)
def test_tones_above_nyquist_are_suppressed(rate_in, rate_out):
    for tone in np.linspace(rate_out / 2, rate_in / 2, 12):
        wave = np.sin(2 * np.pi * tone * grid(rate_in)[:, None] + [0, 1, 2])
        found, _, _ = imu_window(
            make_sensor(grid(rate_in), acc=wave), rate_out
        )
        gain = np.sqrt(np.mean(found['acc'] ** 2) / 0.5)
        assert 20 * np.log10(gain + 1e-9) < -STOPBAND_DB + 2
    # Half of the band passes unchanged.
    passed = np.sin(2 * np.pi * 0.25 * rate_out * grid(rate_in)[:, None])
    found, _, _ = imu_window(
        make_sensor(grid(rate_in), acc=passed.repeat(3, 1)), rate_out
    )
    gain = np.sqrt(np.mean(found['acc'] ** 2) / 0.5)
    assert gain == pytest.approx(1, abs=0.02)


def test_jittered_timestamps_follow_the_closed_form():
    times = grid(100) + RNG.uniform(-0.003, 0.003, 1000)
    found, mask, out = imu_window(make_sensor(times, regular=False), 50)
    assert mask
    np.testing.assert_allclose(found['acc'], acc_at(out), atol=0.01)
    np.testing.assert_allclose(
        found['quat'], quat_at(out) * np.sign(quat_at(out)[0, 0]), atol=1e-3
    )


# Windows


@pytest.mark.parametrize('regular', [True, False])
@pytest.mark.parametrize('rates', [(100, 50), (60, 20), (50, 50), (41, 60)])
def test_values_do_not_depend_on_where_the_window_is_cut(regular, rates):
    rate_in, rate_out = rates
    times = grid(rate_in)
    if not regular:
        times = times + RNG.uniform(-0.2, 0.2, len(times)) / rate_in
    quat = RNG.normal(size=4) + np.cumsum(
        RNG.normal(size=(len(times), 4)) * 0.05, 0
    )
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    acc = RNG.normal(size=(len(times), 3))
    stream = make_sensor(times, regular, acc=acc, quat=quat)
    whole, _, _ = imu_window(stream, rate_out, 1.0, 8.0)
    for first in (0.2, 1.0, 3.5):
        part, _, _ = imu_window(stream, rate_out, 1.0 + first, 2.0)
        at = round(first * rate_out)
        same = slice(at, at + round(2 * rate_out))
        np.testing.assert_allclose(part['acc'], whole['acc'][same], atol=2e-5)
        sign = np.sign(np.sum(part['quat'][0] * whole['quat'][same][0]))
        np.testing.assert_allclose(
            part['quat'] * sign, whole['quat'][same], atol=2e-5
        )


@pytest.mark.parametrize('regular', [True, False])
def test_pose_does_not_depend_on_where_the_window_is_cut(regular):
    times = grid(30)
    if not regular:
        times = times + RNG.uniform(-0.005, 0.005, len(times))
    stream = make_pose(times, regular)
    stream.keypoints[:] += RNG.normal(size=stream.keypoints.shape) * 5
    whole = pose_window(stream, 10, 1.0, 8.0)['keypoints']
    part = pose_window(stream, 10, 2.5, 2.0)['keypoints']
    np.testing.assert_allclose(part, whole[15:35], atol=1e-3)


def test_imu_and_pose_count_from_the_same_instant():
    """Token n of both covers the same 0.2 s: peaks stay simultaneous."""
    peak = 4.3
    imu_times, pose_times = grid(100, start=0.003), grid(30, start=0.011)
    bump = np.exp(-0.5 * ((imu_times - peak) / 0.1) ** 2)
    stream = make_sensor(imu_times, acc=bump[:, None].repeat(3, 1))
    pose = make_pose(pose_times)
    pose.keypoints[:] = np.exp(-0.5 * ((pose_times - peak) / 0.1) ** 2)[
        :, None, None
    ]
    results = make_results(Recording(dict(head=stream), pose), 3.1, 3.0)
    results = ResamplePose(50)(ResampleIMU(50)(LoadWindow()(results)))
    assert np.argmax(results['imu']['head']['acc'][:, 0]) == 60
    assert np.argmax(results['keypoints'][:, 0, 0]) == 60


def test_sensors_with_different_clocks_do_not_mix():
    both = Recording(
        dict(
            head=make_sensor(grid(100)),
            pelvis=make_sensor(grid(100)),
            left_wrist=make_sensor(grid(60, start=0.01)),
            right_wrist=make_sensor(grid(100), acc=acc_at(grid(100), 1.0)),
        )
    )
    results = ResampleIMU(50)(LoadWindow()(make_results(both)))
    for name, stream in both.imu.items():
        alone, _, _ = imu_window(stream, 50)
        assert alone.keys() == results['imu'][name].keys()
        for channel, values in alone.items():
            np.testing.assert_allclose(
                results['imu'][name][channel], values, atol=1e-5
            )


def test_recording_borders_are_held():
    stream = make_sensor(grid(100), acc=np.full((1000, 3), 3.0))
    for start in (0.0, 6.0):
        found, mask, _ = imu_window(stream, 50, start)
        assert mask
        np.testing.assert_allclose(found['acc'], 3.0, rtol=1e-5)


# Quaternions


@pytest.mark.parametrize('regular', [True, False])
@pytest.mark.parametrize('rate_out', [20, 50, 100])
def test_random_signs_change_nothing(regular, rate_out):
    times = grid(100)
    if not regular:
        times = times + RNG.uniform(-0.003, 0.003, len(times))
    quat = quat_at(times, omega=9.0)
    clean, _, _ = imu_window(make_sensor(times, regular, quat=quat), rate_out)
    flipped = quat * RNG.choice([-1, 1], len(times))[:, None]
    found, _, _ = imu_window(
        make_sensor(times, regular, quat=flipped), rate_out
    )
    np.testing.assert_allclose(found['quat'], clean['quat'], atol=1e-6)
    assert found['quat'][0, 0] >= 0
    assert np.all(np.sum(found['quat'][1:] * found['quat'][:-1], 1) > 0)


def test_slerp_against_scipy():
    ends = Rotation.random(2, random_state=0)
    at = np.linspace(0, 1, 7)
    expected = quat_of(Slerp([0, 1], ends)(at))
    a, b = sign_continuous(quat_of(ends))
    found = slerp(np.tile(a, (7, 1)), np.tile(b, (7, 1)), at)
    found *= np.sign(np.sum(found * expected, axis=1))[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-9)


# Gaps


def _without(times, first, last):
    return times[(times <= first) | (times >= last)]


def test_a_short_gap_is_bridged_and_a_long_one_masks_the_sensor():
    short = make_sensor(_without(grid(100), 4.0, 4.2), regular=False)
    found, mask, times = imu_window(short, 50)
    assert mask
    away = (times < 3.8) | (times > 4.4)
    np.testing.assert_allclose(
        found['acc'][away], acc_at(times)[away], atol=0.01
    )
    assert np.abs(found['acc']).max() < 1.3
    long = make_sensor(_without(grid(100), 3.0, 5.0), regular=False)
    found, mask, _ = imu_window(long, 50)
    assert not mask and not found['acc'].any()
    # 1.8 s farther than 0.1 s from a sample, of 4 s.
    results = LoadWindow()(make_results(Recording(dict(head=long))))
    kept = ResampleIMU(50, max_missing=0.5)(results)
    assert kept['imu_mask']['head']


def test_values_do_not_depend_on_the_window_that_ends_in_a_gap():
    stream = make_sensor(_without(grid(100), 3.9, 4.9), regular=False)
    whole, _, _ = imu_window(stream, 50, 1.0, 8.0)
    part, _, _ = imu_window(stream, 50, 2.0, 2.2)
    np.testing.assert_allclose(part['acc'], whole['acc'][50:160], atol=1e-5)


def test_a_sensor_that_was_off_is_masked():
    for times in (grid(100, 1.5), grid(100, 3.0, start=7.5), np.arange(1.0)):
        for regular in (True, False):
            if len(times) < 2 and regular:
                continue
            stream = make_sensor(times, regular)
            found, mask, _ = imu_window(stream, 50)
            assert not mask
            assert found['acc'].shape == (200, 3) and not found['acc'].any()


# Pose


@pytest.mark.parametrize('rate_in', [10, 20, 25, 29.97, 30, 60])
@pytest.mark.parametrize('rate_out', [10, 20, 30])
def test_keypoints_have_their_closed_form(rate_in, rate_out):
    found = pose_window(make_pose(grid(rate_in)), rate_out)
    times = 2.0 + np.arange(4 * rate_out) / rate_out
    assert found['keypoint_mask'].all()
    np.testing.assert_allclose(
        found['keypoints'], keypoints_at(times), atol=0.4
    )
    np.testing.assert_allclose(found['scores'], 0.9, atol=1e-6)


def _scores(missing):
    scores = np.full((300, 17), 0.9)
    for joint, (first, last) in missing.items():
        times = grid(30)
        scores[(times > first) & (times < last), joint] = 0
    return scores


def test_gaps_of_keypoints():
    pose = make_pose(
        grid(30), scores=_scores({5: (3.01, 3.2), 6: (4.01, 4.99), 7: (0, 11)})
    )
    pose.keypoints[pose.scores == 0] = np.nan
    found = pose_window(pose, 30)
    times = 2 + np.arange(120) / 30
    mask = found['keypoint_mask']
    assert np.isfinite(found['keypoints']).all()
    assert mask[:, :6].all() and mask[:, 8:].all()  # 5 is bridged
    np.testing.assert_allclose(
        found['keypoints'][:, 5], keypoints_at(times)[:, 5], atol=5
    )
    # Masked strictly inside the long gap, apart from half a frame.
    inside = (times > 4.02) & (times < 4.98)
    np.testing.assert_array_equal(mask[:, 6], ~inside)
    assert not mask[:, 7].any() and not found['keypoints'][:, 7].any()
    assert not found['scores'][~mask].any()
    # The bridge runs between its ends.
    bridge = found['keypoints'][inside, 6]
    ends = keypoints_at(np.array([4.0, 5.0]))[:, 6]
    assert (bridge >= ends.min(0) - 2).all()
    assert (bridge <= ends.max(0) + 2).all()


def test_score_threshold_and_longest_gap_are_arguments():
    scores = np.full((300, 17), 0.9)
    scores[:, 3] = 0.3
    found = pose_window(make_pose(grid(30), scores=scores), 10, score_thr=0.3)
    assert not found['keypoint_mask'][:, 3].any()
    assert found['keypoint_mask'][:, 4].all()
    pose = make_pose(grid(30), scores=_scores({6: (4.01, 4.99)}))
    found = pose_window(pose, 10, max_gap_sec=1.01)
    assert found['keypoint_mask'].all()


def test_dropped_frames_mask_everything():
    times = _without(grid(30), 4.0, 5.0)
    found = pose_window(make_pose(times, regular=False), 10)
    out = 2 + np.arange(40) / 10
    inside = (out > 4.02) & (out < 4.98)
    expected = np.repeat(~inside[:, None], 17, axis=1)
    np.testing.assert_array_equal(found['keypoint_mask'], expected)


def test_nobody_in_the_window():
    pose = make_pose(grid(30), scores=np.zeros((300, 17)))
    for found in (
        pose_window(pose, 10),
        pose_window(make_pose(grid(30, 1.0)), 10, start=4.0),
    ):
        assert found['keypoints'].shape == (40, 17, 2)
        assert not found['keypoint_mask'].any()
        assert not found['keypoints'].any()


def test_a_pose_stream_that_is_slower_than_the_model():
    found = pose_window(make_pose(grid(5)), 20)
    assert found['keypoint_mask'].all()
    times = 2 + np.arange(80) / 20
    np.testing.assert_allclose(found['keypoints'], keypoints_at(times), atol=2)


# Mistakes


def test_values_that_no_stream_may_have():
    stream = make_sensor(grid(100))
    stream.channels['acc'][345, 1] = np.nan
    with pytest.raises(ValueError, match=r"take 'take_1': head/acc.*3\.450 s"):
        imu_window(stream, 50)
    imu_window(stream, 50, start=5.0)  # not in this window
    stream = make_sensor(grid(100), quat=np.full((1000, 4), 1.0))
    with pytest.raises(ValueError, match=r'head/quat: norm 2\.000 at 1\.500'):
        imu_window(stream, 50)
    times = grid(100)
    times[300] = times[299]
    with pytest.raises(ValueError, match='strictly increasing'):
        imu_window(make_sensor(times, regular=False), 50)
    pose = make_pose(grid(30))
    pose.keypoints[90, 4] = np.inf
    with pytest.raises(ValueError, match=r'pose: keypoint 4 .* 3\.000 s'):
        pose_window(pose, 10)


def test_the_margin_must_hold_the_filter():
    stream = make_sensor(grid(100))
    with pytest.raises(ValueError, match=r'LoadWindow\(margin_sec=0\.500\)'):
        imu_window(stream, 10, margin_sec=0.2)
    imu_window(stream, 10, margin_sec=0.5)


def test_steps_in_the_wrong_order():
    with pytest.raises(ValueError, match=r"'imu'.*put LoadWindow before it"):
        ResampleIMU(50)(make_results())
    for args in (dict(rate=0), dict(rate=50, max_missing=2)):
        with pytest.raises(ValueError, match=r'rate|max_missing'):
            ResampleIMU(**args)


def test_load_window_reads_what_is_asked():
    recording = make_recording(placements=('head', 'pelvis'))
    results = LoadWindow(placements=['head', 'left_knee'], channels=['acc'])(
        make_results(recording)
    )
    assert {p: list(c) for p, c in results['imu'].items()} == {'head': ['acc']}
    assert 'recording' not in results
    times = results['imu_meta']['head']['times']
    assert times[0] == pytest.approx(-0.5) and times[-1] == pytest.approx(4.5)
