"""Fit the table of ``mobind_mm.synchronization.assignment``.

Sensors of everybody are compared with videos of everybody, in stretches of
random length, with random sensors and noise. Subjects for fitting and for
checking differ.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarking.trust import cut_imu, cut_pose
from benchmarking.trust_sources import motion_capture, procedural
from scipy.optimize import minimize
from scipy.special import expit

from mobind_mm.cli.arguments import flags
from mobind_mm.recordings import PoseStream, Recording, SensorStream
from mobind_mm.synchronization.assignment import BELONGS, shapes
from mobind_mm.synchronization.pairing import (
    PairEvidence,
    limb_signals,
    pair_evidence,
    sensor_signals,
)
from mobind_mm.utils.cli import run_command

_DECAY = 1e-4


def compare(
    recordings: list[Recording], rng: np.random.Generator
) -> Iterator[tuple[PairEvidence, bool]]:
    """Evidence about all pairs of stretches, and whether they match."""
    stretches = [_stretch(recording, rng) for recording in recordings]
    worn = sorted({name for sensors, _ in stretches for name in sensors})
    limbs = [
        {name: limb_signals(pose, name) for name in worn}
        for _, pose in stretches
    ]
    for i, (sensors, _) in enumerate(stretches):
        signals = {
            name: made
            for name, stream in sensors.items()
            if (made := sensor_signals(stream)) is not None
        }
        for j in range(len(stretches)):
            yield pair_evidence(signals, limbs[j]), i == j


def _stretch(
    recording: Recording, rng: np.random.Generator
) -> tuple[dict[str, SensorStream], PoseStream]:
    """Some sensors and a noisy skeleton of overlapping stretches."""
    pose = recording.pose
    assert pose is not None
    first, last = pose.clock.span
    seconds = min(rng.choice([10.0, 20.0, 40.0, 60.0]), last - first)
    start = rng.uniform(first, last - seconds)
    film = cut_pose(pose, start, start + seconds)
    noise = rng.normal(0, rng.choice([0.0, 2.0, 6.0]), film.keypoints.shape)
    film = replace(film, keypoints=film.keypoints + np.float32(noise))
    names = rng.permutation(sorted(recording.imu))[: rng.integers(1, 4)]
    lack = rng.uniform(0, 0.5) * seconds, rng.uniform(0, 0.2) * seconds
    sensors = {
        str(name): cut_imu(
            recording.imu[name], start + lack[0], start + seconds - lack[1]
        )
        for name in names
    }
    return sensors, film


def design(rows: list[PairEvidence]) -> np.ndarray:
    """Numbers (N, F) of pairs, with a column of ones."""
    scaled = [shapes(row) for row in rows]
    names = [name for name in BELONGS if name != 'bias']
    values = [[x[name] for name in names] + [1.0] for x in scaled]
    return np.array(values)


def fit(x: np.ndarray, match: np.ndarray) -> np.ndarray:
    """Weights by maximum likelihood, pairs and others counting alike."""
    weight = np.where(match, 0.5 / match.mean(), 0.5 / (1 - match.mean()))

    def loss(w: np.ndarray) -> float:
        z = np.where(match, 1, -1) * (x @ w)
        return float((weight * np.logaddexp(0, -z)).mean() + _DECAY * (w @ w))

    bounds = [(0, None)] * (x.shape[1] - 1) + [(None, None)]
    return minimize(loss, np.zeros(x.shape[1]), bounds=bounds).x


def main() -> None:
    """Fit, and print the table and how it does on other subjects."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('--mocap DIR', 'folder of ui_prmd.npz', type=Path)
    flag('--count N', 'people', default=12)
    flag('--draws N', 'of each source', default=3)
    flag('--seed N', '', default=0)
    args = parser.parse_args()
    data = {}
    for odd, split in enumerate(('train', 'test')):
        rng = np.random.default_rng((args.seed, odd))
        sources = [list(procedural(split, args.count, args.seed))]
        if args.mocap:
            sources.append(
                list(
                    motion_capture(
                        args.mocap, bool(odd), args.count, args.seed
                    )
                )
            )
        found = [
            pair
            for source in sources
            for _ in range(args.draws)
            for pair in compare([recording for _, recording in source], rng)
        ]
        rows, match = zip(*found)
        data[split] = design(list(rows)), np.array(match)
    weights = fit(*data['train'])
    names = [name for name in BELONGS if name != 'bias'] + ['bias']
    print({name: round(float(w), 3) for name, w in zip(names, weights)})
    for split, (x, match) in data.items():
        odds = x @ weights
        print(split, len(match), 'pairs;', match.sum(), 'belong together')
        for least in (0.0, 2.0, 4.0, 6.0):
            sure = odds > least
            print(
                f'log odds > {least:g}: {(sure & match).sum()} right, '
                f'{(sure & ~match).sum()} wrong'
            )
        print('mean probability', expit(odds[match]).mean().round(3))
        print('largest of others', np.sort(odds[~match])[-5:].round(1))


if __name__ == '__main__':
    run_command(main)
