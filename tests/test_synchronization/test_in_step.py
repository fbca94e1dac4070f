"""All pairs at once equal one pair at a time at offset 0."""

from dataclasses import replace

import numpy as np
import pytest

from mobind_mm.recordings import Recording
from mobind_mm.synchronization import FusedSynchronizer
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.in_step import MATCHING_WEIGHTS, signal_ratios

SECONDS = 5.0


def windows(count=3, **kwargs):
    return [
        simulate_recording(seed=s, seconds=SECONDS, offset=0.0, **kwargs)
        for s in range(count)
    ]


def one_by_one(sensors, poses):
    sync = FusedSynchronizer(MATCHING_WEIGHTS, use_feats=False)
    sync.part_sec = None
    return np.array(
        [
            [
                sync.evidence(Recording(imu, pose), None, 0.0).score[0]
                for pose in poses
            ]
            for imu in sensors
        ]
    )


@pytest.mark.parametrize('channels', [('acc',), ('acc', 'gyro', 'quat')])
def test_ratios_are_those_of_the_synchroniser(channels):
    takes = windows()
    sensors = []
    for take in takes:
        sensors.append(
            {
                name: replace(s, channels={k: s.channels[k] for k in channels})
                for name, s in take.imu.items()
            }
        )
    poses = [take.pose for take in takes]
    # A second of the last skeleton is missing.
    scores = np.array(poses[2].scores)
    scores[60:90] = 0
    poses[2] = replace(poses[2], scores=scores)
    found = signal_ratios(sensors, poses, SECONDS)
    expected = one_by_one(sensors, poses)
    # Half of the grid's samples are compared.
    np.testing.assert_allclose(found, expected, rtol=0.08, atol=0.15)
    assert (np.diagonal(found) > 3 * (found - np.diag(found.diagonal()))).all()


def test_nothing_is_no_evidence():
    (take,) = windows(1)
    found = signal_ratios([take.imu, {}], [take.pose, None], SECONDS)
    assert found[0, 0] > 1
    (stream,) = take.imu.values()
    pose = replace(take.pose, layout='h36m')  # which has no nose
    assert not signal_ratios([{'head': stream}], [pose], SECONDS).any()
    assert not found[1].any() and not found[:, 1].any()


def test_windows_out_of_step_are_found():
    takes = windows(2)
    late = simulate_recording(seed=0, seconds=SECONDS, offset=0.4)
    sensors = [late.imu, takes[1].imu]
    poses = [take.pose for take in takes]
    apart = signal_ratios(sensors, poses, SECONDS)
    assert apart[0, 0] < 2
    near = signal_ratios(sensors, poses, SECONDS, max_offset=0.5)
    sync = FusedSynchronizer(MATCHING_WEIGHTS, use_feats=False)
    sync.part_sec = None
    clip = Recording(late.imu, poses[0])
    best = sync.evidence(clip, None, 0.5).score.max()
    assert near[0, 0] == pytest.approx(best, rel=0.15)
    assert near[0, 0] > 3 * near[0, 1]
