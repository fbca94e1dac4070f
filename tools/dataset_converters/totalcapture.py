"""Convert TotalCapture to the recording format of mobind_mm."""

from __future__ import annotations

import argparse

from mobind_mm.readers.convert import convert
from mobind_mm.readers.totalcapture.reader import POSES, TotalCaptureReader
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'src', help='directory that holds the files, in any layout'
    )
    parser.add_argument(
        '--out', required=True, metavar='DST', help='dataset directory'
    )
    parser.add_argument(
        '--pose',
        nargs='+',
        default=['vicon'],
        metavar=('vicon|mmpose', 'DIR'),
        help='vicon: project the Vicon joints through calibration.cal; '
        'mmpose: read predictions on the videos, '
        'TC_S<n>_<take>_cam<c>.json below DIR, or SRC; default: vicon',
    )
    parser.add_argument(
        '--person',
        type=lambda text: int(text) if text.isdigit() else text,
        default='longest',
        metavar='RULE',
        help='who wears the sensors if MMPose saw several people: longest, '
        'largest or the number of a track; default: longest',
    )
    parser.add_argument(
        '--takes',
        nargs='+',
        default=[],
        metavar='NAME',
        help="takes such as s1_acting1 or 's5_*'; default: all",
    )
    parser.add_argument(
        '--cameras',
        type=int,
        nargs='+',
        default=[],
        metavar='N',
        help='cameras from 1; default: all',
    )
    parser.add_argument(
        '--skip-incomplete',
        action='store_true',
        help='leave out takes and cameras that lack a file',
    )
    parser.add_argument(
        '--calibrate',
        action='store_true',
        help='turn the IMUs to the frames of their bones',
    )
    parser.add_argument(
        '--mag-unit',
        type=float,
        metavar='UT',
        help='microtesla of a magnetometer reading of 1; without it the '
        'magnetometer is left out',
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes; default: 1'
    )
    args = parser.parse_args()
    args.pose, *args.predictions = args.pose
    if args.pose not in POSES:
        parser.error(f'--pose must be one of {POSES}, got {args.pose!r}')
    if len(args.predictions) > (args.pose == 'mmpose'):
        parser.error(
            f'--pose {args.pose} takes no more words, got {args.predictions}'
        )
    return args


def main() -> None:
    """Convert."""
    args = parse_args()
    reader = TotalCaptureReader(
        args.src,
        pose=args.pose,
        predictions=next(iter(args.predictions), None),
        person=args.person,
        takes=args.takes,
        cameras=args.cameras,
        skip_incomplete=args.skip_incomplete,
        calibrate=args.calibrate,
        mag_unit=args.mag_unit,
    )
    converted = convert(reader, args.out, args.workers)
    for note in converted.notes:
        print(f'note: {note}')
    for split, count in converted.entries.items():
        if count:
            print(
                f'{args.out}/annotations/{split}.json: {count} pairs of a '
                'take and a camera'
            )


if __name__ == '__main__':
    run_command(main)
