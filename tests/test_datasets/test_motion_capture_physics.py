"""Sensors and cameras on captured bodies against mechanics."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mobind_mm.datasets.motion_capture import (
    EDGE_SEC,
    PLACES,
    PoseErrors,
    SensorErrors,
    captured,
    keypoints_of,
    look_at,
    mirrored,
    simulate_pose,
    simulate_sensors,
    standing,
)
from mobind_mm.datasets.synthetic import Subject
from mobind_mm.datasets.synthetic.motion import perform
from mobind_mm.readers.motions.body import JOINT, SEGMENT
from mobind_mm.recordings import STANDARD_GRAVITY
from mobind_mm.skeleton import LIMBS, get_layout

PERFECT = SensorErrors.perfect()
RATE = 60.0


def rng(seed=0):
    return np.random.default_rng(seed)


def moved(path=0.0, turn=None, seconds=4.0):
    """A rigid body on a path (T, 3), turned about the world's origin."""
    positions, quats = standing(seconds, RATE)
    if turn is not None:
        matrix = turn.as_matrix()
        positions = np.einsum('tij,tkj->tki', matrix, positions)
        quats = np.repeat(turn.as_quat()[:, None, [3, 0, 1, 2]], 15, axis=1)
    path = np.broadcast_to(path, (len(positions), 3))
    return positions + path[:, None], quats


def frames(seconds=4.0):
    return np.arange(round(seconds * RATE) + 1) / RATE


def inside(stream, skip=0.3):
    """Samples away from the ends, where a spline has fewer neighbours."""
    times = stream.clock.at()
    return (times > times[0] + skip) & (times < times[-1] - skip)


def to_world(stream):
    return Rotation.from_quat(stream.channels['quat'][:, [1, 2, 3, 0]])


def dancing(seed=0, seconds=10.0):
    person = Subject.sample(0, 'train', seed)
    plan = [(0, seconds / 2, 'jumping_jack'), (seconds / 2, seconds, 'throw')]
    return captured(perform(person, plan, rng(seed)), frames(seconds))


def test_places_are_the_placements_of_the_skeleton():
    assert set(PLACES) == set(LIMBS)


@pytest.mark.parametrize('rate', [25.0, 100.0, 190.0])
def test_still_sensors_read_gravity_upwards(rate):
    still = standing(3.0, RATE)
    streams = simulate_sensors(
        *still, RATE, list(PLACES), rng(), rate, PERFECT
    )
    assert list(streams) == list(PLACES)
    for stream in streams.values():
        assert stream.clock.mean_rate == pytest.approx(rate)
        up = to_world(stream).apply(stream.channels['acc'])
        expected = np.tile([0, 0, STANDARD_GRAVITY], (len(up), 1))
        np.testing.assert_allclose(up, expected, atol=1e-4)
        np.testing.assert_allclose(stream.channels['gyro'], 0, atol=1e-6)


def test_free_fall_weighs_nothing_at_every_placement():
    time = frames()
    path = np.stack([2 * time, 0 * time, -4.9 * time**2], axis=1)
    path[:, 2] = -STANDARD_GRAVITY / 2 * time**2
    streams = simulate_sensors(
        *moved(path), RATE, list(PLACES), rng(), 100.0, PERFECT
    )
    for stream in streams.values():
        np.testing.assert_allclose(stream.channels['acc'], 0, atol=2e-3)


def test_turntable_in_closed_form():
    """Centripetal acceleration w^2 r and the rate w, about the vertical."""
    omega = 3.0
    turn = Rotation.from_rotvec(np.outer(frames(), [0, 0, omega]))
    positions, quats = moved(turn=turn)
    names = ['left_wrist', 'right_foot', 'head']
    streams = simulate_sensors(positions, quats, RATE, names, rng(), 100.0,
                               PERFECT)  # fmt: skip
    for name in names:
        stream = streams[name]
        part = inside(stream)
        gyro = to_world(stream).apply(stream.channels['gyro'])[part]
        np.testing.assert_allclose(
            gyro, np.tile([0, 0, omega], (len(gyro), 1)), atol=2e-4
        )
        acc = to_world(stream).apply(stream.channels['acc'])[part]
        radius = np.linalg.norm(acc[:, :2], axis=1) / omega**2
        assert radius.std() < 1e-3
        joint = positions[0, JOINT[PLACES[name].bone[1]], :2]
        # On the bone, and not farther from it than the skin.
        assert abs(radius.mean() - np.linalg.norm(joint)) < 0.2
        np.testing.assert_allclose(acc[:, 2], STANDARD_GRAVITY, atol=1e-3)


