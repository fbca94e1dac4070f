"""Fit the weights of the fused synchroniser.

Those of the signals to matched recordings of ``benchmarking.trust``: people
for fitting, simulated and captured, and takes of UTD-MHAD, in which the true
offset competes with all others. With ``--mocap``, that of a model's tokens is
looked at, on clips of validation people.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarking.conditions import MAX_OFFSET
from benchmarking.trust import FITTING_SEEDS, Trial, gather
from benchmarking.trust_table import right_within
from benchmarking.zero_shot_data import film_again, motion_capture, sync_clips
from rich.progress import track
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp

import mobind_mm  # noqa: F401
from mobind_mm.apis.embedder import Embedder
from mobind_mm.cli.arguments import flags
from mobind_mm.synchronization import build_synchronizer
from mobind_mm.synchronization.base import ClipEvidence
from mobind_mm.synchronization.fused import (
    EVIDENCE_NAMES,
    SENSORS_POWER,
    WEIGHTS,
)
from mobind_mm.synchronization.kinds import SIGNAL_NAMES
from mobind_mm.synchronization.single import Question
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.results import prepare_results

_NEAR_SEC = 0.1
"""An offset nearer than this to the truth counts as right."""
_REACH_SEC = 8.0
"""How far trials are searched: their offsets are within 7 s."""
_DECAY = 1e-3
_SIZE = 0.45
"""Of the likelihood. Jumps, rivals and the trees of the confidence were
tuned to evidence of this size; the ratios of the weights decide."""


def fit_weights(
    rows: np.ndarray,
    near: np.ndarray,
    num_sensors: np.ndarray,
    counts: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Conditional logit: the true offset competes with all others.

    What is maximised is the log probability of what is near the truth.
    Weights stay positive.

    Args:
        rows: (M, len(SIGNAL_NAMES), G) evidence of M recordings, summed
            over sensors.
        near: (M, G) boolean, which offsets are right.
        num_sensors: (M,) sensors of each recording.
        counts: (M,) how much each recording counts.

    Returns:
        The weights (len(SIGNAL_NAMES),), and the loss they reach.

    Raises:
        ValueError: If the number of rows is not that of the names.
    """
    if rows.shape[1] != len(SIGNAL_NAMES):
        raise ValueError(
            f'{rows.shape[1]} rows of evidence for the '
            f'{len(SIGNAL_NAMES)} names of SIGNAL_NAMES.'
        )
    scale = num_sensors.astype(float) ** -SENSORS_POWER
    counts = counts / counts.sum()

    def loss(raw: np.ndarray) -> tuple[float, np.ndarray]:
        weights = np.logaddexp(0, raw).astype(rows.dtype)
        score = np.einsum('f,mfg->mg', weights, rows) * scale[:, None]
        log_p = log_softmax(score, axis=1)
        hit = logsumexp(np.where(near, log_p, -np.inf), axis=1)
        value = -(counts * hit).sum() + _DECAY * ((raw + 1.5) ** 2).sum()
        # d/dscore: probabilities less where they should be.
        slope = np.exp(log_p) - np.where(near, np.exp(log_p - hit[:, None]), 0)
        slope *= (counts * scale)[:, None]
        gradient = np.einsum('mg,mfg->f', slope.astype(rows.dtype), rows)
        return value, gradient * expit(raw) + 2 * _DECAY * (raw + 1.5)

    start = np.full(len(SIGNAL_NAMES), -1.5)
    fitted = minimize(loss, start, jac=True, method='L-BFGS-B')
    return np.logaddexp(0, fitted.x), float(fitted.fun)


def by_token_weight(
    rows: np.ndarray, truth: np.ndarray, offsets: np.ndarray
) -> list[dict[str, float]]:
    """How likely and how often offsets are right, by weight of the tokens.

    Args:
        rows: (M, len(EVIDENCE_NAMES), G) evidence of M sensors.
        truth: (M,) true offsets in seconds.
        offsets: (G,) seconds.

    Returns:
        For each ``weight``, the ``loss``, the mean negative log of the
        probability within 0.1 s of the truth, and ``acc@0.1``.
    """
    at = EVIDENCE_NAMES.index('tokens')
    weights = np.array([WEIGHTS[name] for name in EVIDENCE_NAMES])
    near = np.abs(offsets - truth[:, None]) < _NEAR_SEC
    table = []
    for weight in (0, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0):
        weights[at] = weight
        log_p = log_softmax(np.einsum('f,mfg->mg', weights, rows), axis=1)
        hit = logsumexp(np.where(near, log_p, -np.inf), axis=1)
        best = log_p.argmax(axis=1)
        right = near[np.arange(len(best)), best].mean()
        table.append(
            {
                'weight': weight,
                'loss': float(-hit.mean()),
                'acc@0.1': float(right),
            }
        )
    return table


