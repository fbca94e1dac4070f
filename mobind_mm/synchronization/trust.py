"""What an answer must show before it is believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .base import ClipEvidence

_NEAR_SEC = 0.25
"""Offsets this close are no rivals: evidence is that wide."""
_LOCAL_SEC = 4.0
"""How far around the answer the parts look for an offset of their own."""
_SAME_SEC = 0.06
"""Parts of one clock have their offsets within this of each other."""

FEATURES = (
    'margin',
    'margin_rate',
    'excess',
    'excess_rate',
    'density',
    'overlap',
    'part_loss',
    'worst_third',
    'spread',
    'sensor_loss',
    'sensors',
)


def window_max(curves: np.ndarray, reach: int) -> np.ndarray:
    """Largest value (..., G) within some samples of each."""
    from scipy.ndimage import maximum_filter1d

    return maximum_filter1d(curves, 2 * reach + 1, axis=-1, mode='nearest')


def features(
    clips: Sequence[ClipEvidence], score: np.ndarray, best: int
) -> dict[str, float]:
    """Numbers that tell right answers from wrong ones.

    Args:
        clips: Evidence with parts.
        score: (G,) of all clips.
        best: Index of the answer.
    """
    offsets = clips[0].offsets
    step = offsets[1] - offsets[0]
    overlap = np.max([clip.overlap for clip in clips], axis=0)
    far = np.abs(offsets - offsets[best]) >= _NEAR_SEC
    top = float(score[best])
    rival = float(score[far].max()) if far.any() else 0.0
    controls = [c.control for c in clips if c.control is not None]
    chance = max(float(np.sum(controls, axis=0).max()), rival)
    seconds = max(float(overlap[best]), 1.0)
    count = max(sum(len(clip.own) for clip in clips), 1)
    parts = sum_parts(clips)
    same = max(round(_SAME_SEC / step), 1)
    local = np.abs(offsets - offsets[best]) <= _LOCAL_SEC
    at = slice(max(best - same, 0), best + same + 1)
    kept = parts[:, at].max(axis=1)
    most = parts[:, local].max(axis=1)
    total = max(float(most.sum()), 1e-6)
    loss = float((most - kept).sum()) / total
    thirds = np.array_split(np.arange(len(parts)), min(3, len(parts)))
    worst, tops = [], []
    for third in thirds:
        curve = parts[third].sum(axis=0)
        other = local & (np.abs(offsets - offsets[best]) > 0.15)
        beside = float(curve[other].max()) if other.any() else 0.0
        worst.append(float(curve[at].max()) - beside)
        near = np.flatnonzero(~far)
        tops.append(offsets[near[np.argmax(curve[near])]])
    own_loss = 0.0
    if count > 1:
        wholes = [c[0] for clip in clips for c in clip.own.values()]
        kept_own = sum(float(c[at].max()) for c in wholes)
        own_loss = 1 - kept_own / max(sum(float(c.max()) for c in wholes), 1e-6)
    return {
        'margin': top - rival,
        'margin_rate': (top - rival) / max(top, 1e-6),
        'excess': top - chance,
        'excess_rate': (top - chance) / max(top, 1e-6),
        'density': top / seconds,
        'overlap': seconds,
        'part_loss': loss,
        'worst_third': min(worst),
        'spread': float(np.ptp(tops)),
        'sensor_loss': own_loss,
        'sensors': float(count),
    }


def sum_parts(clips: Sequence[ClipEvidence]) -> np.ndarray:
    """Evidence (K, G) of the parts of clips, over sensors and people."""
    sums = []
    for clip in clips:
        if not clip.own:
            sums.append(clip.score[None])
            continue
        total = np.sum(list(clip.own.values()), axis=0)[1:]
        sums.append(total / len(clip.own) ** 0.92)
    if len({len(s) for s in sums}) == 1:
        return np.sum(sums, axis=0)
    return np.concatenate(sums)
