"""Who wears the sensors, and which limb carries which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..evaluation.functional import assign, token_evidence
from ..recordings import Clock, Recording, SensorStream
from .embedder import Embedder
from .scene_offset import People, Sensors, find_offset, in_groups
from .sources import to_imu, to_people


def localize(
    embedder: Embedder,
    imu: Any,
    people: Any,
    offset: float = 0.0,
    max_offset: float = 0.0,
    one_wearer: bool = True,
) -> dict[str, Any]:
    """See :meth:`MoBindInferencer.localize`.

    The tokens of every sensor are compared with those of every limb of
    everybody, window by window; tokens do not encode which limb they are of.
    """
    imu, people, doubt = to_imu(imu, False), to_people(people), ''
    if max_offset:
        offset, doubt = find_offset(embedder, imu, people, offset, max_offset)
    moved = {name: _shifted(stream, -offset) for name, stream in imu.items()}
    evidence, num_windows = _evidence(embedder, moved, people)
    limbs = embedder.preparation.placements
    num_people, names = len(people), list(people)
    flat = evidence.reshape(len(imu), -1)
    known = ~np.isnan(flat)
    flat = np.where(known, flat, -1.0)  # a cosine: below all that is known
    by_person = flat.reshape(len(imu), num_people, len(limbs))
    totals = np.array(
        [_person(by_person[:, p], imu, limbs) for p in range(num_people)]
    )
    person = int(totals.argmax())
    if one_wearer:
        slots = person * len(limbs) + assign(by_person[:, person])
        slots = np.where(assign(by_person[:, person]) < 0, -1, slots)
    else:
        slots = assign(flat)
    sensors = {}
    for row, name in enumerate(imu):
        sensors[name] = _sensor(
            flat[row], int(slots[row]), names, limbs, one_wearer
        )
    return {
        'person': names[person] if one_wearer else None,
        'person_evidence': dict(zip(names, totals.tolist())),
        'sensors': sensors,
        'evidence': np.where(known, flat, np.nan).reshape(by_person.shape),
        'people': names,
        'limbs': list(limbs),
        'offset_s': float(offset),
        'offset_reason': doubt,
        'num_windows': num_windows,
    }


def _evidence(
    embedder: Embedder, imu: Sensors, people: People
) -> tuple[np.ndarray, int]:
    """Mean evidence (M, P, S) over windows, NaN where nothing was seen."""
    limbs = embedder.preparation.placements
    groups = in_groups(imu, limbs)
    takes = {f'imu {i}': ({}, Recording(g)) for i, g in enumerate(groups)}
    for i, pose in enumerate(people.values()):
        takes[f'pose {i}'] = {}, Recording(pose=pose)
    windows = embedder.windows(takes, anchor='clock')
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
            found = token_evidence(tokens, limb_tokens, mask, 'tokens')
            both = worn[:, None] & mask.any(axis=1)
            total[:, columns] += np.where(both, found, 0)
            count[:, columns] += both
    if not count.any():
        raise ValueError(
            'Sensors and people are never seen together for a window of '
            f'{embedder.preparation.window_sec} s; give the offset of '
            'their clocks, or let it be searched (max_offset).'
        )
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean.reshape(len(imu), len(people), len(limbs)), num_windows


def _person(
    evidence: np.ndarray, imu: Sensors, limbs: tuple[str, ...]
) -> float:
    """Evidence that a person wears the sensors, from that of limbs (M, S).

    Sensors count at their place if all have one that the model knows, else
    where they fit best in a one-to-one assignment.
    """
    if set(imu) <= set(limbs):
        own = [evidence[i, limbs.index(name)] for i, name in enumerate(imu)]
        return float(np.mean(own))
    slots = assign(evidence)
    return float(np.mean([e[s] for e, s in zip(evidence, slots) if s >= 0]))


def _sensor(
    evidence: np.ndarray,
    slot: int,
    people: list[str],
    limbs: tuple[str, ...],
    one_wearer: bool,
) -> dict[str, Any]:
    """Where one sensor is, given its evidence (P * S,) and its slot."""
    if slot < 0:
        return dict(person=None, limb=None, evidence=None, margin=None)
    person = slot // len(limbs)
    rivals = np.arange(len(evidence)) != slot
    if one_wearer:
        rivals &= np.arange(len(evidence)) // len(limbs) == person
    margin = evidence[slot] - evidence[rivals].max(initial=-1.0)
    return {
        'person': people[person],
        'limb': limbs[slot % len(limbs)],
        'evidence': float(evidence[slot]),
        'margin': float(margin),
    }


def _shifted(stream: SensorStream, by: float) -> SensorStream:
    clock = stream.clock
    if clock.times is not None:
        moved = Clock(clock.num_samples, times=clock.times + by)
    else:
        moved = replace(clock, start=clock.start + by)
    return replace(stream, clock=moved)
