"""Every synchroniser fulfils the contract, and breaches are named."""

import numpy as np
import pytest
from sync_streams import drawn_clip

from mobind_mm.recordings import Clock, Recording, SensorStream
from mobind_mm.synchronization import (
    ClipEvidence,
    CorrelationSynchronizer,
    FusedSynchronizer,
    Synchronizer,
    SyncResult,
    VoteSynchronizer,
    build_synchronizer,
    check_synchronizer,
    synchronize_clip,
    synchronize_clocks,
    synchronizer_names,
)
from mobind_mm.synchronization.conformance import (
    simulate_feats,
    simulate_recording,
)


@pytest.mark.parametrize('name', ['fused', 'signals', 'vote', 'correlation'])
def test_all_of_the_package_fulfil_the_contract(name):
    check_synchronizer(build_synchronizer(name))


class WrongSign(CorrelationSynchronizer):
    def evidence(self, streams, feats, max_offset):
        clip = super().evidence(streams, feats, max_offset)
        return ClipEvidence(clip.offsets, clip.score[::-1], clip.overlap)


class WiderGrid(CorrelationSynchronizer):
    def evidence(self, streams, feats, max_offset):
        return super().evidence(streams, feats, 2 * max_offset)


class OnlyTheFirst(CorrelationSynchronizer):
    def decide(self, clips):
        return super().decide(clips[:1])


class Sure(CorrelationSynchronizer):
    def decide(self, clips):
        result = super().decide(clips)
        if not clips:
            return result
        return SyncResult(
            result.offset,
            confidence=1.0,
            offsets=result.offsets,
            log_posterior=result.log_posterior,
        )


class Kept(FusedSynchronizer):
    """Decides by curves that a shift does not move."""

    def evidence(self, streams, feats, max_offset):
        clip = super().evidence(streams, feats, max_offset)
        self.kept = clip
        return clip

    def decide(self, clips):
        return super().decide([self.kept] if len(clips) == 1 else clips)


@pytest.mark.parametrize(
    ('kind', 'options', 'error'),
    [
        (WrongSign, {}, 'offset of one clip: got'),
        (WiderGrid, {}, 'within max_offset=2.0'),
        (OnlyTheFirst, {}, 'order of clips'),
        (Sure, {}, 'nobody moves'),
        (Kept, dict(use_feats=False), 'shifted evidence'),
    ],
)
def test_breaches_are_named(kind, options, error):
    with pytest.raises(AssertionError, match=f'{kind.__name__}: .*{error}'):
        check_synchronizer(kind(**options))


def test_what_is_not_a_synchronizer_is_refused():
    recording = simulate_recording(0, 30.0)

    class Callable:
        needs_streams = needs_feats = True

        def __call__(self, streams, feats, max_offset):
            return SyncResult(0.0)

    for run in (synchronize_clip, synchronize_clocks):
        with pytest.raises(
            TypeError, match='Callable is not a synchronizer: it lacks evid'
        ):
            run(recording, Callable(), 2.0, **_short(run))
    with pytest.raises(TypeError, match='lacks evidence, decide'):
        build_synchronizer(Callable())


def test_flags_and_methods_must_be_there():
    class NoFlags(Synchronizer):
        def evidence(self, streams, feats, max_offset):
            return ClipEvidence(np.zeros(1), np.zeros(1), np.zeros(1))

        def decide(self, clips):
            return SyncResult(0.0)

    with pytest.raises(TypeError, match='lacks needs_streams, needs_feats'):
        check_synchronizer(NoFlags())

    class NoDecision(CorrelationSynchronizer):
        decide = Synchronizer.decide

    with pytest.raises(TypeError, match='decide'):
        NoDecision()


def _short(run):
    return dict(clip_sec=10.0) if run is synchronize_clocks else {}


