"""Rows that repeat others, dead axes and ends of ranges."""

import numpy as np
import pytest

from mobind_mm.apis.sources import to_imu
from mobind_mm.readers.stuck import without_stuck
from mobind_mm.recordings import Clock, SensorStream

RATE = 100.0


def moving(seconds=20, seed=0):
    """Acceleration and rotation (T, 3) of somebody who never rests."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * RATE)) / RATE
    turns = rng.uniform(2, 12, (2, 3, 4))
    phases = rng.uniform(0, 6, (2, 3, 4))
    acc, gyro = np.sin(times[:, None, None, None] * turns + phases).sum(
        axis=3
    ).swapaxes(0, 1)  # fmt: skip
    noise = rng.normal(0, 0.01, (2, *acc.shape))
    return 2 * acc + (0, 0, 9.8) + noise[0], gyro + noise[1] / 10


def cleaned(acc, gyro):
    values = {'acc': np.float32(acc), 'gyro': np.float32(gyro)}
    stream = SensorStream(Clock(len(acc), rate=RATE), values)
    return without_stuck(stream, 'right_wrist')


def hung(values, first, last):
    values = values.copy()
    values[first:last] = values[first]
    return values


@pytest.mark.parametrize('which', ['acc', 'gyro', 'acc and gyro'])
def test_a_sensor_that_hangs_gives_no_data(which):
    channels = dict(zip(('acc', 'gyro'), moving()))
    for name in which.split(' and '):
        channels[name] = hung(hung(channels[name], 500, 600), 1200, 1250)
    stream = cleaned(**channels)
    times = np.arange(2000) / RATE
    keep = np.ones(2000, bool)
    keep[501:600] = keep[1201:1250] = False
    np.testing.assert_allclose(stream.clock.at(), times[keep])
    (note,) = stream.notes
    assert note.startswith('right_wrist: 148 of 2000 rows (7.4%), from 5.01')
    assert f'earlier values of {which} to the last digit' in note


def test_a_sensor_that_stops_for_good():
    acc, gyro = (hung(values, 1000, 2000) for values in moving())
    assert cleaned(acc, gyro).clock.span == (0.0, 10.0)


def test_packets_that_are_written_again():
    acc, gyro = moving()
    for values in (acc, gyro):
        values[404:408] = values[400:404]
        values[1010:1030] = np.tile(values[1000:1010], (2, 1))
    stream = cleaned(acc, gyro)
    assert stream.clock.num_samples == 2000 - 24
    assert '24 of 2000 rows' in stream.notes[0]


def test_what_rests_or_is_held_is_no_repetition():
    acc, gyro = moving()
    share = np.clip(np.abs(np.arange(2000) - 1000) / 300 - 0.5, 0, 1) ** 2
    acc, gyro = (values * share[:, None] + 1 for values in (acc, gyro))
    coarse = np.round(acc * 6) / 6, np.round(gyro * 20) / 20
    for values in (
        (acc, gyro),  # smooth, without noise
        coarse,
        [np.repeat(v[::10], 10, axis=0) for v in moving()],
        [np.round(v * 2) / 2 for v in moving()],
        [np.tile(v[:50], (40, 1)) for v in moving()],  # a period
    ):
        stream = cleaned(*values)
        assert stream.clock.num_samples == 2000 and not stream.notes


def test_dead_channels_and_axes():
    acc, gyro = moving()
    stream = cleaned(acc, 0 * gyro)
    assert [*stream.channels] == ['acc']
    assert 'gyro is the same in 100% of the rows' in stream.notes[0]
    assert not cleaned(0 * acc + 9, 0 * gyro).notes  # nothing moves
    stream = cleaned(acc * (1, 1, 0), gyro)
    (note,) = stream.notes
    assert 'acc z is 0 in all rows: a dead axis' in note


def test_the_end_of_the_range(tmp_path):
    acc, gyro = moving()
    table = np.c_[
        np.arange(2000) / RATE, np.clip(acc / 9.8, -1.2, 1.2), np.rad2deg(gyro)
    ]
    path = tmp_path / 'a.csv'
    names = 'time_s,ax_g,ay_g,az_g,gx_dps,gy_dps,gz_dps'
    np.savetxt(path, table, '%.5f', ',', header=names, comments='')
    stream = to_imu({'file': path, 'placement': 'head'})['head']
    railed = (np.abs(table[:, 1:4]) == 1.2).any(axis=1)
    note = next(n for n in stream.notes if 'end of its' in n)
    said = 'head: acc is at the end of its range (11.77 m/s²) in '
    assert note.startswith(f'{said}{railed.sum()} of') and railed.sum() > 100
    assert stream.clock.num_samples == 2000
