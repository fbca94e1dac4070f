"""Tell who in a video wears the sensors, and which limb carries which."""

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
    add_imu_arguments(parser)
    add_pose_arguments(parser, person=False)
    add_model_arguments(parser)
    parser.add_argument(
        '--offset',
        type=float,
        default=0.0,
        metavar='SEC',
        help='sensor time minus video time, as tools/sync.py finds it; '
        'default: 0',
    )
    parser.add_argument(
        '--max-offset',
        type=float,
        default=0.0,
        metavar='SEC',
        help='by how much the offset may differ from that; default: 0, it '
        'is known',
    )
    parser.add_argument(
        '--several-wearers',
        action='store_true',
        help='the sensors may be on several people',
    )
    parser.add_argument(
        '--out-dir',
        default='localize',
        metavar='DIR',
        help='where localize.json and the picture go; default: localize',
    )
    return parser.parse_args()


def main() -> None:
    """Localise, print, write."""
    args = parse_args()
    out = Path(args.out_dir)
    answer = make_inferencer(args).localize(
        imu_source(args),
        pose_source(args),
        args.offset,
        args.max_offset,
        not args.several_wearers,
        show_dir=out,
    )
    if answer['person'] is not None:
        print(f'worn by: {answer["person"]}')
    for name, value in answer['person_evidence'].items():
        print(f'  {name}: {value:+.3f}')
    for name, sensor in answer['sensors'].items():
        if sensor['limb'] is None:
            print(f'{name}: no limb is left for it')
            continue
        print(
            f'{name}: {sensor["limb"]} of {sensor["person"]} '
            f'({sensor["evidence"]:+.3f}, {sensor["margin"]:+.3f} above the '
            'next limb)'
        )
    print(
        f'{answer["num_windows"]} windows, sensor time = video time + '
        f'({answer["offset_s"]:+.3f} s)'
    )
    if answer['offset_reason']:
        print(f'that offset is doubtful: {answer["offset_reason"]}')
    write_json(out / 'localize.json', answer)
    print('written:', out / 'localize.json', out / 'localization.png')


if __name__ == '__main__':
    run_command(main)