def test_names_configs_and_objects_are_built():
    assert isinstance(build_synchronizer('fused'), FusedSynchronizer)
    assert build_synchronizer('fused').needs_feats
    assert not build_synchronizer('signals').needs_feats
    assert build_synchronizer('vote', topk=2).topk == 2
    config = dict(type='CorrelationSynchronizer', high_hz=4.0)
    built = build_synchronizer(config)
    assert built.high_hz == 4.0 and isinstance(built, Synchronizer)
    assert build_synchronizer(built) is built
    assert build_synchronizer(config, high_hz=1.0).high_hz == 1.0
    assert build_synchronizer('VoteSynchronizer').topk == 5
    with pytest.raises(TypeError, match=r"built already; \['topk'\]"):
        build_synchronizer(built, topk=3)
    with pytest.raises(ValueError, match=r"'fusd'; did you mean 'fused'\?"):
        build_synchronizer('fusd')
    names = synchronizer_names()
    assert names[:4] == ['fused', 'signals', 'vote', 'correlation']
    assert {'FusedSynchronizer', 'VoteSynchronizer'} <= set(names)


def test_the_vote_follows_a_clock_on_its_grid():
    recording = simulate_recording(1, 150.0, offset=-0.9, drift_ppm=-600.0)
    asked = []

    def feats(clip):
        asked.append(clip)
        return simulate_feats(clip)

    clock = synchronize_clocks(
        recording, VoteSynchronizer(), 2.0, feats, clip_sec=15.0
    )
    assert len(asked) == 14 and not clock.abstained
    times = np.array([10.0, 75.0, 140.0])
    np.testing.assert_allclose(
        clock.to_imu_time(times), times * (1 - 6e-4) - 0.9, atol=0.1
    )
    for run in (synchronize_clip, synchronize_clocks):
        with pytest.raises(ValueError, match='VoteSynchronizer compares feat'):
            run(recording, VoteSynchronizer(), 2.0)
        with pytest.raises(ValueError, match='VoteSynchronizer compares feat'):
            run(recording, VoteSynchronizer(), 2.0, lambda clip: None)
    with pytest.raises(ValueError, match='1 offset to choose from'):
        synchronize_clocks(recording, VoteSynchronizer(), 0.1, feats)


def test_clips_without_features_are_left_out():
    recording = simulate_recording(1, 150.0, offset=0.5)
    asked = []

    def feats(clip):
        asked.append(clip)
        return None if len(asked) in (3, 4, 9) else simulate_feats(clip)

    clock = synchronize_clocks(
        recording, VoteSynchronizer(), 2.0, feats, clip_sec=15.0
    )
    assert len(clock.clip_times) == 11 and not clock.abstained
    assert clock.to_imu_time(75.0) == pytest.approx(75.5, abs=0.1)


def test_votes_of_two_people_are_counted_together():
    sync = VoteSynchronizer()
    clips = [
        sync.evidence(
            None, simulate_feats(simulate_recording(s, 12.0, 0.4)), 2
        )
        for s in (0, 1)
    ]
    rows = clips[0].rows + clips[1].rows
    result = sync.decide(clips)
    assert result.offset == pytest.approx(0.4)
    covered = clips[0].overlap > 0
    np.testing.assert_array_equal(result.log_posterior, rows[0, covered])
    # Nobody votes for what no pair of windows covers.
    short = sync.evidence(
        None, simulate_feats(simulate_recording(0, 3.0)), 2.0
    )
    assert len(short.offsets) == 21
    assert len(sync.decide([short]).offsets) == 9  # 5 windows


def test_shifted_evidence_is_about_another_offset():
    clip = FusedSynchronizer(use_feats=False).evidence(
        drawn_clip(offset=0.8), None, 3.0
    )
    moved = clip.shifted(0.5)
    at = np.abs(clip.offsets) < 2
    np.testing.assert_allclose(
        moved.score[at],
        np.interp(clip.offsets[at] + 0.5, clip.offsets, clip.score),
    )
    sync = FusedSynchronizer(use_feats=False)
    assert sync.decide([moved]).offset == pytest.approx(0.3, abs=0.005)
    assert sync.decide([moved.shifted(-0.5)]).offset == pytest.approx(
        0.8, abs=0.005
    )


def test_a_still_clip_is_not_usable():
    recording = simulate_recording(0, 20.0, still=True)
    sync = FusedSynchronizer(use_feats=False)
    assert not sync.evidence(recording, None, 2.0).usable
    assert not sync.evidence(Recording(pose=recording.pose), None, 2.0).usable
    clip = drawn_clip()
    assert sync.evidence(clip, None, 2.0).usable
    none = SensorStream(Clock(0, rate=50.0), {'acc': np.zeros((0, 3))})
    dead = Recording({'right_wrist': none}, clip.pose)
    assert not CorrelationSynchronizer().evidence(dead, None, 2.0).usable
