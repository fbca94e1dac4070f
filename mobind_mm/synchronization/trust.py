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
"""Offsets this close are not rivals: evidence is that wide."""
_LOCAL_SEC = 4.0
"""How far around the answer the parts look for an offset of their own."""
_SAME_SEC = 0.06
"""Parts and sensors of one clock have their offsets this close together."""
_RIGHT_SEC = 0.1
_APART_SEC = 2.0
"""How far apart the clocks of sensors are, if they are."""
_SENSOR = 0.75
"""What the evidence of one sensor counts."""

RIGHT = {'lead': 1.18, 'clear': 0.634, 'bias': -2.283}
"""Whether the offset stands out."""
THROUGHOUT = {'jump': -2.127, 'jumped': -0.459, 'apart': -0.574, 'bias': 2.038}
"""Whether it holds in every part and for every sensor. Both were fitted by
maximum likelihood to 3,410 recordings of ``benchmarking.trust`` (seeds 5, 6,
8 and 9; simulated people, motion capture and UTD-MHAD, matched and
mismatched, 30 % right); none of them is in a table of results."""


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
        'jump': float(np.log1p(max(numbers['jump'], 0))),
        'jumped': float(np.clip(numbers['jump'], 0, 10)),
        'apart': float(np.log(0.05 + np.exp(min(numbers['apart'], 5.0)))),
    }


def features(
    clips: Sequence[ClipEvidence],
    score: np.ndarray,
    best: int,
    learned: float = 0.0,
) -> dict[str, float]:
    """Numbers that tell right answers from wrong ones.

    Args:
        clips: Evidence with parts.
        score: (G,) of all clips.
        best: Index of the answer.
        learned: What the model contributes to the score of the answer.

    Returns:
        ``agree``: how far the sensors agree in preferring the answer to its
        best rival: the sum of their preferences over the root of the
        squares, S^0.5 if all are alike. ``lead``: by how much the answer
        exceeds the best rival and the best agreement with the motion played
        backwards, times ``agree`` where that is more than 1. The latter is
        by signals alone, so a model that speaks against the answer does not
        count in it. ``jump``: the most that another offset would gain before
        or after some moment, where a clock may have jumped. ``apart``: how
        likely it is that a sensor has a clock of its own, as the logarithm of
        a Bayes factor, of the sensor of which it is likeliest.
    """
    offsets = clips[0].offsets
    moved = offsets - offsets[best]
    distance = np.abs(moved)
    far = distance >= _NEAR_SEC
    top = float(score[best])
    excess = top - float(score[far].max() if far.any() else 0.0)
    controls = [clip.control for clip in clips if clip.control is not None]
    if controls:
        chance = float(np.sum(controls, axis=0).max())
        excess = min(excess, top - min(learned, 0.0) - chance)
    alone = _sensors(clips)
    agree = _agreement(alone, score, distance)
    return {
        'lead': excess * max(agree, 1.0) if excess > 0 else excess,
        'agree': agree,
        'jump': _jump(clips, moved),
        'apart': _apart(alone, distance),
    }


def _jump(clips: Sequence[ClipEvidence], distance: np.ndarray) -> float:
    """Most that parts gain by another offset before or after some moment.

    Clocks do not run backwards: what the sensors measured once explains the
    video once. Evidence of an offset that would send the rest of the video
    to samples that explain its beginning counts as far as others remain.

    Args:
        clips: Evidence with parts.
        distance: (G,) seconds from the answer, with their sign.
    """
    close, local = abs(distance) <= _SAME_SEC, abs(distance) <= _LOCAL_SEC
    times, parts = _in_time(clips, 'parts')
    if len(parts) < 2:
        return 0.0
    # Several clips may say the same of a part, people add up.
    first = clips[0].part_times
    parts *= sum(np.array_equal(clip.part_times, first) for clip in clips)
    kept = parts[:, close].max(axis=1)
    parts, move = parts[:, local], distance[local]
    room = np.maximum(_in_time(clips, 'part_overlap')[1][:, local], 1e-3)
    after = _gain(times, parts, room, kept, move)
    return max(
        after, _gain(-times[::-1], parts[::-1], room[::-1], kept[::-1], -move)
    )


def _gain(
    times: np.ndarray,
    parts: np.ndarray,
    room: np.ndarray,
    kept: np.ndarray,
    move: np.ndarray,
) -> float:
    """Most that the last parts gain by offsets that are larger by ``move``.

    Args:
        times: (K,) seconds, ascending.
        parts: (K, G) evidence.
        room: (K, G) seconds in which a part overlaps the sensors.
        kept: (K,) evidence at the answer.
        move: (G,) seconds.
    """
    best = -np.inf
    for first in range(1, len(times)):
        since = (times[first:] - times[first])[:, None]
        share = 1 - np.maximum(-move - since, 0.0) / room[first:]
        gained = (np.maximum(share, 0.0) * parts[first:]).sum(axis=0)
        best = max(best, float((gained - kept[first:].sum()).max()))
    return best


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


def _in_time(
    clips: Sequence[ClipEvidence], curves: str
) -> tuple[np.ndarray, np.ndarray]:
    """Times (K,) and mean curves (K, G) of the parts of all clips."""
    rows: dict[float, list[np.ndarray]] = {}
    for clip in clips:
        if clip.parts is not None:
            for time, row in zip(clip.part_times, getattr(clip, curves)):
                rows.setdefault(round(float(time), 3), []).append(row)
    times = sorted(rows)
    means = [np.mean(rows[time], axis=0) for time in times]
    return np.array(times), np.array(means)
