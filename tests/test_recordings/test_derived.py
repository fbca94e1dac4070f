"""Channels that follow from others, against closed forms."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mobind_mm.recordings.derived import (
    derivable,
    specific_force,
    turning_rate,
)

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
