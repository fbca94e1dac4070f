"""Who wears the sensors, which limb carries which, and their offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets.windows import window_starts
from ..evaluation.functional import SIGNAL_WEIGHT, assign, token_evidence
from ..recordings import Recording, notes_of
from ..synchronization.in_step import limb_signals, pair_ratios, sensor_signals
from ..utils.errors import mistake
from .calibration import CALIBRATED, LEAST, Logistic, match_features
from .embedder import Embedder
from .fitting import fit_channels, match_limbs
from .shared_offset import CLIP_SEC, People, Sensors, find_offset, in_groups
from .sources import to_imu, to_people
from .synchronizing import NEAR_SEC, check_reach, search_centre
from .takes import Takes
from .windows import Preparation

OTHER_WEARER = (
    '{}: fits {} better than the wearer of the others; if several people wear '
    'sensors, say so (--several-wearers, one_wearer=False)'
)
_UNSEEN = -1.0
"""Evidence of what was not seen: less than any cosine."""


def localize(
    embedder: Embedder,
    imu: Any,
    people: Any,
    offset: float | None = None,
    max_offset: float = 0.0,
    one_wearer: bool = True,
    signal_weight: float = SIGNAL_WEIGHT,
) -> dict[str, Any]:
    """See :meth:`MoBindInferencer.localize`.

    The tokens of every sensor are compared with those of every limb of
    everybody, window by window; tokens do not encode which limb they are of.
    So are the signals.
    """
    check_reach(max_offset)
    imu, people, about = _settled(embedder, imu, people)
    if offset is None:
        recordings = (Recording(dict(imu), pose) for pose in people.values())
        offset = min(map(search_centre, recordings), key=abs)
        if offset and not max_offset:
            max_offset = NEAR_SEC
            about.append(
                'The clocks never meet, so sensors and video are taken to '
                f'have started within {NEAR_SEC:g} s of each other.'
            )
    notes = notes_of(*imu.values(), *people.values(), about)
    searched = None
    if max_offset:
        searched = find_offset(embedder, imu, people, offset, max_offset)
        offset = searched.offset
    moved = {name: stream.later(-offset) for name, stream in imu.items()}
    learned, num_windows, window_sec = _evidence(embedder, moved, people)
    compared = ~np.isnan(learned).all(axis=(0, 2))
    notes = notes_of(notes, _too_short(moved, people, compared, window_sec))
    limbs = embedder.preparation.placements
    evidence = learned
    if signal_weight:
        evidence = learned + signal_weight * _signals(moved, people, limbs)
    places = [*match_limbs(imu, limbs).values()]
    totals, matches = decide(evidence, places, limbs, one_wearer)
    seconds = num_windows * window_sec
    known = CALIBRATED.get(embedder.name, {})
    names = list(people)
    person = int(totals.argmax())
    sure = None
    if one_wearer and 'person' in known:
        best = totals[person]
        margin = best - np.delete(totals, person).max(initial=0.0)
        sure = known['person'](
            **match_features(
                float(best),
                float(margin),
                seconds * len(imu),
                int(compared.sum()),
            )
        )
        if searched:
            sure = min(sure, searched.wearer.get(names[person], 0.0))
    doubt = searched.reason if searched else ''
    # At a wrong offset everybody may fit.
    nobody = bool(doubt) or (sure is not None and sure < LEAST)
    sensors = {
        name: _sensor(match, names, limbs, known, seconds, nobody)
        for name, match in zip(imu, matches)
    }
    if one_wearer and 'sensor' in known:
        for name, match in zip(imu, decide(evidence, places, limbs, False)[1]):
            at = _sensor(match, names, limbs, known, seconds, nobody)
            if at['person'] not in (None, names[person]):
                notes.append(OTHER_WEARER.format(name, at['person']))
    return {
        'person': names[person] if one_wearer and not nobody else None,
        'person_probability': sure,
        'person_evidence': {
            name: float(total) if seen else None
            for name, total, seen in zip(names, totals, compared)
        },
        'sensors': sensors,
        'evidence': evidence,
        'people': names,
        'limbs': list(limbs),
        'offset_s': float(offset),
        'offset_reason': doubt,
        'num_windows': num_windows,
        'window_sec': window_sec,
        'notes': notes,
    }


def _settled(
    embedder: Embedder, imu: Any, people: Any
) -> tuple[Sensors, People, list[str]]:
    """Sensors and people as the model takes them, and notes on the sensors."""
    sensors = embedder.settled(Recording(to_imu(imu, False))).imu
    poses: Any = {
        name: embedder.settled(Recording(pose=pose)).pose
        for name, pose in to_people(people).items()
    }
    sensors, about = fit_channels(sensors, embedder.preparation.imu_channels)
    if not sensors:
        raise mistake('no sensor is left', ' '.join(about)[:-1])
    return sensors, poses, about


@dataclass(frozen=True)
class Match:
    """The limb that a sensor is given.

    Args:
        slot: Person times limbs plus limb; -1 if none is left.
        evidence: Of the match.
        margin: What it has more than the next best limb.
        rivals: Among how many limbs it was chosen.
    """

    slot: int
    evidence: float = float('nan')
    margin: float = float('nan')
    rivals: int = 0


def decide(
    evidence: np.ndarray,
    places: Sequence[str | None],
    limbs: Sequence[str],
    one_wearer: bool,
) -> tuple[np.ndarray, list[Match]]:
    """Whom and what sensors fit best.

    A limb that was never seen is given to no sensor.

    Args:
        evidence: (M, P, S) of sensors, people and limbs, NaN where nothing
            was seen.
        places: Limb of each sensor as its name says; None if unknown.
        limbs: Names of the S limbs.
        one_wearer: Whether one person wears all sensors.

    Returns:
        (P,) evidence that each person wears the sensors, and the match of
        each sensor.
    """
    size = len(limbs)
    known = ~np.isnan(evidence)
    filled = np.where(known, evidence, _UNSEEN)  # below all that is known
    totals = np.array(
        [_person(filled[:, p], places, limbs) for p in range(filled.shape[1])]
    )
    flat = filled.reshape(len(filled), -1)
    person = int(totals.argmax())
    inside = np.ones(flat.shape[1], dtype=bool)
    if one_wearer:
        inside = np.arange(flat.shape[1]) // size == person
    chosen = assign(flat[:, inside], _UNSEEN)
    slots = np.where(chosen < 0, -1, np.flatnonzero(inside)[chosen])
    matches = []
    for row, slot in zip(flat, slots.tolist()):
        if slot < 0:
            matches.append(Match(-1))
            continue
        others = np.where(inside, row, _UNSEEN)
        others[slot] = _UNSEEN
        rivals = int((inside & (row > _UNSEEN)).sum())
        matches.append(
            Match(
                slot,
                float(row[slot]),
                float(row[slot] - others.max(initial=_UNSEEN)),
                rivals,
            )
        )
    return totals, matches


def _signals(imu: Sensors, people: People, limbs: Sequence[str]) -> np.ndarray:
    """Evidence (M, P, S) of the signals in nats per second."""
    start, end = _shared_span(imu, people)
    seconds = min(end - start, CLIP_SEC)
    start += (end - start - seconds) / 2
    sensors = sensor_signals(
        [stream.window(start, seconds) for stream in imu.values()], seconds
    )
    poses = [pose.window(start, seconds) for pose in people.values()]
    seen = [p if p.clock.num_samples > 1 else None for p in poses]
    ratios = [
        pair_ratios(sensors, limb_signals(seen, limb, seconds))
        for limb in limbs
    ]
    return np.stack(ratios, axis=2) / seconds


def _shared_span(imu: Sensors, people: People) -> tuple[float, float]:
    """When all sensors and somebody have data, in seconds."""
    worn = [stream.clock.span for stream in imu.values()]
    seen = [pose.clock.span for pose in people.values()]
    start = max(max(s[0] for s in worn), min(s[0] for s in seen))
    end = min(min(s[1] for s in worn), max(s[1] for s in seen))
    return start, end


def _spans(imu: Sensors, people: People) -> list[tuple[float, float]]:
    """When each person is seen while all sensors have data, in seconds."""
    return [_shared_span(imu, {'': pose}) for pose in people.values()]


def _window_for_all(
    preparation: Preparation,
    longest: float,
    spans: Sequence[tuple[float, float]],
) -> float:
    """The longest window, in seconds, that falls within each of the spans.

    Windows begin at multiples of their length. They are never shorter than
    half of the longest one, whoever was seen for less.
    """
    asked = [(a, b) for a, b in spans if b - a >= longest / 2 - 1e-6]
    seconds = longest
    while seconds >= longest / 2 - 1e-6:
        entries = [{'start_s': a, 'end_s': b} for a, b in asked]
        if all(window_starts(e, seconds, seconds, 'clock') for e in entries):
            return seconds
        shorter = preparation.window_for(seconds - preparation.token_sec)
        if not shorter:
            break
        seconds = shorter
    return longest


def _too_short(
    imu: Sensors, people: People, compared: np.ndarray, seconds: float
) -> Iterator[str]:
    """Who is not seen for long enough to be compared."""
    spans = _spans(imu, people)
    for name, (start, end), known in zip(people, spans, compared.tolist()):
        if not known:
            yield (
                f'{name} is not compared: seen together with the sensors for '
                f'{max(end - start, 0.0):.1f} s, too short for the windows '
                f'of {seconds:g} s.'
            )


def _evidence(
    embedder: Embedder, imu: Sensors, people: People
) -> tuple[np.ndarray, int, float]:
    """Mean evidence (M, P, S) over windows, NaN where nothing was seen.

    Also the number of windows, and their length in seconds.
    """
    start, end = _shared_span(imu, people)
    preparation = embedder.preparation
    seconds = preparation.window_for(end - start) or preparation.window_sec
    if end - start < 2 * seconds:  # as many whole windows as there can be
        imu = {name: s.later(-start) for name, s in imu.items()}
        people = {name: p.later(-start) for name, p in people.items()}
    seconds = _window_for_all(preparation, seconds, _spans(imu, people))
    limbs = embedder.preparation.placements
    groups = in_groups(imu, limbs)
    takes: Takes = {
        f'imu {i}': ({}, Recording(group)) for i, group in enumerate(groups)
    }
    for i, pose in enumerate(people.values()):
        takes[f'pose {i}'] = {}, Recording(pose=pose)
    windows = embedder.windows(takes, window_sec=seconds, anchor='clock')
    table = embedder.embed_windows(windows, tokens=True)
    starts = np.round(table['window_start'].astype(float), 3)
    total = np.zeros((len(imu), len(people) * len(limbs)))
    count, num_windows = np.zeros_like(total), 0
    for start in np.unique(starts):
        now = {table['take'][i]: i for i in np.flatnonzero(starts == start)}
        sets = [now.get(f'imu {i}') for i in range(len(groups))]
        seen = [now.get(f'pose {i}') for i in range(len(people))]
        if None in sets or all(row is None for row in seen):
            continue
        worn = np.concatenate([table['imu_mask'][row] for row in sets])
        tokens = np.concatenate([table['imu_tokens'][row] for row in sets])
        used = np.concatenate(
            [np.arange(len(limbs)) < len(group) for group in groups]
        )
        tokens, worn = tokens[used].astype(np.float32), worn[used]
        num_windows += 1
        for index, row in enumerate(seen):
            if row is None:
                continue
            columns = slice(index * len(limbs), (index + 1) * len(limbs))
            mask = table['pose_token_mask'][row]
            limb_tokens = table['pose_tokens'][row].astype(np.float32)
            cosines = token_evidence(tokens, limb_tokens, mask, 'tokens')
            both = worn[:, None] & mask.any(axis=1)
            total[:, columns] += np.where(both, cosines, 0)
            count[:, columns] += both
    if not count.any():
        raise ValueError(
            'Sensors and people are never seen together for a window of '
            f'{embedder.preparation.window_sec} s; give the offset of '
            'their clocks, or let it be searched (max_offset).'
        )
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    shape = len(imu), len(people), len(limbs)
    return mean.reshape(shape), num_windows, seconds


def _person(
    evidence: np.ndarray, places: Sequence[str | None], limbs: Sequence[str]
) -> float:
    """Evidence that a person wears the sensors, from that of limbs (M, S).

    Sensors count at their place if all have one that the model knows, else
    where they fit best in a one-to-one assignment.
    """
    at_place = [
        evidence[i, list(limbs).index(limb)]
        for i, limb in enumerate(places)
        if limb is not None
    ]
    if len(at_place) == len(places):
        return float(np.mean(at_place))
    slots = assign(evidence)
    return float(np.mean([e[s] for e, s in zip(evidence, slots) if s >= 0]))


def _sensor(
    match: Match,
    people: list[str],
    limbs: Sequence[str],
    known: Mapping[str, Logistic],
    seconds: float,
    nobody: bool,
) -> dict[str, Any]:
    """Where one sensor is, as the inferencer says it."""
    place: dict[str, Any] = dict(person=None, limb=None)
    if match.slot < 0:
        return dict(
            place, evidence=None, margin=None, in_view=None, probability=None
        )
    guess = dict(
        person=people[match.slot // len(limbs)],
        limb=limbs[match.slot % len(limbs)],
    )
    features = match_features(
        match.evidence, match.margin, seconds, match.rivals
    )
    sure = {
        name: known[name](**features) if name in known else None
        for name in ('sensor', 'limb')
    }
    facts: dict[str, Any] = dict(
        evidence=match.evidence,
        margin=match.margin,
        in_view=sure['sensor'],
        probability=sure['limb'],
    )
    there = sure['sensor']
    if nobody or (there is not None and there < LEAST):
        return dict(place, **facts, guess=guess)
    return dict(guess, **facts)
