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
"""Parts of one clock have their offsets within this of each other."""

RIGHT = {
    'excess': 1.194,
    'excess_rate': 3.863,
    'top': 1.572,
    'agree': 0.847,
    'bias': -3.499,
}
"""Whether the offset stands out."""
THROUGHOUT = {
    'part_loss': -5.794,
    'worst_third': 0.918,
    'worst_rate': 1.659,
    'worst_part': -1.359,
    'bias': 2.843,
}
"""Whether it holds in every part. Both were fitted by maximum likelihood to
294 recordings of ``tools/analysis_tools/fit_trust.py --count 10 --seed 5``
(simulated people, motion capture and UTD-MHAD, matched and mismatched) and 48
of motion-captured walking with two to seven sensors, half of them worn by
somebody else. ``agree`` was measured in the latter only; in the former it
counted as that of one sensor."""


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
    """The numbers on scales on which they add up: logarithms and shares."""

    def log(name: str, scale: float) -> float:
        value = numbers[name]
        return float(np.sign(value) * np.log1p(abs(value) / scale))

    return {
        'excess': log('excess', 2),
        'excess_rate': float(np.clip(numbers['excess_rate'], -1, 1)),
        'top': log('top', 5),
        'part_loss': float(np.clip(numbers['part_loss'], 0, 0.5)),
        'worst_third': log('worst_third', 2),
        'worst_rate': float(np.clip(numbers['worst_rate'], -1, 1)),
        'worst_part': log('worst_part', 3),
        'agree': numbers['agree'],
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
        ``top``: evidence of the answer. ``excess``: by how much it exceeds
        that of the best rival and of the best agreement with the motion
        played backwards, and ``excess_rate``, the share. ``part_loss`` and
        ``worst_part``: what parts lose of their best evidence nearby, as a
        share, and the most that one loses. ``worst_third``: lead over rivals
        within seconds in the beginning, the middle or the end, where it is
        least, and ``worst_rate``, the share. ``agree``: how far the sensors
        agree in preferring the answer to its best rival: the sum of their
        preferences over the root of the squares, S^0.5 if all are alike.
    """
    offsets = clips[0].offsets
    distance = np.abs(offsets - offsets[best])
    first = clips[0].part_times[0]
    far, local = distance >= _NEAR_SEC, distance <= _LOCAL_SEC
    close, beside = distance <= _SAME_SEC, local & (distance > 0.15)
    top = float(score[best])
    chance = float(score[far].max()) if far.any() else 0.0
    controls = [clip.control for clip in clips if clip.control is not None]
    if controls:
        chance = max(chance, float(np.sum(controls, axis=0).max()))
    parts = sum_parts(clips)
    room = sum_parts(clips, 'part_overlap')
    shared = room[:, best] >= 0.5 * room.max(axis=1)
    people = sum(clip.part_times[0] == first for clip in clips)
    # Where the sensors did not record, nothing can be said; but a part that
    # is as sure of an offset elsewhere as the others are here must count.
    if shared.sum() >= 2:
        usual = float(np.median(parts[shared][:, close].max(axis=1)))
        shared |= parts[:, local].max(axis=1) > 0.5 * usual
        if room[shared, best].sum() >= _LEAST_SEC * people:
            parts = parts[shared]
    kept, most = parts[:, close].max(axis=1), parts[:, local].max(axis=1)
    lead, rates = [], []
    for third in np.array_split(parts, min(3, len(parts))):
        curve = third.sum(axis=0)
        rival = float(curve[beside].max()) if beside.any() else 0.0
        lead.append(float(curve[close].max()) - rival)
        support = float(third[:, close].max(axis=1).sum())
        rates.append(lead[-1] / max(support, 1e-6))
    return {
        'excess': top - chance,
        'excess_rate': (top - chance) / max(top, 1e-6),
        'top': top,
        'part_loss': float((most - kept).sum()) / max(float(most.sum()), 1e-6),
        'worst_part': float((most - kept).max()),
        'worst_third': min(lead),
        'worst_rate': min(rates),
        'agree': _agreement(clips, score, close, far),
    }


def _agreement(
    clips: Sequence[ClipEvidence],
    score: np.ndarray,
    near: np.ndarray,
    far: np.ndarray,
) -> float:
    """How far the sensors agree on the answer; 1 where that is not known."""
    sums: dict[str, np.ndarray] = {}
    for clip in clips:
        for name, own in clip.alone.items():
            sums[name] = sums.get(name, 0.0) + own.score
    if not sums or not far.any():
        return 1.0
    rival = int(np.flatnonzero(far)[np.argmax(score[far])])
    alone = np.array([*sums.values()])
    there = alone[:, max(rival - 3, 0) : rival + 4].max(axis=1)
    gain = alone[:, near].max(axis=1) - there
    return float(gain.sum() / max(np.sqrt((gain * gain).sum()), 1e-9))


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
