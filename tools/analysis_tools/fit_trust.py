"""Fit the two tables of ``mobind_mm.synchronization.trust``.

Recordings of subjects for fitting are spoiled in every way that
``benchmarking.trust`` knows. An answer is right if it is less than 0.1 s
wrong from the start of the video to its end.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from benchmarking.trust import Trial, gather
from scipy.optimize import minimize
from scipy.special import expit

from mobind_mm.apis.synchronizing import searched
from mobind_mm.synchronization import build_synchronizer
from mobind_mm.synchronization.single import Question, in_depth
from mobind_mm.synchronization.trust import RIGHT, THROUGHOUT, features, shapes
from mobind_mm.utils.cli import run_command

_DECAY = 0.0005
_APART = 0.7
"""Sensors farther apart than this are found to disagree."""


def measure(trial: Trial) -> tuple[dict[str, float], bool] | None:
    """Numbers of the best offset of a trial, and whether it is right."""
    pose = trial.streams.pose
    assert pose is not None
    middle, reach = searched(trial.streams, trial.max_offset)
    sync = in_depth(build_synchronizer('signals'))
    evidence = Question(trial.streams, sync, reach, middle).evidence(
        pose.clock.span
    )
    if evidence is None or not evidence.alone or not np.ptp(evidence.score):
        return None
    best = int(np.argmax(evidence.score))
    numbers = features([evidence], evidence.score, best)
    if trial.truth is None:
        return numbers, False
    offset = evidence.offsets[best] + middle
    truth = trial.truth(pose.clock.at())
    error = max(float(np.abs(offset - t).max()) for t in truth.values())
    return numbers, error < 0.1


def fit(
    numbers: list[dict[str, float]], right: np.ndarray
) -> tuple[dict[str, float], dict[str, float]]:
    """Maximum likelihood of the product of two logistic functions.

    Weights keep their sign, so more evidence is never less trust.

    Args:
        numbers: Of M answers.
        right: (M,) boolean.
    """
    scaled = [shapes(n) for n in numbers]
    tables = [
        [name for name in table if name != 'bias']
        for table in (RIGHT, THROUGHOUT)
    ]
    x = [np.array([[s[n] for n in names] for s in scaled]) for names in tables]
    middle = [part.mean(axis=0) for part in x]
    width = [part.std(axis=0) for part in x]
    x = [
        np.column_stack([(p - m) / w, np.ones(len(p))])
        for p, m, w in zip(x, middle, width)
    ]
    first = x[0].shape[1]
    falls = ('jump', 'jumped', 'apart')
    bounds: list = []
    for names in tables:
        bounds += [(None, 0) if n in falls else (0, None) for n in names]
        bounds.append((None, None))
    decay = np.array(
        [_DECAY / 10 if b == (None, None) else _DECAY for b in bounds]
    )

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        a, c = expit(x[0] @ w[:first]), expit(x[1] @ w[first:])
        p = np.clip(a * c, 1e-9, 1 - 1e-9)
        value = -np.where(right, np.log(p), np.log1p(-p)).mean()
        slope = -np.where(right, 1 / p, -1 / (1 - p)) * p / len(p)
        gradient = np.concatenate(
            [x[0].T @ (slope * (1 - a)), x[1].T @ (slope * (1 - c))]
        )
        return value + decay @ (w * w), gradient + 2 * decay * w

    start = np.array(
        [0.0 if b[0] is b[1] else (0.5 if b[0] == 0 else -0.5) for b in bounds]
    )
    w = minimize(loss, start, jac=True, method='L-BFGS-B', bounds=bounds).x
    found = []
    for names, part, m, d in zip(
        tables, (w[:first], w[first:]), middle, width
    ):
        raw = part[:-1] / d
        table = dict(zip(names, raw.round(3).tolist()))
        table['bias'] = round(float(part[-1] - raw @ m), 3)
        found.append(table)
    return found[0], found[1]


def main() -> None:
    """Measure, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, help='folder of real data')
    parser.add_argument('--count', type=int, default=24, help='per source')
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[5, 6, 8, 9], metavar='SEED'
    )
    parser.add_argument('--save', type=Path, help='JSON file of the numbers')
    args = parser.parse_args()
    found = [
        (trial.condition, *measured)
        for seed in args.seeds
        for trial in gather(args.data, True, args.count, seed)
        if (measured := measure(trial)) is not None
        # A sensor that is sure of another offset gets a clock of its own.
        and (
            trial.condition != 'sensors disagree'
            or measured[0]['apart'] <= _APART
        )
    ]
    if args.save:
        args.save.write_text(json.dumps(found, default=bool), 'utf-8')
    right = np.array([row[2] for row in found], bool)
    tables = fit([row[1] for row in found], right)
    print(f'{len(found)} recordings, {right.mean():.2f} right')
    for name, table in zip(('RIGHT', 'THROUGHOUT'), tables):
        print(name, json.dumps(table, indent=4))


if __name__ == '__main__':
    run_command(main)
