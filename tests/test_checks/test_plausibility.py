"""What is given is judged before any answer, and corrected if certain."""

from dataclasses import replace

import numpy as np
import pytest
from deliberate import LIMBS, channel, each, keep, recordings
from scipy.spatial.transform import Rotation

from mobind_mm.checks import View, check_recordings
from mobind_mm.checks.gyroscope import gyroscope_facts, judge_gyroscope
from mobind_mm.checks.plausibility import (
    check_inputs,
    comparable_sensors,
    settle_inputs,
)
from mobind_mm.checks.streams import turned_pose
from mobind_mm.recordings import Clock, PoseStream, Recording
from mobind_mm.skeleton import LAYOUTS

G = 9.80665


def take(channels=('acc', 'gyro'), placements=LIMBS[:3], **options):
    """One correct recording of 30 s."""
    found = recordings(placements, take_sec=30.0, num_takes=1, **options)
    return next(iter(keep(found, channels).values()))


def changed(recording, change, only=None):
    return each({'': recording}, change, only)[''].imu


def kinds(findings):
    return sorted({finding.kind for finding in findings})


@pytest.mark.parametrize(
    'channels',
    [('acc',), ('acc', 'gyro'), ('acc', 'quat'), ('acc', 'gyro', 'quat')],
)
def test_what_is_right_stays_as_it_is(channels):
    right = take(channels)
    assert check_inputs(right.imu, right.pose) == []
    imu, pose = settle_inputs(right.imu, right.pose)
    assert imu == right.imu and pose is right.pose


@pytest.mark.parametrize(
    ('name', 'factor', 'kind', 'fix'),
    [
        ('acc', 1 / G, 'acc_unit', 'units.acc: g'),
        ('acc', 1000 / G, 'acc_unit', 'units.acc: mg'),
        ('acc', G, 'acc_unit', 'units.acc: m/s2'),
        ('gyro', 180 / np.pi, 'gyro_unit', 'units.gyro: deg/s'),
        ('gyro', np.pi / 180, 'gyro_unit', 'units.gyro: rad/s'),
    ],
)
def test_certain_units_are_converted(name, factor, kind, fix):
    right = take()
    wrong = changed(right, channel(name, lambda x: x * factor), 'left_wrist')
    (finding,) = check_inputs(wrong, right.pose)
    assert (finding.kind, finding.where) == (kind, 'left_wrist')
    assert fix in finding.fix
    imu, _ = settle_inputs(wrong, right.pose)
    expected = right.imu['left_wrist'].channels[name]
    np.testing.assert_allclose(
        imu['left_wrist'].channels[name], expected, rtol=1e-5, atol=1e-5
    )
    (note,) = imu['left_wrist'].notes
    assert note.startswith('left_wrist: ') and f'read as {fix}' in note
    assert imu['right_wrist'].notes == ()


def test_bias_at_rest_says_nothing_about_the_unit():
    """A few tenths of a degree per second are bias, not another unit."""
    rng = np.random.default_rng(0)
    times = np.arange(0, 30, 0.01)
    gyro = [0.01, -0.008, 0.004] + 0.005 * rng.normal(size=(len(times), 3))
    acc = [0, 0, G] + 0.02 * rng.normal(size=(len(times), 3))
    for scale, status in ((1.0, 'unknown'), (180 / np.pi, 'wrong')):
        facts = gyroscope_facts(times, {'acc': acc, 'gyro': scale * gyro})
        opinion, _ = judge_gyroscope([facts])
        assert opinion.status == status, scale
    assert opinion.fix == 'units.gyro: deg/s'


@pytest.mark.parametrize('bias', [0.0, 0.1])
def test_a_swinging_limb_says_nothing_about_the_unit(bias):
    """Blows move the mean of acc; to and fro, turning does not."""
    rng = np.random.default_rng(1)
    times = np.arange(0, 20, 0.01)
    gyro = np.zeros((len(times), 3))
    gyro[:, 1] = 3 * np.cos(2 * np.pi * times) + bias
    angle = 3 / (2 * np.pi) * np.sin(2 * np.pi * times)
    acc = G * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    acc += 0.3 * rng.normal(size=(10, 3)).repeat(200, axis=0)
    facts = gyroscope_facts(times, {'acc': acc, 'gyro': gyro})
    assert judge_gyroscope([facts])[0].status == 'unknown'


