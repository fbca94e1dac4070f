"""Tell what somebody does, from sensors, a skeleton, or both."""

import argparse
from pathlib import Path

from mobind_mm.apis.command_line import (
    add_imu_arguments,
    add_model_arguments,
    add_pose_arguments,
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
        metavar='DIR',
        help='data set directory (or annotation file) with labelled '
        'recordings, for a checkpoint that is no classifier',
    )
    parser.add_argument(
        '--stride-sec',
        type=float,
        metavar='SEC',
        help='seconds between windows; default: one after the other',
    )
    parser.add_argument(
        '--out-dir',
        default='recognize',
        metavar='DIR',
        help='where recognize.json and the picture go; default: recognize',
    )
    return parser.parse_args()


def main() -> None:
    """Recognise, print, write."""
    args = parse_args()
    source = {}
    if args.imu is not None:
        source['imu'] = imu_source(args)
    if args.pose is not None:
        source['pose'] = pose_source(args)
    if not source:
        raise ValueError('Give --imu, --pose, or both.')
    out = Path(args.out_dir)
    answers = make_inferencer(args).recognize(
        {args.imu or args.pose: source},
        args.gallery,
        args.stride_sec,
        show_dir=out,
    )
    for answer in answers:
        print(f'{answer["name"]}: {answer["action"]} ({answer["score"]:.3f})')
        for window in answer['windows']:
            print(
                f'  {window["start_s"]:8.2f} s  {window["action"]} '
                f'({window["score"]:.3f})'
            )
    write_json(out / 'recognize.json', answers)
    print('written:', out / 'recognize.json', out / 'actions.png')


if __name__ == '__main__':
    run_command(main)
