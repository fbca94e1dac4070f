"""The simulated body, sensors and camera against mechanics."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mobind_mm.datasets.synthetic import (
    ACTIONS,
    DOFS,
    PLACEMENTS,
    SEGMENTS,
    Body,
    Camera,
    Detector,
    IMUNoise,
    Motion,
    Mounting,
    Simulator,
    Subject,
    sample_mountings,
    simulate_imu,
)
from mobind_mm.datasets.synthetic.motion import perform
from mobind_mm.datasets.synthetic.scenes import Part
from mobind_mm.recordings import STANDARD_GRAVITY, Clock
from mobind_mm.skeleton import get_layout

PERFECT = IMUNoise.scaled(0)
COCO = get_layout('coco')
BONES = [
    ('left_shoulder', 'left_elbow'),
    ('right_elbow', 'right_wrist'),
    ('left_hip', 'left_knee'),
    ('right_knee', 'right_ankle'),
    ('left_hip', 'right_hip'),
    ('left_shoulder', 'right_shoulder'),
    ('nose', 'left_ear'),
]


def rng(seed=0):
    return np.random.default_rng(seed)


def make_motion(segments=None, subject=0, seed=0):
    person = Subject.sample(0, 'train', subject)
    segments = segments or [(0, 5, 'jumping_jack'), (5, 10, 'throw')]
    return perform(person, segments, rng(seed))


def motion_of(**curves):
    """A body whose named degrees of freedom follow 200 coefficients."""
    dofs = np.zeros((200, len(DOFS)))
    for name, values in curves.items():
        dofs[:, DOFS.index(name)] = values
    return Motion(Body.sample(rng()), 0.0, 50.0, dofs)


def simulate(motion, rate=100.0, start=1.0, seconds=2.0, **kwargs):
    clock = Clock(int(seconds * rate), rate=rate, start=start)
    mounts = sample_mountings(motion.body, rng(1), rng(2), 30.0)
    mounts = kwargs.get('mounts', mounts)
    noise = kwargs.get('noise', PERFECT)
    streams = simulate_imu(motion, clock, mounts, noise, rng(3))
    return streams, mounts, clock.at(slice(0, clock.num_samples))


def to_world(stream):
    return Rotation.from_quat(stream.channels['quat'][:, [1, 2, 3, 0]])


def test_acc_is_second_derivative_of_sensor_position():
    motion = make_motion()
    streams, mounts, times = simulate(motion, seconds=8.0)
    # Fourth-order stencil with a step of our own.
    step, weights = 2e-3, np.array([-1, 16, -30, 16, -1]) / 12
    for name, stream in streams.items():
        mount, expected = mounts[name], 0.0
        for k, weight in zip(range(-2, 3), weights):
            pose = motion.kinematics(times + k * step)
            frame = pose.rotations[:, mount.segment]
            place = pose.origins[:, mount.segment] + frame @ mount.lever
            expected = expected + weight * place / step**2
        acc = to_world(stream).apply(stream.channels['acc'])
        acc -= [0, 0, STANDARD_GRAVITY]
        assert np.abs(expected).max() > 2
        np.testing.assert_allclose(acc, expected, atol=5e-3, rtol=2e-3)


def test_gyro_integrates_to_the_orientation():
    streams, _, _ = simulate(make_motion(), rate=1000.0, seconds=6.0)
    for stream in streams.values():
        turn = to_world(stream)
        gyro = stream.channels['gyro'].astype(float)
        steps = Rotation.from_rotvec((gyro[1:] + gyro[:-1]) / 2 / 1000.0)
        state = turn[0]
        for step in steps:
            state = state * step
        assert (state.inv() * turn[-1]).magnitude() < 2e-3
        assert (turn[0].inv() * turn).magnitude().max() > 0.1


def test_still_body_reads_gravity_upwards_at_every_placement():
    motion = motion_of(left_arm_flex=0.7, right_knee=0.9, yaw=2.0, lean=0.4)
    streams, _, _ = simulate(motion)
    assert set(streams) == set(PLACEMENTS)
    for stream in streams.values():
        acc = stream.channels['acc']
        np.testing.assert_allclose(
            np.linalg.norm(acc, axis=1), STANDARD_GRAVITY, atol=1e-5
        )
        up = np.tile([0, 0, STANDARD_GRAVITY], (len(acc), 1))
        np.testing.assert_allclose(to_world(stream).apply(acc), up, atol=1e-5)
        np.testing.assert_allclose(stream.channels['gyro'], 0, atol=1e-9)


def test_turntable_and_free_fall_in_closed_form():
    time = np.arange(200) / 50
    mount = Mounting(0, np.array([0.3, 0, 0]), np.eye(3))
    spin = motion_of(yaw=2.5 * time)
    stream = simulate(spin, mounts={'pelvis': mount})[0]['pelvis']
    centripetal = [-(2.5**2) * 0.3, 0, STANDARD_GRAVITY]
    count = len(stream.channels['acc'])
    np.testing.assert_allclose(
        stream.channels['acc'], np.tile(centripetal, (count, 1)), atol=1e-4
    )
    np.testing.assert_allclose(
        stream.channels['gyro'], np.tile([0, 0, 2.5], (count, 1)), atol=1e-5
    )
    fall = motion_of(z=-STANDARD_GRAVITY * time**2 / 2, x=3 * time)
    for stream in simulate(fall)[0].values():
        np.testing.assert_allclose(stream.channels['acc'], 0, atol=1e-4)


def test_quaternions_are_unit_and_sign_continuous():
    noisy = IMUNoise()
    for stream in simulate(make_motion(), noise=noisy)[0].values():
        quat = stream.channels['quat']
        np.testing.assert_allclose(np.linalg.norm(quat, axis=1), 1, atol=1e-6)
        assert (quat[1:] * quat[:-1]).sum(1).min() > 0.9


def test_noise_has_the_stated_size():
    motion = motion_of()
    noise = IMUNoise(acc_bias=0, gyro_bias=0, orientation=0)
    exact, _, _ = simulate(motion, seconds=1.5)
    noisy, _, _ = simulate(motion, seconds=1.5, noise=noise)
    for channel, std in (('acc', noise.acc_std), ('gyro', noise.gyro_std)):
        errors = [
            noisy[p].channels[channel] - exact[p].channels[channel]
            for p in PLACEMENTS
        ]
        assert np.std(errors) == pytest.approx(std, rel=0.1)


def test_bones_are_rigid_and_personal():
    lengths = []
    for subject in range(6):
        motion = make_motion(subject=subject)
        points = motion.kinematics(np.linspace(0, 10, 200)).keypoints
        row = []
        for first, second in BONES:
            bone = points[:, COCO.index(first)] - points[:, COCO.index(second)]
            length = np.linalg.norm(bone, axis=1)
            np.testing.assert_allclose(length, length[0], atol=1e-12)
            row.append(length[0])
        lengths.append(row)
    assert np.std(lengths, axis=0)[:4].min() > 0.003
    # Drillis & Contini: thigh and shank are 0.245 and 0.246 of the stature.
    means = np.array(
        [Subject.sample(0, 'a', i).body.lengths['thigh'] for i in range(60)]
    )
    assert means.mean() == pytest.approx(0.245 * 1.70, rel=0.03)


def test_segments_are_rotations_and_joints_bend_the_human_way():
    body = Body.sample(rng())
    assert len(SEGMENTS) == 11
    still = motion_of().kinematics(np.array([2.0])).keypoints[0]
    assert still[COCO.index('left_hip'), 1] > 0  # y is left
    assert still[COCO.index('nose'), 0] > 0  # x is forward
    bent = motion_of(
        left_knee=1.0, left_elbow=1.0, right_arm_flex=1.0, right_hip_abd=0.5
    )
    pose = bent.kinematics(np.array([2.0]))
    points = dict(zip(COCO, pose.keypoints[0]))
    assert points['left_ankle'][0] < -0.1  # the shank goes back
    assert points['left_wrist'][0] > 0.1  # the forearm goes forward
    assert points['right_wrist'][0] > 0.1
    assert points['right_ankle'][1] < still[COCO.index('right_ankle'), 1]
    turns = pose.rotations[0]
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.tile(np.eye(3), (11, 1, 1)),
        atol=1e-12,
    )  # fmt: skip
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    assert body.lengths['thigh'] > body.lengths['forearm']


@pytest.mark.parametrize('name', list(ACTIONS))
def test_every_action_moves_and_stays_human(name):
    motion = make_motion([(0, 8, name)], subject=3)
    times = np.arange(0, 8, 0.02)
    dofs = dict(zip(DOFS, np.rad2deg(motion.dofs(times)).T))
    points = motion.kinematics(times).keypoints
    ends = [COCO.index(n) for n in ('left_wrist', 'right_wrist')]
    ends += [COCO.index(n) for n in ('left_ankle', 'right_ankle')]
    speed = np.linalg.norm(np.diff(points[:, ends], axis=0), axis=2) / 0.02
    assert speed.mean(0).max() > 0.15
    assert speed.max() < 15
    for side in ('left', 'right'):
        assert dofs[f'{side}_knee'].min() >= 1 - 1e-9
        assert dofs[f'{side}_elbow'].min() >= 3 - 1e-9
    feet = points[:, [15, 16], 2].min(1)
    assert feet.min() > 0
    assert feet.max() < 0.35
    roots = motion.dofs(times)[:, :2]
    assert np.linalg.norm(roots, axis=1).max() < 4


def test_cycles_of_an_action_are_not_copies():
    motion = make_motion([(0, 10, 'jumping_jack')])
    first = motion.dofs(np.arange(1, 4, 0.02))
    # The best alignment of another stretch still differs by degrees.
    shifts = np.arange(1.0, 5.5, 0.02)
    errors = [
        np.abs(motion.dofs(np.arange(1, 4, 0.02) + s) - first)[:, 4:].mean()
        for s in shifts
    ]
    assert np.rad2deg(min(errors)) > 1.0


def test_motion_refuses_times_it_does_not_cover():
    motion = make_motion([(0, 5, 'walk')])
    with pytest.raises(ValueError, match='100'):
        motion.kinematics(np.array([1.0, 100.0]))
    with pytest.raises(ValueError, match='dofs must be'):
        Motion(motion.body, 0.0, 50.0, np.zeros((100, 3)))


def test_projection_equals_a_hand_written_pinhole():
    eye, target = np.array([4.0, -3.0, 1.5]), np.array([0.1, 0.2, 0.9])
    camera = Camera.look_at(eye, target, 1200.0)
    forward = (target - eye) / np.sqrt(((target - eye) ** 2).sum())
    right = np.array([forward[1], -forward[0], 0])
    right /= np.sqrt((right**2).sum())
    down = np.cross(forward, right)
    for point in rng().normal([0, 0, 1], 0.8, (20, 3)):
        x, y, z = (axis @ (point - eye) for axis in (right, down, forward))
        expected = [960 + 1200 * x / z, 540 + 1200 * y / z]
        pixel, depth = camera.project(point)
        np.testing.assert_allclose(pixel, expected)
        assert depth == pytest.approx(z)
    # What is higher in the world is higher in the image.
    high, low = camera.project(np.array([[0, 0, 1.8], [0, 0, 0.1]]))[0]
    assert high[1] < low[1]
    np.testing.assert_allclose(camera.project(target)[0], [960, 540])


def test_detector_errors_grow_with_the_person_and_drops_have_score_0():
    motion, camera = make_motion(), Camera.sample(rng(5), 1.5)
    times = np.arange(0, 10, 1 / 30)
    points = motion.kinematics(times).keypoints
    pixels, depth = camera.project(points)
    exact, scores = Detector.ideal().detect(points, camera, times, rng())
    assert (scores == 1).all()
    np.testing.assert_allclose(exact, pixels, atol=1e-3)

    seen, scores = Detector().detect(points, camera, times, rng(1))
    gone = scores == 0
    assert 0.003 < gone.mean() < 0.15
    assert (seen[gone] == 0).all()
    error = np.linalg.norm(seen - pixels, axis=2)
    low, high = ~gone & (scores < 0.5), scores >= 0.5
    assert error[low].mean() > 2 * error[high].mean()
    metres = error * depth / camera.focal
    assert 0.003 < np.median(metres[~gone]) < 0.04
    wrist, eye = COCO.index('left_wrist'), COCO.index('left_eye')
    assert error[high[:, wrist], wrist].mean() > (
        error[high[:, eye], eye].mean()
    )


def test_metric_noise_has_its_size_at_the_body_and_changes_nothing_else():
    camera = Camera.look_at(np.array([5.0, 0, 1]), np.array([0, 0, 1.0]), 1e3)
    times = np.arange(3000) / 30
    points = np.tile([0.0, 0.0, 1.0], (3000, 17, 1))
    points[:, 5:, 0] = -3.0  # 8 m away instead of 5 m
    pixels, depth = camera.project(points)
    assert np.unique(depth.round(6)).tolist() == [5.0, 8.0]
    detector = replace(Detector.ideal(), error_m=0.03)
    seen, scores = detector.detect(points, camera, times, rng(3))
    assert (scores == 1).all()
    metres = (seen - pixels) * depth[..., None] / camera.focal
    np.testing.assert_allclose(metres.std(axis=0), 0.03, rtol=0.06)
    np.testing.assert_allclose(metres.mean(axis=0), 0.0, atol=0.003)
    # White: neighbouring frames are unrelated.
    after = (metres[1:] * metres[:-1]).mean(axis=0) / 0.03**2
    assert np.abs(after).max() < 0.08

    # With the usual errors it comes on top; what is dropped stays the same.
    plain, usual = Detector().detect(points, camera, times, rng(4))
    noisy, scores = Detector(error_m=0.03).detect(
        points, camera, times, rng(4)
    )
    np.testing.assert_array_equal(scores, usual)
    extra = ((noisy - plain) * depth[..., None] / camera.focal)[usual > 0]
    assert extra.std() == pytest.approx(0.03, rel=0.02)
    with pytest.raises(ValueError, match='error_m'):
        Detector(error_m=-0.01)


def test_people_are_missed_for_whole_frames_at_the_stated_rate():
    camera = Camera.look_at(np.array([5.0, 0, 1]), np.array([0, 0, 1.0]), 1e3)
    times = np.arange(18000) / 30  # ten minutes
    points = np.tile([0.0, 0.0, 1.0], (18000, 17, 1))
    detector = Detector(drop_keypoint=0, drop_burst=0, drop_person=3)
    gone = detector.detect(points, camera, times, rng(2))[1] == 0
    np.testing.assert_array_equal(gone.any(1), gone.all(1))
    # 30 stretches of 6.5 frames on average.
    assert gone[:, 0].sum() == pytest.approx(30 * 6.5, rel=0.35)


def test_points_outside_the_image_are_not_detected():
    camera = Camera.look_at(np.array([5.0, 0, 1]), np.array([0, 0, 1.0]), 1e3)
    times = np.arange(10) / 30
    points = np.tile([0.0, 0.0, 1.0], (10, 17, 1))
    points[:, 3] = [0, 30, 1]
    points[:, 4] = [9, 0, 1]  # behind the camera
    scores = Detector.ideal().detect(points, camera, times, rng())[1]
    assert (scores[:, [3, 4]] == 0).all()
    assert (np.delete(scores, [3, 4], 1) == 1).all()


def test_imu_jitter_is_in_the_timestamps():
    part = Part(0, 'val', 0, 0, 0, 0, 1)
    jittered = Simulator(
        take_sec=8.0, imu_jitter=5e-4, imu_noise=PERFECT
    ).record(part)
    times = jittered.imu['head'].clock.times
    assert np.std(np.diff(times)) == pytest.approx(5e-4 * 2**0.5, rel=0.1)
    assert np.diff(times).min() > 0
    # The samples are those of the jittered times.
    pose = Simulator(take_sec=8.0).motion(part).kinematics(times)
    nod = pose.rotations[:, SEGMENTS.index('head')]
    turn = to_world(jittered.imu['head'])
    mount = Rotation.from_matrix(nod).inv() * turn
    assert (mount[0].inv() * mount).magnitude().max() < 1e-5
    with pytest.raises(ValueError, match='imu_jitter'):
        Simulator(imu_jitter=0.01)