@pytest.mark.parametrize(('counts', 'unit'), [(8192, G), (16384, 1), (64, 1)])
def test_raw_counts_are_asked_about(counts, unit):
    right = take()
    wrong = changed(
        right, channel('acc', lambda x: x / G * counts * unit), 'left_wrist'
    )
    with pytest.raises(ValueError, match='left_wrist') as caught:
        settle_inputs(wrong, right.pose)
    message = str(caught.value)
    assert 'raw counts?' in message and 'units.acc' in message
    assert f'{G / counts:.6g} if 1 g is {counts} counts' in message


def test_counts_of_a_gyroscope_are_asked_about():
    right = take()
    scale = np.rad2deg(131) * 10
    wrong = changed(right, channel('gyro', lambda x: x * scale), 'left_wrist')
    with pytest.raises(ValueError, match=r'left_wrist.*gyro .*raw counts\?'):
        settle_inputs(wrong, right.pose)


@pytest.mark.parametrize('factor', [1e3, 1e6, 1e-3])
def test_units_of_time(factor):
    right = take()

    def later(stream):
        return stream.at_times((stream.clock.at() + 1.7e9) * factor)

    wrong = changed(right, later)
    assert kinds(check_inputs(wrong, right.pose)) == ['rate']
    imu, _ = settle_inputs(wrong, right.pose)
    for name, stream in imu.items():
        times = right.imu[name].clock.at() + 1.7e9
        np.testing.assert_allclose(stream.clock.at(), times, atol=1e-3)
        assert 'units.time' in stream.notes[0]
    if factor > 1:
        assert 'in the year' in stream.notes[0]


@pytest.mark.parametrize('factor', [10, 0.1])
def test_times_in_tens_of_their_unit_are_noted(factor):
    right = take()
    wrong = changed(right, lambda s: s.at_times(s.clock.at() * factor))
    found = check_inputs(wrong, right.pose)
    assert kinds(found) == ['tens'] and 'units.time' in str(found[0])
    imu, _ = settle_inputs(wrong, right.pose)
    for name, stream in imu.items():
        times = right.imu[name].clock.at() * factor
        np.testing.assert_allclose(stream.clock.at(), times)
        assert f'unit of time {1 / factor:g} times as long' in stream.notes[0]
    assert 'tens' not in kinds(check_inputs(wrong))


def test_times_that_no_unit_explains_are_asked_about():
    right = take()
    slow = changed(
        right, lambda s: replace(s, clock=Clock(s.clock.num_samples, 2e-3))
    )
    with pytest.raises(ValueError, match=r'0\.002 samples.*units\.time'):
        settle_inputs(slow, right.pose)


def test_gravity_that_is_there_after_all():
    right = take(('acc', 'gyro', 'quat'))
    wrong = changed(right, lambda s: replace(s, gravity=False), 'left_wrist')
    assert kinds(check_inputs(wrong, right.pose)) == ['gravity']
    imu, _ = settle_inputs(wrong, right.pose)
    assert imu['left_wrist'].gravity
    assert 'gravity: included' in imu['left_wrist'].notes[0]


def test_without_gravity_and_orientation_the_reason_is_named():
    right = take(('acc', 'quat'))

    def without(stream):
        turn = Rotation.from_quat(np.roll(stream.channels['quat'], -1, 1))
        acc = stream.channels['acc'] - turn.inv().apply([0, 0, G])
        return replace(stream, channels={'acc': acc}, gravity=False)

    free = changed(right, without)
    found = check_inputs(free, right.pose)
    assert kinds(found) == ['no_gravity'] and len(found) == 3
    assert 'TotalAcceleration' in found[0].fix
    free['head'] = right.imu['left_wrist']
    assert len(check_inputs(free, right.pose)) == 3


