"""Fit the weights of the fused synchroniser to a model's evidence.

Clips of simulated people whom the model has not seen (training split of
another seed), with and without keypoint noise, at 60, 30 and 10 frames a
second, 20 s and 10 s long, each with two random sets of sensors. Prints
the arguments of ``FusedSynchronizer``.
"""

import argparse
import json
from dataclasses import dataclass

import numpy as np
import torch
from benchmarking.conditions import (
    MAX_OFFSET,
    SENSORS,
    only_sensors,
    sync_pipeline,
    table_conditions,
)
from benchmarking.zero_shot_data import film_again, motion_capture, sync_clips
from rich.progress import track
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp

import mobind_mm  # noqa: F401
from mobind_mm.apis import init_model
from mobind_mm.apis.embedder import Embedder
from mobind_mm.synchronization import build_synchronizer
from mobind_mm.synchronization.clips import clip_feats
from mobind_mm.synchronization.fused import EVIDENCE_NAMES, WEIGHTS
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.results import prepare_results

_NEAR_SEC = 0.1
"""An offset nearer than this to the truth counts as right."""
_FINE_SEC = 0.012
"""Width of the target of the fine term, in seconds."""
_FINE_WEIGHT = 0.05
_DECAY = 1e-3


@dataclass(frozen=True)
class FittedWeights:
    """Arguments of ``FusedSynchronizer``, and the loss they reach.

    Args:
        weights: Weight by name of the evidence.
        sensors_power: As there.
        overlap_power: As there.
        loss: Mean negative log likelihood.
    """

    weights: dict[str, float]
    sensors_power: float
    overlap_power: float
    loss: float


def fit_weights(
    rows: np.ndarray,
    overlap: np.ndarray,
    num_sensors: np.ndarray,
    truth: np.ndarray,
    offsets: np.ndarray,
) -> FittedWeights:
    """Conditional logit: the true offset competes with all others.

    What is maximised is the log probability within 0.1 s of the truth, and,
    with a small weight, at the truth itself. Weights stay positive.

    Args:
        rows: (M, len(EVIDENCE_NAMES), G) evidence of M clips, summed over
            sensors.
        overlap: (M, G) seconds.
        num_sensors: (M,) sensors of each clip.
        truth: (M,) true offsets in seconds.
        offsets: (G,) seconds.

    Raises:
        ValueError: If the number of rows is not that of the names.
    """
    if rows.shape[1] != len(EVIDENCE_NAMES):
        raise ValueError(
            f'{rows.shape[1]} rows of evidence for the '
            f'{len(EVIDENCE_NAMES)} names of EVIDENCE_NAMES.'
        )
    distance = offsets - truth[:, None]
    near = np.abs(distance) < _NEAR_SEC
    target = np.exp(-0.5 * (distance / _FINE_SEC) ** 2)
    target /= target.sum(axis=1, keepdims=True)
    log_overlap = np.log(np.maximum(overlap, 0.05))
    log_count = np.log(num_sensors.astype(float))

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        raw, (power, prior) = params[:-2], params[-2:]
        weights = np.logaddexp(0, raw)
        scale = np.exp(-power * log_count)
        mixed = np.einsum('f,mfg->mg', weights, rows) * scale[:, None]
        log_p = log_softmax(mixed + prior * log_overlap, axis=1)
        hit = logsumexp(np.where(near, log_p, -np.inf), axis=1)
        value = -hit.mean() - _FINE_WEIGHT * (target * log_p).sum(1).mean()
        value += _DECAY * ((raw + 1.5) ** 2).sum()
        # d/dscore of both terms: probabilities less where they should be.
        p = np.exp(log_p)
        inside = np.where(near, np.exp(log_p - hit[:, None]), 0.0)
        slope = (p - inside) + _FINE_WEIGHT * (p - target)
        slope /= len(rows)
        scaled = slope * scale[:, None]
        gradient = np.einsum('mg,mfg->f', scaled, rows) * expit(raw)
        gradient += 2 * _DECAY * (raw + 1.5)
        by_power = -(slope * mixed * log_count[:, None]).sum()
        by_prior = (slope * log_overlap).sum()
        return value, np.concatenate([gradient, [by_power, by_prior]])

    start = np.concatenate([np.full(len(EVIDENCE_NAMES), -1.5), [0.0, 0.0]])
    fitted = minimize(loss, start, jac=True, method='L-BFGS-B')
    weights = np.logaddexp(0, fitted.x[:-2])
    return FittedWeights(
        dict(zip(EVIDENCE_NAMES, weights.tolist())),
        sensors_power=float(fitted.x[-2]),
        overlap_power=float(fitted.x[-1]),
        loss=float(fitted.fun),
    )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file of a synthetic training')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint file')
    parser.add_argument(
        '--out', metavar='FILE', help='JSON file to write the weights to'
    )
    parser.add_argument('--seed', type=int, default=1, help='of the people')
    parser.add_argument(
        '--mocap', nargs='+', metavar='SOURCE', help='fit the tokens alone'
    )
    parser.add_argument(
        '--clips', type=int, default=60, help='moments of motion capture'
    )
    return parser.parse_args()


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
    for weight in (0, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0):
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
    embedder = Embedder(args.config, args.checkpoint, show_progress=False)
    dataset, takes = motion_capture(args.mocap, args.seed, split='val')
    films = film_again(dataset, takes, args.seed)
    features = embedder.clip_features()
    synchronizer = build_synchronizer('fused')
    synchronizer.part_sec = None
    rows, truth = [], []
    for limb, clip, offset in track(
        sync_clips(films, args.clips, args.seed), 'clips', args.clips * 3
    ):
        evidence = synchronizer.evidence(clip, features(clip), MAX_OFFSET)
        if limb in evidence.alone:
            rows.append(evidence.rows.astype(np.float32))
            truth.append(offset)
    return by_token_weight(np.stack(rows), np.array(truth), evidence.offsets)


