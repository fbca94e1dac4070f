"""Convert UTD-MHAD to the recording format of mobind_mm."""

import argparse

from mobind_mm.readers.convert import convert
from mobind_mm.readers.utd_mhad import UTDMHADReader
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'src', help='directory that holds Inertial and Skeleton'
    )
    parser.add_argument(
        '--out', required=True, metavar='DST', help='dataset directory'
    )
    parser.add_argument(
        '--val-subjects',
        type=int,
        nargs='+',
        default=[],
        metavar='N',
        help='training (odd) subjects for val.json; default: none, no file',
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes; default: 1'
    )
    return parser.parse_args()


def main() -> None:
    """Convert."""
    args = parse_args()
    reader = UTDMHADReader(args.src, args.val_subjects)
    converted = convert(reader, args.out, args.workers)
    for split, count in converted.entries.items():
        if count:
            print(f'{args.out}/annotations/{split}.json: {count} takes')


if __name__ == '__main__':
    run_command(main)
