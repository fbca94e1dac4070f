"""Each question alone, on numbers whose answer is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from deliberate import recordings
from scipy.spatial.transform import Rotation

from mobind_mm.checks import View, check_recordings
from mobind_mm.checks.acceleration import (
    AccelerationFacts,
    acceleration_facts,
    judge_acceleration,
    judge_scale,
)
from mobind_mm.checks.agreement import candidate_limbs, cut_clips
from mobind_mm.checks.lags import find_lags
from mobind_mm.checks.movement import best_assignment, describe
from mobind_mm.checks.orientation import TURNS, orientation_facts
from mobind_mm.checks.reading import Reading, window_index, window_means
from mobind_mm.checks.sensors import (
    judge_magnetometer,
    judge_sensors,
    sensor_facts,
)
from mobind_mm.checks.streams import clock_facts, image_facts, judge_image
from mobind_mm.readers.stuck import saturated_rows
from mobind_mm.recordings import Clock, PoseStream, Recording, SensorStream
from mobind_mm.skeleton import get_layout
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.signals import integrate

OFFSETS = np.arange(-200, 201) / 100
TIMES = np.arange(1000) / 100


def peak(at, height):
    return height * np.exp(-0.5 * ((OFFSETS - at) / 0.05) ** 2)


def test_clock_of_known_jitter_and_gaps():
    steps = np.full(999, 0.01)
    steps[::2] += 0.001
    steps[1::2] -= 0.001
    times = np.concatenate([[0.0], np.cumsum(steps)])
    times[500:] += 0.5
    times[900:] += 2.0
    rate, jitter, gaps, longest, span = clock_facts(Clock(1000, times=times))
    assert rate == pytest.approx(100, rel=0.15)
    assert jitter == pytest.approx(0.001, rel=0.01)
    assert gaps == 2 and longest == pytest.approx(2.01, abs=0.002)
    assert span == (0.0, times[-1])
    assert clock_facts(Clock(10, rate=50.0))[:4] == (50.0, 0.0, 0, 0.0)


def test_saturation_is_a_value_that_stays():
    acc = 60 * np.sin(TIMES * 5)[:, None] * [1.0, 0.0, 0.0]
    assert not saturated_rows(acc).any()
    clipped = np.clip(acc, -39.2, 39.2)
    expected = np.abs(acc[:, 0]) >= 39.2
    np.testing.assert_array_equal(saturated_rows(clipped), expected)
    with np.errstate(all='raise'):
        clipped[7] = np.inf
        assert not saturated_rows(clipped).any()
    assert not saturated_rows(np.tile([0, 0, 9.81], (100, 1))).any()  # still


def test_window_means_skip_gaps():
    times = np.concatenate([TIMES[:400], 1e6 + TIMES[:400]])
    index, filled = window_index(times)
    values = np.repeat([1.0, 5.0], 400)[:, None]
    assert filled.sum() == 4 and len(filled) < 10
    assert window_means(values, index)[filled][:, 0].tolist() == [1, 1, 5, 5]


def test_integration_gives_back_a_rotation():
    angle = 0.7 * TIMES
    turn = integrate(TIMES, np.tile([0.0, 0.0, 0.7], (len(TIMES), 1)))
    expected = Rotation.from_rotvec(angle[:, None] * [0, 0, 1])
    assert (turn.inv() * expected).magnitude().max() < 1e-9


def test_gravity_of_a_turning_sensor():
    turn = Rotation.from_rotvec(2.0 * TIMES[:, None] * [1.0, 0, 0])
    acc = turn.inv().apply([0, 0, 9.81])
    gyro = np.tile([2.0, 0, 0], (len(TIMES), 1))
    facts = acceleration_facts(TIMES, dict(acc=acc, gyro=gyro))
    np.testing.assert_allclose(facts.levels, 9.81, rtol=1e-6)
    assert facts.median == pytest.approx(9.81)


@pytest.mark.parametrize(
    ('level', 'gravity', 'status', 'fix'),
    [
        (9.81, True, 'fine', ''),
        (9.3, True, 'fine', ''),
        (1.0, True, 'wrong', 'units.acc: g'),
        (1000, True, 'wrong', 'units.acc: mg'),
        (96.2, True, 'wrong', 'units.acc: m/s2'),
        (35.0, True, 'wrong', 'units.acc: none'),
        (3.0, True, 'wrong', 'gravity: removed'),
        (7.0, True, 'unknown', ''),
        (0.1, True, 'wrong', 'gravity: removed'),
        (0.1, False, 'fine', ''),
        (9.7, False, 'wrong', 'gravity: included'),
    ],
)
def test_levels_of_gravity(level, gravity, status, fix):
    facts = AccelerationFacts(level * 1.02, np.full(6, float(level)))
    opinion, _ = judge_acceleration([facts], gravity)
    assert opinion.status == status and opinion.fix.startswith(fix)
    few = AccelerationFacts(level, np.full(2, float(level)))
    assert judge_acceleration([few], gravity)[0].status == 'unknown'


def test_rates_and_gravity_by_reading_of_the_quaternion():
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.normal(0, 0.02, (1000, 3)), axis=0)
    path = np.apply_along_axis(
        lambda x: np.convolve(x, np.ones(50) / 50, 'same'), 0, path
    )
    turn = Rotation.from_rotvec(path) * Rotation.from_rotvec([2.0, 0.4, 0.1])
    quat = turn.as_quat()[:, [3, 0, 1, 2]]
    rate = (turn[:-1].inv() * turn[1:]).as_rotvec() * 100
    gyro = np.vstack([rate, rate[-1]])
    acc = turn.inv().apply([0, 0, 9.81])
    stored = dict(acc=acc, gyro=gyro)
    for reading, columns in (
        (('', False), quat),
        (('', True), quat * [1, -1, -1, -1]),
        (('xyzw', False), quat[:, [1, 2, 3, 0]]),
        (('wxyz', False), quat[:, [3, 0, 1, 2]]),
    ):
        facts = orientation_facts(TIMES, dict(stored, quat=columns))
        at = TURNS.index(reading)
        mean = facts.axes[at].sum(axis=1) / facts.count
        np.testing.assert_allclose(mean, [0, 0, 9.81], atol=1e-6)
        energy = facts.gyro_square * facts.rate_square.sum(axis=1)
        agree = facts.rates.sum(axis=1) / np.sqrt(energy)
        assert agree[at] > 0.99 and np.argmax(agree) == at
        mended = Reading(quat_order=reading[0], inverse=reading[1]).apply(
            SensorStream(Clock(1000, rate=100.0), {'quat': columns})
        )
        found = Rotation.from_quat(mended.channels['quat'][:, [1, 2, 3, 0]])
        assert (found.inv() * turn).magnitude().max() < 1e-6


def test_a_reading_mends_units_axes_and_flags():
    stream = SensorStream(
        Clock(1, rate=1.0),
        dict(acc=np.array([[1.0, 2, 3]]), gyro=np.array([[90.0, 0, 0]])),
    )
    reading = Reading(
        9.81, (1, -1, 1), np.pi / 180, (-1, 1, 1), '', False, 'world', False
    )
    mended = reading.apply(stream)
    np.testing.assert_allclose(mended.channels['acc'], [[9.81, -19.62, 29.43]])
    np.testing.assert_allclose(mended.channels['gyro'], [[-np.pi / 2, 0, 0]])
    assert (mended.frame, mended.gravity) == ('world', False)


@pytest.mark.parametrize(
    ('slope', 'noise', 'expected'),
    [
        (1.0, 0.5, 'fine'),
        (9.8, 3.0, 'units.acc: g'),
        (0.1, 0.03, 'units.acc: m/s2'),
        (9.8, 60.0, 'unknown'),
    ],
)
def test_slope_of_limb_on_sensor(slope, noise, expected):
    rng = np.random.default_rng(1)
    x = rng.normal(size=5000)
    y = slope * x + noise * rng.normal(size=5000)
    opinion = judge_scale([np.array([x @ x, y @ y, x @ y])])
    assert (opinion.fix or opinion.status).startswith(expected)


@pytest.mark.parametrize(
    ('level', 'expected'),
    [(48.0, ''), (0.48, 'gauss'), (0.048, 'mT'), (5.0, '')],
)
def test_magnetic_field(level, expected):
    fix = judge_magnetometer([level, np.nan]).fix
    assert fix == (f'units.mag: {expected}' if expected else '')


def test_an_unanswered_question_is_named():
    empty = {'mag': np.full((1000, 3), np.nan)}
    stream = SensorStream(Clock(1000, rate=100.0), empty)
    facts = [sensor_facts(take, 'head', stream) for take in 'ab']
    verdict = judge_sensors(facts)
    assert verdict.findings == []
    assert verdict.unknown == {'head': ['unit of mag']}


def test_lags_of_all_of_a_sensor_and_of_a_take():
    good = dict(a=peak(0, 50), b=peak(0.03, 40))
    takes = {str(i): good for i in range(4)}
    assert find_lags(takes, OFFSETS) == []
    late = dict(a=peak(0.5, 50), b=peak(0.5, 40))
    (lag,) = find_lags({str(i): late for i in range(4)}, OFFSETS)
    assert (lag.sensor, lag.take, lag.seconds) == ('', '', 0.5)
    one = dict(good, b=peak(-0.4, 40))
    (lag,) = find_lags({str(i): one for i in range(4)}, OFFSETS)
    assert (lag.sensor, lag.take, lag.seconds) == ('b', '', -0.4)
    (lag,) = find_lags({**takes, '3': late}, OFFSETS)
    assert (lag.sensor, lag.take, lag.seconds) == ('', '3', 0.5)
    (lag,) = find_lags({**takes, '3': one}, OFFSETS)
    assert (lag.sensor, lag.take, lag.seconds) == ('b', '3', -0.4)


def test_weak_or_ambiguous_lags_are_none():
    periodic = dict(a=peak(0, 50) + peak(0.8, 52))
    assert find_lags({'x': periodic}, OFFSETS) == []
    assert find_lags({'x': dict(a=peak(0.5, 5.0))}, OFFSETS) == []
    # Many weak takes do not decide against each other.
    mixed = {str(i): dict(a=peak(0.1 * i, 4.0)) for i in range(8)}
    assert find_lags(mixed, OFFSETS) == []


def test_assignment_by_evidence():
    curves = {
        (a, b): peak(
            0, 60 if ('xyz'.index(a) + 1) % 3 == 'xyz'.index(b) else 9
        )
        for a in 'xyz'
        for b in 'xyz'
    }
    best = best_assignment(curves, OFFSETS)
    assert best.limbs == dict(x='y', y='z', z='x')
    assert best.gain == pytest.approx(3 * 51) and best.total == 180
    # Who does not gain clearly stays.
    curves |= {
        (a, b): peak(0, 40 if a == b else 43) for a in 'pq' for b in 'pq'
    }
    assert best_assignment(curves, OFFSETS) == replace(
        best, limbs={**best.limbs, 'p': 'p', 'q': 'q'}
    )
    # Two changed sides; two others, which look alike, did not.
    names = 'abcd'
    given = [[9, 50, 9, 9], [50, 9, 9, 9], [9, 9, 40, 42], [9, 52, 42, 40]]
    curves = {
        (x, y): peak(0, given[i][j])
        for i, x in enumerate(names)
        for j, y in enumerate(names)
    }
    found = best_assignment(curves, OFFSETS).limbs
    assert found == dict(a='b', b='a', c='c', d='d')
    # A lag is cheaper than another limb.
    curves = {
        ('a', 'a'): peak(0.5, 60),
        ('a', 'b'): peak(0, 40),
        ('b', 'a'): peak(0, 40),
        ('b', 'b'): peak(0, 60),
    }
    assert best_assignment(curves, OFFSETS).gain == 0


@pytest.mark.parametrize('fps', [30.0, 25.0, 60.0])
def test_a_wrong_frame_rate_is_no_lag(fps):
    streams = simulate_recording(seed=3, seconds=24.0)
    pose = streams.pose
    clock = Clock(pose.clock.num_samples, rate=fps)
    pose = replace(pose, clock=clock)
    view = View('t', 't', lambda: streams.imu, lambda: pose)
    findings = check_recordings([view]).findings
    assert [f.kind for f in findings] == ['rate'] * (fps != 30.0)
    for finding in findings:
        assert 'fit the video at 30 frames per second' in finding.message
        assert finding.fix == 'rate of pose: 30'


def test_mirror_is_named_only_where_all_sides_changed():
    arms = dict(left_wrist='right_wrist', right_wrist='left_wrist')
    assert 'mirrored' in describe(arms)[1]
    assert 'mirrored' in describe({**arms, 'head': 'head'})[1]
    assert 'mirrored' not in describe({**arms, 'left_knee': 'left_knee'})[1]
    assert candidate_limbs(['left_wrist', 'head']) == [
        'left_wrist',
        'right_wrist',
        'head',
    ]


def standing(points, img_shape=(1000, 2000), scores=1.0):
    names = get_layout('coco')
    keypoints = np.zeros((20, 17, 2))
    for name, place in points.items():
        for side in ('left', 'right'):
            keypoints[:, names.index(f'{side}_{name}')] = place
    seen = np.where(keypoints.any(axis=2), scores, 0.0)
    clock = Clock(20, rate=10.0)
    return PoseStream(clock, keypoints, seen, 'coco', img_shape)


@pytest.mark.parametrize(
    ('points', 'kinds'),
    [
        (dict(shoulder=(500, 300), hip=(500, 500)), ['']),
        (dict(shoulder=(500, 500), hip=(500, 300)), ['upside_down']),
        (dict(shoulder=(400, 500), hip=(900, 480)), ['']),  # lying
        (dict(shoulder=(0.5, 0.3), hip=(0.5, 0.5)), ['normalised']),
        (dict(shoulder=(500, 1300), hip=(500, 1500)), ['img_shape']),
    ],
)
def test_image_of_known_skeletons(points, kinds):
    facts = image_facts(standing(points))
    assert [opinion.kind for opinion in judge_image([facts])] == kinds


def test_image_scale_and_exchanged_size():
    facts = image_facts(standing(dict(shoulder=(500, 300), hip=(500, 500))))
    assert facts.metre == pytest.approx(0.5 / 200)
    tall = standing(dict(shoulder=(500, 1300), hip=(500, 1500)))
    (opinion,) = judge_image([image_facts(tall)])
    assert opinion.fix == 'pose.img_shape: [2000, 1000]'
    none = standing(dict(shoulder=(500, 300)), scores=0.0)
    assert judge_image([image_facts(none)])[0].kind == 'no_keypoints'


def test_clips_keep_the_common_clock():
    one = next(iter(recordings().values()))
    (clip,) = cut_clips(one, 2.0)
    start, _ = one.pose.clock.span
    assert clip.pose.clock.span[0] == pytest.approx(2.0, abs=0.05)
    for placement, stream in clip.imu.items():
        first = one.imu[placement].clock.span[0]
        moved = stream.clock.span[0] - clip.pose.clock.span[0]
        assert moved == pytest.approx(first - start, abs=1e-9)
    apart = Recording(
        one.imu,
        PoseStream(
            Clock(one.pose.clock.num_samples, rate=30.0, start=500.0),
            *(one.pose.keypoints, one.pose.scores),
            *(one.pose.layout, one.pose.img_shape),
        ),
    )
    assert list(cut_clips(apart, 2.0)) == []


def test_findings_are_json():
    from mobind_mm.checks import Finding, Report, report_values
    from mobind_mm.checks.streams import sensor_row

    one = next(iter(recordings().values()))
    row = sensor_row('t', 'left_wrist', one.imu['left_wrist'])
    finding = Finding('lag', 'pose', 'late', 'start_s', ('t',))
    report = Report([row], [finding])
    values = json.loads(json.dumps(report_values(report), allow_nan=False))
    assert values['findings'][0]['text'] == 'pose (only in t): late. start_s'
    assert values['streams'][0]['rate'] == 100.0
