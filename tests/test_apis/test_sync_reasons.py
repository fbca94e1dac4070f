"""Reasons to refuse are looked for before they are given."""

import re
from dataclasses import replace

import numpy as np
import page_files
import pytest
from benchmark_live import person
from recordings import make_recording

from mobind_mm.apis.sync_reasons import check_sides, explain
from mobind_mm.apis.synchronizing import align
from mobind_mm.datasets.synthetic import SyntheticMotionDataset
from mobind_mm.recordings import Recording
from mobind_mm.synchronization import ClockMap, FusedSynchronizer, SyncResult
from mobind_mm.synchronization.single import constant_clock


@pytest.mark.parametrize('reason', ['weak', 'still'])
def test_a_few_seconds_are_too_short_to_look_further(reason):
    result = SyncResult(0.5, 0.05, abstained=True, reason=reason)
    clock = ClockMap(
        times=np.array([0.0]),
        offsets=np.array([0.5]),
        drift_ppm=0.0,
        abstained=True,
        result=result,
    )
    told = explain(make_recording(4.0), clock)
    expected = 'too short' if reason == 'weak' else 'still'
    assert told.abstained and told.result.reason == expected


def test_what_does_not_stand_out_is_not_asked_in_full(monkeypatch):
    """Stretches, frame rates and limbs that fit nowhere."""
    asked, evidence = [], FusedSynchronizer.evidence

    def counted(self, *about):
        asked.append(self.part_sec)
        return evidence(self, *about)

    monkeypatch.setattr(FusedSynchronizer, 'evidence', counted)
    streams = Recording(make_recording(30.0, 1).imu, page_files.person().pose)
    result = SyncResult(0.0, 0.05, abstained=True, reason='weak')
    clock = constant_clock(streams.pose.clock.span, result)
    told = explain(streams, clock)
    assert told.result.reason == 'wrong limb or person'
    full = [part for part in asked if part is not None]
    assert len(full) <= 2 < len(asked)


@pytest.mark.parametrize('error', [-0.03, 0.05])
def test_the_rate_at_which_the_streams_fit_is_named(error):
    filmed = person(3, 30.0)
    imu = {
        name: s.at_times(s.clock.at() * (1 + error))
        for name, s in filmed.imu.items()
    }
    clock = align(Recording(imu, filmed.pose))
    assert clock.abstained and clock.result.reason == 'frame rate'
    (note,) = [note for note in clock.notes if 'sampled' in note]
    fps, hertz = map(float, re.findall(r'([0-9.]+) (?:frames|Hz)', note))
    assert fps == pytest.approx(30.0 / (1 + error), rel=0.005)
    assert hertz == pytest.approx(100.0, rel=0.005)


@pytest.mark.parametrize(
    ('placement', 'reason'),
    [('left_knee', 'weak'), ('head', 'wrong limb or person')],
)
def test_limbs_that_move_alike_contradict_nothing(placement, reason):
    filmed = page_files.person()
    knee = Recording({placement: filmed.imu['left_knee']}, filmed.pose)
    result = SyncResult(0.0, 0.5, abstained=True, reason='weak')
    told = explain(knee, constant_clock(filmed.pose.clock.span, result))
    assert told.abstained and told.result.reason == reason


def test_exchanged_sides_are_told():
    """Noted, and refused if they would fit at another offset."""
    source = SyntheticMotionDataset(
        split='test', num_subjects=1, takes_per_subject=1, take_sec=20.0,
        lazy_init=True,
    )  # fmt: skip
    (entry,) = source.load_entries()
    streams = source.get_recording(entry)
    clock = constant_clock(streams.pose.clock.span, SyncResult(0.0, 0.9))
    swapped = {
        name.replace('left', '?')
        .replace('right', 'left')
        .replace('?', 'right'): x
        for name, x in streams.imu.items()
    }
    assert {*swapped} == {*streams.imu}
    exchanged = Recording(swapped, streams.pose)
    assert check_sides(streams, clock) is clock
    (note,) = check_sides(exchanged, clock).notes
    assert 'left and right exchanged' in note
    span = streams.pose.clock.span
    off = check_sides(exchanged, constant_clock(span, SyncResult(0.5, 0.9)))
    assert off.abstained and off.result.reason == 'wrong limb or person'
    assert '-0.5 s from this offset' in off.notes[0]
    # One side alone may be either; a refusal has its own reasons.
    one = {name: x for name, x in swapped.items() if 'left' not in name}
    assert check_sides(Recording(one, streams.pose), clock) is clock
    # A sensor with a clock of its own would fit best elsewhere.
    left = {name: clock for name in swapped if 'left' in name}
    own = replace(clock, sensors=left)
    assert check_sides(exchanged, own) is own
    refused = replace(clock, abstained=True)
    assert check_sides(exchanged, refused) is refused