def main() -> None:
    """Gather evidence, fit, print."""
    args = parse_args()
    if args.out:
        prepare_results(args.out)
    if args.mocap:
        for row in gather_mocap(args):
            print({name: round(x, 3) for name, x in row.items()})
        return
    if args.checkpoint is None:
        raise ValueError('Give the checkpoint, or --mocap and a model.')
    model = init_model(args.config, args.checkpoint).eval()
    pipeline = model.cfg.test_dataloader.dataset.datasets[-1].pipeline
    pipeline = sync_pipeline(pipeline)
    synchronizer = build_synchronizer('fused')
    rng = np.random.default_rng(args.seed)
    everything = np.array(SENSORS[5])
    gathered, truth = [], []
    for condition in track(table_conditions(), 'conditions'):
        clips = condition.clips('train', pipeline, seed=args.seed)
        for index in range(len(clips)):
            sample = clips[index]
            meta = sample['data_samples']
            inputs = {k: v[None] for k, v in sample['inputs'].items()}
            with torch.no_grad():
                predicted = model(inputs, [meta], mode='predict')[0]
            feats = clip_feats(predicted.to_dict())
            for number in rng.choice(list(SENSORS), 2):
                worn = rng.permutation(everything)[:number]
                streams = only_sensors(meta.streams, worn)
                evidence = synchronizer.evidence(streams, feats, MAX_OFFSET)
                if evidence.num_sensors:
                    gathered.append(evidence)
                    truth.append(meta.offset)
    fitted = fit_weights(
        np.stack([e.rows.astype(np.float32) for e in gathered]),
        np.stack([e.overlap for e in gathered]),
        np.array([e.num_sensors for e in gathered]),
        np.array(truth),
        gathered[0].offsets,
    )
    result = dict(
        weights={k: round(v, 3) for k, v in fitted.weights.items()},
        sensors_power=round(fitted.sensors_power, 2),
        overlap_power=round(fitted.overlap_power, 2),
    )
    text = json.dumps(result, indent=1)
    print(f'{len(gathered)} clips, loss {fitted.loss:.3f}\n{text}')
    if args.out:
        write_whole(args.out, text)


if __name__ == '__main__':
    run_command(main)
