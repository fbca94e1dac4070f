"""Our synchroniser: offsets, signs, doubt, and awkward streams."""

import dataclasses
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sync_streams import UP, cut, drawn_clip, takes

from mobind_mm.recordings import Clock, PoseStream, Recording, SensorStream
from mobind_mm.registry import TASK_UTILS
from mobind_mm.synchronization import FusedSynchronizer
from mobind_mm.synchronization.fused import EVIDENCE_NAMES, WEIGHTS

WRIST = 'right_wrist'


def signals(**options):
    return FusedSynchronizer(use_feats=False, **options)


def estimate(clip, max_offset=4.0):
    return signals()(clip, None, max_offset)


def made_up(top, height, overlap=12.0, motion=2.0, sensors=1, sync=None):
    """Evidence with one bump, in nats, in the row of tokens."""
    offsets = np.arange(-400, 401) / 100
    rows = np.zeros((len(EVIDENCE_NAMES), len(offsets)))
    sync = sync or FusedSynchronizer()
    bump = height * np.exp(-0.5 * ((offsets - top) / 0.03) ** 2)
    rows[-1] = bump / sync.weights['tokens']
    seen = np.full(len(offsets), overlap)
    return sync.weigh(offsets, rows, seen, sensors, motion)


@pytest.mark.parametrize('offset', [-3.217, -0.004, 0.0, 1.2345])
def test_offset_below_the_grid_and_its_sign(offset):
    clip = drawn_clip(
        offset=offset, seconds=20.0, pose_rate=60.0, channels=('acc', 'quat')
    )
    result = estimate(clip)
    assert result.offset == pytest.approx(offset, abs=0.002)
    # Of 20 s, up to 3.2 s are not shared.
    assert result.confidence > 0.85 and not result.abstained
    assert np.exp(result.log_posterior).sum() == pytest.approx(1)
    # The confidence is at most the probability within 0.1 s.
    top = result.offsets[result.log_posterior.argmax()]
    near = np.abs(result.offsets - top) < 0.1 - 1e-9
    mass = np.exp(result.log_posterior[near]).sum()
    assert 0.85 * mass < result.confidence <= mass


@pytest.mark.parametrize(
    ('options', 'tolerance'),
    [
        (dict(channels=('acc', 'gyro')), 0.01),
        (dict(channels=('acc', 'quat')), 0.005),
        (dict(channels=('acc', 'quat'), gravity=False), 0.005),
        (dict(channels=('acc',), frame='world', gravity=False), 0.005),
        (
            dict(
                channels=('acc',), frame='world', gravity=False, imu_rate=20.0
            ),
            0.01,
        ),
        (dict(imu_rate=50.0), 0.01),
        (dict(pose_rate=10.0), 0.02),
        (dict(pose_rate=60.0), 0.01),
        (dict(noise_px=1.0), 0.02),
    ],
)
def test_every_kind_of_sensor_and_rate(options, tolerance):
    clip = drawn_clip(offset=-1.2345, seed=1, **options)
    result = estimate(clip)
    assert result.offset == pytest.approx(-1.2345, abs=tolerance)
    assert not result.abstained


def test_acceleration_without_orientation_uses_its_size():
    found = estimate(drawn_clip(offset=0.777, channels=('acc',), seed=1))
    assert found.offset == pytest.approx(0.777, abs=0.03)