@pytest.mark.parametrize('hertz', [1.0, 4.0, 8.0])
def test_shaking_is_the_second_derivative_of_the_path(hertz):
    omega, time = 2 * np.pi * hertz, frames(6.0)
    amplitude = 3.0 / omega**2
    path = np.zeros((len(time), 3))
    path[:, 0] = amplitude * np.sin(omega * time)
    stream = simulate_sensors(
        *moved(path, seconds=6.0), RATE, ['sternum'], rng(), 190.0, PERFECT
    )['sternum']
    part = inside(stream, 0.5)
    acc = to_world(stream).apply(stream.channels['acc'])[part]
    expected = -3.0 * np.sin(omega * stream.clock.at()[part])
    np.testing.assert_allclose(acc[:, 0], expected, atol=0.05)
    np.testing.assert_allclose(acc[:, 1], 0, atol=1e-3)


def test_gyro_integrates_to_the_orientation():
    streams = simulate_sensors(
        *dancing(), RATE, list(PLACES), rng(), 190.0, PERFECT
    )
    for stream in streams.values():
        turn, gyro = to_world(stream), stream.channels['gyro'].astype(float)
        steps = Rotation.from_rotvec((gyro[1:] + gyro[:-1]) / 2 / 190.0)
        state = turn[0]
        for step in steps:
            state = state * step
        assert (state.inv() * turn[-1]).magnitude() < 0.02
    wrist = to_world(streams['left_wrist'])
    assert (wrist[0].inv() * wrist).magnitude().max() > 0.5


def test_a_sensor_of_any_rate_sees_the_same_motion():
    """Interpolation to the slow clock finds the fast sensor's samples."""
    motion = dancing()
    fast, slow = (
        simulate_sensors(*motion, RATE, ['right_wrist'], rng(5), r, PERFECT)
        for r in (200.0, 40.0)
    )
    a, b = fast['right_wrist'], slow['right_wrist']
    norm = np.linalg.norm(a.channels['acc'], axis=1)
    there = np.interp(b.clock.at(), a.clock.at(), norm)
    error = there - np.linalg.norm(b.channels['acc'], axis=1)
    assert np.abs(error).max() < 0.02 * norm.max()
    assert norm.std() > 1.0


def test_marker_noise_does_not_reach_the_sensor():
    """The low-pass takes noise out; what people do stays."""
    positions, quats = dancing()
    noisy = positions + 5e-4 * rng(1).standard_normal(positions.shape)

    def measure(p, hz):
        errors = SensorErrors(0, hz, 0, heading=False)
        return simulate_sensors(
            p, quats, RATE, ['left_knee'], rng(2), 100.0, errors
        )['left_knee'].channels['acc']

    clean = measure(positions, None)
    assert np.std(measure(noisy, None) - clean) > 1.0
    # White noise s through an ideal low-pass at f: s (2 pi)^2 f^2.5 / 30 Hz^.5
    # / 5^.5, times 0.6^.5 for the mean of two joints.
    least = 5e-4 * (2 * np.pi) ** 2 * 8.0**2.5 * (0.6 / 5 / 30) ** 0.5
    left = np.std(measure(noisy, 8.0) - measure(positions, 8.0))
    assert left == pytest.approx(least, rel=0.4)
    assert np.std(measure(positions, 8.0) - clean) < 0.25 * clean.std()


def test_soft_tissue_rings_near_its_resonance_only():
    """Far below the resonance the strap follows; near it, it overshoots."""

    def gain(hertz):
        path = np.zeros((len(frames(8.0)), 3))
        path[:, 0] = 1e-3 * np.sin(2 * np.pi * hertz * frames(8.0))
        body = moved(path, seconds=8.0)
        loose = SensorErrors(0, None, 1.5, heading=False)
        return [
            simulate_sensors(*body, RATE, ['left_thigh'], rng(3), 100.0, e)[
                'left_thigh'
            ]
            .channels['acc'][100:-100]
            .std(axis=0)
            .max()
            for e in (loose, PERFECT)
        ]

    soft, rigid = gain(0.8)
    assert soft == pytest.approx(rigid, rel=0.05)
    soft, rigid = gain(9.0)
    assert soft / rigid > 1.05


def test_clipping_and_lost_packets():
    time = frames()
    path = np.zeros((len(time), 3))
    path[:, 0] = 0.3 * np.sin(2 * np.pi * 3.0 * time)
    errors = SensorErrors(0, None, 0, range_g=8.0, lost=0.2, packet=4)
    stream = simulate_sensors(
        *moved(path), RATE, ['left_hand'], rng(), 100.0, errors
    )['left_hand']
    acc = stream.channels['acc']
    assert np.abs(acc).max() == pytest.approx(8 * STANDARD_GRAVITY)
    gaps = np.diff(stream.clock.at()) * 100
    np.testing.assert_allclose(gaps, gaps.round(), atol=1e-6)
    assert set((gaps.round()[gaps > 1.5] - 1) % 4) == {0}
    assert 0.05 < 1 - len(acc) / ((gaps.sum()) + 1) < 0.4


