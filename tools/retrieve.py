"""Find the video of sensors, or the sensors of a video."""

import argparse
from pathlib import Path

from mobind_mm.apis.command_line import (
    add_imu_arguments,
    add_model_arguments,
    add_pose_arguments,
    file_source,
    imu_source,
    make_inferencer,
    pose_source,
)
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.results import write_json


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_imu_arguments(parser, required=False)
    add_pose_arguments(parser, required=False)
    add_model_arguments(parser)
    parser.add_argument(
        '--gallery',
        nargs='+',
        required=True,
        metavar='PATH',
        help="where to look: data set directories, MMPose's JSON files, or "
        'files of sensors',
    )
    parser.add_argument(
        '-k', type=int, default=5, help='places to give; default: 5'
    )
    parser.add_argument(
        '--stride-sec',
        type=float,
        default=1.0,
        metavar='SEC',
        help='seconds between the windows of the gallery; default: 1',
    )
    parser.add_argument(
        '--out-dir',
        default='retrieve',
        metavar='DIR',
        help='where retrieve.json and the picture go; default: retrieve',
    )
    return parser.parse_args()


def main() -> None:
    """Retrieve, print, write."""
    args = parse_args()
    if (args.imu is None) == (args.pose is None):
        raise ValueError('Give either --imu or --pose to look up.')
    query, direction = {'pose': pose_source(args)}, 'pose2imu'
    if args.imu is not None:
        query, direction = {'imu': imu_source(args)}, 'imu2pose'
    out = Path(args.out_dir)
    answers = make_inferencer(args).retrieve(
        {args.imu or args.pose: query},
        {path: file_source(args, path) for path in args.gallery},
        direction,
        args.k,
        args.stride_sec,
        show_dir=out,
    )
    for answer in answers:
        print(f'{answer["name"]}:')
        for place, found in enumerate(answer['recordings'], 1):
            print(f'  {place}. {found["name"]} ({found["similarity"]:.3f})')
    write_json(out / 'retrieve.json', answers)
    print('written:', out / 'retrieve.json', out / 'retrieval.png')


if __name__ == '__main__':
    run_command(main)
