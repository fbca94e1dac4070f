"""Samples and frames that are missing, and clocks that were set."""

from dataclasses import replace

import numpy as np
import pytest
from benchmark_live import person

from mobind_mm.apis.synchronizing import (
    align,
    on_video_clock,
    plain_answer,
    searched,
)
from mobind_mm.recordings import Clock, PoseStream, Recording
from mobind_mm.synchronization import ClipEvidence, SyncResult
from mobind_mm.synchronization.breaks import (
    clock_sets,
    missing,
    sensor_steps,
    video_steps,
    without_sets,
)
from mobind_mm.synchronization.clock_map import with_sets
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.single import constant_clock
from mobind_mm.synchronization.trust import doubtful

WALK = person(3, 30.0)


def without(stream, start, end, known=False):
    """A stream that lost a stretch, which its clock knows or does not."""
    times = stream.clock.at()
    kept = np.flatnonzero((times < start) | (times >= end))
    clock = Clock(
        len(kept), times=times[kept] if known else times[: len(kept)]
    )
    if isinstance(stream, PoseStream):
        points, scores = stream.keypoints[kept], stream.scores[kept]
        return replace(stream, clock=clock, keypoints=points, scores=scores)
    channels = {k: v[kept] for k, v in stream.channels.items()}
    return replace(stream, clock=clock, channels=channels)


def later(imu, after, by):
    """Sensors whose clock was set forward."""
    return {
        name: stream.at_times(
            stream.clock.at() + by * (stream.clock.at() > after)
        )
        for name, stream in imu.items()
    }


@pytest.mark.parametrize('start, gap', [(8.0, 0.5), (5.0, 1.1)])
def test_missing_samples_and_frames_are_found(start, gap):
    assert missing(WALK) == ([], [])
    lost = {n: without(s, start, start + gap) for n, s in WALK.imu.items()}
    samples, frames = missing(replace(WALK, imu=lost))
    assert samples == pytest.approx([start], abs=0.05) and not frames
    pose = without(WALK.pose, start, start + gap)
    samples, frames = missing(replace(WALK, pose=pose))
    assert frames == pytest.approx([start], abs=0.05) and not samples


def test_gaps_that_the_clock_knows_are_none():
    imu = {n: without(s, 8.0, 9.0, known=True) for n, s in WALK.imu.items()}
    pose = without(WALK.pose, 12.0, 13.0, known=True)
    assert missing(Recording(imu, pose)) == ([], [])
    assert not clock_sets(imu)


def test_a_collision_is_no_missing_sample():
    (name, stream), *_ = WALK.imu.items()
    acc, gyro = (np.array(stream.channels[k]) for k in ('acc', 'gyro'))
    acc[1000:1003] += np.array([[30.0], [60.0], [20.0]])
    ringing = np.exp(-np.arange(20) / 5) * np.cos(np.arange(20) * 1.5)
    gyro[1002:1022] += 4 * ringing[:, None]
    channels = {**stream.channels, 'acc': acc, 'gyro': gyro}
    hit = Recording({name: replace(stream, channels=channels)}, WALK.pose)
    assert missing(hit) == ([], [])


def test_streams_too_short_to_tell():
    short = {n: s.cut(slice(0, 20)) for n, s in WALK.imu.items()}
    assert all(curve.shape == (2, 0) for curve in sensor_steps(short).values())
    assert video_steps(WALK.pose.cut(slice(0, 9))).shape == (2, 0)
    assert missing(Recording(short, WALK.pose.cut(slice(0, 9)))) == ([], [])


@pytest.mark.parametrize('size', [0.4, 2.5, 90.0])
def test_a_clock_that_was_set_while_the_motion_went_on(size):
    imu = later(WALK.imu, 12.0, size)
    ((time, by),) = clock_sets(imu)
    assert time == pytest.approx(12.0, abs=0.011) and by == pytest.approx(size)
    repaired, _ = without_sets(Recording(imu, WALK.pose))
    for name, stream in repaired.imu.items():
        assert np.allclose(stream.clock.at(), WALK.imu[name].clock.at())
    # One sensor of several alone: nothing is said of the others.
    first = next(iter(imu))
    assert not clock_sets({**imu, first: WALK.imu[first]})


def test_a_slow_clock_that_leaps():
    imu = {n: s.at_times(1000 * s.clock.at()) for n, s in WALK.imu.items()}
    ((_, size),) = clock_sets(later(imu, 12000.0, 100_000.0))
    assert size == pytest.approx(100_000.0)


def test_an_offset_that_is_given_is_one_of_the_clock_as_it_is():
    imu = later(WALK.imu, 8.0, 100.0)
    streams = Recording(imu, WALK.pose)
    known = align(streams, around=100.0, explained=False)
    if not known.abstained:
        assert known.result.offset == pytest.approx(100.0, abs=0.1)
    middle, reach = searched(streams)
    assert abs(middle) < 40 and reach < 40


