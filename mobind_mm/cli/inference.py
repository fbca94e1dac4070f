"""``mobind sync``, ``localize``, ``retrieve`` and ``recognize``."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..utils.errors import printable
from ..utils.results import write_json
from ..utils.video import video_facts
from .arguments import (
    add_input_arguments,
    add_out_dir_argument,
    between,
    file_source,
    flags,
    imu_source,
    make_inferencer,
    pose_source,
    print_notes,
)
from .exporting import NAMES, add_export_arguments, export_all
from .studying import add_study_arguments, synchronize_study

if TYPE_CHECKING:
    from ..apis import MoBindInferencer
    from ..recordings import Recording


def _sync_arguments(parser: ArgumentParser) -> None:
    add_input_arguments(parser)
    flag = flags(parser.add_argument_group('search'))
    flag(
        '--synchronizer NAME',
        'method: signals, fused (signals and model), vote, correlation, or '
        'one that is registered by --import; default: signals, then fused if '
        'they give no answer and at most two sensors are worn',
    )
    flag(
        '--max-offset SEC',
        'largest difference from --around to look for; default: every offset '
        'at which enough of both overlaps, or 10 with --around',
        type=float,
    )
    flag(
        '--around SEC',
        'offset in the middle of the search; default with --max-offset: 0, '
        'or, if the clocks never meet, as if both had been started together',
        type=float,
    )
    flag(
        '--drift',
        'whether to look for drift; default: from one minute on',
        action=BooleanOptionalAction,
    )
    results = parser.add_argument_group('results')
    add_out_dir_argument(results, 'sync')
    flag = flags(results)
    flag('--write-imu', "write imu.csv, the sensors on the video's clock")
    flag(
        '--preview NAME',
        'write preview.mp4: skeleton, sensor traces, running cursor; or a '
        'small animation with this name, .webp or .gif',
        nargs='?',
        const='preview.mp4',
    )
    flag(
        '--preview-start SEC',
        'second of the video at which the preview begins; default: 0',
        type=float,
    )
    flag('--preview-sec SEC', 'length of the preview', default=20.0)
    flag(
        '--export NAME[,NAME]',
        f'write files for other programs: {NAMES}; see mobind align',
        default='',
    )
    add_export_arguments(results)
    flag(
        '--force',
        'write sensors, preview and exports even if the answer is refused',
    )
    add_study_arguments(parser)


def synchronize(args: Namespace) -> int | None:
    """Find the time offset between sensors and a video, and the drift.

    Exits with 0 if it found them, 1 if it refuses to answer, 2 if a file or
    a flag is wrong. With --study, it finds what belongs together, too, and
    exits with 1 if anything is doubtful or left over.
    """
    if args.study is not None:
        return synchronize_study(args)
    if args.shard:
        raise ValueError('--shard is for many recordings; give --study, too.')
    if args.imu is None:
        raise ValueError('Give the sensors as --imu, or many as --study.')
    from ..apis.exports import export_names
    from ..apis.sources import to_recording
    from ..apis.synchronizing import describe

    out = Path(args.out_dir)
    exports = export_names(args.export)
    streams = to_recording(
        {'imu': imu_source(args), 'pose': pose_source(args)}
    )
    inferencer = make_inferencer(args)
    options = {}
    if args.synchronizer is not None:
        options['synchronizer'] = args.synchronizer
    answer = inferencer.synchronize(
        streams,
        args.max_offset,
        args.around,
        args.drift,
        show_dir=out,
        **options,
    )
    print(printable(describe(answer), keep='\n'))
    print_notes(answer['notes'])
    write_json(out / 'sync.json', answer)
    written = [out / 'sync.json', *inferencer.pictures]
    wanted = args.write_imu or args.preview or exports
    if answer['abstained'] and wanted and not args.force:
        print('sensors, preview and exports are not written (--force)')
    if wanted and (not answer['abstained'] or args.force):
        streams = inferencer.settled(streams)
        written += _use_answer(args, inferencer, streams, answer, exports)
    print('written:', *written)
    return 1 if answer['abstained'] else 0


def _use_answer(
    args: Namespace,
    inferencer: MoBindInferencer,
    streams: Recording,
    answer: Mapping[str, Any],
    exports: list[str],
) -> list[Path]:
    """Write sensors, preview and exports on the clock of the video."""
    from ..apis.synchronizing import LEFT_OUT, export_imu, on_video_clock
    from ..recordings import Recording

    out, written = Path(args.out_dir), []
    moved = on_video_clock(streams.imu, answer)
    if args.write_imu:
        written += export_imu(streams.imu, answer, out / 'imu.csv')
    if args.preview:
        from ..visualization.preview import write_preview

        written.append(out / args.preview)
        write_preview(
            Recording(moved, streams.pose),
            written[-1],
            args.video,
            args.preview_start,
            args.preview_sec,
            answer,
            inferencer.track,
        )
        if args.video and video_facts(args.video).has_audio is None:
            print('note: without PyAV the preview has no sound')
    if exports:
        written += export_all(args, exports, streams, answer)
    else:
        left = (name for name in streams.imu if name not in moved)
        print_notes(LEFT_OUT.format(name) for name in left)
    return written


def _localize_arguments(parser: ArgumentParser) -> None:
    add_input_arguments(parser, required=True, person=False)
    flag = flags(parser)
    flag(
        '--offset SEC',
        'sensor time minus video time, as mobind sync finds it; default: 0, '
        'or, if the clocks never meet, as if both had been started together',
        type=float,
    )
    flag(
        '--max-offset SEC',
        'largest error of --offset; default: 0, the offset is exact',
        default=0.0,
    )
    flag('--several-wearers', 'the sensors may be on several people')
    add_out_dir_argument(parser, 'localize')


def localize(args: Namespace) -> None:
    """Find who in a video wears the sensors, and which limb carries which."""
    from ..apis.synchronizing import signed

    out = Path(args.out_dir)
    answer = make_inferencer(args).localize(
        imu_source(args),
        pose_source(args),
        args.offset,
        args.max_offset,
        not args.several_wearers,
        show_dir=out,
    )
    sure = answer['person_probability']
    if answer['person'] is not None:
        print(f'worn by: {answer["person"]}' + _probably(sure))
    elif answer['offset_reason']:
        print('worn by: unknown, since the offset is doubtful')
    elif sure is not None:
        print('worn by: nobody in view' + _probably(1 - sure))
    for name, value in answer['person_evidence'].items():
        shown = 'not compared' if value is None else f'{value:+.3f}'
        print(f'  {name}: {shown}')
    for name, sensor in answer['sensors'].items():
        if sensor['evidence'] is None:
            print(f'{name}: no limb is left for it')
            continue
        where = sensor.get('guess', sensor)
        place = f'{where["limb"]} of {where["person"]}'
        if 'guess' in sensor:
            unknown = (
                'unknown' if answer['offset_reason'] else 'nowhere in view'
            )
            place = f'{unknown}; most like the {place}'
        sure = None if 'guess' in sensor else sensor['probability']
        print(
            f'{name}: {place}' + _probably(sure) + ' '
            f'({sensor["evidence"]:+.3f}, {sensor["margin"]:+.3f} above the '
            'next limb)'
        )
    count = answer['num_windows']
    print(
        f'sensor time = video time {signed(answer["offset_s"])} s, compared '
        f'in {count} window{"s" * (count != 1)}'
    )
    if answer['offset_reason']:
        print(f'that offset is doubtful: {answer["offset_reason"]}')
    print_notes(answer['notes'])
    write_json(out / 'localize.json', answer)
    print('written:', out / 'localize.json', out / 'localization.png')


def _probably(probability: float | None) -> str:
    """A probability as it follows a word."""
    return '' if probability is None else f', probability {probability:.2f}'


def _retrieve_arguments(parser: ArgumentParser) -> None:
    add_input_arguments(parser)
    flag = flags(parser)
    flag(
        '--gallery PATH ...',
        'where to look: data set directories, and files or folders of pose '
        'tools; if --pose is the query, of sensors',
        required=True,
    )
    flag('-k K', 'number of matches to return', default=5)
    flag(
        '--stride-sec SEC',
        'seconds between the windows of the gallery',
        type=between(0.01, 86_400),
        default=0.8,
    )
    flag(
        '--signal-weight W',
        'how much the signals count beside the model (see docs/tasks.md); 0: '
        'not at all; default: as calibrated',
        type=float,
    )
    add_out_dir_argument(parser, 'retrieve')


def retrieve(args: Namespace) -> None:
    """Find the video of sensors, or the sensors of a video."""
    # With --imu, a video is that of the gallery.
    shown = args.pose or (None if args.imu else args.video)
    if bool(args.imu) == bool(shown):
        raise ValueError(
            'Give either --imu, or --pose or --video, to look up.'
        )
    if args.imu is not None:
        query, direction = {'imu': imu_source(args)}, 'imu2pose'
    else:
        query, direction = {'pose': pose_source(args)}, 'pose2imu'
    out = Path(args.out_dir)
    options = {}
    if args.signal_weight is not None:
        options['signal_weight'] = args.signal_weight
    answers = make_inferencer(args).retrieve(
        {args.imu or shown: query},
        {path: file_source(args, path) for path in args.gallery},
        direction,
        args.k,
        args.stride_sec,
        show_dir=out,
        **options,
    )
    for answer in answers:
        print(f'{answer["name"]}:')
        for place, match in enumerate(answer['recordings'], 1):
            print(f'  {place}. {match["name"]} ({match["similarity"]:.3f})')
    print_notes(note for answer in answers for note in answer['notes'])
    write_json(out / 'retrieve.json', answers)
    print('written:', out / 'retrieve.json', out / 'retrieval.png')


def _recognize_arguments(parser: ArgumentParser) -> None:
    add_input_arguments(parser)
    flag = flags(parser)
    flag(
        '--gallery DIR',
        'data set directory (or annotation file) with labelled recordings, '
        'for a checkpoint that is not a classifier',
    )
    flag(
        '--stride-sec SEC',
        'seconds between windows; default: a quarter of a window, and more '
        'for recordings of hours; a whole one for a classifier',
        type=between(0.01, 86_400),
    )
    add_out_dir_argument(parser, 'recognize')


def recognize(args: Namespace) -> None:
    """Recognise what somebody does, from sensors, a skeleton, or both."""
    source = {}
    if args.imu is not None:
        source['imu'] = imu_source(args)
    if args.pose is not None or args.video:
        source['pose'] = pose_source(args)
    if not source:
        raise ValueError('Give --imu, --pose or --video, or both.')
    out = Path(args.out_dir)
    answers = make_inferencer(args).recognize(
        {args.imu or args.pose or args.video: source},
        args.gallery,
        args.stride_sec,
        show_dir=out,
    )
    for answer in answers:
        action = answer['action']
        if action is None:
            action = f'not in the gallery; most like {answer["guess"]}'
        sure = answer.get('probability')
        known = '' if sure is None else f'; in the gallery{_probably(sure)}'
        print(f'{answer["name"]}: {action} ({answer["score"]:.3f}){known}')
        windows = answer['windows']
        for action, group in groupby(windows, key=lambda w: w['action']):
            part = list(group)
            score = np.mean([window['score'] for window in part])
            print(
                f'  from {part[0]["start_s"]:8.2f} s  {action} ({score:.3f})'
            )
    print_notes(note for answer in answers for note in answer['notes'])
    write_json(out / 'recognize.json', answers)
    print('written:', out / 'recognize.json', out / 'actions.png')


COMMANDS = {
    'sync': (_sync_arguments, synchronize),
    'localize': (_localize_arguments, localize),
    'retrieve': (_retrieve_arguments, retrieve),
    'recognize': (_recognize_arguments, recognize),
}
