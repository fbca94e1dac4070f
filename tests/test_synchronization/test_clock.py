"""Drift of long recordings, against clocks that are known."""

import numpy as np
import pytest
from sync_streams import drawn_clip

from mobind_mm.recordings import Clock, PoseStream, Recording, SensorStream
from mobind_mm.synchronization import (
    ClockMap,
    FusedSynchronizer,
    synchronize_clip,
    synchronize_clocks,
)
from mobind_mm.synchronization import clock as clock_module
from mobind_mm.synchronization.clips import cut_clip
from mobind_mm.synchronization.clock_map import best_line, fit_clock
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.fused import EVIDENCE_NAMES

SYNC = FusedSynchronizer(use_feats=False)
OFFSETS = np.arange(-300, 301) / 100


def drifting(ppm, offset, seconds=180.0, origin=0.0):
    """A recording whose IMU clock runs ``ppm`` fast and ``offset`` ahead."""
    clip = drawn_clip(
        seconds=seconds, noise_px=0.5, channels=('acc', 'quat'), imu_rate=50.0
    )
    stream = clip.imu['right_wrist']
    clock = Clock(
        stream.clock.num_samples,
        rate=50.0 / (1 + ppm * 1e-6),
        start=origin + offset,
    )
    imu = SensorStream(clock, stream.channels)
    pose = clip.pose
    clock = Clock(pose.clock.num_samples, rate=30.0, start=origin)
    pose = PoseStream(
        clock, pose.keypoints, pose.scores, 'coco', pose.img_shape
    )
    return Recording({'right_wrist': imu}, pose)


def bump(top, height=40.0, width=0.04):
    """Evidence of a clip with one top, said by signals."""
    rows = np.zeros((len(EVIDENCE_NAMES), len(OFFSETS)))
    name = 'side_0.8-1.6Hz'
    rows[EVIDENCE_NAMES.index(name)] = (
        0.5 * height / SYNC.weights[name]
    ) * np.exp(-0.5 * ((OFFSETS - top) / width) ** 2)
    seen = np.full(len(OFFSETS), 15.0)
    return SYNC.weigh(OFFSETS, rows, seen, 1, 2.0)


@pytest.mark.parametrize(
    ('ppm', 'offset', 'origin'),
    [(0, -0.7, 0.0), (300, 0.8, 0.0), (-500, 0.35, 100.0)],
)
def test_drift_of_three_minutes(ppm, offset, origin):
    # The rate is slower by the drift, so the IMU's time stamps run ahead.
    recording = drifting(ppm, offset, origin=origin)
    found = synchronize_clocks(recording, SYNC, 2.0, clip_sec=15.0)
    # Sample i of the IMU was taken when frame time was i / 50.
    truth = offset + ppm * 1e-6 * np.array([5.0, 90.0, 175.0])
    times = origin + np.array([5.0, 90.0, 175.0])
    assert not found.abstained and found.agrees.mean() > 0.9
    np.testing.assert_allclose(
        found.to_imu_time(times), times + truth, atol=0.01
    )
    assert found.drift_ppm == pytest.approx(ppm, abs=max(0.2 * abs(ppm), 30))
    assert found.times[0] == origin and found.times[-1] > origin + 179


def test_a_gap_in_the_video_and_a_dead_sensor():
    recording = drifting(200, 0.5, seconds=120.0)
    scores = recording.pose.scores.copy()
    scores[1200:2000] = 0  # 40 to 66 s
    pose = recording.pose
    holed = PoseStream(
        pose.clock, pose.keypoints, scores, 'coco', pose.img_shape
    )
    found = synchronize_clocks(
        Recording(recording.imu, holed), SYNC, 2.0, clip_sec=15.0
    )
    times = np.array([20.0, 50.0, 110.0])
    np.testing.assert_allclose(
        found.to_imu_time(times), times + 0.5 + 2e-4 * times, atol=0.01
    )
    dead = PoseStream(
        pose.clock, pose.keypoints, 0 * scores, 'coco', pose.img_shape
    )
    nothing = synchronize_clocks(
        Recording(recording.imu, dead), SYNC, 2.0, clip_sec=15.0
    )
    assert nothing.abstained and not nothing.agrees.any()
    assert np.isfinite(nothing.to_imu_time(times)).all()


def test_wrong_clips_are_outvoted():
    times = 10.0 * np.arange(18) + 10
    truth = 0.3 + 2e-4 * times
    rng = np.random.default_rng(0)
    tops = truth.copy()
    tops[[2, 7, 11, 15]] = rng.uniform(-3, 3, 4)
    clips = [bump(top) for top in tops]
    found = fit_clock(times, clips, 1000.0, 120.0, (0.0, 190.0))
    assert not found.agrees[[2, 7, 11, 15]].any()
    assert found.agrees.sum() == 14
    assert found.drift_ppm == pytest.approx(200, abs=10)
    np.testing.assert_allclose(
        found.to_imu_time(times), times + truth, atol=0.002
    )


