"""Assign simulated recordings to videos, some of which have no partner.

Prints how many are assigned rightly, whether leftovers are left over, how sure
that is, and the processor time; from streams in memory, without files.
"""

import argparse
import time

import numpy as np
from benchmarking.trust import cut_imu, cut_pose

from mobind_mm.cli.arguments import flags
from mobind_mm.datasets.synthetic import SyntheticMotionDataset
from mobind_mm.synchronization.assignment import (
    assign,
    log_odds,
    probabilities,
)
from mobind_mm.synchronization.pairing import (
    limb_signals,
    pair_evidence,
    sensor_signals,
)
from mobind_mm.utils.cli import run_command

_SLACK_SEC = 12.0


def main() -> None:
    """Simulate, compare all pairs, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    flag = flags(parser)
    flag('--count N', 'of each kind', default=40)
    flag('--alone N', 'of each kind', default=4)
    flag('--seconds SEC', '', default=60.0)
    flag('--sensors NAME ...', '', default=['right_wrist', 'left_knee'])
    flag('--seed N', '', default=5)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    people = SyntheticMotionDataset(
        'test',
        num_subjects=args.count + args.alone,
        takes_per_subject=1,
        take_sec=args.seconds + _SLACK_SEC,
        people=(1, 1),
        seed=args.seed,
        lazy_init=True,
        cache_takes=1,
    )
    recordings, videos, seconds = [], [], 0.0
    for number, entry in enumerate(people.load_entries()):
        take = people.get_recording(entry)
        starts = rng.uniform(0, _SLACK_SEC - 1, 2)
        begin = time.process_time()
        if number < args.count:
            end = starts[0] + args.seconds
            worn = {
                name: sensor_signals(cut_imu(take.imu[name], starts[0], end))
                for name in args.sensors
            }
            recordings.append({k: v for k, v in worn.items() if v})
        if number >= args.alone:
            film = cut_pose(take.pose, starts[1], starts[1] + args.seconds)
            videos.append({n: limb_signals(film, n) for n in args.sensors})
        seconds += time.process_time() - begin
    print(f'signals: {seconds:.1f} s of processor time')
    begin = time.process_time()
    pairs = [[pair_evidence(r, v) for v in videos] for r in recordings]
    odds = log_odds(pairs)
    chosen, chance = assign(odds), probabilities(odds)
    seconds = time.process_time() - begin
    print(f'{odds.size} pairs: {seconds:.1f} s of processor time')
    # The first recordings and the last videos have no partner.
    truth = np.arange(args.count) - args.alone
    truth[: args.alone] = -1
    match = truth[:, None] == np.arange(len(videos))
    left = np.setdiff1d(np.arange(len(videos)), chosen)
    alone = np.arange(len(videos))[args.count - args.alone :]
    print(f'assigned rightly: {(chosen == truth).mean():.3f}')
    print(f'recordings left over: {np.flatnonzero(chosen < 0).tolist()}')
    print(f'videos left over: {left.tolist()}, truly {alone.tolist()}')
    print(f'least probability of a true pair: {chance[match].min():.3f}')
    print(f'largest of another pair: {chance[~match].max():.3f}')
    wrong = [
        abs(pairs[i][j].offset) > 0.1 for i, j in enumerate(truth) if j >= 0
    ]
    print(f'offsets more than 0.1 s wrong in the quick look: {sum(wrong)}')


if __name__ == '__main__':
    run_command(main)
