import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mobind_mm.readers.egohumans.people import (
    accelerations,
    find_up,
    simulate_imus,
    turn_upright,
)

RATE = 20.0


def sines(times, hz=0.8):
    """Three sines of one frequency, different sizes and phases."""
    angle = 2 * np.pi * hz * times[:, None] + [0.0, 0.7, 1.9]
    return np.sin(angle) * [0.3, 0.2, 0.1]


def test_acceleration_of_a_sinusoid():
    """In phase, and smaller by the stated factor."""
    frames = np.arange(100)
    points = sines(frames / RATE)
    kept, acc = accelerations(points, frames, RATE)
    np.testing.assert_array_equal(kept, frames[1:-1])
    reach = np.minimum(np.minimum(kept, 99 - kept), 4)
    factor = np.sinc(0.8 * reach / RATE) ** 2
    exact = -((2 * np.pi * 0.8) ** 2) * points[kept]
    np.testing.assert_allclose(acc, factor[:, None] * exact, atol=1e-9)


def test_smoothing_is_a_triangle_over_second_differences():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 3))
    kept, acc = accelerations(points, np.arange(30), RATE)
    second = np.diff(points, 2, axis=0) * RATE**2
    weights = np.convolve(np.ones(4) / 4, np.ones(4) / 4)
    for axis in range(3):
        smooth = np.convolve(second[:, axis], weights, 'valid')
        # Frame 4 is the first with four frames on either side.
        np.testing.assert_allclose(acc[3:-3, axis], smooth)
    assert kept[3] == 4


def test_nothing_reaches_across_a_gap():
    frames = np.concatenate(
        [np.arange(0, 20), np.arange(30, 41), [50, 60, 61], np.arange(70, 73)]
    )
    rng = np.random.default_rng(1)
    points = rng.normal(size=(len(frames), 3))
    kept, acc = accelerations(points, frames, RATE)
    expected = [*range(1, 19), *range(31, 40), 71]
    assert frames[kept].tolist() == expected
    _, part = accelerations(points[20:31], np.arange(11), RATE)
    np.testing.assert_array_equal(acc[18:27], part)
    # What is beyond a gap changes nothing.
    moved = points + 100.0 * (frames >= 50)[:, None]
    np.testing.assert_array_equal(
        accelerations(moved, frames, RATE)[1][:27], acc[:27]
    )


def test_sensor_at_rest_and_in_free_fall():
    frames = np.arange(40)
    turn = Rotation.from_rotvec([[0.4, -1.2, 2.0]] * 40)
    still = simulate_imus(
        {'head': np.ones((40, 3))}, {'head': turn.as_matrix()}, frames, RATE
    )['head']
    up = turn[0].inv().apply([0, 0, 9.80665])
    np.testing.assert_allclose(
        still.channels['acc'], np.tile(up, (38, 1)), atol=1e-9
    )
    assert still.gravity and still.frame == 'sensor'
    falling = -0.5 * 9.80665 * (frames / RATE)[:, None] ** 2 * [0, 0, 1]
    (stream,) = simulate_imus(
        {'head': falling}, {'head': turn.as_matrix()}, frames, RATE
    ).values()
    np.testing.assert_allclose(stream.channels['acc'], 0, atol=1e-9)


def test_quaternions_and_clocks():
    frames = np.arange(10, 50)
    turn = Rotation.from_rotvec(3.0 * frames[:, None] / RATE * [0, 0.6, 0.8])
    arguments = {'head': sines(frames / RATE)}, {'head': turn.as_matrix()}
    stream = simulate_imus(*arguments, frames, RATE)['head']
    assert (stream.clock.rate, stream.clock.start) == (20, 11 / 20)
    half = 1.5 * frames[1:-1] / RATE
    expected = np.stack(
        [np.cos(half), 0 * half, 0.6 * np.sin(half), 0.8 * np.sin(half)], 1
    )
    dots = np.abs((stream.channels['quat'] * expected).sum(axis=1))
    np.testing.assert_allclose(dots, 1, atol=1e-12)
    keep = np.flatnonzero((frames < 20) | (frames > 25))
    stream = simulate_imus(
        {'head': arguments[0]['head'][keep]},
        {'head': arguments[1]['head'][keep]},
        frames[keep],
        RATE,
    )['head']
    times = [*range(11, 19), *range(27, 49)]
    np.testing.assert_allclose(stream.clock.times, np.array(times) / 20)
    assert len(stream.channels['acc']) == len(times)
    assert (
        simulate_imus(
            {'head': np.zeros((3, 3))},
            {'head': np.tile(np.eye(3), (3, 1, 1))},
            np.array([1, 3, 4]),
            RATE,
        )
        == {}
    )


def trunks_along(up, spread=0.3):
    rng = np.random.default_rng(2)
    vectors = np.asarray(up, float) + rng.normal(0, spread, (500, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    'up', [*np.eye(3).tolist(), *(-np.eye(3)).tolist(), [0.6, 0, 0.8]]
)
def test_turning_a_world_upright(up):
    turn = turn_upright(np.array(up))
    np.testing.assert_allclose(turn @ up, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_the_vertical_is_found_from_the_people():
    for axis in [*np.eye(3), *(-np.eye(3))]:
        lean = Rotation.from_rotvec([0.2, 0.2, 0.2]).apply(axis)
        found = find_up(trunks_along(lean), 'axis', 'seq')
        np.testing.assert_array_equal(found, axis)
        found = find_up(trunks_along(lean), 'bodies', 'seq')
        np.testing.assert_allclose(found, lean, atol=0.05)
    with pytest.raises(ValueError, match=r'seq: .* 45 degrees.*--up bodies'):
        find_up(trunks_along([0.7071, 0, 0.7071], 0.01), 'axis', 'seq')
    for rule in ('axis', 'bodies'):
        with pytest.raises(ValueError, match='no common direction'):
            find_up(trunks_along([0, 0, 0.01]), rule, 'seq')
