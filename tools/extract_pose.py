"""Predict the 2D poses of everybody in videos with MMPose."""

import argparse
import sys

from mobind_mm.apis.pose_extraction import extract_poses
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'videos', nargs='+', help='videos, or directories of videos'
    )
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='where the JSON files go'
    )
    parser.add_argument(
        '--pose2d',
        default='human',
        help='config or name of the MMPose model; default: human',
    )
    parser.add_argument(
        '--det-model',
        help='config or name of the MMDetection model that finds people, or '
        "whole_image; default: MMPose's choice",
    )
    parser.add_argument('--device', help='cpu, cuda:0, ...; default: the best')
    parser.add_argument(
        '--force', action='store_true', help='predict again what is there'
    )
    return parser.parse_args()


def main() -> None:
    """Extract."""
    args = parse_args()
    result = extract_poses(
        args.videos,
        args.out,
        pose2d=args.pose2d,
        device=args.device,
        det_model=args.det_model,
        force=args.force,
    )
    for path in result.kept:
        print(f'{path}: kept')
    for path, num_frames in result.written.items():
        print(f'{path}: {num_frames} frames')
    for video, reason in result.failed.items():
        print(f'error: {video}: {reason}', file=sys.stderr)
    if result.failed:
        sys.exit(1)


if __name__ == '__main__':
    run_command(main)
