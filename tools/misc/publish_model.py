"""Write a checkpoint that can be given away: weights, config, data meta."""

import argparse

from publishing import publish_checkpoint

import mobind_mm  # noqa: F401
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='checkpoint of the training')
    parser.add_argument(
        '--out-dir', default='.', metavar='DIR', help='default: here'
    )
    parser.add_argument(
        '--date',
        metavar='YYYYMMDD',
        help='for the name of the file; default: the day of the training',
    )
    return parser.parse_args()


def main() -> None:
    """Publish."""
    args = parse_args()
    path = publish_checkpoint(
        args.config, args.checkpoint, args.out_dir, args.date
    )
    print(path)


if __name__ == '__main__':
    run_command(main)
