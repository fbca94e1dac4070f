"""Convert mRI to the recording format of mobind_mm."""

import argparse

from mobind_mm.readers import convert
from mobind_mm.readers.mri import MRIReader
from mobind_mm.readers.mri.reader import POSES
from mobind_mm.readers.mri.streams import ACC_UNITS
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('src', help='directory that holds aligned_data')
    parser.add_argument(
        '--out', required=True, metavar='DST', help='dataset directory'
    )
    parser.add_argument(
        '--img-shape',
        type=int,
        nargs=2,
        required=True,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the video in pixels, e.g. 1080 1920',
    )
    parser.add_argument(
        '--pose',
        nargs='+',
        choices=POSES,
        default=['mmpose'],
        help='2D poses: predictions of MMPose, or those that come with the '
        'data set, of its left or right camera; several give several '
        'entries; default: mmpose',
    )
    parser.add_argument(
        '--predictions',
        metavar='DIR',
        help='where subject<N>_results_det.json are; default: below src',
    )
    parser.add_argument(
        '--person',
        type=lambda text: int(text) if text.isdigit() else text,
        default='longest',
        help='which person to take from predictions: longest, largest, or '
        'the number of a track; default: longest',
    )
    parser.add_argument(
        '--acc-unit',
        choices=ACC_UNITS,
        default='g',
        help='unit of axg, ayg, azg; default: g',
    )
    parser.add_argument(
        '--first-frame',
        type=int,
        choices=(0, 1),
        help='number of the first frame in the labels; default: inferred',
    )
    parser.add_argument(
        '--imu-start',
        type=int,
        metavar='FRAME',
        help='frame of the labels of the first IMU row, if the number of '
        'rows leaves it open',
    )
    parser.add_argument(
        '--video-start',
        type=int,
        metavar='FRAME',
        help='frame of the labels in which the video of the predictions '
        'begins, if its length leaves it open',
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes; default: 1'
    )
    return parser.parse_args()


def main() -> None:
    """Convert."""
    args = parse_args()
    reader = MRIReader(
        args.src,
        img_shape=tuple(args.img_shape),
        poses=args.pose,
        predictions=args.predictions,
        person=args.person,
        acc_unit=args.acc_unit,
        first_frame=args.first_frame,
        imu_start=args.imu_start,
        video_start=args.video_start,
    )
    counts = convert(reader, args.out, args.workers).entries
    for split, count in counts.items():
        if count:
            print(f'{args.out}/annotations/{split}.json: {count} entries')


if __name__ == '__main__':
    run_command(main)