def test_a_clock_that_bends_is_followed():
    times = 10.0 * np.arange(60) + 10
    truth = 0.2 + 4e-4 * np.minimum(times, 300) + 1e-4 * (times - 300).clip(0)
    clips = [bump(top) for top in truth]
    found = fit_clock(times, clips, 1000.0, 60.0, (0.0, 610.0))
    np.testing.assert_allclose(
        found.to_imu_time(times), times + truth, atol=0.005
    )


def test_noise_does_not_bend_a_straight_clock():
    times = 10.0 * np.arange(60) + 10
    rng = np.random.default_rng(1)
    truth = 0.2 + 1e-4 * times
    clips = [bump(t) for t in truth + rng.normal(0, 0.01, 60)]
    found = fit_clock(times, clips, 1000.0, 60.0, (0.0, 610.0))
    np.testing.assert_allclose(
        found.to_imu_time(times), times + truth, atol=0.006
    )
    assert found.drift_ppm == pytest.approx(100, abs=15)


def test_sensors_that_contradict_each_other(monkeypatch):
    """Most share a clock, which the other one hides from all together."""
    decide = clock_module._decide

    def refused(times, clips, *rest):
        result = decide(times, clips, *rest)
        apart = 'right_forearm' in clips[0].alone
        return result.refused('periodic') if apart else result

    monkeypatch.setattr(clock_module, '_decide', refused)
    recording = simulate_recording(1, 40.0, offset=0.5)
    wrist = recording.imu['right_wrist']
    imu = {
        **{'right_wrist': wrist, 'right_hand': wrist},
        'right_forearm': wrist.later(0.7),
    }
    streams = Recording(imu, recording.pose)
    found = synchronize_clocks(streams, SYNC, 2.0)
    assert not found.abstained and {*found.sensors} == {'right_forearm'}
    assert found.result.offset == pytest.approx(0.5, abs=0.02)
    (note,) = found.notes
    assert 'right_forearm: its clock differs by +0.7' in note
    apart = found.sensors['right_forearm']
    assert apart.offsets == pytest.approx(found.offsets + 0.7, abs=0.02)
    assert apart.result.offset == pytest.approx(1.2, abs=0.02)
    # Of three, none has another on its side.
    imu['right_hand'] = wrist.later(-0.6)
    found = synchronize_clocks(Recording(imu, recording.pose), SYNC, 2.0)
    assert found.abstained and not found.sensors
    assert 'right_wrist at +0.5' in found.notes[0]
    assert 'right_hand at -0.1' in found.notes[0]


@pytest.mark.parametrize('scatter, drift', [(0.02, 100), (0.0, 800)])
def test_few_clips_that_scatter_show_no_drift(scatter, drift):
    """Less than clocks drift, but what clips agree on is kept."""
    times = 20.0 * np.arange(3) + 10
    tops = 9e-4 * times + scatter * np.array([1, -2, 1])
    clips = [bump(top) for top in tops]
    found = fit_clock(times, clips, 1000.0, 120.0, (0.0, 60.0))
    assert (found.drift_ppm <= drift) == bool(scatter)
    # The same if most of it has been corrected for.
    rest = [bump(top) for top in tops - 9e-4 * times]
    found = fit_clock(times, rest, 1000.0, 120.0, (0.0, 60.0), 9e-4)
    assert (found.drift_ppm + 900 <= drift) == bool(scatter)


def test_clips_that_disagree_are_not_trusted():
    times = 10.0 * np.arange(18) + 10
    rng = np.random.default_rng(0)
    clips = [bump(top) for top in rng.uniform(-3, 3, 18)]
    found = fit_clock(times, clips, 200.0, 120.0, (0.0, 190.0))
    assert found.abstained


@pytest.mark.parametrize('agreeing', [2, 3])
def test_two_clips_of_eight_are_not_enough(agreeing):
    times = 10.0 * np.arange(8) + 10
    tops = np.array([0.3, -2.5, 1.7, 0.3, 2.6, -1.2, 0.3, -0.6])
    tops[6] += (agreeing == 2) * 1.1
    found = fit_clock(
        times, [bump(top) for top in tops], 200.0, 120.0, (0.0, 90.0)
    )
    assert found.agrees.sum() == agreeing
    assert found.abstained == (agreeing == 2)


def test_best_line_equals_a_search_over_all_lines():
    rng = np.random.default_rng(3)
    times, drift = np.linspace(-80, 80, 9), 3e-4
    scores = np.array([bump(0.5 + drift * t).rows.sum(0) for t in times])
    scores += rng.uniform(0, 1, scores.shape)
    found = best_line(times, OFFSETS, scores, 1000.0)
    best = max(
        (
            sum(
                np.interp(offset + slope * t, OFFSETS, row)
                for t, row in zip(times, scores)
            ),
            offset,
            slope,
        )
        for offset in np.arange(0.4, 0.6, 0.01)
        for slope in np.arange(0, 6e-4, 2e-5)
    )
    assert found[0] == pytest.approx(best[1], abs=0.01)
    assert found[1] == pytest.approx(best[2], abs=1e-4)
    assert found[0] == pytest.approx(0.5, abs=0.01)


