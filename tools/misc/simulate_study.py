"""Simulate a study with a phone and a video, to try docs/own_data.md."""

import argparse

from mobind_mm.datasets.synthetic.phone_study import write_phone_study
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--out', default='study', metavar='DIR', help='default: study'
    )
    parser.add_argument(
        '--takes', type=int, default=2, help='of each person; default: 2'
    )
    parser.add_argument(
        '--seconds', type=float, default=45.0, help='of a take; default: 45'
    )
    parser.add_argument('--seed', type=int, default=0, help='other people')
    return parser.parse_args()


def main() -> None:
    """Simulate."""
    args = parse_args()
    names = write_phone_study(args.out, args.takes, args.seconds, args.seed)
    print(f'{args.out}/study.yml: {len(names)} takes')


if __name__ == '__main__':
    run_command(main)