def gather_mocap(args: argparse.Namespace) -> list[dict[str, float]]:
    """The table of :func:`by_token_weight` for validation people."""
    embedder = Embedder(args.model, show_progress=False)
    dataset, takes = motion_capture(args.mocap, 1, split='val')
    films = film_again(dataset, takes, 1)
    features = embedder.clip_features()
    synchronizer = build_synchronizer('fused')
    synchronizer.part_sec = None
    rows, truth = [], []
    for limb, clip, offset in track(
        sync_clips(films, args.clips, 1), 'clips', args.clips * 3
    ):
        evidence = synchronizer.evidence(clip, features(clip), MAX_OFFSET)
        if limb in evidence.alone:
            rows.append(evidence.rows.astype(np.float32))
            truth.append(offset)
    return by_token_weight(np.stack(rows), np.array(truth), evidence.offsets)


def matched(args: argparse.Namespace) -> Iterator[Trial]:
    """Trials in which one offset holds throughout."""
    for seed in args.seeds:
        for trial in gather(args.data, True, args.count, seed):
            if trial.condition in ('matched', 'partial overlap'):
                yield trial


def gather_signals(
    trials: Iterator[Trial],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Arguments of :func:`fit_weights`.

    Each recording, and each of its sensors alone; sources and lengths of
    overlap count the same.
    """
    synchronizer = build_synchronizer('signals')
    synchronizer.part_sec, synchronizer.grid_hz = None, 50.0
    rows, near, sensors, kinds = [], [], [], []
    for trial in track(trials, 'trials'):
        pose = trial.streams.pose
        assert pose is not None and trial.truth is not None
        asked = Question(trial.streams, synchronizer, _REACH_SEC)
        evidence = asked.evidence(pose.clock.span)
        if evidence is None:
            continue
        (truth,) = {float(t[0]) for t in trial.truth(pose.clock.at()).values()}
        right = np.abs(evidence.offsets - truth) < right_within(trial)
        kind = trial.source, trial.condition
        clips = [(evidence, 'together')]
        clips += [(clip, 'alone') for clip in evidence.alone.values()]
        for clip, how in clips:
            if _shares(clip, right):
                rows.append(clip.rows[: len(SIGNAL_NAMES)].astype(np.float32))
                near.append(right)
                sensors.append(clip.num_sensors)
                kinds.append((*kind, how))
    number = Counter(kinds)
    counts = np.array([1 / number[kind] for kind in kinds])
    return np.stack(rows), np.stack(near), np.array(sensors), counts


def _shares(clip: ClipEvidence, right: np.ndarray) -> bool:
    """Whether sensor and limb share a second at the true offset."""
    return bool(clip.num_sensors and clip.overlap[right].max() > 1.0)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('--data DIR', 'folder of real data', type=Path)
    flag('--count N', 'per source', default=16)
    flag('--seeds SEED ...', '', type=int, default=FITTING_SEEDS)
    flag('--out FILE', 'JSON file to write the weights to')
    flag('--mocap SOURCE ...', 'fit the tokens alone')
    flag('--model MODEL', 'whose tokens they are', default='mobind_real')
    flag('--clips N', 'moments of motion capture', default=60)
    return parser.parse_args()


def main() -> None:
    """Gather evidence, fit, print."""
    args = parse_args()
    if args.out:
        prepare_results(args.out)
    if args.mocap:
        for row in gather_mocap(args):
            print({name: round(x, 3) for name, x in row.items()})
        return
    evidence = gather_signals(matched(args))
    fitted, loss = fit_weights(*evidence)
    sized = (fitted * _SIZE).round(3).tolist()
    weights = dict(zip(SIGNAL_NAMES, sized))
    text = json.dumps(weights, indent=1)
    count = len(evidence[0])
    print(f'{count} recordings and sensors, loss {loss:.3f}\n{text}')
    if args.out:
        write_whole(args.out, text)


if __name__ == '__main__':
    run_command(main)
