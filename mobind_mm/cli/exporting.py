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
    flags,
    imu_source,
    pose_source,
    print_notes,
)

if TYPE_CHECKING:
    from ..recordings import Recording

NAMES = 'csv, parquet, elan, label-studio, sto, trc, video'


def add_export_arguments(parser: _ActionsContainer) -> None:
    """Add what is said of the tables and of the clip."""
    flag = flags(parser)
    flag(
        '--rate HZ',
        'rows per second of the tables; default: one row per frame',
        type=between(0.01, 100_000),
    )
    flag(
        '--start SEC',
        'second of the video at which clip.mp4 begins; default: where every '
        'sensor has values',
        type=float,
    )
    flag('--end SEC', 'and that at which it ends', type=float)


def _arguments(parser: ArgumentParser) -> None:
    add_imu_arguments(parser)
    add_pose_arguments(parser)
    flag = flags(parser)
    flag('--sync JSON', 'what mobind sync wrote', default='sync/sync.json')
    flag('--to NAME[,NAME]', f'what to write: {NAMES}', default='csv')
    add_export_arguments(parser)
    flag('--out-dir DIR', 'where the files go', default='aligned')
    add_run_arguments(parser)
    flag('--force', 'write the files even if mobind sync refused the answer')


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
    if args.pose or not args.video or 'trc' in names:  # then it is estimated
        pose = to_pose(pose_source(args))
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
    """Write exports as the flags say, and print the notes."""
    from ..apis.exports import Take, times_of_rows, write_exports
    from ..apis.pose_extraction import progress_of

    times = times_of_rows(names, streams.pose, args.video, args.frame_times)
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
