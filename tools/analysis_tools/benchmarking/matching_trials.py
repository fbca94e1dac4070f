"""Trials of who wears which sensor where, some without a right answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarking.zero_shot_data import unit
from mobind_mm.apis.calibration import FEATURES, Logistic, match_features
from mobind_mm.apis.localizing import decide
from mobind_mm.synchronization.in_step import (
    limb_signals,
    pair_ratios,
    sensor_signals,
)

_LENGTHS = (1, 1, 2, 3, 6)
"""Windows of a trial."""


@dataclass(frozen=True)
class Evidence:
    """What every window's sensors say about every window's limbs.

    Args:
        learned: (W, W, S, S) mean cosine of tokens.
        signals: (W, W, S, S) nats per second.
        worn: (W, S) whether there is a sensor.
        seen: (W, S) whether the limb is seen.
        take: (W,) number of the take; windows are in order of time.
        window_sec: Length of a window.
    """

    learned: np.ndarray
    signals: np.ndarray
    worn: np.ndarray
    seen: np.ndarray
    take: np.ndarray
    window_sec: float


@dataclass(frozen=True)
class Answers:
    """Features (n, F) of answers, and which (n,) were right."""

    x: np.ndarray
    right: np.ndarray


def all_evidence(
    takes: Any, feats: dict[str, np.ndarray], limbs: Sequence[str]
) -> Evidence:
    """Compare every sensor of every window with every limb of every one.

    Args:
        takes: Recordings by name.
        feats: Of ``zero_shot.encode``, windows of 5 s.
        limbs: Names of the S limbs.
    """
    seconds = 5.0
    u = unit(feats['imu_tokens']) * feats['imu_mask'][..., None, None]
    seen = feats['pose_token_mask'] & feats['pose_mask'][..., None]
    v = unit(feats['pose_tokens']) * seen[..., None]
    count, size = u.shape[:2]
    total = u.reshape(count * size, -1) @ v.reshape(count * size, -1).T
    total /= np.maximum(seen.sum(axis=2).ravel(), 1)
    shape = (count, size, count, size)
    imu, pose = [], []
    for take, start in zip(feats['take'], feats['window_start']):
        recording = takes[take][1]
        for limb in limbs:
            stream = recording.imu.get(limb)
            part = stream and stream.window(float(start), seconds)
            imu.append(part)
        pose.append(recording.pose.window(float(start), seconds))
    sensors = sensor_signals(imu, seconds)
    ratios = [
        pair_ratios(sensors, limb_signals(pose, limb, seconds))
        for limb in limbs
    ]
    signals = np.stack(ratios, axis=2).reshape(shape) / seconds
    return Evidence(
        total.reshape(shape).transpose(0, 2, 1, 3).astype('f4'),
        signals.transpose(0, 2, 1, 3).astype('f4'),
        feats['imu_mask'],
        feats['pose_mask'] & seen.any(axis=2),
        np.unique(feats['take'], return_inverse=True)[1],
        seconds,
    )


def fit_weight(evidence: Evidence) -> tuple[float, dict[float, float]]:
    """Weight of the signals by which windows are found best.

    Returns:
        The weight with the best likelihood of the right window among all,
        given one sensor, and R@1 of every weight that was tried.
    """
    rows = np.arange(len(evidence.worn))
    losses, found = {}, {}
    for weight in (0.0, 0.02, 0.05, 0.08, 0.12, 0.16, 0.22, 0.3, 0.45):
        both = evidence.learned + weight * evidence.signals
        loss, hits = [], []
        for limb in range(both.shape[2]):
            there = evidence.worn[:, limb] & evidence.seen[:, limb]
            at = rows[there]
            matrix = both[np.ix_(at, at)][:, :, limb, limb]
            hits += list(matrix.argmax(axis=1) == np.arange(len(at)))
            loss.append(matrix)
        losses[weight] = min(
            np.mean([_loss(scale * m) for m in loss])
            for scale in (5, 10, 15, 20, 30, 40)
        )
        found[weight] = float(np.mean(hits))
    return min(losses, key=lambda weight: losses[weight]), found


def run_trials(
    evidence: Evidence,
    limbs: Sequence[str],
    weight: float,
    count: int,
    rng: np.random.Generator,
) -> dict[str, Answers]:
    """Answers about the ``person``, the ``sensor`` and the ``limb``.

    The person is right who wears the sensors; a sensor is right if the limb
    that carries it is in view, and so is its wearer, who was chosen; a limb
    is right if it carries the sensor.

    One to five sensors are worn by somebody who is in view or not, beside
    up to three others; some limbs are hidden. The others are any windows of
    other times, so one may be the same person.
    """
    total = evidence.learned + weight * evidence.signals
    names = ('person', 'sensor', 'limb')
    rows: dict[str, list] = {name: [] for name in names}
    right: dict[str, list] = {name: [] for name in names}
    size = len(limbs)
    for _ in range(count):
        length = int(rng.choice(_LENGTHS))
        mine = _stretch(evidence, length, rng, None)
        if mine is None:
            continue
        worn = np.flatnonzero(evidence.worn[mine].all(axis=0))
        if not len(worn):
            continue
        worn = rng.permutation(worn)[: int(rng.integers(1, 6))]
        people = [
            _stretch(evidence, length, rng, mine)
            for _ in range(int(rng.integers(0, 4)))
        ]
        people = [p for p in people if p is not None]
        wearer = -1
        if not people or rng.random() < 0.5:
            wearer = int(rng.integers(0, len(people) + 1))
            people.insert(wearer, mine)
        parts = []
        for person in people:
            part = total[mine, person][:, worn]  # (K, M, S)
            known = evidence.seen[person][:, None]
            n = known.sum(axis=0)
            mean = np.where(known, part, 0).sum(axis=0) / np.maximum(n, 1)
            parts.append(np.where(n > 0, mean, np.nan))
        matrix = np.stack(parts, axis=1)
        if rng.random() < 0.3:  # some of the limbs are out of view
            hidden = rng.permutation(size)[: size // 3]
            matrix[:, :, hidden] = np.nan
        places = [limbs[i] for i in worn]
        if rng.random() < 0.5:
            places = [None] * len(worn)
        one = bool(rng.random() < 0.7)
        totals, found = decide(matrix, places, limbs, one)
        seconds = length * evidence.window_sec
        if one:
            best = int(totals.argmax())
            rest = np.delete(totals, best).max(initial=0.0)
            features = match_features(
                float(totals[best]),
                float(totals[best] - rest),
                seconds * len(worn),
                len(people),
            )
            rows['person'].append(list(features.values()))
            right['person'].append(best == wearer)
        for limb, match in zip(worn, found):
            if match.slot < 0:
                continue
            features = match_features(
                match.evidence, match.margin, seconds, match.rivals
            )
            there = wearer >= 0 and not np.isnan(matrix[0, wearer, limb])
            if one:
                there = there and best == wearer
            for name, truth in (
                ('sensor', there),
                ('limb', match.slot == wearer * size + limb),
            ):
                rows[name].append(list(features.values()))
                right[name].append(bool(truth))
    return {
        name: Answers(np.array(rows[name]), np.array(right[name]))
        for name in names
    }


def fit_logistic(answers: Answers) -> Logistic:
    """Logistic regression with a ridge of 1 on the slopes."""
    model = LogisticRegression(solver='newton-cholesky', tol=1e-9)
    model.fit(answers.x, answers.right)
    values = (round(float(value), 3) for value in model.coef_[0])
    slopes = dict(zip(FEATURES, values))
    return Logistic(round(float(model.intercept_[0]), 3), slopes)


def judged(answers: Answers, model: Logistic) -> dict[str, float]:
    """How often answers are given, and right."""
    p = np.array(
        [model(**dict(zip(FEATURES, row.tolist()))) for row in answers.x]
    )
    given = p >= 0.5
    right = answers.right
    return {
        'answers': len(p),
        'right before': float(right.mean()),
        'given': float(given.mean()),
        'right of the given': float(right[given].mean()),
        'right that are given': float(given[right].mean()),
        'wrong that are refused': float((~given)[~right].mean()),
        'mean probability': float(p.mean()),
    }


def _stretch(
    evidence: Evidence,
    length: int,
    rng: np.random.Generator,
    other: np.ndarray | None,
) -> np.ndarray | None:
    """Consecutive windows of a take, none of them among ``other``."""
    for _ in range(20):
        first = int(rng.integers(0, len(evidence.take)))
        at = np.arange(first, first + length)
        if at[-1] >= len(evidence.take) or np.ptp(evidence.take[at]):
            continue
        if other is None or not np.isin(at, other).any():
            return at
    return None


def _loss(matrix: np.ndarray) -> float:
    """Mean negative log probability of the diagonal, both ways."""
    out = []
    for m in (matrix, matrix.T):
        m = m - m.max(axis=1, keepdims=True)
        out.append(np.log(np.exp(m).sum(axis=1)) - np.diagonal(m))
    return float(np.mean(out))
