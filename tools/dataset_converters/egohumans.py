"""Convert EgoHumans to the recording format of mobind_mm."""

import argparse

from mobind_mm.readers.convert import convert
from mobind_mm.readers.egohumans.people import UP_RULES
from mobind_mm.readers.egohumans.reader import IMUS, EgoHumansReader
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'src', help='directory that holds 01_tagging, 02_lego, ...'
    )
    parser.add_argument(
        '--out', required=True, metavar='DST', help='dataset directory'
    )
    parser.add_argument(
        '--smpl',
        required=True,
        metavar='MODEL',
        help='SMPL model that the bodies are posed with, .pkl or .npz',
    )
    parser.add_argument(
        '--camera',
        default='cam03',
        help='camera with the keypoints; default: cam03, as published',
    )
    parser.add_argument(
        '--imu',
        choices=IMUS,
        default='simulated',
        help='where inertial sensors come from: simulated on the SMPL body',
    )
    parser.add_argument(
        '--up',
        choices=UP_RULES,
        default='axis',
        help='vertical of a sequence: the axis of its world nearest to the '
        'trunks of its people, or their mean direction; default: axis',
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes; default: 1'
    )
    return parser.parse_args()


def main() -> None:
    """Convert."""
    args = parse_args()
    reader = EgoHumansReader(
        args.src, args.smpl, args.camera, args.imu, args.up
    )
    converted = convert(reader, args.out, args.workers)
    for split, count in converted.entries.items():
        if count:
            print(f'{args.out}/annotations/{split}.json: {count} people')
    for note in converted.notes:
        print(note)


if __name__ == '__main__':
    run_command(main)
