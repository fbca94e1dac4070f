"""What must not be believed, and clocks that jump or differ."""

from dataclasses import replace

import fit_trust
import numpy as np
import pytest

from mobind_mm.apis import synchronizing
from mobind_mm.apis.sync_reasons import WHY, check_beyond, name_jumps
from mobind_mm.apis.synchronizing import (
    align,
    clock_of,
    plain_answer,
    searched,
)
from mobind_mm.recordings import Clock, Recording, SensorStream
from mobind_mm.synchronization import (
    ClipEvidence,
    ClockMap,
    FusedSynchronizer,
    SyncResult,
    single,
)
from mobind_mm.synchronization.base import REASONS
from mobind_mm.synchronization.clips import streams_on_line
from mobind_mm.synchronization.clock_map import join
from mobind_mm.synchronization.coarse import coarse_offset, offset_range
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.jumps import best_path, border_between
from mobind_mm.synchronization.single import constant_clock
from mobind_mm.synchronization.trust import NUMBERS, apart, table, trust
from mobind_mm.synchronization.trust import features as features_of

SURE = dict(
    lead=8.0, agree=3.0, kinds=14.0, jump=0.0, drift=0.0, support=4.0,
    covered=1.0, sensors=2.0, samples=0.5, frames=0.8, doubted=0.0,
)  # fmt: skip


def features(clips, score, best, weights=(1.0,), learned=0.0):
    return features_of(clips, score, best, np.array(weights), learned)


def test_more_evidence_is_never_less_trust():
    assert set(SURE) == set(NUMBERS) and trust(SURE) > 0.95
    rng = np.random.default_rng(0)
    steps = {'kinds': 4.0, 'lead': 1.0, 'jump': 0.5, 'support': 1.0}
    for name, sign in NUMBERS.items():
        by = steps.get(name, 0.2)
        for _ in range(50):
            start = {
                k: v + steps.get(k, 0.2) * rng.integers(-6, 7)
                for k, v in SURE.items()
            }
            more = trust({**start, name: start[name] + by}) - trust(start)
            assert not sign or sign * more >= 0, name
    assert trust({**SURE, 'support': np.inf}) >= trust(SURE)
    assert trust({**SURE, 'jump': 9.0}) < 0.2
    assert trust({**SURE, 'lead': 0.0, 'kinds': 0.0}) < 0.5


def test_the_trees_are_read_as_they_were_fitted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, len(NUMBERS)))
    right = x[:, 0] - x[:, 3] + 0.5 * rng.normal(size=400) > 0
    rows = [dict(zip(NUMBERS, row)) for row in x]
    fitted = fit_trust.fit(rows, right)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mobind_mm.synchronization.trust.table', lambda: fitted)
        found = np.array([trust(row) for row in rows])
    assert found[right].mean() > 0.85 and found[~right].mean() < 0.15
    assert abs(found.mean() - right.mean()) < 0.01
    assert fitted.keys() == table().keys()


@pytest.mark.parametrize(
    'gains, agree, kinds',
    [([5.0], 1.0, 2), ([2.0] * 4, 2.0, 2), ([3.0, -3.0], 0.0, 0)],
)
def test_kinds_agree_as_far_as_their_sum_beats_its_scatter(
    gains, agree, kinds
):
    offsets = np.arange(-100, 101) / 100
    alone = {}
    for i, gain in enumerate(gains):
        curve = np.zeros(201)
        curve[120], curve[40] = 6.0 + gain, 6.0
        rows = np.array([curve, curve, curve])
        alone[f'{i}'] = ClipEvidence(offsets, 2 * curve, curve, rows=rows)
    score = np.sum([clip.score for clip in alone.values()], axis=0)
    clip = ClipEvidence(
        offsets,
        score,
        score,
        part_times=np.array([2.0]),
        parts=score[None],
        part_overlap=np.full((1, 201), 4.0),
        alone=alone,
    )
    # The third kind does not count.
    found = features([clip], score, 120, (1.0, 1.0, 0.0))
    assert found['agree'] == pytest.approx(agree * 2**0.5)
    assert found['kinds'] == kinds and found['sensors'] == len(gains)
    assert found['lead'] == pytest.approx(min(2 * sum(gains), 10.0))
    assert found['covered'] == 1.0


