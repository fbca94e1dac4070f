"""Streams that arrive while they are synchronised."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mobind_mm.recordings import Recording
from mobind_mm.skeleton import get_layout
from mobind_mm.synchronization import (
    ClipEvidence,
    FusedSynchronizer,
    LiveSynchronizer,
    SyncResult,
)
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.live_buffer import StreamBuffer
from mobind_mm.synchronization.live_follower import Follower, _with_prior
from mobind_mm.synchronization.live_track import LiveState, Track

WRIST = 'right_wrist'
SIDES = 'left', 'right'
OFFSET = 5000.3


def chunks(streams, seconds, size=1.0, clock=None, start=0.0):
    """Calls of push_imu and push_pose as time goes on."""
    sensor, pose = streams.imu[WRIST], streams.pose
    clock = clock or (lambda times: times + OFFSET)
    for at in np.arange(start, seconds, size):
        part = sensor.clock.between(at, at + size - 1e-6)
        values = {k: sensor.channels[k][part] for k in ('acc', 'gyro')}
        yield 'push_imu', (WRIST, clock(sensor.clock.at(part))), values
        part = pose.clock.between(at, at + size - 1e-6)
        yield (
            'push_pose',
            (pose.clock.at(part), pose.keypoints[part], pose.scores[part]),
            {},
        )


def played(calls, live=None, watch=None):
    live = live or LiveSynchronizer(load=None)
    for method, values, named in calls:
        getattr(live, method)(*values, **named)
        if watch is not None:
            watch(live.state())
    return live


def test_offset_and_drift_are_those_of_the_clocks():
    streams = simulate_recording(1, 60.0)
    late = []

    def watch(state):
        error = state.offset - OFFSET - 4e-4 * state.video_s
        late.append((state.video_s, error, state.abstained))

    live = played(
        chunks(streams, 60.0, clock=lambda t: OFFSET + (1 + 4e-4) * t),
        watch=watch,
    )
    late = [e for at, *e in late if at >= 15]
    assert not any(abstained for _, abstained in late)
    assert max(abs(error) for error, _ in late) < 0.02
    state = live.state()
    assert abs(state.drift_ppm - 400) < 2 * state.drift_error_ppm < 500
    clock = live.clock()
    assert not clock.abstained and not clock.jumps
    times = np.array([5.0, 30.0, 55.0])
    assert clock.to_imu_time(times) == pytest.approx(
        OFFSET + (1 + 4e-4) * times, abs=0.02
    )


@pytest.mark.parametrize('size', [2.0, -2.0])
def test_a_clock_that_is_set_is_reported(size):
    streams = simulate_recording(2, 58.0)
    reported, wrong = [], []

    def clock(times):
        return times + OFFSET + size * (times >= 40)

    def watch(state):
        truth = OFFSET + size * (state.video_s >= 40)
        if not state.abstained and state.video_s > 40.5:
            wrong.append(abs(state.offset - truth) > 0.1)
        if state.jumps:
            reported.append(state.video_s)

    live = played(chunks(streams, 58.0, clock=clock), watch=watch)
    assert min(reported) <= 55
    assert not any(wrong)
    ((at, jump),) = live.state().jumps
    assert at == pytest.approx(40, abs=2) and jump == pytest.approx(
        size, abs=0.03
    )
    ends = live.clock().to_imu_time(np.array([10.0, 55.0]))
    assert ends == pytest.approx(clock(np.array([10.0, 55.0])), abs=0.03)


@pytest.mark.parametrize('quiet', ['push_imu', 'push_pose'])
def test_a_stream_that_was_silent_was_not_set(quiet):
    """Nobody in view, or sensors out of reach, while the other goes on."""
    streams = simulate_recording(2, 40.0)
    calls = list(chunks(streams, 40.0))
    for i in range(2 * 20, 2 * 25):
        if calls[i][0] == quiet:
            calls[i] = 'state', (), {}
    states = []
    live = played(calls, watch=states.append)
    late = [state for state in states if state.video_s > 26.5]
    assert late and not any(state.abstained for state in late)
    assert any('no samples for 5.' in note for note in live.state().notes)


def test_another_person_is_not_answered():
    imu = simulate_recording(3, 45.0).imu
    streams = Recording(imu, simulate_recording(4, 45.0).pose)
    states = []
    live = played(chunks(streams, 45.0), watch=states.append)
    assert all(state.abstained for state in states)
    assert max(state.confidence for state in states) <= 0.5
    with pytest.raises(ValueError, match='No offset is known yet'):
        live.clock()


def test_nobody_moves():
    live = played(chunks(simulate_recording(5, 30.0, still=True), 30.0))
    assert live.state().abstained and live.state().reason == 'still'


def test_a_known_clock_is_believed_less_while_nothing_moves():
    moving = simulate_recording(6, 20.0)
    live = played(chunks(moving, 20.0))
    assert not live.state().abstained
    still = simulate_recording(6, 125.0, still=True)
    states = []
    played(chunks(still, 125.0, start=20.0), live, states.append)
    sure = [state.confidence for state in states]
    assert sure[-1] < 0.7 * sure[0] and states[-1].reason == 'still'
    assert states[-1].abstained
    assert states[-1].offset == pytest.approx(OFFSET, abs=0.02)


def test_order_and_size_of_chunks_do_not_matter():
    streams = simulate_recording(7, 20.0)
    expected = played(chunks(streams, 20.0)).state()
    calls = list(chunks(streams, 20.0, size=0.25))
    rng = np.random.default_rng(0)
    for i in range(0, len(calls) - 8, 8):  # within a second
        calls[i : i + 8] = [calls[i + k] for k in rng.permutation(8)]
    state = played(calls).state()
    assert state.offset == pytest.approx(expected.offset, abs=0.005)
    assert not state.abstained and not state.notes


def test_memory_is_bounded_and_silence_is_told():
    live = LiveSynchronizer(load=None)
    still = np.tile([0.0, 0.0, 9.8], (1000, 1))
    for k in range(60):
        live.push_imu('head', 10.0 * k + np.arange(1000) / 100, still)
        if k < 30:
            live.push_imu(WRIST, 10.0 * k + np.arange(1000) / 100, still)
        frames = np.ones((300, 17, 2))
        live.push_pose(10.0 * k + np.arange(300) / 30, frames)
    recording = live.recording()
    seconds = [
        s.clock.span[1] - s.clock.span[0] for s in recording.imu.values()
    ]
    assert max(seconds) < 60
    assert np.ptp(recording.pose.clock.span) < 60
    assert any(
        note.startswith(f'{WRIST}: silent for 300')
        for note in live.state().notes
    )


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda live: live.push_imu('nose', [0.0], [[0, 0, 1.0]]), 'nose'),
        (lambda live: live.push_imu('head', [0.0], [[0.0, 1.0]]), 'shape'),
        (lambda live: live.push_imu('head', [np.nan], [[0, 0, 1]]), 'finite'),
        (lambda live: live.push_imu('head', [0, 1], [[0, 0, 1]]), 'shape'),
        (lambda live: live.push_pose([0], np.ones((1, 5, 2))), '17'),
        (lambda live: LiveSynchronizer(window_sec=1.0), 'window_sec'),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(LiveSynchronizer())


def pushed(*starts, memory=60.0, values=None):
    buffer = StreamBuffer('head', memory)
    events = []
    for k, start in enumerate(starts):
        times = start + np.arange(100) / 100
        value = np.full((100, 1), k if values is None else values[k])
        buffer.push(times, {'acc': value})
        events += buffer.settle()
    return buffer, events


def test_late_chunks_are_sorted_in_and_repeated_ones_left_out():
    buffer, events = pushed(0, 2, 1, 2, values=[0, 2, 1, 2])
    assert np.allclose(buffer.times, np.arange(300) / 100)
    assert np.allclose(buffer.channels['acc'][:, 0], np.repeat([0, 1, 2], 100))
    assert buffer.dropped == 100
    assert events == []  # the gap was filled in time


def test_gaps_are_told_once():
    buffer, events = pushed(0, 2)
    assert len(buffer.holes) == 1 and events == []
    buffer, events = pushed(0, 2, 3, 4)
    (event,) = events
    assert event.kind == 'gap' and not buffer.holes
    assert event[1:] == pytest.approx((0.99, 1.01))


def test_a_clock_that_goes_back_overwrites():
    buffer, events = pushed(0, 1, 2, 3, 1.5)
    (event,) = events
    assert event.kind == 'back' and event.at == pytest.approx(3.99)
    assert event.seconds == pytest.approx(1.5 - 3.99)
    assert buffer.newest == pytest.approx(2.49)
    assert (buffer.channels['acc'][buffer.times >= 1.5] == 4).all()


def test_one_wild_time_empties_no_buffer():
    buffer, _ = pushed(0, 1)
    buffer.push(np.array([1e9]), {'acc': np.zeros((1, 1))})
    buffer.push(2 + np.arange(100) / 100, {'acc': np.zeros((100, 1))})
    assert buffer.settle() == []
    assert buffer.newest == pytest.approx(2.99) and len(buffer.times) == 300


def test_only_the_last_seconds_are_kept():
    buffer, _ = pushed(*range(30), memory=5.0)
    assert buffer.times[0] == pytest.approx(24.99) and len(buffer.times) == 501


def test_a_track_is_a_line_and_its_points_are_bounded():
    track = Track()
    for k in range(3000):
        track.add(5.0 * k, 2.0 - 2e-4 * 5 * k, 1.0)
    assert len(track.segments[0].points) <= 512
    offset, drift, error = track.line(15000.0)
    assert offset == pytest.approx(2.0 - 2e-4 * 15000, abs=1e-3)
    assert drift == pytest.approx(-2e-4, rel=0.02) and error < 1e-5
    track.jump(15000.0, 15005.0, 7.0, 1.0)
    ((at, size),) = track.jumps
    assert at == 15000.0 and size == pytest.approx(8.0, abs=0.01)
    # It was none: from a moment before it on, the clock is as it was.
    assert not track.jump(14990.0, 15010.0, -1.0, 1.0)
    assert track.jumps == () and track.line(15010.0)[0] == pytest.approx(
        -1, abs=5e-3
    )
    assert track.jump(15020.0, 15030.0, -1.3, 1.0)


def test_all_that_is_followed_was_mistaken():
    """A first answer is corrected: no clock jumped before it was known."""
    track = Track()
    track.add(10.0, 0.1, 0.9)
    assert not track.jump(6.0, 15.0, 0.0, 0.9)
    assert track.jumps == () and track.line(15.0)[0] == 0.0


@pytest.mark.parametrize('lead, moved', [(4.0, False), (9.0, True)])
def test_a_window_moves_a_clock_only_if_it_outweighs_what_is_known(
    lead, moved
):
    """Steps of a walk fit almost as well 0.1 s away."""
    offsets = np.arange(-600, 601) / 100
    score = np.zeros(1201)
    score[600], score[610] = 15.0, 15.0 + lead
    clip = SimpleNamespace(offsets=offsets, score=score, alone={}, parts=None)
    result = SyncResult(0.1, 0.97)
    follower, doubts, moves = Follower.__new__(Follower), [], []
    follower._speaking = lambda everybody: ['head']
    follower._evidence = lambda *about: (clip, None)
    follower._doubt = lambda *about: doubts.append(about)
    follower._moved = lambda *about: moves.append(about)
    follower.sync = SimpleNamespace(decide=lambda clips: result)
    follower.track = SimpleNamespace(line=lambda time: (0.0, 0.0, 0.0))
    follower._follow((0.0, 20.0))
    assert bool(moves) == moved and bool(doubts) != moved


def test_a_prior_multiplies_the_odds():
    assert _with_prior(0.8, 1.0) == pytest.approx(0.8)
    assert _with_prior(0.8, 0.25) == pytest.approx(0.5)


@pytest.mark.parametrize('confidence, jumped', [(0.8, False), (0.97, True)])
def test_a_clock_that_was_followed_jumps_only_for_a_surer_answer(
    confidence, jumped
):
    follower, jumps = Follower.__new__(Follower), []
    follower.sync = FusedSynchronizer(use_feats=False)
    follower.streams = SimpleNamespace(notes={}, note=lambda text: None)
    follower.track = SimpleNamespace(
        line=lambda time: (0.0, 0.0, 0.0),
        jump=lambda *about: jumps.append(about) or True,
    )
    follower.belief, follower.apart = LiveState(), {}
    follower._begin(10.0, (0.0, 20.0), SyncResult(1.0, confidence))
    assert bool(jumps) == jumped
    assert follower.belief.abstained != jumped


@pytest.mark.parametrize(
    'worn, moved, noted, doubted',
    [
        (('right_wrist', 'left_wrist'), 0.0, False, False),
        (('left_wrist', 'right_wrist'), 0.0, True, False),
        (('left_wrist', 'right_wrist'), 0.5, True, True),
    ],
)
def test_exchanged_sides_are_noted_and_doubted_at_another_offset(
    worn, moved, noted, doubted
):
    one, other = (simulate_recording(seed, 20.0) for seed in (0, 1))
    points, scores = one.pose.keypoints.copy(), one.pose.scores.copy()
    names = get_layout('coco')
    for name in ('shoulder', 'elbow', 'wrist'):
        left, right = (names.index(f'{side}_{name}') for side in SIDES)
        points[:, left] = other.pose.keypoints[:, right]
        scores[:, left] = other.pose.scores[:, right]
    pose = replace(one.pose, keypoints=points, scores=scores)
    sensors = (streams.imu[WRIST].later(moved) for streams in (one, other))
    recording = Recording(dict(zip(worn, sensors)), pose)
    follower, notes = Follower.__new__(Follower), {}
    follower.__dict__.update(
        streams=SimpleNamespace(
            notes=notes,
            note=lambda text: notes.update({text: None}),
            speaking=lambda: [*worn],
            recording=lambda *_: recording,
        ),
        track=SimpleNamespace(known=True, line=lambda time: (0.0, 0.0, 0.0)),
        budget=SimpleNamespace(chosen=lambda names, everybody: names),
        sync=FusedSynchronizer(use_feats=False),
        belief=LiveState(abstained=False, confidence=0.9),
        affords=lambda: True,
        window_sec=20.0,
        odd=-np.inf,
        apart={},
        _sides=0.0,
        _sides_due=-np.inf,
        _sides_apart=0.0,
    )
    follower._check_sides((0.0, 20.0))
    assert bool(notes) == noted and follower.belief.abstained == doubted
    # What is clear is not asked again soon.
    assert (follower._sides_due > 100) != noted
    if doubted:
        assert follower.belief.reason == 'wrong limb or person'


@pytest.mark.parametrize(
    ('windows', 'confidence', 'kept'),
    [(3, 0.5, True), (3, 0.001, False), (2, 0.5, False)],
)
def test_a_known_clock_is_not_dropped_for_one_window(
    windows, confidence, kept
):
    follower = Follower.__new__(Follower)
    follower.sync = FusedSynchronizer(use_feats=False)
    follower.every_sec, follower.window_sec = 5.0, 20.0
    points = SimpleNamespace(points=np.zeros((windows, 3)))
    follower.track = SimpleNamespace(segments=[points])
    follower.belief = LiveState(confidence=0.9, abstained=False, reason='')
    follower.confirmed = 0.0
    weak = SyncResult(7.0, confidence, abstained=True, reason='weak')
    evidence = ClipEvidence(*np.zeros((3, 21)))
    assert follower._keep(weak, evidence, 7.0) == kept
    assert follower.belief.confidence == pytest.approx(0.9)


TIMES, ACC = np.arange(5) / 100, np.ones((5, 3))


KEYPOINTS = np.ones((5, 17, 2))


@pytest.mark.parametrize(
    ('name', 'given'),
    [
        ('imu', (TIMES, None)),  # IndexError with the next chunk
        ('imu', ([10**400] * 5, ACC)),
        ('imu', (iter(TIMES), ACC)),
        ('imu', (TIMES * 1j, ACC)),
        ('imu', (['a'] * 5, ACC)),
        ('imu', ([1e300] * 5, ACC)),
        ('imu', (TIMES, [[{}] * 3] * 5)),
        ('imu', (TIMES, [[1, 2], [3]])),
        ('imu', (TIMES, ACC * 1j)),
        ('pose', (0.5, KEYPOINTS)),
        ('pose', (TIMES, KEYPOINTS, 0.5)),
        ('pose', (TIMES, KEYPOINTS, np.ones((5, 3)))),
        ('pose', (TIMES, [[None]])),
    ],
)
def test_chunks_that_are_none(name, given):
    live = LiveSynchronizer()
    with pytest.raises(ValueError, match='numbers|shape|times'):
        if name == 'imu':
            live.push_imu('head', *given)
        else:
            live.push_pose(*given)
    live.push_imu('head', TIMES, ACC)  # it goes on
    live.push_pose(TIMES, KEYPOINTS)
    assert live.state().reason == 'too short'


@pytest.mark.filterwarnings('error')
def test_samples_that_nothing_measures_are_missing():
    live = LiveSynchronizer()
    live.push_imu('head', TIMES, np.full((5, 3), 1e300))
    live.push_imu('head', TIMES + 0.05, np.full((5, 3), -np.inf))
    live.push_imu('head', TIMES + 0.1, ACC)
    acc = live.recording().imu['head'].channels['acc']
    assert np.isnan(acc[:10]).all() and (acc[10:] == 1).all()


@pytest.mark.parametrize(
    'options',
    [
        {'max_lag': 1e9},  # 1.5 TB
        {'max_lag': float('inf')},
        {'max_lag': None},
        {'max_offset': 1e9},
        {'around': float('nan')},
        {'window_sec': 'x'},
        {'every_sec': float('nan')},
        {'img_shape': (0, 5)},
        {'img_shape': ('a', 2)},
        {'img_shape': None},
        {'img_shape': 5},
        {'frame': 'moon'},
        {'layout': None},
        {'layout': 'x' * 5000},
    ],
)
def test_options_that_no_session_has(options):
    with pytest.raises(ValueError) as error:
        LiveSynchronizer(**options)
    assert len(str(error.value)) < 1000
