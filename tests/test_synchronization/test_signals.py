"""What IMU and limb have in common, against exact motions."""

import time

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sync_streams import GRAVITY, SCALE, UP, Path, drawn_clip, make_pose

from mobind_mm.recordings import Clock, SensorStream
from mobind_mm.synchronization.signals import (
    imu_motion,
    integrate,
    keypoint_noise,
    limb_motion,
    make_grid,
)

GRID = make_grid(8.0)
INNER = slice(100, 700)


def turning_sensor(rate=100.0, gravity=True, frame='sensor', drop=()):
    """A sensor that turns and shakes; its stream, acc and rotations."""
    times = np.arange(round(8 * rate)) / rate
    path = Path(3)
    angles = np.stack([0.8 * np.sin(times), 0.5 * np.cos(1.7 * times)], 1)
    turned = Rotation.from_euler('xy', angles)
    acc = path(times, 2)
    force = acc + UP * gravity
    if frame == 'sensor':
        force = turned.inv().apply(force)
    fine = 1e-4
    later = np.stack(
        [0.8 * np.sin(times + fine), 0.5 * np.cos(1.7 * (times + fine))], 1
    )
    step = turned.inv() * Rotation.from_euler('xy', later)
    channels = dict(
        acc=force,
        gyro=step.as_rotvec() / fine,
        quat=turned.as_quat()[:, [3, 0, 1, 2]],
    )
    channels = {k: v for k, v in channels.items() if k not in drop}
    clock = Clock(len(times), rate=rate)
    return SensorStream(clock, channels, gravity, frame), path, angles


@pytest.mark.parametrize('gravity', [True, False])
@pytest.mark.parametrize('frame', ['sensor', 'world'])
@pytest.mark.parametrize('rate', [100.0, 50.0])
def test_quaternions_give_world_acceleration_and_axes(gravity, frame, rate):
    stream, path, angles = turning_sensor(rate, gravity, frame, ('gyro',))
    motion = imu_motion(stream, GRID)
    expected = path(GRID, 2).T
    np.testing.assert_allclose(
        motion.acc[:, INNER], expected[:, INNER], atol=0.02
    )
    size = np.linalg.norm(expected.T + UP, axis=1) - GRAVITY
    np.testing.assert_allclose(motion.force[INNER], size[INNER], atol=0.02)
    angles = np.stack([0.8 * np.sin(GRID), 0.5 * np.cos(1.7 * GRID)], 1)
    rows = Rotation.from_euler('xy', angles).as_matrix()
    np.testing.assert_allclose(motion.tilt, rows[:, 2].T, atol=0.01)
    both = rows[:, :2].reshape(-1, 6).T
    np.testing.assert_allclose(motion.turn, both, atol=0.01)
    assert motion.mask.all()


def test_gyro_gives_the_vertical_and_a_constant_heading():
    stream, path, _ = turning_sensor(drop=('quat',))
    motion = imu_motion(stream, GRID)
    expected = path(GRID, 2).T
    error = motion.acc[2, INNER] - expected[2, INNER]
    assert np.std(error) < 0.1 * np.std(expected[2])
    # One rotation about z fits the whole clip.
    cross = (motion.acc[0] + 1j * motion.acc[1]) * (
        expected[0] - 1j * expected[1]
    )
    heading = np.exp(1j * np.angle(cross[INNER].sum()))
    found = (motion.acc[0] + 1j * motion.acc[1]) / heading
    error = (found - (expected[0] + 1j * expected[1]))[INNER]
    assert np.std(error) < 0.15 * np.std(expected[:2])


def test_acceleration_alone_tells_size_and_tilt_only():
    stream, path, _ = turning_sensor(drop=('quat', 'gyro'))
    motion = imu_motion(stream, GRID)
    size = np.linalg.norm(path(GRID, 2) + UP, axis=1) - GRAVITY
    np.testing.assert_allclose(motion.force[INNER], size[INNER], atol=0.02)
    np.testing.assert_allclose(motion.acc[2], motion.force)
    assert not motion.acc[:2].any() and not motion.turn.any()
    length = np.linalg.norm(motion.tilt[:, INNER], axis=0)
    np.testing.assert_allclose(length, 1, atol=0.02)


