"""Convert EgoHumans to the recording format of mobind_mm."""

import argparse

from mobind_mm.readers.egohumans.conversion import IMUS, convert_egohumans
from mobind_mm.readers.egohumans.world import UP_RULES
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
    counts, left_out = convert_egohumans(
        args.src,
        args.out,
        args.smpl,
        args.camera,
        args.imu,
        args.up,
        args.workers,
    )
    for split, count in counts.items():
        if count:
            print(f'{args.out}/annotations/{split}.json: {count} people')
    for take, reason in left_out.items():
        print(f'left out {take}: {reason}')


if __name__ == '__main__':
    run_command(main)
