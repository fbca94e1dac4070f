"""The comparison of synchronisers on simulated people."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarking.conditions import (
    SENSORS,
    Condition,
    only_sensors,
    sync_pipeline,
    table_conditions,
)
from benchmarking.sync_cells import run_drift


def test_table_has_every_condition_once():
    found = {(c.noise_m, c.pose_rate, c.clip_sec) for c in table_conditions()}
    assert len(found) == len(table_conditions()) == 12
    assert {c.motion for c in table_conditions()} == {'acted'}


def test_pipeline_keeps_the_streams_of_all_sensors():
    steps = sync_pipeline(
        [
            dict(type='LoadWindow', placements=('head',), channels=('acc',)),
            dict(type='ResampleIMU', rate=25),
            dict(type='PackIMUPose', placements=('head',)),
        ]
    )
    assert [s['type'] for s in steps] == [
        *('LoadWindow', 'KeepStreams', 'ResampleIMU', 'PackIMUPose')
    ]
    assert 'channels' not in steps[0]
    assert 'streams' in steps[-1]['meta_keys']


@pytest.mark.slow
def test_noise_is_what_the_condition_says():
    errors = {}
    for noise in (0.0, 0.03):
        clips = Condition(noise, 30.0, 10.0).clips(
            'test', [dict(type='LoadWindow'), dict(type='KeepStreams')]
        )
        errors[noise] = clips[0]
    clean, noisy = errors[0.0], errors[0.03]
    assert clean['offset'] == noisy['offset']
    seen = (clean['streams'].pose.scores > 0).all(axis=1)
    moved = noisy['streams'].pose.keypoints - clean['streams'].pose.keypoints
    # The true motion cancels; what is left is the noise.
    assert 1 < moved[seen].std() < 60
    assert np.abs(moved[seen].mean()) < 0.2 * moved[seen].std()
    one = only_sensors(clean['streams'], SENSORS[1])
    assert set(one.imu) == {'right_wrist'}


def test_drift_of_two_minutes_is_followed():
    found = run_drift(400.0, number=5, subject=0, minutes=2.0)
    assert found['estimated_ppm'] == pytest.approx(400, rel=0.2)
    assert found['end_error_s'] < 0.02
    assert not found['abstained']