def test_world_frame_without_gravity_at_20_hz():
    # As EgoHumans has it. A spline through 20 Hz is exact to about 1 %.
    stream, path, _ = turning_sensor(20.0, False, 'world', ('gyro', 'quat'))
    motion = imu_motion(stream, GRID)
    expected = path(GRID, 2).T
    error = (motion.acc - expected)[:, INNER]
    assert np.std(error) < 0.02 * np.std(expected)
    np.testing.assert_allclose(motion.tilt.T, [[0, 0, 1]] * len(GRID))


def test_what_cannot_be_compared_is_none():
    assert (
        imu_motion(drawn_clip(channels=('gyro',)).imu['right_wrist'], GRID)
        is None
    )
    stream, _, _ = turning_sensor(gravity=False, drop=('quat',))
    assert imu_motion(stream, GRID) is None
    for count in range(8):
        short = SensorStream(
            Clock(count, rate=100.0), dict(acc=np.ones((count, 3)))
        )
        assert imu_motion(short, GRID) is None
        times = np.arange(count) / 30
        pose = make_pose(times, dict(right_wrist=np.zeros((count, 2))))
        assert limb_motion(pose, 'right_wrist', GRID) is None


def test_samples_that_are_no_numbers_are_gaps():
    clip = drawn_clip(seconds=8.0, channels=('acc', 'quat'))
    stream = clip.imu['right_wrist']
    whole = imu_motion(stream, GRID)
    acc, quat = (stream.channels[k].copy() for k in ('acc', 'quat'))
    acc[300:350], quat[500:520] = np.nan, 0.0
    acc[310:340] = 1e30  # no more a measurement than NaN
    motion = imu_motion(
        SensorStream(stream.clock, dict(acc=acc, quat=quat)), GRID
    )
    assert not motion.mask[302:348].any() and not motion.mask[502:518].any()
    assert motion.mask.mean() > 0.9
    same = motion.mask > 0
    same[280:370] = same[480:540] = False
    np.testing.assert_allclose(
        motion.acc[:, same], whole.acc[:, same], atol=1e-3
    )


def test_acceleration_in_the_image_is_the_second_derivative():
    clip = drawn_clip(seed=5, seconds=8.0, pose_rate=60.0)
    limb = limb_motion(clip.pose, 'right_wrist', GRID)
    expected = SCALE * Path(5)(GRID, 2)[:, [0, 2]].T
    error = (limb.acc - expected)[:, INNER]
    assert np.std(error) < 0.02 * np.std(expected)
    assert limb.noise < 0.2


def test_segment_is_the_bone_upwards_and_to_the_right():
    times = np.arange(240) / 30
    angle = np.sin(times)
    elbow = np.zeros((240, 2))
    wrist = 0.25 * np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    points = dict(right_shoulder=elbow, right_elbow=elbow, right_wrist=wrist)
    limb = limb_motion(make_pose(times, points), 'right_wrist', GRID)
    angle = np.sin(GRID)
    expected = 0.25 * SCALE * np.stack([np.sin(angle), -np.cos(angle)])
    np.testing.assert_allclose(
        limb.segment[:, INNER], expected[:, INNER], atol=0.1
    )


def test_head_is_no_bone():
    times = np.arange(240) / 30
    place = Path(2)(times)[:, [0, 2]]
    points = dict.fromkeys(('nose', 'left_eye', 'right_eye'), place)
    limb = limb_motion(make_pose(times, points), 'head', GRID)
    assert not limb.segment.any() and limb.acc.any()


