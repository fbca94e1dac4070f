"""``mobind align``, and the exports of ``mobind sync``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _ActionsContainer
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.errors import mistake
from .arguments import (
    add_imu_arguments,
    add_pose_arguments,
    add_run_arguments,
    between,
    imu_source,
    pose_source,
    print_notes,
)

if TYPE_CHECKING:
    from ..recordings import Recording

NAMES = 'csv, parquet, elan, label-studio, sto, trc, video'


def add_export_arguments(parser: _ActionsContainer) -> None:
    """Add what is said of the tables and of the clip."""
    parser.add_argument(
        '--rate',
        type=between(0.01, 100_000),
        metavar='HZ',
        help='rows per second of the tables; default: one row per frame',
    )
    parser.add_argument(
        '--start',
        type=float,
        metavar='SEC',
        help='second of the video at which clip.mp4 begins; default: where '
        'every sensor has values',
    )
    parser.add_argument(
        '--end', type=float, metavar='SEC', help='and that at which it ends'
    )


def _arguments(parser: ArgumentParser) -> None:
    add_imu_arguments(parser)
    add_pose_arguments(parser)
    parser.add_argument(
        '--sync',
        default='sync/sync.json',
        metavar='JSON',
        help='what mobind sync wrote; default: sync/sync.json',
    )
    parser.add_argument(
        '--to',
        default='csv',
        metavar='NAME[,NAME]',
        help=f'what to write: {NAMES}; default: csv',
    )
    add_export_arguments(parser)
    parser.add_argument(
        '--out-dir',
        default='aligned',
        metavar='DIR',
        help='where the files go; default: aligned',
    )
    add_run_arguments(parser)
    parser.add_argument(
        '--force',
        action='store_true',
        help='write the files even if mobind sync refused the answer',
    )


def align(args: Namespace) -> None:
    """Write sensors on the video's clock, in the files of other programs.

    The clock is that of a sync.json, which mobind sync writes. Where nothing
    is known of a sensor, its cells are empty; export.json names these gaps.
    """
    from ..apis.exports import export_names, read_answer
    from ..apis.sources import to_imu, to_pose
    from ..checks import settle_inputs
    from ..recordings import Recording

    names = export_names(args.to)
    if not names:
        raise mistake('--to', 'names nothing', f'Choose from {NAMES}')
    answer = read_answer(args.sync)
    pose = None
    if args.pose or not args.video:
        pose = to_pose(pose_source(args))
    elif 'trc' in names:
        pose = to_pose(pose_source(args))  # estimated
    imu = to_imu(imu_source(args))
    if not args.no_check:
        imu, pose = settle_inputs(imu, pose)
    files = export_all(args, names, Recording(imu, pose), answer)
    print('written:', *files)


def export_all(
    args: Namespace,
    names: list[str],
    streams: Recording,
    answer: Mapping[str, Any],
) -> list[Path]:
    """Write exports as the flags say, and print the notes.

    Args:
        args: The flags.
        names: What to write.
        streams: Sensors on their own clock, and the skeleton, if any.
        answer: What is known of the clocks.
    """
    from ..apis.exports import Take, write_exports
    from ..apis.pose_extraction import progress_of
    from ..utils.video import frame_times

    if args.video:
        times = frame_times(args.video)
    else:
        assert streams.pose is not None
        times = streams.pose.clock.at()
    with progress_of('clip.mp4', not args.quiet) as advance:
        take = Take(
            streams.imu,
            answer,
            times,
            streams.pose,
            Path(args.video) if args.video else None,
            args.rate,
            (args.start, args.end),
            advance=advance,
        )
        files, notes = write_exports(names, take, args.out_dir, args.force)
    print_notes(notes)
    return files


COMMANDS = {'align': (_arguments, align)}