def test_one_file_given_twice():
    right = take()
    same = {**right.imu, 'head': right.imu['left_wrist']}
    (finding,) = check_inputs(same)
    assert finding.kind == 'identical'
    assert finding.where == 'left_wrist, head'
    with pytest.raises(ValueError, match='left_wrist, head.*same samples'):
        settle_inputs(same)


def test_turned_quaternions_are_asked_about():
    right = take(('acc', 'gyro', 'quat'))
    wrong = changed(right, channel('quat', lambda q: q * [1, -1, -1, -1]))
    with pytest.raises(ValueError, match='world to sensor.*quat_direction'):
        settle_inputs(wrong, right.pose)


def seen(pose, **changes):
    points = np.asarray(pose.keypoints)
    return replace(pose, **{k: f(points) for k, f in changes.items()})


def test_a_rotated_image_is_named_with_its_size():
    right = take()
    height, width = right.pose.img_shape
    turned = replace(
        seen(
            right.pose,
            keypoints=lambda p: np.stack([height - p[..., 1], p[..., 0]], -1),
        ),
        img_shape=(width, height),
    )
    (finding,) = check_inputs(right.imu, turned)
    assert finding.kind == 'rotated' and 'rotated by 90' in finding.message
    assert f'img_shape: [{height}, {width}]' in finding.fix
    assert f'{width} x {height}' in finding.message
    _, pose = settle_inputs(right.imu, turned)  # it is a note
    assert 'rotated' in pose.notes[0]
    down = seen(right.pose, keypoints=lambda p: [0, height] + p * [1, -1])
    with pytest.raises(ValueError, match='shoulders are below the hips'):
        settle_inputs(right.imu, down)


def test_an_image_that_was_rotated_fits_better_when_turned_back():
    right = take()
    height, width = right.pose.img_shape
    for degrees in (90, 270):
        turned = turned_pose(right.pose, degrees)
        view = View('t', 't', lambda: right.imu, lambda t=turned: t)
        (finding,) = check_recordings([view]).findings
        assert finding.kind == 'rotated' and 'nats' in finding.message
        assert finding.takes == ('t',)
        back = turned_pose(turned, 360 - degrees)
        np.testing.assert_allclose(
            back.keypoints, right.pose.keypoints, atol=1e-3
        )
        assert back.img_shape == (height, width)


def test_keypoints_at_zero_are_not_there():
    right = take()
    rng = np.random.default_rng(0)
    gone = rng.random(right.pose.scores.shape) < 0.1
    points = np.where(gone[..., None], 0, right.pose.keypoints)
    wrong = replace(right.pose, keypoints=points)
    gone &= np.asarray(right.pose.scores) > 0
    (finding,) = check_inputs({}, wrong)
    assert finding.kind == 'zeros' and str(gone.sum()) in finding.message
    _, pose = settle_inputs({}, wrong)
    expected = np.where(gone, 0, right.pose.scores)
    np.testing.assert_array_equal(pose.scores, expected)


def test_fractions_become_pixels():
    right = take()
    height, width = right.pose.img_shape
    wrong = seen(right.pose, keypoints=lambda p: p / [width, height])
    _, pose = settle_inputs({}, wrong)
    np.testing.assert_allclose(
        pose.keypoints, right.pose.keypoints, rtol=1e-4, atol=1e-3
    )
    assert 'fractions' in pose.notes[0]


def test_sensors_without_a_limb_in_the_skeleton_are_left_out():
    right = take(placements=('left_wrist', 'head'))
    layout = LAYOUTS['h36m']
    points = np.zeros((30, len(layout), 2))
    pose = PoseStream(
        Clock(30, rate=30.0), points, points[..., 0], 'h36m', (100, 100)
    )
    imu = {**right.imu, 'pocket': right.imu['head']}
    kept, notes = comparable_sensors(Recording(imu, pose))
    assert list(kept.imu) == ['left_wrist']
    assert [note.split(':')[0] for note in notes] == ['head', 'pocket']
    foot = {'left_foot': right.imu['head']}
    kept, (note,) = comparable_sensors(Recording(foot, right.pose))
    assert list(kept.imu) == ['left_foot']
    assert 'no left_big_toe, so left_hip, left_knee, left_ankle' in note