def test_gaps_are_masked_with_a_guard_and_nan_is_a_gap():
    times = np.arange(240) / 30
    place = Path(2)(times)[:, [0, 2]]
    points = dict(right_elbow=place, right_wrist=place)
    pose = make_pose(times, points)
    whole = limb_motion(pose, 'right_wrist', GRID)
    # The shoulder is not needed: it was never seen.
    assert whole.mask[:796].all()
    # 2.0 to 3.0 s are missing: the guard takes 0.15 s more on both sides.
    gap = (times > 2.0 + 1e-6) & (times < 3.0 - 1e-6)
    for change in ('scores', 'keypoints'):
        holed = make_pose(times, points)
        if change == 'scores':
            holed.scores[gap] = 0.0
        else:
            holed.keypoints[gap] = np.nan
            holed.keypoints[gap, ::2] = 1e30
        mask = limb_motion(holed, 'right_wrist', GRID).mask
        assert not mask[187:314].any()
        assert mask[:184].all() and mask[317:790].all()
    # Two lost frames are bridged.
    holed = make_pose(times, points)
    holed.scores[100:102] = 0.0
    assert limb_motion(holed, 'right_wrist', GRID).mask[:796].all()


def test_unused_keypoints_may_be_nan():
    clip = drawn_clip(seconds=8.0)
    expected = limb_motion(clip.pose, 'right_wrist', GRID)
    clip.pose.keypoints[:, 6] = np.nan  # right shoulder
    clip.pose.scores[:, 6] = 0.0
    found = limb_motion(clip.pose, 'right_wrist', GRID)
    np.testing.assert_array_equal(found.acc, expected.acc)
    np.testing.assert_array_equal(found.mask, expected.mask)


def test_ends_of_a_stream_are_masked():
    times = 2.0 + np.arange(90) / 30
    points = dict(right_elbow=np.zeros((90, 2)), right_wrist=np.ones((90, 2)))
    mask = limb_motion(make_pose(times, points), 'right_wrist', GRID).mask
    assert not mask[:200].any() and not mask[500:].any()
    assert mask[225:475].all()


@pytest.mark.parametrize('rate', [10.0, 30.0, 60.0])
def test_noise_of_keypoints_is_recovered(rate):
    times = np.arange(round(20 * rate)) / rate
    rng = np.random.default_rng(1)
    slow = 100 * np.sin(times)[:, None]
    place = slow + rng.normal(0, 2.5, (len(times), 2))
    found = keypoint_noise(times, place, 1 / rate)
    assert found == pytest.approx(2.5, rel=0.15)
    place[len(times) // 2] += 500  # a burst does not matter
    assert keypoint_noise(times, place, 1 / rate) == pytest.approx(
        2.5, rel=0.2
    )
    assert keypoint_noise(times[:11], place[:11], 1 / rate) == 0.0


def test_irregular_times_give_the_same_motion():
    path, rng = Path(4), np.random.default_rng(0)
    times = np.arange(480) / 60 + rng.uniform(-0.004, 0.004, 480)
    place = path(times)[:, [0, 2]]
    points = dict(right_elbow=place, right_wrist=place)
    limb = limb_motion(make_pose(times, points), 'right_wrist', GRID)
    expected = SCALE * path(GRID, 2)[:, [0, 2]].T
    error = (limb.acc - expected)[:, INNER]
    assert np.std(error) < 0.05 * np.std(expected)
    assert limb.mask[10:780].all()


def test_turns_of_a_still_sensor_take_no_time():
    """300,000 rows took 46 s: SciPy multiplied them one by one."""
    rate = np.tile([0.0, 0.0, 0.5], (300_000, 1))
    start = time.process_time()
    turned = integrate(np.arange(300_000) / 100, rate)
    assert time.process_time() - start < 2
    angles = np.unwrap(turned.as_euler('zyx')[:, 0])
    np.testing.assert_allclose(angles, 0.5 * np.arange(300_000) / 100)