def test_people_are_aligned_and_shuffled_people_are_not():
    people, rng = takes(4), np.random.default_rng(0)
    errors, answered, chance = [], [], []
    for i in range(8):
        offset = rng.uniform(-3, 3)
        clip = cut(people[i % 4], 3.5 + i // 4, offset, 12.0)
        result = estimate(clip)
        errors.append(abs(result.offset - offset))
        answered.append(not result.abstained)
        other = cut(people[(i + 1) % 4], 3.5 + offset, 0.0, 12.0).pose
        wrong = estimate(Recording(clip.imu, other))
        chance.append(not wrong.abstained and abs(wrong.offset - offset) < 0.1)
    assert np.mean(np.array(errors) < 0.1) >= 0.85
    assert np.median(errors) < 0.015
    assert np.mean(answered) >= 0.75  # of clips that share 9 to 12 s
    assert not any(chance)


def test_shuffled_people_are_mostly_refused():
    people = takes(4)
    refused = []
    for i in range(12):
        imu = cut(people[i % 4], 0.7 * i, 0.0, 12.0).imu
        pose = cut(people[(i + 1 + i // 4) % 4], 0.5 * i, 0.0, 12.0).pose
        refused.append(estimate(Recording(imu, pose)).abstained)
    assert np.mean(refused) >= 0.75


def test_still_people_are_refused_as_still():
    for i, person in enumerate(takes(4, motion_kind='still')):
        result = estimate(cut(person, 6.0, 0.8 * i - 1.2, 12.0))
        assert result.abstained and result.reason == 'still'
        assert result.confidence < 0.5
    # Also where an offset may leave no overlap at all.
    result = estimate(cut(takes(4, motion_kind='still')[0], 6, 0, 8.0), 10.0)
    assert result.reason == 'still'


EXACT = ('error', 'doubt', 'drop_keypoint', 'drop_burst', 'drop_person')


@pytest.mark.parametrize('exact', [False, True])
def test_periodic_people_are_refused(exact):
    detector = dict.fromkeys(EXACT, 0.0) if exact else None
    people = takes.__wrapped__(4, motion_kind='periodic', detector=detector)
    for i, person in enumerate(people):
        offset = 0.9 * i - 1.3
        result = estimate(cut(person, 6.0, offset, 12.0))
        assert result.abstained
        assert result.confidence < 0.5
        # Noise may hide the rivals, but then the top is not believed.
        assert result.reason in ('periodic', 'weak')
        assert bool(result.rivals) == (result.reason == 'periodic')
        shares = [p for _, p in result.rivals]
        assert shares == sorted(shares, reverse=True)
        assert all(0 < p < 1 for p in shares)


def test_rivals_are_multiples_of_the_period():
    # A hand that goes up and down every 1.3 s, and nothing else.
    clip = drawn_clip(seconds=12.0, channels=('acc', 'quat'))
    speeds = 2 * np.pi / 1.3 * np.arange(1, 7)[:, None]  # six harmonics
    stream = clip.imu[WRIST]
    times = stream.clock.at(slice(0, 1200))
    rng = np.random.default_rng(0)
    acc = rng.normal(0, 0.05, (1200, 3)) + UP
    acc[:, 2] -= np.sin(speeds * times + speeds).sum(axis=0)
    frames = clip.pose.clock.at(slice(0, 360)) + 0.4
    keypoints = np.full(clip.pose.keypoints.shape, 500.0)
    height = (np.sin(speeds * frames + speeds) / speeds**2).sum(axis=0)
    keypoints[:, [8, 10], 1] -= 300 * height[:, None]
    keypoints += rng.normal(0, 0.2, keypoints.shape)
    channels = dict(acc=acc, quat=stream.channels['quat'])
    streams = Recording(
        {WRIST: SensorStream(stream.clock, channels)},
        dataclasses.replace(clip.pose, keypoints=keypoints),
    )
    result = estimate(streams)
    assert result.reason == 'periodic' and result.confidence < 0.5
    listed = [result.offset, *(offset for offset, _ in result.rivals)]
    phases = [(offset - 0.4) / 1.3 for offset in listed]
    np.testing.assert_allclose(phases, np.round(phases), atol=0.03)
    # The truth and its neighbours are among them.
    assert {-1, 0, 1} <= {round(phase) for phase in phases}


def test_decision_for_a_scene_is_the_sum_of_the_evidence():
    people = takes(4, people=(2, 4))
    sync = signals()
    clips = [cut(person, 6.0, 1.234, 5.0, (WRIST,)) for person in people]
    parts = [sync.evidence(clip, None, 4.0) for clip in clips]
    together = sync.decide(parts)
    expected = sum(part.score for part in parts)
    expected = expected - np.log(np.exp(expected).sum())
    np.testing.assert_allclose(together.log_posterior, expected, atol=1e-9)
    assert together.offset == pytest.approx(1.234, abs=0.05)
    alone = [sync.decide([part]) for part in parts]
    assert together.confidence >= np.median([r.confidence for r in alone])
    # One person is one person.
    single = sync(clips[0], None, 4.0)
    assert single.offset == alone[0].offset


def test_people_without_sensors_do_not_vote():
    sync = signals()
    some = sync.evidence(drawn_clip(offset=1.0), None, 3.0)
    none = sync.evidence(Recording({}, drawn_clip().pose), None, 3.0)
    both = sync.decide([none, some])
    np.testing.assert_array_equal(
        both.log_posterior, sync.decide([some]).log_posterior
    )
    for clips in ([], [none], [none, none]):
        result = sync.decide(clips)
        assert result.abstained and result.reason == 'too short'


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        (dict(), ''),
        (dict(height=1.4), 'weak'),
        (dict(motion=0.1), 'still'),
        (dict(overlap=1.0), 'too short'),
        (dict(overlap=1.0, motion=0.1), 'too short'),
    ],
)
def test_reasons(changes, reason):
    result = FusedSynchronizer().decide(
        [made_up(**{**dict(top=1.0, height=27.0), **changes})]
    )
    assert result.reason == reason
    assert result.abstained == bool(reason)


@pytest.mark.parametrize(('motion', 'reason'), [(0.1, ''), (0.05, 'still')])
def test_slow_movement_is_believed_and_standing_is_not(motion, reason):
    sync = signals()
    clip = sync.evidence(drawn_clip(offset=1.0), None, 3.0)
    result = sync.decide([replace(clip, motion=motion)])
    assert result.reason == reason
    assert (result.confidence < 0.5) == bool(reason)


def test_sensors_of_one_body_count_less_than_independent_ones():
    sync = FusedSynchronizer(sensors_power=0.5)
    one = made_up(0, 8.0, sync=sync)
    four = made_up(0, 8.0, sensors=4, sync=sync)
    np.testing.assert_allclose(four.score, one.score / 2)
    assert one.score.max() == pytest.approx(8.0)
    assert one.fine.max() == pytest.approx(8.0 * 0.1)


def test_weights_are_checked():
    sync = FusedSynchronizer(weights=dict(tokens=2.0))
    assert sync.weights['tokens'] == 2.0
    assert sync.weights['tilt_0.8-2.6Hz'] == WEIGHTS['tilt_0.8-2.6Hz']
    with pytest.raises(ValueError, match=r"Unknown weights \['tokenz'\]"):
        FusedSynchronizer(weights=dict(tokenz=1.0))
    with pytest.raises(ValueError, match='>= 0'):
        FusedSynchronizer(weights=dict(tokens=-1.0))
    config = dict(type='FusedSynchronizer', use_feats=False)
    assert not TASK_UTILS.build(config).needs_feats


def test_constant_features_change_nothing():
    clip = drawn_clip(offset=-0.8, seconds=10.0)
    rng = np.random.default_rng(0)
    plain = FusedSynchronizer()(clip, None, 3.0)
    for token in (rng.normal(size=32), rng.normal(size=(20, 32))):
        tokens = np.broadcast_to(token, (31, 1, 20, 32)).astype(np.float32)
        feats = dict(
            imu_tokens=tokens,
            pose_tokens=tokens,
            imu_mask=np.ones((31, 1), bool),
            pose_mask=np.ones((31, 1), bool),
            pose_token_mask=np.ones((31, 1, 20), bool),
            window_starts=0.2 * np.arange(31),
            placements=(WRIST,),
        )
        result = FusedSynchronizer()(clip, feats, 3.0)
        assert result.offset == pytest.approx(plain.offset, abs=1e-6)
        np.testing.assert_allclose(
            result.log_posterior, plain.log_posterior, atol=1e-6
        )


def test_features_of_absent_sensors_are_ignored():
    clip = drawn_clip(offset=-0.8)
    rng = np.random.default_rng(0)
    feats = dict(
        imu_tokens=rng.normal(size=(31, 1, 20, 8)),
        pose_tokens=rng.normal(size=(31, 1, 20, 8)),
        imu_mask=np.ones((31, 1), bool),
        pose_token_mask=np.ones((31, 1, 20), bool),
        window_starts=0.2 * np.arange(31),
        placements=('left_wrist',),
    )
    sync = FusedSynchronizer()
    np.testing.assert_array_equal(
        sync(clip, feats, 3.0).log_posterior,
        sync(clip, None, 3.0).log_posterior,
    )


def test_longer_imu_does_not_move_the_offset():
    person = takes(4)[3]
    short, long = cut(person, 6.0, 1.1, 10.0), cut(person, 6.0, 1.1, 16.0)
    longer = Recording(long.imu, short.pose)
    found = estimate(short), estimate(longer)
    assert found[0].offset == pytest.approx(1.1, abs=0.02)
    assert found[1].offset == pytest.approx(found[0].offset, abs=0.01)


def test_a_later_clip_with_clocks_that_start_anywhere():
    clip = drawn_clip(offset=1.0)
    # The pose clock says 0.5 s more for the same frames.
    later = dataclasses.replace(
        clip.pose, clock=Clock(clip.pose.clock.num_samples, 30.0, 0.5)
    )
    moved = estimate(Recording(clip.imu, later))
    assert moved.offset == pytest.approx(estimate(clip).offset - 0.5, abs=0.01)


def test_jittered_clocks_gaps_and_lost_frames():
    clip = drawn_clip(offset=-1.1, seconds=12.0, imu_rate=200.0)
    rng = np.random.default_rng(0)
    stream = clip.imu[WRIST]
    kept = np.sort(rng.choice(2400, 1300, replace=False))
    kept = kept[(kept < 900) | (kept > 1000)]
    imu = SensorStream(
        Clock(len(kept), times=kept / 200),
        {name: value[kept] for name, value in stream.channels.items()},
    )
    pose = clip.pose
    pose.scores[100:130] = 0
    pose.keypoints[100:130] = np.nan
    times = pose.clock.at(slice(0, 360))
    kept = np.sort(rng.choice(360, 330, replace=False))
    pose = PoseStream(
        Clock(330, times=times[kept]),
        pose.keypoints[kept],
        pose.scores[kept],
        'coco',
        pose.img_shape,
    )
    result = estimate(Recording({WRIST: imu}, pose))
    assert result.offset == pytest.approx(-1.1, abs=0.01)
    assert not result.abstained


def awkward():
    """Streams that are normal input, and hard."""
    clip = drawn_clip(offset=0.3)
    imu, pose = clip.imu[WRIST], clip.pose
    for count in range(11):
        few = {k: v[:count] for k, v in imu.channels.items()}
        few = SensorStream(Clock(count, rate=100.0), few)
        yield f'{count} samples', Recording({WRIST: few}, pose)
        for clock in (
            Clock(count, rate=30.0),
            Clock(count, times=np.arange(count) / 30),
        ):
            part = dataclasses.replace(
                pose,
                clock=clock,
                keypoints=pose.keypoints[:count],
                scores=pose.scores[:count],
            )
            yield f'{count} frames', Recording(clip.imu, part)
    for seconds in (0.1, 0.5, 1.0, 2.0):
        yield f'{seconds} s', drawn_clip(seconds=seconds, pose_rate=60.0)
    yield 'no pose', Recording(clip.imu, None)
    yield 'no sensor', Recording({}, pose)
    unseen = dataclasses.replace(
        pose,
        scores=np.zeros_like(pose.scores),
        keypoints=np.full_like(pose.keypoints, np.nan),
    )
    yield 'nobody', Recording(clip.imu, unseen)
    nan = {k: np.full_like(v, np.nan) for k, v in imu.channels.items()}
    yield 'dead sensor', Recording({WRIST: SensorStream(imu.clock, nan)}, pose)
    zero = {k: np.zeros_like(v) for k, v in imu.channels.items()}
    zero['quat'] = np.zeros((1000, 4))
    yield 'zeros', Recording({WRIST: SensorStream(imu.clock, zero)}, pose)
    frozen = dataclasses.replace(pose, keypoints=0 * pose.keypoints + 500)
    yield 'frozen', Recording(clip.imu, frozen)
    yield '1 fps', drawn_clip(pose_rate=1.0)


@pytest.mark.parametrize('max_offset', [0.0, 0.004, 7.0, 25.0])
def test_nothing_raises_or_warns(max_offset):
    sync = signals()
    for name, streams in awkward():
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            result = sync(streams, None, max_offset)
        assert abs(result.offset) <= max_offset + 0.01, name
        # A single candidate is certain; else this must not be.
        if max_offset > 1:
            assert result.abstained, name
            assert result.confidence < 0.5, name


@pytest.mark.parametrize('max_offset', [0.5, 7.0, 25.0])
def test_range_larger_or_smaller_than_the_clip(max_offset):
    result = estimate(drawn_clip(offset=0.4, seed=1), max_offset)
    assert result.offset == pytest.approx(0.4, abs=0.01)
    assert result.offsets[-1] == pytest.approx(max_offset)
