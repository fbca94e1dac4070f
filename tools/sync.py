"""Find the time offset between sensors and a video, and the drift.

Exits 0 if it found them, 1 if it refuses to say, 2 if the files are at fault.
"""

import argparse
import sys
from pathlib import Path

from mobind_mm.apis.command_line import (
    add_imu_arguments,
    add_model_arguments,
    add_pose_arguments,
    imu_source,
    make_inferencer,
    pose_source,
)
from mobind_mm.apis.sources import to_recording
from mobind_mm.apis.synchronizing import describe, export_imu, on_video_clock
from mobind_mm.recordings import Recording
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.results import write_json
from mobind_mm.visualization.preview import write_preview


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_imu_arguments(parser)
    add_pose_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument(
        '--max-offset',
        type=float,
        default=10.0,
        metavar='SEC',
        help='largest offset to look for; default: 10',
    )
    parser.add_argument(
        '--around',
        type=float,
        metavar='SEC',
        help='offset in the middle of the search; default: 0, or as if both\n'
        'had been started together, if their clocks never meet',
    )
    parser.add_argument(
        '--drift',
        action=argparse.BooleanOptionalAction,
        help='whether to look for drift; default: from a minute on',
    )
    parser.add_argument(
        '--out-dir',
        default='sync',
        metavar='DIR',
        help='where sync.json and pictures go; default: sync',
    )
    parser.add_argument(
        '--write-imu',
        action='store_true',
        help="write imu.csv, the sensors on the video's clock",
    )
    parser.add_argument(
        '--preview',
        action='store_true',
        help='write preview.mp4: skeleton, sensor traces, running cursor',
    )
    parser.add_argument(
        '--preview-start',
        type=float,
        metavar='SEC',
        help='second of the video at which the preview begins; default: 0',
    )
    parser.add_argument(
        '--preview-sec',
        type=float,
        default=20.0,
        metavar='SEC',
        help='length of the preview; default: 20',
    )
    parser.add_argument(
        '--force',
        action='store_true',
        help='write the sensors and the preview although it refuses',
    )
    return parser.parse_args()


def main() -> None:
    """Synchronise, print, write."""
    args = parse_args()
    out = Path(args.out_dir)
    streams = to_recording(
        {'imu': imu_source(args), 'pose': pose_source(args)}
    )
    inferencer = make_inferencer(args)
    answer = inferencer.synchronize(
        *(streams, args.max_offset, args.around, args.drift), show_dir=out
    )
    print(describe(answer))
    write_json(out / 'sync.json', answer)
    written = [out / 'sync.json', *inferencer.pictures]
    if not answer['abstained'] or args.force:
        if args.write_imu:
            written += export_imu(streams.imu, answer, out / 'imu.csv')
        if args.preview:
            aligned = Recording(
                on_video_clock(streams.imu, answer), streams.pose
            )
            written.append(out / 'preview.mp4')
            write_preview(
                *(aligned, written[-1], args.video),
                *(args.preview_start, args.preview_sec),
            )
    print('written:', *written)
    sys.exit(1 if answer['abstained'] else 0)


if __name__ == '__main__':
    run_command(main)
