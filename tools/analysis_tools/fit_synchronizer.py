"""Fit the weights of the fused synchroniser to a model's evidence.

Clips of simulated people whom the model has not seen (training split of
another seed), with and without keypoint noise, at 60, 30 and 10 frames a
second, 20 s and 10 s long, each with two random sets of sensors. Prints
the arguments of ``FusedSynchronizer``.
"""

import argparse
import json

import numpy as np
import torch
from benchmarking.fitting import fit_weights
from benchmarking.sync_cells import (
    MAX_OFFSET,
    SENSORS,
    only_sensors,
    sync_pipeline,
    table_conditions,
)
from rich.progress import track

import mobind_mm  # noqa: F401
from mobind_mm.apis import init_model
from mobind_mm.synchronization import FusedSynchronizer
from mobind_mm.synchronization.clips import clip_feats
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import replacing
from mobind_mm.utils.results import prepare_results


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file of a synthetic training')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out', metavar='FILE', help='JSON file to write the weights to'
    )
    parser.add_argument('--seed', type=int, default=1, help='of the people')
    return parser.parse_args()


def main() -> None:
    """Gather evidence, fit, print."""
    args = parse_args()
    if args.out:
        prepare_results(args.out)
    model = init_model(args.config, args.checkpoint).eval()
    pipeline = model.cfg.test_dataloader.dataset.datasets[-1].pipeline
    pipeline = sync_pipeline(pipeline)
    synchronizer = FusedSynchronizer()
    rng = np.random.default_rng(args.seed)
    everything = np.array(SENSORS[5])
    found, truth = [], []
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
                    found.append(evidence)
                    truth.append(meta.offset)
    fitted = fit_weights(
        np.stack([e.rows.astype(np.float32) for e in found]),
        np.stack([e.overlap for e in found]),
        np.array([e.num_sensors for e in found]),
        np.array(truth),
        found[0].offsets,
    )
    result = dict(
        weights={k: round(v, 3) for k, v in fitted.weights.items()},
        sensors_power=round(fitted.sensors_power, 2),
        overlap_power=round(fitted.overlap_power, 2),
    )
    text = json.dumps(result, indent=1)
    print(f'{len(found)} clips, loss {fitted.loss:.3f}\n{text}')
    if args.out:
        with replacing(args.out) as temporary:
            temporary.write_text(text, 'utf-8')


if __name__ == '__main__':
    run_command(main)
