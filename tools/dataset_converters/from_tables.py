"""Convert own recordings, described by a YAML file, to our format."""

import argparse

from mobind_mm.readers.convert import convert
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'mapping', help='YAML file that names files, columns and units'
    )
    parser.add_argument(
        '--out', required=True, metavar='DST', help='dataset directory'
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes; default: 1'
    )
    return parser.parse_args()


def main() -> None:
    """Convert."""
    args = parse_args()
    done = convert(OwnDataReader(args.mapping), args.out, args.workers)
    for note in done.notes:
        print(f'note: {note}')
    for split, count in done.entries.items():
        if count:
            print(f'{args.out}/annotations/{split}.json: {count} takes')


if __name__ == '__main__':
    run_command(main)