def test_map_goes_on_beyond_its_ends():
    clock = ClockMap(
        np.array([0.0, 10.0, 20.0]), np.array([1.0, 1.1, 1.4]), 20000.0
    )
    times = np.array([-10.0, 0.0, 5.0, 15.0, 20.0, 30.0])
    expected = times + np.array([0.9, 1.0, 1.05, 1.25, 1.4, 1.7])
    np.testing.assert_allclose(clock.to_imu_time(times), expected)
    assert clock.to_imu_time(5.0) == pytest.approx(6.05)
    np.testing.assert_allclose(clock.to_pose_time(expected), times)


def test_a_map_of_dates_keeps_its_precision():
    offset = 1.7e9
    clock = ClockMap(np.array([0.0, 60.0]), np.array([offset, offset]), 0.0)
    times = np.array([0.1234567, 30.0, 90.0])
    back = clock.to_pose_time(clock.to_imu_time(times))
    np.testing.assert_allclose(back, times, atol=1e-6)


@pytest.mark.parametrize('around', [0.0, 40.0])
def test_coarse_to_fine_finds_what_a_full_search_does(monkeypatch, around):
    recording = drifting(400, 1.3 + around, seconds=180.0)
    full = synchronize_clocks(
        recording, SYNC, 3.0, clip_sec=15.0, around=around
    )
    monkeypatch.setattr(clock_module, 'COARSE_CLIPS', 6)
    monkeypatch.setattr(clock_module, 'TOKEN_CLIPS', 2)
    asked, shown = [], []

    def feats(clip):
        asked.append(clip)

    def track(items, description):
        shown.append((description, len(items)))
        return items

    found = synchronize_clocks(
        recording,
        FusedSynchronizer(),
        3.0,
        feats,
        clip_sec=15.0,
        around=around,
        track=track,
    )
    assert len(asked) == 2 and shown == [('Search', 6), ('Follow', 2)]
    times = np.array([5.0, 90.0, 175.0])
    truth = times + around + 1.3 + 4e-4 * times
    for clock in (full, found):
        np.testing.assert_allclose(clock.to_imu_time(times), truth, atol=0.01)
        assert clock.drift_ppm == pytest.approx(400, abs=40)
        assert not clock.abstained and clock.result.reason == ''
        assert clock.result.confidence > 0.9
        assert clock.result.offset == pytest.approx(
            around + 1.3 + 4e-4 * 90, abs=0.01
        )
    assert len(found.clip_times) == 12
    np.testing.assert_allclose(
        found.clip_offsets, around + 1.3 + 4e-4 * found.clip_times, atol=0.03
    )


def test_sensors_of_another_movement_are_refused(monkeypatch):
    monkeypatch.setattr(clock_module, 'COARSE_CLIPS', 8)
    recording = drifting(0, 0.0, seconds=120.0)
    other = drawn_clip(
        seed=9, seconds=120.0, channels=('acc', 'quat'), imu_rate=50.0
    )
    found = synchronize_clocks(
        Recording(other.imu, recording.pose), SYNC, 3.0, clip_sec=15.0
    )
    assert found.abstained and found.result.reason in ('weak', 'periodic')
    assert found.result.confidence <= 0.5


def test_one_clip_around_an_offset():
    recording = drifting(0, 25.3, seconds=30.0)
    found = synchronize_clip(recording, SYNC, 2.0, around=25.0)
    assert found.result.offset == pytest.approx(25.3, abs=0.005)
    assert found.to_imu_time(10.0) == pytest.approx(35.3, abs=0.005)
    assert found.drift_ppm == 0 and not found.abstained
    assert found.result.offsets[[0, -1]] == pytest.approx([23.0, 27.0])
    # Out of reach of the search: the streams do not even overlap there.
    lost = synchronize_clip(recording, SYNC, 2.0, around=-60.0)
    assert lost.abstained and lost.result.reason in ('too short', 'weak')


def test_parts_keep_their_times():
    recording = drifting(0, 0.25, seconds=40.0)
    clip = cut_clip(recording, 12.0, 8.0, 2.0)
    pose, imu = clip.pose, clip.imu['right_wrist']
    assert pose.clock.span == pytest.approx((2.0, 10.0), abs=1 / 30)
    assert imu.clock.span[0] == pytest.approx(0.0, abs=0.02)
    assert imu.clock.span[1] == pytest.approx(12.0, abs=0.02)
    # Content at a time of the clip is that 10 s later in the recording.
    first = round((imu.clock.span[0] + 10 - 0.25) * 50)
    np.testing.assert_array_equal(
        imu.channels['acc'][0],
        recording.imu['right_wrist'].channels['acc'][first],
    )
    np.testing.assert_array_equal(
        pose.keypoints[0], recording.pose.keypoints[360]
    )


def test_what_cannot_be_cut_is_refused():
    recording = drifting(0, 0.0, seconds=12.0)
    with pytest.raises(ValueError, match=r'lasts 12\.0 s.*two clips, 30 s'):
        synchronize_clocks(recording, SYNC, 2.0)
    for streams in (
        Recording(recording.imu, None),
        Recording({}, recording.pose),
    ):
        with pytest.raises(ValueError, match='skeleton and a sensor'):
            synchronize_clocks(streams, SYNC, 2.0)
