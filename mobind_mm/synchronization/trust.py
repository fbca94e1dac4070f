"""What an answer must show before it is believed.

A few numbers tell right answers from wrong ones: by how much an offset stands
out, how many kinds of evidence prefer it, whether it holds from the start to
the end and for every sensor. Decision trees, boosted on recordings with and
without a right answer, make a probability of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from .base import ClipEvidence
from .breaks import CLEAR_FRAMES, clear_samples

_NEAR_SEC = 0.25
"""Offsets this close are not rivals: evidence is that wide."""
_LOCAL_SEC = 6.0
"""How far around the answer the parts look for an offset of their own."""
_SAME_SEC = 0.06
"""Parts and sensors of one clock have their offsets this close together."""
_DRIFTS = np.linspace(-0.06, 0.06, 49)
"""Relative errors of rates."""
_BY_SEC = 0.3
"""How far the offset of a clock that drifts may be from the answer."""
_RIGHT_SEC = 0.1
APART_SEC = 2.0
"""How far apart the clocks of sensors are, if they are."""
_WHOLE = 0.99
"""Streams that share so much of what they could share count as whole."""
_CAUTION = (0.0, 0.85, 0.95, 1.0), (0.0, 0.85, 0.9, 1.0)
"""What the trees say, and what is said: a little less near certainty, so that
of all answers called 0.9 or more at most one in a hundred is wrong."""
_SENSOR = 0.75
"""What the evidence of one sensor counts."""

NUMBERS = {
    'lead': 1,
    'agree': 1,
    'kinds': 1,
    'jump': -1,
    'drift': -1,
    'support': 1,
    'covered': 1,
    'sensors': 0,
    'samples': -1,
    'frames': -1,
    'doubted': -1,
}
"""What :func:`features` gives, and whether more of it is more trust (1), less
(-1), or depends on the others (0)."""


@lru_cache(1)
def table() -> dict[str, Any]:
    """The trees: ``bias``, the logit without them, and ``trees``.

    A leaf is a number, an inner node ``[name, threshold, low, high]``; values
    up to the threshold go to ``low``. ``tools/analysis_tools/fit_trust.py``
    wrote it.
    """
    path = Path(__file__).with_name('trust.json')
    return json.loads(path.read_text('utf-8'))


def trust(numbers: Mapping[str, float]) -> float:
    """Probability that an offset is right throughout, for every sensor.

    Args:
        numbers: What :func:`features` gives.
    """
    total = table()['bias']
    for node in table()['trees']:
        while isinstance(node, list):
            name, threshold, low, high = node
            node = low if numbers[name] <= threshold else high
        total += node
    return float(np.interp(expit(total), *_CAUTION))


def features(
    clips: Sequence[ClipEvidence],
    score: np.ndarray,
    best: int,
    weights: np.ndarray,
    learned: float = 0.0,
    doubted: float = 0.0,
) -> dict[str, float]:
    """Numbers that tell right answers from wrong ones.

    Args:
        clips: Evidence with parts.
        score: (G,) of all clips.
        best: Index of the answer.
        weights: (R,) what the rows of the clips count.
        learned: What the model contributes to the score of the answer.
        doubted: Share of the sensors that was left out of the clips.

    Returns:
        The numbers of :data:`NUMBERS`. ``lead``: by how much the answer
        exceeds the best rival and the best agreement with the motion played
        backwards. The latter is by signals alone, so a model that speaks
        against the answer does not count in it. ``agree``: how far all kinds
        of evidence of all sensors agree in preferring the answer to its best
        rival: the sum of their preferences over the root of the squares,
        M^0.5 if M are alike. ``kinds``: how many more kinds prefer it than
        do not. ``jump``: the most that another offset would gain before or
        after some moment, where a clock may have jumped. ``drift``: the same
        of one that changes evenly all the time, as if a rate were wrong.
        ``support``: how much the answer is preferred by the sensor that
        prefers it least. ``covered``: the seconds that the streams share,
        relative to the most that they share at any offset. ``sensors``: how
        many. ``samples`` and ``frames``: how clearly some seem to be missing
        in between. ``doubted``: as given.
    """
    offsets = clips[0].offsets
    moved = offsets - offsets[best]
    distance = np.abs(moved)
    far = distance >= _NEAR_SEC
    top, excess, rival = float(score[best]), float(score[best]), None
    if far.any():
        rival = int(np.argmax(np.where(far, score, -np.inf)))
        excess = top - float(score[rival])
    jump, drift = _leaving(clips, moved)
    controls = [clip.control for clip in clips if clip.control is not None]
    if controls:
        chance = float(np.sum(controls, axis=0).max())
        excess = min(excess, top - min(learned, 0.0) - chance)
    gain = _preferences(clips, best, rival, weights)
    alone = np.array([*_sensors(clips).values()])
    several = len(alone) > 1
    samples, frames = [], []
    for clip in clips:
        sensors, video, at = clip.sensor_steps, clip.video_steps, offsets[best]
        least = clear_samples(clip.num_sensors)
        samples.append(_within(sensors, video, at, least))
        frames.append(_within(video, sensors, -at, CLEAR_FRAMES))
    overlap = np.max([clip.overlap for clip in clips], axis=0)
    most = max(_WHOLE * overlap.max(), 1e-6)
    return {
        'lead': float(np.clip(excess, -10.0, 10.0)),
        'agree': float(gain.sum() / max(np.sqrt((gain**2).sum()), 1e-6)),
        'kinds': float(np.sign(gain.sum(axis=0)).sum()),
        'jump': jump,
        'drift': drift,
        'support': _support(alone, distance) if several else np.inf,
        'covered': float(min(overlap[best] / most, 1.0)),
        'sensors': float(max(len(alone), 1)),
        'samples': float(np.mean(samples)),
        'frames': float(np.mean(frames)),
        'doubted': doubted,
    }


def _preferences(
    clips: Sequence[ClipEvidence],
    best: int,
    rival: int | None,
    weights: np.ndarray,
) -> np.ndarray:
    """How much (S, R) each kind of each sensor prefers an answer to another.

    Args:
        clips: As in :func:`features`.
        best: Index of the one.
        rival: Index of the other; None if there is none.
        weights: (R,) of the kinds.
    """
    offsets = clips[0].offsets
    reach = max(round(_SAME_SEC / (offsets[1] - offsets[0])), 1)
    places = [best] if rival is None else [best, rival]
    windows = [slice(max(i - reach, 0), i + reach + 1) for i in places]
    sums: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        for name, sensor in (clip.alone or {'': clip}).items():
            if sensor.rows is not None:
                parts = [sensor.rows[:, window] for window in windows]
                before = sums.get(name, [0.0, 0.0])
                sums[name] = [a + b for a, b in zip(before, parts)]
    tops = [[part.max(axis=1) for part in parts] for parts in sums.values()]
    gain = np.array([top[0] - sum(top[1:]) for top in tops])
    return gain.reshape(len(tops), len(weights)) * weights


def _leaving(
    clips: Sequence[ClipEvidence], moved: np.ndarray
) -> tuple[float, float]:
    """Most that parts gain by other offsets than the answer.

    Args:
        clips: Evidence with parts.
        moved: (G,) seconds from the answer, with their sign.

    Returns:
        By another before or after some moment, and by one that drifts.
    """
    close, local = abs(moved) <= _SAME_SEC, abs(moved) <= _LOCAL_SEC
    times, parts = _in_time(clips, 'parts')
    if len(parts) < 2:
        return 0.0, 0.0
    # Several clips may say the same of a part, people add up.
    first = clips[0].part_times
    parts *= sum(np.array_equal(clip.part_times, first) for clip in clips)
    kept = parts[:, close].max(axis=1)
    parts, move = parts[:, local], moved[local]
    room = np.maximum(_in_time(clips, 'part_overlap')[1][:, local], 1e-3)
    jump = max(
        _gain(times, parts, room, kept, move),
        _gain(-times[::-1], parts[::-1], room[::-1], kept[::-1], -move),
    )
    return jump, drift_gain(times, parts, move)[0]


def drift_gain(
    times: np.ndarray, parts: np.ndarray, move: np.ndarray
) -> tuple[float, float]:
    """Most that parts gain if the offset drifts, and its change per second.

    Args:
        times: (K,) seconds.
        parts: (K, G) evidence.
        move: (G,) seconds from the answer; what drifts beyond them counts
            as at their ends.
    """
    near = np.flatnonzero(np.abs(move) <= _BY_SEC)
    step = max(float(np.ptp(move)) / max(len(move) - 1, 1), 1e-6)
    late = np.outer(_DRIFTS, times - times.mean()) / step
    index = near + np.round(late).astype(int)[..., None]
    index = np.clip(index, 0, len(move) - 1)
    along = parts[np.arange(len(parts))[:, None], index].sum(axis=1)
    kept = parts[:, np.abs(move) <= _SAME_SEC].sum(axis=0).max()
    best = int(along.max(axis=1).argmax())
    return float(along[best].max() - kept), float(_DRIFTS[best])


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


def _within(
    steps: np.ndarray, others: np.ndarray, moved: float, least: float
) -> float:
    """How clear the clearest step is while the other stream has data.

    Args:
        steps: (2, T) times, and how clear steps are there.
        others: (2, T') the same of the other stream.
        moved: Seconds to add to its times.
        least: Given if there is nothing clearer.
    """
    if not others.size:
        return least
    first, last = others[0, [0, -1]] + moved
    inside = (steps[0] >= first) & (steps[0] <= last)
    return float(steps[1, inside].max(initial=least))


def _sensors(clips: Sequence[ClipEvidence]) -> dict[str, np.ndarray]:
    """Evidence (G,) of each sensor in all clips."""
    sums: dict[str, np.ndarray] = {}
    for clip in clips:
        for name, sensor in clip.alone.items():
            sums[name] = sums.get(name, 0.0) + sensor.score
    return sums


def doubtful(clips: Sequence[ClipEvidence], best: int) -> list[str]:
    """Sensors that prefer another offset nearby to that of all.

    None if all of them do. Their movement tells too little, or they have a
    clock of their own.

    Args:
        clips: Evidence, with that of each sensor alone.
        best: Index of the offset of all.
    """
    alone = _sensors(clips)
    if len(alone) < 2:
        return []
    offsets = clips[0].offsets
    most = _gains(
        np.array([*alone.values()]), np.abs(offsets - offsets[best])
    ).max(axis=1, initial=-np.inf)
    names = [name for name, gain in zip(alone, most) if gain > 0]
    return names if len(names) < len(alone) else []


def apart(scores: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """How likely (S,) each sensor has another offset than a given one.

    As logarithms of Bayes factors: all other offsets within seconds are as
    likely as each other.

    Args:
        scores: (S, G) evidence of the sensors.
        distance: (G,) seconds from the offset.
    """
    gain = _gains(scores, distance)
    if not gain.size:
        return np.full(len(scores), -np.inf)
    odds = np.exp(np.minimum(_SENSOR * gain, 50.0)).mean(axis=1)
    return np.log(np.maximum(odds, 1e-9))


def _gains(scores: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """How much (S, F) each sensor gains by offsets of a clock of its own."""
    near = distance <= _SAME_SEC
    far = (distance > _RIGHT_SEC) & (distance <= APART_SEC)
    return scores[:, far] - scores[:, near].max(axis=1, keepdims=True)


def _support(scores: np.ndarray, distance: np.ndarray) -> float:
    """How much an offset is preferred by the sensor that prefers it least.

    Arguments are those of :func:`apart`.
    """
    return -float(_gains(scores, distance).max(initial=-np.inf))


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
