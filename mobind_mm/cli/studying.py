"""``mobind sync --study``."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from .arguments import add_workers_argument, flags, placements_of, print_notes


def add_study_arguments(parser: ArgumentParser) -> None:
    """Add the flags of many recordings and videos."""
    group = parser.add_argument_group('many recordings at once')
    flag = flags(group)
    flag(
        '--study PATH',
        'many at once: a folder of recordings and videos, or a CSV with the '
        'columns recording and video (docs/study.md); without PATH, the '
        'folders --imu and --pose',
        nargs='?',
        const='',
    )
    add_workers_argument(group)
    flag(
        '--shard I/N',
        'with --study: compare the I-th of N parts of the recordings only; a '
        'run without it then takes all results',
        type=shard,
    )


def shard(text: str) -> tuple[int, int]:
    """Number of a part, and how many there are.

    >>> shard('2/8')
    (2, 8)
    """
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ArgumentTypeError(f'{text}; expected I/N with I from 1 to N')
    return int(match[1]), int(match[2])


def synchronize_study(args: Namespace) -> int | None:
    """Find which recordings and videos belong together, and all offsets."""
    from ..apis.study import (
        Options,
        Settings,
        describe_study,
        find_sources,
        read_study_table,
        run_study,
        write_report,
    )

    _check(args)
    out = Path(args.out_dir)
    options = Options(
        placements_of(args.placement),
        args.mapping,
        args.fps,
        tuple(args.img_shape) if args.img_shape else None,
        args.layout,
        args.estimator,
        not args.no_check,
    )
    known: list[tuple[str, str]] = []
    if not args.study:
        sources = [
            *find_sources(args.imu, options, 'imu', [out]),
            *find_sources(args.pose, options, 'pose', [out]),
        ]
    elif Path(args.study).is_file():
        sources, known = read_study_table(args.study, options)
    else:
        sources = find_sources(args.study, options, '', [out])
    study = run_study(
        sources,
        out,
        known,
        Settings(
            args.max_offset,
            args.around,
            args.drift,
            args.synchronizer or 'signals',
        ),
        args.workers,
        args.shard,
    )
    if study is None:
        number, count = args.shard
        print(
            f'part {number} of {count} is compared; when all are, run the '
            'command without --shard'
        )
        return None
    files = write_report(study, out)
    print('\n'.join(describe_study(study)))
    print_notes(study.notes)
    print('written:', *files)
    return 0 if study.is_certain else 1


_SINGLE = ('frame_times', 'pose_mapping', 'video', 'write_imu', 'preview')


def _check(args: Namespace) -> None:
    """Refuse flags that say nothing about many."""
    for name in _SINGLE:
        if getattr(args, name):
            raise ValueError(
                f'--{name.replace("_", "-")} is for one recording; leave it '
                'out with --study.'
            )
    folders = bool(args.imu) + bool(args.pose)
    if args.study and folders:
        raise ValueError(
            '--study names everything; leave out --imu and --pose, or its '
            'path.'
        )
    if not args.study and folders < 2:
        raise ValueError(
            'Give --study a folder or a table, or the folders --imu and '
            '--pose.'
        )
