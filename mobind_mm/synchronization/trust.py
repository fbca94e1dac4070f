"""What an answer must show before it is believed.

Two questions, each a logistic function of a few numbers: is the offset right
for the moment that fits best, and does it hold from the start to the end?
The confidence is the product of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit

from .base import ClipEvidence

_NEAR_SEC = 0.25
"""Offsets this close are no rivals: evidence is that wide."""
_LOCAL_SEC = 4.0
"""How far around the answer the parts look for an offset of their own."""
_LEAST_SEC = 6.0
"""Parts without the sensors are left out if the others last this long."""
_SAME_SEC = 0.06
"""Parts and sensors of one clock have their offsets this close together."""
_AS_SURE = 0.8
"""Share of the usual evidence of a part that is hardly chance."""
_RIGHT_SEC = 0.1
_APART_SEC = 2.0
"""How far apart the clocks of sensors are, if they are."""
_SENSOR = 0.75
"""What the evidence of one sensor counts."""

RIGHT = {'lead': 0.976, 'clear': 0.559, 'bias': -1.425}
"""Whether the offset stands out."""
THROUGHOUT = {'jump': -2.907, 'apart': -0.623, 'bias': 1.541}
"""Whether it holds in every part and for every sensor. Both were fitted by
maximum likelihood to 246 recordings of ``benchmarking.trust`` (simulated
people and motion capture, matched and mismatched) and 88 of motion-captured
walking with two to seven sensors, half of them worn by somebody else; nobody
is in a table of results."""


def trust(numbers: Mapping[str, float]) -> tuple[float, float]:
    """Probabilities that an offset is right somewhere, and then throughout.

    Args:
        numbers: What :func:`features` gives.
    """
    scaled = shapes(numbers)
    right, throughout = (
        table['bias']
        + sum(w * scaled[name] for name, w in table.items() if name != 'bias')
        for table in (RIGHT, THROUGHOUT)
    )
    return float(expit(right)), float(expit(throughout))


def shapes(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers on scales on which they add up."""
    lead = numbers['lead']
    return {
        'lead': float(np.sign(lead) * np.log1p(abs(lead))),
        'clear': float(np.clip(lead, -2, 6)),
        'jump': float(np.log1p(np.clip(numbers['jump'], 0, 10))),
        'apart': float(np.log(0.05 + np.exp(min(numbers['apart'], 5.0)))),
    }


def features(
    clips: Sequence[ClipEvidence], score: np.ndarray, best: int
) -> dict[str, float]:
    """Numbers that tell right answers from wrong ones.

    Args:
        clips: Evidence with parts.
        score: (G,) of all clips.
        best: Index of the answer.

    Returns:
        ``agree``: how far the sensors agree in preferring the answer to its
        best rival: the sum of their preferences over the root of the
        squares, S^0.5 if all are alike. ``lead``: by how much the answer
        exceeds the best rival and the best agreement with the motion played
        backwards, times ``agree`` where that is more than 1. ``jump``: the
        most that another offset would gain before or after some moment,
        where a clock may have jumped. ``apart``: how likely it is that a
        sensor has a clock of its own, as the logarithm of a Bayes factor,
        of the sensor of which it is likeliest.
    """
    offsets = clips[0].offsets
    distance = np.abs(offsets - offsets[best])
    far = distance >= _NEAR_SEC
    top = float(score[best])
    chance = float(score[far].max()) if far.any() else 0.0
    controls = [clip.control for clip in clips if clip.control is not None]
    if controls:
        chance = max(chance, float(np.sum(controls, axis=0).max()))
    alone = _sensors(clips)
    agree = _agreement(alone, score, distance)
    excess = top - chance
    return {
        'lead': excess * max(agree, 1.0) if excess > 0 else excess,
        'agree': agree,
        'jump': _jump(clips, best, distance),
        'apart': _apart(alone, distance),
    }


def _jump(
    clips: Sequence[ClipEvidence], best: int, distance: np.ndarray
) -> float:
    """Most that parts gain by another offset before or after some moment."""
    close, local = distance <= _SAME_SEC, distance <= _LOCAL_SEC
    parts = sum_parts(clips)
    room = sum_parts(clips, 'part_overlap')
    first = clips[0].part_times[0]
    people = sum(clip.part_times[0] == first for clip in clips)
    shared = room[:, best] >= np.maximum(0.5 * room.max(axis=1), 1e-3)
    # Where the sensors did not record, nothing can be said; but a part that
    # is as sure of an offset elsewhere as the others are here must count.
    sure = np.zeros(len(parts), bool)
    if shared.sum() >= 2:
        usual = float(np.median(parts[shared][:, close].max(axis=1)))
        sure = parts[:, local].max(axis=1) > _AS_SURE * usual
        sure &= ~shared
        shared |= sure
        if room[shared, best].sum() >= _LEAST_SEC * people:
            parts, room, sure = parts[shared], room[shared], sure[shared]
    if len(parts) < 2:
        return 0.0
    # Where the sensors begin or end, other offsets share more of a part.
    fair = room[:, [best]] / np.maximum(room[:, local], 1e-3)
    fair = np.where(sure[:, None], 1.0, np.minimum(fair, 1.0))
    gain = parts[:, local] * fair - parts[:, close].max(axis=1, keepdims=True)
    before = np.cumsum(gain, axis=0)[:-1]
    after = np.cumsum(gain[::-1], axis=0)[:-1]
    return float(max(before.max(), after.max()))


def _sensors(clips: Sequence[ClipEvidence]) -> np.ndarray:
    """Evidence (S, G) of the sensors of all clips, one by one."""
    sums: dict[str, np.ndarray] = {}
    for clip in clips:
        for name, own in clip.alone.items():
            sums[name] = sums.get(name, 0.0) + own.score
    return np.array([*sums.values()])


def _agreement(
    alone: np.ndarray, score: np.ndarray, distance: np.ndarray
) -> float:
    """How far the sensors agree on the answer; 1 where that is not known."""
    near, far = distance <= _SAME_SEC, distance >= _NEAR_SEC
    if not len(alone) or not far.any():
        return 1.0
    rival = int(np.flatnonzero(far)[np.argmax(score[far])])
    there = alone[:, max(rival - 3, 0) : rival + 4].max(axis=1)
    gain = alone[:, near].max(axis=1) - there
    return float(gain.sum() / max(np.sqrt((gain * gain).sum()), 1e-9))


def _apart(alone: np.ndarray, distance: np.ndarray) -> float:
    """Logarithm of how likely another offset is for the sensor it fits best.

    All others within seconds are as likely as each other.
    """
    near = distance <= _SAME_SEC
    far = (distance > _RIGHT_SEC) & (distance <= _APART_SEC)
    if len(alone) < 2 or not far.any():
        return -np.inf
    gain = alone[:, far] - alone[:, near].max(axis=1, keepdims=True)
    odds = np.exp(np.minimum(_SENSOR * gain, 50.0))
    return float(np.log(np.maximum(odds.mean(axis=1).max(), 1e-9)))


def sum_parts(
    clips: Sequence[ClipEvidence], curves: str = 'parts'
) -> np.ndarray:
    """Curves (K, G) of the parts of clips in time, summed over people."""
    sums: dict[float, np.ndarray] = {}
    for clip in clips:
        if clip.parts is not None:
            for time, row in zip(clip.part_times, getattr(clip, curves)):
                key = round(float(time), 3)
                sums[key] = sums.get(key, 0.0) + row
    return np.array([sums[time] for time in sorted(sums)])
