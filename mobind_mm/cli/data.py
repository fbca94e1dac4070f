"""``mobind pose``, ``inspect``, ``check``, ``example`` and ``study``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from ..utils.errors import printable
from ..utils.files import write_whole
from ..utils.results import prepare_results, write_json
from .arguments import (
    add_estimator_argument,
    add_workers_argument,
    between,
    flags,
)


def _pose_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('videos', 'videos, or directories of videos', nargs='+')
    flag(
        '--out PATH',
        'JSON file, or a directory for those of several videos; default: '
        'beside each video, such as take.mediapipe.json',
    )
    add_estimator_argument(parser)
    flag(
        '--max-people N',
        'most people to follow at once, with mediapipe; default: 4',
        type=int,
    )
    flag(
        '--mode MODE',
        'lightweight, balanced or performance, with rtmlib; default: balanced',
    )
    flag(
        '--pose2d POSE2D',
        'config or name of the model, with mmpose; default: human',
    )
    flag(
        '--det-model DET_MODEL',
        'config or name of the MMDetection model that finds people, or '
        "whole_image, with mmpose; default: MMPose's choice",
    )
    flag('--device DEVICE', 'cpu, cuda:0, ..., with mmpose and rtmlib')
    flag('--force', 'replace files that exist')


def estimate_poses(args: Namespace) -> int | None:
    """Estimate the 2D poses of everybody in videos.

    An interrupted run continues where it was; results that are up to date are
    kept.
    """
    from ..apis.pose_extraction import extract_poses

    estimator = args.estimator
    if args.pose2d or args.det_model:
        estimator = estimator or 'mmpose'
    result = extract_poses(
        args.videos,
        args.out,
        estimator,
        force=args.force,
        max_people=args.max_people,
        mode=args.mode,
        pose2d=args.pose2d,
        device=args.device,
        det_model=args.det_model,
    )
    for path in result.kept:
        print(f'{path}: kept')
    for path, num_frames in result.written.items():
        print(f'{path}: {num_frames} frames')
    for note in result.notes:
        print(f'note: {note}')
    for video, reason in result.failed.items():
        print(f'error: {video}: {reason}', file=sys.stderr)
    return 1 if result.failed else None


def _check_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('root DIR', 'data set directory')
    flag(
        '--split',
        'splits to check; default: all that exist',
        nargs='+',
        choices=('train', 'val', 'test'),
    )
    flag('--out FILE', 'JSON file of the report')
    flag('--show-dir DIR', 'directory for a picture of each recording')
    flag('--max-lag SEC', 'largest lag to look for', default=3.0)
    flag('--all-rows', 'print a row for every stream; default: the first 40')
    add_workers_argument(parser)


def check(args: Namespace) -> int:
    """Check the recordings of a data set directory, and name likely mistakes.

    Exits with 1 if it names any, 0 if none, 2 if the data cannot be read.
    """
    from rich.console import Console

    from ..checks import check_data_set, print_report, report_values
    from ..visualization.recording_check import save_recording_check

    if args.out:
        prepare_results(args.out)
    report = check_data_set(
        args.root,
        args.split,
        args.show_dir,
        args.workers,
        args.max_lag,
        save_recording_check,
    )
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width
        console = Console(width=150)
    print_report(report, console, None if args.all_rows else 40)
    if args.out:
        write_json(args.out, report_values(report))
    return 1 if report.findings else 0


def _example_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('out', 'directory to write')
    flag('--offset SEC', 'sensor time minus video time', default=3.217)
    flag(
        '--seconds SECONDS',
        'length in seconds',
        type=between(1, 86_400),
        default=30.0,
    )
    flag(
        '--people PEOPLE',
        'people in the video',
        type=between(1, 100, int),
        default=1,
    )
    flag(
        '--fps FPS', 'frames per second', type=between(1, 1000), default=29.97
    )
    flag('--seed SEED', 'random seed', default=0)
    flag('--still', 'nobody moves')
    flag(
        '--video',
        'write a rendered video of the first person, take.mp4, instead of '
        'skeletons',
    )
    flag('--labelled', 'write a data set with labelled actions instead')


def write_example(args: Namespace) -> None:
    """Write files of simulated people, to try the commands on."""
    from ..datasets.synthetic import example

    if args.labelled:
        print('written:', example.write_labelled(args.out, seed=args.seed))
        return
    files = example.write_example(
        args.out,
        args.offset,
        args.seconds,
        args.people,
        args.fps,
        args.seed,
        args.still,
        args.video,
    )
    print('written:', *files)


def _study_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('--out DIR', '', default='study')
    flag(
        '--mixed N',
        'write N pairs of sensors and skeletons under names that say nothing, '
        'some leftovers and truth.csv, for mobind sync --study',
        type=int,
    )
    flag(
        '--left-over R V',
        'with --mixed: recordings and videos without a partner',
        type=int,
        default=(1, 1),
    )
    flag(
        '--takes TAKES',
        'recordings of each person',
        type=between(1, 1000, int),
        default=2,
    )
    flag(
        '--seconds SECONDS',
        'length of a recording in seconds; default: 45, with --mixed 60',
        type=between(1, 86_400),
    )
    flag('--seed SEED', 'random seed', default=0)


def simulate_study(args: Namespace) -> None:
    """Simulate a study, to try docs/own_data.md or docs/study.md."""
    if args.mixed is not None:
        from ..datasets.synthetic.mixed_study import write_mixed_study

        recordings, videos = args.left_over
        truth = write_mixed_study(
            args.out,
            args.mixed,
            recordings,
            videos,
            seconds=args.seconds or 60.0,
            seed=args.seed,
        )
        print('written:', truth)
        return
    from ..datasets.synthetic.phone_study import write_phone_study

    names = write_phone_study(
        args.out, args.takes, args.seconds or 45.0, args.seed
    )
    print(f'{args.out}/study.yml: {len(names)} takes')


def _inspect_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('path', 'file or folder of sensors or skeletons')
    flag('--mapping YAML', 'meaning of the columns of a table')
    flag('--json OUT', 'write it all as JSON')
    flag(
        '--write-mapping YAML',
        'write a first mapping of a table of an unknown format; guesses are '
        'marked',
    )


def inspect(args: Namespace) -> int:
    """Say what a file or folder is, what it holds, and what is assumed.

    Exits with 0 if it can be read, 1 if not, 2 if it is not there.
    """
    from ..checks.inspection import describe_facts, inspect_path

    if args.json:
        prepare_results(args.json)
    facts = inspect_path(args.path, args.mapping)
    print('\n'.join(map(printable, describe_facts(facts))))
    if args.json:
        write_json(args.json, facts)
        print('written:', args.json)
    if args.write_mapping:
        if not facts['mapping']:
            raise ValueError(
                f'{args.path} needs no mapping: it is read as '
                f'{facts["title"]}.'
                if not facts['problem']
                else f'{args.path}: no mapping can be guessed.'
            )
        write_whole(args.write_mapping, facts['mapping'])
        print('written:', args.write_mapping)
    elif facts['mapping']:
        print('--write-mapping FILE.yml writes this as a mapping to correct.')
    return 1 if facts['problem'] else 0


COMMANDS = {
    'pose': (_pose_arguments, estimate_poses),
    'check': (_check_arguments, check),
    'example': (_example_arguments, write_example),
    'inspect': (_inspect_arguments, inspect),
    'study': (_study_arguments, simulate_study),
}
