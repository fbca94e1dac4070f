"""Fit the trees of ``mobind_mm.synchronization.trust``.

Recordings of subjects for fitting are spoiled in every way that
``benchmarking.trust`` knows. An answer is right if it is less than 0.1 s
wrong from the start of the video to its end (0.2 s in UTD-MHAD, whose true
offsets are known to 0.1 s). Trees are boosted to the likelihood of that;
more evidence is never less trust.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking.trust import FITTING_SEEDS, Trial, gather, largest_error
from benchmarking.trust_table import right_within
from sklearn.ensemble import HistGradientBoostingClassifier

from mobind_mm.apis.synchronizing import searched
from mobind_mm.cli.arguments import flags
from mobind_mm.synchronization import SyncResult, build_synchronizer
from mobind_mm.synchronization.breaks import without_sets
from mobind_mm.synchronization.clock_map import with_sets
from mobind_mm.synchronization.single import Question, constant_clock, in_depth
from mobind_mm.synchronization.trust import NUMBERS, features
from mobind_mm.utils.cli import run_command


def measure(trial: Trial) -> tuple[dict[str, float], bool] | None:
    """Numbers of the best offset of a trial, and whether it is right.

    Sensors that are in doubt are left out. None if there is no evidence.
    """
    streams, sets = without_sets(trial.streams)
    pose = streams.pose
    assert pose is not None
    middle, reach = searched(streams, trial.max_offset)
    sync: Any = in_depth(build_synchronizer('signals'))
    evidence = Question(streams, sync, reach, middle).evidence(pose.clock.span)
    if evidence is None or not evidence.alone or not np.ptp(evidence.score):
        return None
    everyone = [*evidence.alone]
    (evidence,), total, share = sync.without_doubtful([evidence])
    doubted = [name for name in everyone if name not in evidence.alone]
    best = int(np.argmax(total))
    weights = sync.row_weights()
    numbers = features([evidence], total, best, weights, doubted=share)
    constant = constant_clock(
        pose.clock.span, SyncResult(evidence.offsets[best] + middle)
    )
    clock = with_sets(constant, sets)
    own = dict.fromkeys(doubted, replace(clock, abstained=True))
    error = largest_error(trial, clock, own)
    return numbers, error < right_within(trial)


def fit(numbers: list[dict[str, float]], right: np.ndarray) -> dict[str, Any]:
    """Boosted trees, as ``trust.table`` reads them.

    Args:
        numbers: Of M answers.
        right: (M,) boolean.
    """
    names = list(NUMBERS)
    x = np.array([[n[name] for name in names] for n in numbers])
    model = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=250,
        max_depth=3,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        monotonic_cst=[*NUMBERS.values()],
    ).fit(np.clip(x, -1e6, 1e6), right)

    def node(nodes: np.ndarray, index: int) -> Any:
        here = nodes[index]
        if here['is_leaf']:
            return round(float(here['value']), 4)
        return [
            names[here['feature_idx']],
            float(f'{here["num_threshold"]:.7g}'),
            node(nodes, here['left']),
            node(nodes, here['right']),
        ]

    # scikit-learn has no public way to read these trees.
    trees = [node(tree.nodes, 0) for (tree,) in model._predictors]
    bias = float(model._baseline_prediction.item())
    return {'bias': round(bias, 4), 'trees': trees}


def main() -> None:
    """Measure, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('--data DIR', 'folder of real data', type=Path)
    flag('--count N', 'per source', default=16)
    flag('--seeds SEED ...', '', type=int, default=FITTING_SEEDS)
    flag('--out FILE', 'the trees', type=Path, default=Path('trust.json'))
    args = parser.parse_args()
    found = [
        measured
        for seed in args.seeds
        for trial in gather(args.data, True, args.count, seed)
        if (measured := measure(trial)) is not None
    ]
    right = np.array([row[1] for row in found], bool)
    trees = fit([row[0] for row in found], right)
    lines = ',\n'.join(json.dumps(tree) for tree in trees['trees'])
    args.out.write_text(
        f'{{"bias": {trees["bias"]}, "trees": [\n{lines}\n]}}\n', 'utf-8'
    )
    print(f'{len(found)} recordings, {right.mean():.2f} right: {args.out}')


if __name__ == '__main__':
    run_command(main)