def test_mirrored_motion_is_a_motion():
    """Mirrored sensors read the mirrored force; twice is the original."""
    positions, quats = dancing()
    other = mirrored(positions, quats)
    back = mirrored(*other)
    np.testing.assert_allclose(back[0], positions)
    np.testing.assert_allclose(back[1], quats)
    assert np.linalg.norm(other[1], axis=-1) == pytest.approx(1.0)
    i, j = SEGMENT['l_forearm'], SEGMENT['r_forearm']
    a = Rotation.from_quat(quats[:, i][:, [1, 2, 3, 0]])
    b = Rotation.from_quat(other[1][:, j][:, [1, 2, 3, 0]])
    flip = np.diag([-1.0, 1, 1])
    np.testing.assert_allclose(
        b.as_matrix(), flip @ a.as_matrix() @ flip, atol=1e-9
    )


def test_exact_keypoints_are_the_projected_joints():
    positions, quats = dancing()
    camera = look_at(positions, rng(3))
    pose = simulate_pose(
        positions, camera, 30, rng(), RATE, quats, PoseErrors.none(), None
    )
    assert pose.layout == 'coco'
    assert pose.clock.at()[0] >= EDGE_SEC
    names = get_layout('coco')
    times = pose.clock.at()
    at = np.stack(
        [
            np.interp(times, frames(10.0), positions[:, JOINT['r_wrist'], i])
            for i in range(3)
        ],
        axis=1,
    )
    expected, depth = camera.project(at)
    assert depth.min() > 1
    error = pose.keypoints[:, names.index('right_wrist')] - expected
    assert np.abs(error).max() < 3.0
    assert (pose.scores == 1).all()
    # The nose is in front of the ears, on the side the body faces.
    points = keypoints_of(positions, quats)
    ears = points[:, [names.index(f'{s}_ear') for s in ('left', 'right')]]
    ahead = points[:, 0] - ears.mean(axis=1)
    hips = positions[:, JOINT['l_hip']] - positions[:, JOINT['r_hip']]
    facing = np.cross(hips, [0, 0, 1.0])
    assert ((ahead * facing).sum(axis=1) > 0).mean() > 0.95


def test_errors_of_the_estimator_have_the_stated_size():
    positions, quats = standing(60.0, RATE)
    camera = look_at(positions, rng(3))
    usual = PoseErrors(0.01, 1, 0, 0, 0, 0, 0, 0, 0, 0)

    def film(errors, seed=0):
        return simulate_pose(
            positions, camera, 30, rng(seed), RATE, quats, errors, None
        )

    exact = film(PoseErrors.none())
    noise = film(usual).keypoints - exact.keypoints
    torso = np.linalg.norm(
        exact.keypoints[0, [5, 6]].mean(0)
        - exact.keypoints[0, [11, 12]].mean(0)
    )
    assert noise.std() / torso == pytest.approx(0.01, rel=0.15)
    gaps = film(PoseErrors(0, 1, 0, 0, 0, 60, 0, 0, 0, 0)).scores == 0
    assert 0.15 < gaps.mean() < 0.5
    zeros = film(PoseErrors(0, 1, 0, 0, 0, 60, 0, 0, 0, 0, zeros=True))
    assert (zeros.scores == 1).all()
    assert (zeros.keypoints[gaps] == 0).all()
    swap = film(PoseErrors(0, 1, 0, 0, 0, 0, 0, 20, 0, 0))
    left, right = exact.keypoints[:, 9], exact.keypoints[:, 10]
    there = np.abs(swap.keypoints[:, 9] - right).max(axis=1) < 1e-3
    assert there.any() and not there.all()
    assert (np.abs(swap.keypoints[~there, 9] - left[~there]) < 1e-3).all()


def test_the_generator_decides_alone():
    motion = dancing()
    one, two = (
        simulate_sensors(*motion, RATE, ['head'], rng(4)) for _ in range(2)
    )
    for name, x in one['head'].channels.items():
        assert np.array_equal(x, two['head'].channels[name])
        assert x.dtype == np.float32 and not x.flags.writeable


def test_unknown_placements_and_short_motions_are_refused():
    with pytest.raises(ValueError, match="Unknown placement 'tail'"):
        simulate_sensors(*standing(2.0, RATE), RATE, ['tail'], rng())
    with pytest.raises(ValueError, match='too short'):
        simulate_sensors(*standing(0.5, RATE), RATE, ['head'], rng())