@pytest.mark.parametrize(
    'learned, control, lead',
    [(0.0, 2.0, 6.0), (0.0, 7.0, 1.0), (5.0, 7.0, 6.0), (-20.0, 7.0, 1.0)],
)
def test_a_model_that_is_unsure_does_not_make_signals_look_like_chance(
    learned, control, lead
):
    parts = np.zeros((2, 201))
    parts[:, 100], parts[:, 20] = 4.0, 1.0
    clip = replace(_evidence(parts), control=np.full(201, control))
    score = clip.score + learned
    score[20] = score[100] - 6.0
    found = features([clip], score, 100, learned=learned)
    assert found['lead'] == pytest.approx(lead)


def _evidence(parts, alone=None):
    """A clip on offsets of -1 to 1 s, whose parts last 3 s."""
    offsets = np.arange(-100, 101) / 100
    score = parts.sum(axis=0)
    return ClipEvidence(
        offsets,
        score,
        score,
        part_times=1.5 + 3.0 * np.arange(len(parts)),
        parts=parts,
        part_overlap=np.full(parts.shape, 3.0),
        alone={
            name: ClipEvidence(offsets, curve, curve)
            for name, curve in (alone or {}).items()
        },
    )


def gain_by_hand(parts):
    """Most that a jump gains, part by part; the answer is no. 100."""
    best = -np.inf
    for i in range(201):
        late = (i - 100) / 100
        for moment in range(1, len(parts)):
            ends = (parts[moment:], late), (parts[:moment][::-1], -late)
            for rest, later in ends:
                # Less of the part at the moment is left for a clock that
                # would use samples of the others a second time.
                share = 1 - max(-later, 0) / 3
                gain = share * rest[0, i] + rest[1:, i].sum()
                best = max(best, gain - rest[:, 94:107].max(axis=1).sum())
    return best


def test_gain_of_a_jump_is_the_largest_over_all_moments_and_offsets():
    rng = np.random.default_rng(0)
    parts = rng.uniform(0, 3, (4, 201))
    parts[:, 100] = [3.5, 6.0, 5.0, 4.0]
    clip = _evidence(parts)
    found = features([clip], clip.score, 100)['jump']
    assert found == pytest.approx(gain_by_hand(parts))
    # A beginning that fits earlier samples gains by a jump.
    parts[0, 30] = 9.0
    clip = _evidence(parts)
    found = features([clip], clip.score, 100)['jump']
    assert found == pytest.approx(9.0 - parts[0, 94:107].max())
    # One that would have to share the samples of the rest gains less.
    parts[0, 30], parts[0, 170] = 0.0, 9.0
    clip = _evidence(parts)
    found = features([clip], clip.score, 100)['jump']
    share = 1 - 0.7 / 3
    assert found == pytest.approx(share * 9.0 - parts[0, 94:107].max())


@pytest.mark.parametrize('error', [-0.04, 0.0, 0.02])
def test_gain_of_an_offset_that_drifts(error):
    offsets, parts = np.arange(-100, 101) / 100, np.zeros((5, 201))
    times = 3.0 * (np.arange(5) - 2)
    for k in range(5):
        far = offsets - 0.05 - error * times[k]
        parts[k] = 6 * np.exp(-((far / 0.03) ** 2))
    clip = _evidence(parts)
    best = int(clip.score.argmax())
    found = features([clip], clip.score, best)['drift']
    # Along the line all of the evidence lies, at one offset the best sum.
    assert found == pytest.approx(30.0 - clip.score.max(), abs=0.3)
    assert (found > 5) == (error != 0)


def test_video_that_outlasts_the_sensors_is_no_jump():
    # What the sensors measured last fits the video once more.
    parts = np.zeros((6, 201))
    parts[:4, 100] = 6.0
    parts[4, 10] = 5.0
    clip = _evidence(parts)
    assert features([clip], clip.score, 100)['jump'] > 0.8
    # The sensors end with the fourth part: all that the fifth could share
    # with them at an earlier offset, the fourth has explained.
    earlier = np.maximum(-clip.offsets, 0.0)
    clip.part_overlap[4], clip.part_overlap[5] = earlier, 0.0
    assert features([clip], clip.score, 100)['jump'] < 1e-9


def test_clips_that_overlap_count_a_part_once():
    rng = np.random.default_rng(1)
    parts = rng.uniform(0, 3, (4, 201))
    clip = _evidence(parts)
    later = replace(
        clip,
        part_times=clip.part_times[2:],
        parts=parts[2:],
        part_overlap=clip.part_overlap[2:],
    )
    once = features([clip], clip.score, 100)['jump']
    assert features([clip, later], clip.score, 100)['jump'] == once
    twice = features([clip, clip], clip.score, 100)['jump']
    assert twice == pytest.approx(2 * once)  # two people