def test_samples_that_come_in_bursts_are_no_set_clock():
    burst = {}
    for name, stream in WALK.imu.items():
        times = stream.clock.at()
        index = np.arange(len(times))
        held = times[index // 25 * 25] + 1e-3 * (index % 25)
        burst[name] = stream.at_times(held)
    assert not clock_sets(burst)


def test_an_answer_across_clocks_that_were_set():
    sensors = {n: s.later(1.5) for n, s in WALK.imu.items()}
    imu = later(later(sensors, 11.5, 2.0), 22.0, 0.5)
    clock = align(Recording(imu, WALK.pose))
    assert not clock.abstained
    times = WALK.pose.clock.at()
    true = np.array([1.5, 3.5, 4.0])[np.searchsorted([10.0, 18.5], times)]
    near = np.abs(times[:, None] - [10.0, 18.5]).min(axis=1) < 0.1
    error = np.abs(clock.to_imu_time(times) - times - true)
    assert error[~near].max() < 0.02
    assert [round(size, 2) for _, size in clock.jumps] == [2.0, 0.5]
    assert clock.result.offset == pytest.approx(3.5, abs=0.02)
    said = [note for note in clock.notes if 'was set forward' in note]
    assert len(said) == 2 and 'sensor second 11.497' in said[0]
    assert '2.000 s' in said[0]
    assert not any('dropped' in note for note in clock.notes)


def test_sets_are_inverted_and_belong_to_sensors_too():
    own = constant_clock((0.0, 20.0), SyncResult(2.0))
    clock = replace(
        constant_clock((0.0, 20.0), SyncResult(1.0)), sensors={'head': own}
    )
    at_start = with_sets(clock, [(1.0, 3.0)])
    assert at_start.offsets.tolist() == [4.0, 4.0] and not at_start.jumps
    clock = with_sets(clock, [(6.0, 3.0), (30.0, 1.0)])
    for one, border in ((clock, 5.0), (clock.sensors['head'], 4.0)):
        times = np.array([0.0, border - 0.1, border + 0.1, 20.0])
        inside = one.to_imu_time(times)
        assert np.diff(inside)[1] == pytest.approx(3.2)
        assert np.allclose(one.to_pose_time(inside), times)
        assert one.jumps == ((pytest.approx(border), 3.0),)
    assert clock.result.offset == 4.0


def test_recordings_of_which_packets_were_lost_say_so():
    recording = simulate_recording(seed=1, seconds=24.0, offset=0.5)
    imu = {n: without(s, 6.0, 7.2) for n, s in recording.imu.items()}
    imu = {n: without(s, 12.0, 13.2) for n, s in imu.items()}
    imu = {n: without(s, 16.0, 17.2) for n, s in imu.items()}
    clock = align(Recording(imu, recording.pose))
    if clock.abstained:
        assert any('as if samples were missing' in n for n in clock.notes)
    else:
        assert len(clock.jumps) == 3


def test_a_sensor_that_prefers_another_offset_is_in_doubt():
    offsets = np.linspace(-3, 3, 601)

    def sensor(height, other, at=0.5):
        score = height * np.exp(-((offsets / 0.05) ** 2))
        score += other * np.exp(-(((offsets - at) / 0.05) ** 2))
        return ClipEvidence(offsets, score, np.ones(601))

    alone = {
        'head': sensor(10.0, 0.0),
        'left_knee': sensor(1.0, 2.0),
        'pelvis': sensor(1.0, 0.8),
        # Beyond what clocks differ by:
        'left_wrist': sensor(0.5, 5.0, at=2.5),
    }
    evidence = replace(alone['head'], alone=alone)
    assert doubtful([evidence], 300) == ['left_knee']
    only = {'left_knee': alone['left_knee']}
    assert doubtful([replace(evidence, alone=only)], 300) == []


@pytest.mark.parametrize('late', [0.3, -0.7])
@pytest.mark.parametrize('name', sorted(WALK.imu))
def test_a_late_sensor_has_its_own_clock_or_is_doubted(name, late):
    first = slice(0, 1200)
    imu = {n: s.cut(first) for n, s in WALK.imu.items()}
    imu[name] = imu[name].later(late)
    pose = WALK.pose.cut(WALK.pose.clock.between(0.0, 12.0))
    clock = align(Recording(imu, pose), explained=False)
    assert not clock.abstained and abs(clock.result.offset) < 0.03
    own = clock.sensors[name]
    if own.abstained:
        assert own.result.reason in ('weak', 'wrong limb or person')
    else:
        assert own.result.offset == pytest.approx(late, abs=0.08)
    assert all(any(n in note for note in clock.notes) for n in clock.sensors)
    answer = plain_answer(clock, Recording(imu, pose), (0.0, 1.0))
    known = on_video_clock(imu, answer)
    left_out = {
        n
        for n, c in clock.sensors.items()
        if c.result.reason == 'wrong limb or person'
    }
    assert set(imu) - set(known) == left_out


@pytest.mark.parametrize('gap', [1.2, 2.5])
def test_a_jump_is_followed_where_samples_are_missing(gap):
    imu = {n: without(s, 14.0, 14.0 + gap) for n, s in WALK.imu.items()}
    clock = align(Recording(imu, WALK.pose), explained=False)
    assert not clock.abstained
    assert clock.jumps == (
        (pytest.approx(14.0, abs=0.05), pytest.approx(-gap, abs=0.03)),
    )
    times = np.array([0.0, 13.0, 14.5 + gap, 25.0])
    there = clock.to_imu_time(times)
    assert np.allclose(there, times - [0, 0, gap, gap], atol=0.03)


def test_a_rate_that_varies_is_no_jump():
    times = WALK.pose.clock.at()
    slow = np.flatnonzero((times > 10.0) & (times < 18.0))
    kept = np.setdiff1d(np.arange(len(times)), slow[::4])
    pose = replace(
        WALK.pose,
        clock=Clock(len(kept), rate=WALK.pose.clock.mean_rate),
        keypoints=WALK.pose.keypoints[kept],
        scores=WALK.pose.scores[kept],
    )
    clock = align(Recording(WALK.imu, pose), explained=False)
    assert clock.abstained
