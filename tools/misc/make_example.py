"""Write files of simulated people, to try the commands on."""

import argparse

from mobind_mm.datasets.synthetic.example import write_example, write_labelled
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', help='directory to write')
    parser.add_argument(
        '--offset',
        type=float,
        default=3.217,
        metavar='SEC',
        help='sensor time minus video time; default: 3.217',
    )
    parser.add_argument(
        '--seconds', type=float, default=30.0, help='length; default: 30'
    )
    parser.add_argument(
        '--people', type=int, default=1, help='in the video; default: 1'
    )
    parser.add_argument(
        '--fps', type=float, default=29.97, help='default: 29.97'
    )
    parser.add_argument('--seed', type=int, default=0, help='default: 0')
    parser.add_argument('--still', action='store_true', help='nobody moves')
    parser.add_argument(
        '--labelled',
        action='store_true',
        help='write a data set with labelled actions instead',
    )
    return parser.parse_args()


def main() -> None:
    """Write."""
    args = parse_args()
    if args.labelled:
        print('written:', write_labelled(args.out))
        return
    files = write_example(
        *(args.out, args.offset, args.seconds, args.people),
        *(args.fps, args.seed, args.still),
    )
    print('written:', *files)


if __name__ == '__main__':
    run_command(main)