@pytest.mark.parametrize('evidence', [14.0, 200.0])
def test_of_two_searches_the_one_with_more_evidence_answers(
    evidence, monkeypatch
):
    found = [
        SyncResult(30.0, 0.4, abstained=True, reason='weak', evidence=150.0),
        SyncResult(-90.0, 0.8, evidence=evidence),
    ]
    answers, offsets = iter(found), [result.offset for result in found]
    monkeypatch.setattr(synchronizing, 'WIDE_SEC', 1.0)
    monkeypatch.setattr(synchronizing, 'coarse_offsets', lambda _: offsets)
    monkeypatch.setattr(
        synchronizing,
        'synchronize_clip',
        lambda *_: constant_clock((0.0, 12.0), next(answers)),
    )
    clock = align(simulate_recording(0, 12.0), explained=False)
    assert clock.result is found[evidence > 150]


def test_sensor_that_may_have_a_clock_of_its_own():
    sure, unsure = np.zeros((2, 201))
    sure[100], unsure[100] = 20.0, 1.0
    both = {'head': sure, 'pelvis': unsure}
    scores = np.array([sure, unsure])
    clip = _evidence(np.array([sure + unsure]), both)
    distance = abs(clip.offsets - clip.offsets[100])
    # Farther than 0.1 s all offsets are as likely as each other.
    assert apart(scores, distance).max() == pytest.approx(-0.75)
    assert features([clip], clip.score, 100)['support'] == pytest.approx(1.0)
    unsure[160] = 9.0
    far = np.concatenate([np.arange(0, 90), np.arange(111, 201)])
    odds = np.exp(0.75 * (unsure[far] - 1.0)).mean()
    found = apart(np.array([sure, unsure]), distance).max()
    assert found == pytest.approx(np.log(odds))
    clip = _evidence(np.array([sure + unsure]), both)
    assert features([clip], clip.score, 100)['support'] == pytest.approx(-8.0)
    one = _evidence(np.array([sure]), {'head': sure})
    assert features([one], one.score, 100)['support'] == np.inf


@pytest.mark.parametrize('height, contradicts', [(8.0, False), (20.0, True)])
def test_strides_that_are_alike_are_no_clock_of_their_own(height, contradicts):
    curve = np.zeros(201)
    curve[100], curve[155:166] = 6.0, height
    clip = ClipEvidence(np.arange(-100, 101) / 100, curve, curve)
    assert single._contradicts(clip, 0.0, 0.6) == contradicts
    assert single._contradicts(clip, -2.0, 0.6)  # no stride is so long


@pytest.mark.parametrize(
    'count, abstained, asked',
    [(1, False, 1), (1, True, 2), (2, True, 2), (3, True, 1)],
)
def test_the_model_is_asked_where_few_sensors_do_not_answer(
    count, abstained, asked, monkeypatch
):
    one = simulate_recording(0, 12.0)
    (stream,) = one.imu.values()
    names = 'left_wrist', 'right_wrist', 'head'
    given = []

    def answer(streams, synchronizer, reach, feats, middle):
        given.append(feats)
        result = SyncResult(0.1, 0.9, abstained, 'weak' * abstained)
        return constant_clock((0.0, 12.0), result)

    monkeypatch.setattr(synchronizing, 'synchronize_clip', answer)
    recording = Recording(dict.fromkeys(names[:count], stream), one.pose)
    align(recording, 2.0, feats='the model', explained=False)
    assert given == [None, 'the model'][:asked]


def test_a_better_offset_beyond_the_search_is_named():
    recording = simulate_recording(seed=2, seconds=20.0, offset=4.0)
    offsets = np.array([0.3, 0.3])
    sure = SyncResult(0.3, 0.95)
    clock = ClockMap(np.array([0.0, 20.0]), offsets, 0.0, result=sure)
    found = check_beyond(recording, clock, (0.0, 2.0))
    assert found.abstained and found.result.reason == 'out of reach'
    assert '+4.0' in found.notes[0]
    inside = check_beyond(recording, clock, (3.0, 2.0))
    assert inside is clock


def test_lines_of_clocks_are_taken_off():
    times = np.array([0.0, 10.0, 40.0])
    even = SensorStream(Clock(101, rate=10.0, start=7.0), {})
    uneven = SensorStream(Clock(3, times=times + 2 + 0.01 * times), {})
    found = streams_on_line(
        Recording({'head': even, 'pelvis': uneven}), 2.2, 0.01, 20.0
    )
    np.testing.assert_allclose(
        found.imu['pelvis'].clock.at(), times, atol=1e-9
    )
    back = found.imu['head'].clock.at()
    np.testing.assert_allclose(
        back + 2 + 0.01 * back, even.clock.at(), atol=1e-9
    )


