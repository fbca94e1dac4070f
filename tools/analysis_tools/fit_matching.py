"""Fit when a model's evidence is enough, on people who are held out.

The people are those of the split ``val`` of motion capture and procedural
ones: nobody of them was trained on, nor is anybody tested on. Prints the
weight of the signals, for ``SIGNAL_WEIGHT`` in
``mobind_mm/evaluation/functional/ranking.py``, and the regressions, for
``mobind_mm/apis/calibration.py`` (slopes in the order of ``FEATURES``).
"""

from __future__ import annotations

import argparse
from pprint import pprint
from typing import Any

import numpy as np
from benchmarking.matching_trials import (
    all_evidence,
    fit_logistic,
    fit_weight,
    judged,
    run_trials,
)
from benchmarking.zero_shot_data import Takes, motion_capture
from zero_shot import encode

from mobind_mm.apis.embedder import Embedder
from mobind_mm.cli.arguments import flags
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('model', 'config, checkpoint or name in the zoo')
    flag('checkpoint', 'weights of a config', nargs='?')
    flag('--mocap SOURCE ...', '', required=True)
    flag('--takes N', 'takes of motion capture', type=int)
    flag('--trials N', '', default=3000)
    flag(
        '--weight WEIGHT', 'of the signals; default: the best one', type=float
    )
    flag('--split', 'for a look', choices=('val', 'test'), default='val')
    flag('--seed N', '', default=0)
    return parser.parse_args()


def main() -> None:
    """Fit and print."""
    args = parse_args()
    embedder = Embedder(args.model, args.checkpoint, show_progress=False)
    _, takes = motion_capture(args.mocap, args.seed, args.takes, args.split)
    pprint(fit_matches(embedder, args, takes), sort_dicts=False)


def fit_matches(
    embedder: Embedder, args: argparse.Namespace, takes: Takes
) -> dict[str, Any]:
    """The weight of the signals, and when matches are right."""
    limbs = list(embedder.preparation.placements)
    feats = encode(embedder, takes, 5.0, 5.0)
    evidence = all_evidence(takes, feats, limbs)
    weight, found = fit_weight(evidence)
    out: dict[str, Any] = {
        'windows': len(evidence.take),
        'R@1 of one sensor by weight': found,
        'best weight': weight,
    }
    if args.weight is not None:
        weight = args.weight
    rng = np.random.default_rng(args.seed)
    answers = run_trials(evidence, limbs, weight, args.trials, rng)
    for name, part in answers.items():
        model = fit_logistic(part)
        out[name] = (model, judged(part, model))
    return out


if __name__ == '__main__':
    run_command(main)
