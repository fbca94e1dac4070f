"""What trials of trust say is true is what their data show."""

import numpy as np
import pytest
from benchmark_live import person
from benchmarking.trust import make_trial

RATES = ('varying rate', 'sensor rate')
"""Conditions in which the offset changes a little all the time."""


@pytest.mark.parametrize(
    'condition', ['lost packets', 'clock jump', 'dropped frames', *RATES]
)
def test_clocks_go_wrong_where_there_is_data(condition):
    recording = person(3, 40.0)
    rng = np.random.default_rng(0)
    trials = [
        make_trial('procedural', condition, recording, recording, rng)
        for _ in range(12)
    ]
    made = [trial for trial in trials if trial is not None]
    assert len(made) > 6
    for trial in made:
        times = trial.streams.pose.clock.at()
        for name, offset in trial.truth(times).items():
            spoiled, source = trial.streams.imu[name], recording.imu[name]
            start, end = spoiled.clock.span
            inside = (times + offset > start) & (times + offset < end)
            # Lost samples and frames change the offset while both run.
            least = 0.1 if condition in RATES else 0.2
            assert np.ptp(offset[inside]) > least
            if condition in ('dropped frames', 'varying rate'):
                continue  # the video's times are no longer true
            steps = times[np.flatnonzero(np.diff(offset))]
            if condition in RATES:
                steps = []
            away = [abs(times - step) > 1.3 for step in steps]
            at = times[np.logical_and.reduce([inside, *away])]
            there = at + trial.truth(at)[name]
            for axis in range(3):
                was = np.interp(
                    at, source.clock.at(), source.channels['acc'][:, axis]
                )
                now = np.interp(
                    there, spoiled.clock.at(), spoiled.channels['acc'][:, axis]
                )
                assert np.abs(was - now).mean() < 0.3