def test_best_path_equals_a_search_over_all_paths():
    rng = np.random.default_rng(0)
    parts, cost = rng.uniform(0, 6, (4, 5)), 4.0
    found = best_path(parts, 0.5, cost=cost)  # a grid too coarse for slack
    soft = np.array(
        [[row[max(i - 1, 0) : i + 2].max() for i in range(5)] for row in parts]
    )
    paths = np.stack(np.meshgrid(*[range(5)] * 4), -1).reshape(-1, 4)
    values = soft[np.arange(4), paths].sum(axis=1)
    values -= cost * (np.diff(paths, axis=1) != 0).sum(axis=1)
    assert sum(s.evidence for s in found) - cost * (
        len(found) - 1
    ) == pytest.approx(values.max())


def test_a_drifting_clock_is_no_jump():
    parts = np.zeros((10, 300))
    for k in range(10):
        parts[k, 50 + 8 * k] = 20.0
    assert len(best_path(parts, 0.01, slack=8)) == 1
    assert len(best_path(parts, 0.01)) > 1


def test_border_is_where_the_sum_is_largest():
    parts = np.zeros((6, 100))
    parts[:4, 20] = parts[4:, 80] = 3.0
    assert border_between(parts, 20, 80, 0.01) == 4


@pytest.mark.parametrize('size', [2.0, -0.6])
def test_joined_clocks_can_be_inverted(size):
    first = ClockMap(np.array([0.0, 20.0]), np.array([1.0, 1.0]), 0.0)
    second = replace(first, offsets=first.offsets + size)
    clock = join([first, replace(second, times=np.array([20.0, 40.0]))], [20])
    assert clock.jumps == ((20.0, pytest.approx(size)),)
    times = np.array([3.0, 19.0, 23.0, 39.0])
    truth = times + 1 + size * (times > 20)
    np.testing.assert_allclose(clock.to_imu_time(times), truth, atol=1e-6)
    np.testing.assert_allclose(clock.to_pose_time(truth), times, atol=1e-6)
    assert (np.diff(clock.times + clock.offsets) >= -1e-9).all()


def test_the_whole_range_is_searched():
    recording = simulate_recording(3, 30.0, offset=17.3)
    clock = align(recording)
    assert clock.result.offset == pytest.approx(17.3, abs=0.02)
    assert not clock.abstained
    low, high = offset_range(recording)
    assert low < 17.3 - 20 and high > 17.3 + 20
    assert searched(recording) == pytest.approx(
        (0.5 * (low + high), 0.5 * (high - low))
    )


def test_an_offset_out_of_reach_is_named():
    recording = simulate_recording(3, 30.0, offset=8.0)
    clock = align(recording, 3.0)
    assert clock.abstained and clock.result.reason == 'out of reach'
    assert '+8.0' in clock.notes[0]
    assert clock.result.confidence < 0.5


def test_another_person_is_refused():
    recording = simulate_recording(3, 30.0)
    other = simulate_recording(4, 30.0)
    clock = align(Recording(recording.imu, other.pose))
    assert clock.abstained and clock.result.confidence < 0.5


@pytest.mark.parametrize('size', [2.0, 0.7])
def test_a_jump_of_the_clock_is_followed(size):
    recording = simulate_recording(5, 42.0, offset=0.4)
    stream = recording.imu['right_wrist']
    times = stream.clock.at()
    times = times + size * (times > 21.4)
    clock = align(
        Recording({'right_wrist': stream.at_times(times)}, recording.pose)
    )
    assert not clock.abstained
    (when, jump) = clock.jumps[0]
    assert abs(when - 21) < 2 and jump == pytest.approx(size, abs=0.05)
    times = np.array([3.0, 17.0, 25.0, 40.0])
    truth = times + 0.4 + size * (times > 21)
    np.testing.assert_allclose(clock.to_imu_time(times), truth, atol=0.03)
    assert 'clock of the sensors was set forward' in clock.notes[-1]
    curve = dict(synchronizing.pictures_of(clock))['sync_curve']
    assert curve['title'].endswith('in its middle')
    best = curve['offsets'][np.argmax(curve['log_posterior'])]
    assert best == pytest.approx(curve['estimate'], abs=0.02)


def test_dropped_frames_are_named_with_time_size_and_advice():
    recording = simulate_recording(5, 42.0, offset=0.4)
    pose, lost = recording.pose, slice(630, 651)
    pose = replace(
        pose,
        clock=Clock(pose.clock.num_samples - 21, rate=30.0),
        keypoints=np.delete(pose.keypoints, lost, axis=0),
        scores=np.delete(pose.scores, lost, axis=0),
    )
    clock = align(replace(recording, pose=pose))
    assert not clock.abstained
    (note,) = clock.notes
    assert 'about 21 frames' in note and '--frame-times' in note
    when = float(note.split('second ')[1].split(':')[0])
    assert abs(when - 21.0) < 2
    back = replace(clock, jumps=((9.0, -0.5),), notes=())
    (note,) = name_jumps(recording, back).notes
    assert note.startswith('video second 9.0: 0.500 s of the sensors')
    assert 'columns.counter' in note


def test_lost_packets_are_not_answered_with_one_offset():
    recording = simulate_recording(6, 40.0, offset=0.4)
    stream = recording.imu['right_wrist']
    times, kept = stream.clock.at(), np.ones(2000, bool)
    for start in (13, 27):
        kept &= ~((times > start) & (times < start + 0.6))
    channels = {k: v[kept] for k, v in stream.channels.items()}
    clock = Clock(int(kept.sum()), rate=50.0, start=0.4)
    lost = replace(stream, clock=clock, channels=channels)
    clock = align(Recording({'right_wrist': lost}, recording.pose))
    assert clock.abstained and clock.result.confidence <= 0.5
    assert clock.result.reason == 'clock jumps'


def test_a_sensor_with_another_clock_gets_its_own():
    recording = simulate_recording(7, 30.0, offset=0.4)
    stream = recording.imu['right_wrist']
    late = stream.at_times(stream.clock.at() + 0.17)
    imu = dict(right_wrist=stream, right_forearm=late, right_hand=stream)
    streams = Recording(imu, recording.pose)
    clock = align(streams)
    assert set(clock.sensors) == {'right_forearm'}
    answer = plain_answer(clock, streams, searched(streams))
    own = clock_of(answer, 'right_forearm').offsets[0]
    assert own == pytest.approx(0.57, abs=0.02)
    assert clock_of(answer, 'right_hand').offsets[0] == pytest.approx(
        0.4, abs=0.02
    )
    assert 'right_forearm' in answer['notes'][0]


def test_a_wrong_frame_rate_is_named():
    recording = simulate_recording(8, 30.0, offset=0.4)
    pose = recording.pose
    wrong = replace(pose, clock=Clock(pose.clock.num_samples, rate=25.0))
    clock = align(Recording(recording.imu, wrong))
    assert clock.abstained and clock.result.reason == 'frame rate'
    assert '30 frames' in clock.notes[-1]


def test_acceleration_without_gravity_or_orientation():
    recording = simulate_recording(9, 20.0)
    stream = recording.imu['right_wrist']
    bare = replace(
        stream, gravity=False, channels={'acc': stream.channels['acc']}
    )
    clock = align(Recording({'right_wrist': bare}, recording.pose))
    assert clock.result.reason == 'no gravity or orientation'


def test_coarse_search_finds_an_hour_to_a_second():
    recording = simulate_recording(10, 90.0, offset=1234.0)
    assert coarse_offset(recording) == pytest.approx(1234.0, abs=1.0)


@pytest.mark.parametrize('sensor_first', [True, False])
def test_coarse_search_finds_streams_that_hardly_overlap(sensor_first):
    whole = simulate_recording(4, 600.0, offset=0.0)
    early, late = (0.0, 340.0), (260.0, 600.0)
    of_sensor, of_pose = (early, late) if sensor_first else (late, early)
    imu = {
        name: stream.window(of_sensor[0], np.ptp(of_sensor))
        for name, stream in whole.imu.items()
    }
    pose = whole.pose.window(of_pose[0], np.ptp(of_pose))
    found = coarse_offset(Recording(imu, pose))
    assert found == pytest.approx(of_pose[0] - of_sensor[0], abs=1.0)


def test_every_reason_is_explained():
    assert set(WHY) == set(REASONS) - {''}


def test_threshold_decides():
    recording = simulate_recording(3, 20.0, offset=0.5)
    strict = FusedSynchronizer(use_feats=False, min_confidence=1.0)
    result = strict(recording, None, 2.0)
    # It is refused, and as likely to be right as before.
    assert result.abstained and result.confidence > 0.9
