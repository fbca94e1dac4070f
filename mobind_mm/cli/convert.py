"""``mobind convert``: data sets and own tables to the recording format."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .arguments import add_workers_argument, flags, person_rule, print_notes

if TYPE_CHECKING:
    from ..readers import Reader


def _add_source_and_out(parser: ArgumentParser, name: str, text: str) -> None:
    """Add what every converter reads and writes."""
    flag = flags(parser)
    flag(name, text)
    flag('--out DST', 'data set directory', required=True)
    add_workers_argument(parser)


def _convert(reader: Reader, args: Namespace, items: str) -> None:
    """Convert what a reader finds, and print its notes and the counts."""
    from ..readers import convert

    converted = convert(reader, args.out, args.workers)
    print_notes(converted.notes)
    for split, count in converted.entries.items():
        if count:
            print(f'{args.out}/annotations/{split}.json: {count} {items}')


def _tables_arguments(parser: ArgumentParser) -> None:
    _add_source_and_out(
        parser, 'mapping', 'YAML file that names files, columns and units'
    )


def convert_tables(args: Namespace) -> None:
    """Convert your own recordings, described by a YAML file."""
    from ..readers.own_data import OwnDataReader

    _convert(OwnDataReader(args.mapping), args, 'takes')


def _totalcapture_arguments(parser: ArgumentParser) -> None:
    _add_source_and_out(
        parser, 'src', 'directory that holds the files, in any layout'
    )
    flag = flags(parser)
    flag(
        '--pose vicon|mmpose DIR',
        'vicon: project the Vicon joints through calibration.cal; mmpose: '
        'read predictions on the videos, TC_S<n>_<take>_cam<c>.json below '
        'DIR, or SRC',
        nargs='+',
        default=['vicon'],
    )
    flag(
        '--person RULE',
        'who wears the sensors if MMPose saw several people: longest, largest '
        'or the number of a track',
        type=person_rule,
        default='longest',
    )
    flag(
        '--takes NAME ...',
        "recordings such as s1_acting1 or 's5_*'; default: all",
        default=[],
    )
    flag(
        '--cameras N ...',
        'cameras, counted from 1; default: all',
        type=int,
        default=[],
    )
    flag(
        '--skip-incomplete',
        'leave out recordings and cameras that lack a file',
    )
    flag('--calibrate', 'rotate the IMUs to the frames of their bones')
    flag(
        '--mag-unit UT',
        'microtesla of a magnetometer reading of 1; without it the '
        'magnetometer is left out',
        type=float,
    )


def convert_totalcapture(args: Namespace) -> None:
    """Convert TotalCapture."""
    from ..readers.totalcapture.reader import POSES, TotalCaptureReader

    pose, *predictions = args.pose
    if pose not in POSES:
        raise ValueError(f'--pose must be one of {POSES}, got {pose!r}')
    if len(predictions) > (pose == 'mmpose'):
        raise ValueError(
            f'--pose {pose} takes no more words, got {predictions}'
        )
    reader = TotalCaptureReader(
        args.src,
        pose=pose,
        predictions=predictions[0] if predictions else None,
        person=args.person,
        takes=args.takes,
        cameras=args.cameras,
        skip_incomplete=args.skip_incomplete,
        calibrate=args.calibrate,
        mag_unit=args.mag_unit,
    )
    _convert(reader, args, 'pairs of a take and a camera')


def _mri_arguments(parser: ArgumentParser) -> None:
    from ..readers.mri.reader import POSES
    from ..readers.mri.streams import ACC_UNITS

    _add_source_and_out(parser, 'src', 'directory that holds aligned_data')
    flag = flags(parser)
    flag(
        '--img-shape HEIGHT WIDTH',
        'size of the video in pixels, e.g. 1080 1920',
        type=int,
        required=True,
    )
    flag(
        '--pose',
        '2D poses: predictions of MMPose, or those of the left or right '
        'camera that come with the data set; several choices give several '
        'entries',
        nargs='+',
        choices=POSES,
        default=['mmpose'],
    )
    flag(
        '--predictions DIR',
        'directory of subject<N>_results_det.json; default: below src',
    )
    flag(
        '--person PERSON',
        'whom to take from the predictions: longest, largest, or the number '
        'of a track',
        type=person_rule,
        default='longest',
    )
    flag('--acc-unit', 'unit of axg, ayg, azg', choices=ACC_UNITS, default='g')
    flag(
        '--first-frame',
        'number of the first frame in the labels; default: detected',
        type=int,
        choices=(0, 1),
    )
    flag(
        '--imu-start FRAME',
        'frame of the labels at the first IMU row, if it does not follow from '
        'the number of rows',
        type=int,
    )
    flag(
        '--video-start FRAME',
        'frame of the labels at which the video of the predictions begins, if '
        'it does not follow from its length',
        type=int,
    )


def convert_mri(args: Namespace) -> None:
    """Convert mRI."""
    from ..readers.mri import MRIReader

    reader = MRIReader(
        args.src,
        img_shape=tuple(args.img_shape),
        poses=args.pose,
        predictions=args.predictions,
        person=args.person,
        acc_unit=args.acc_unit,
        first_frame=args.first_frame,
        imu_start=args.imu_start,
        video_start=args.video_start,
    )
    _convert(reader, args, 'entries')


def _egohumans_arguments(parser: ArgumentParser) -> None:
    from ..readers.egohumans.people import UP_RULES

    _add_source_and_out(
        parser, 'src', 'directory that holds 01_tagging, 02_lego, ...'
    )
    flag = flags(parser)
    flag(
        '--smpl MODEL',
        'SMPL model that the bodies are posed with, .pkl or .npz',
        required=True,
    )
    flag(
        '--camera CAMERA',
        'camera with the keypoints; default: cam03, as published',
        default='cam03',
    )
    flag(
        '--up',
        'vertical of a sequence: the axis of its world closest to the '
        "people's trunks, or their mean direction",
        choices=UP_RULES,
        default='axis',
    )


def convert_egohumans(args: Namespace) -> None:
    """Convert EgoHumans."""
    from ..readers.egohumans.reader import EgoHumansReader

    reader = EgoHumansReader(args.src, args.smpl, args.camera, args.up)
    _convert(reader, args, 'people')


def _utd_mhad_arguments(parser: ArgumentParser) -> None:
    _add_source_and_out(
        parser, 'src', 'directory that holds Inertial and Skeleton'
    )
    flags(parser)(
        '--val-subjects N ...',
        'training (odd) subjects for val.json; default: none, no file',
        type=int,
        default=[],
    )


def convert_utd_mhad(args: Namespace) -> None:
    """Convert UTD-MHAD."""
    from ..readers.utd_mhad import UTDMHADReader

    _convert(UTDMHADReader(args.src, args.val_subjects), args, 'takes')


def _registered_arguments(parser: ArgumentParser) -> None:
    _add_source_and_out(parser, 'src', 'what the reader of the format reads')


def convert_registered(args: Namespace) -> None:
    """Convert what a registered reader of another package reads."""
    from ..readers import FileReader, get_reader

    kind: Any = get_reader(args.command)
    if issubclass(kind, FileReader):
        raise ValueError(
            f'{args.command} is a format of single files; give them to '
            'mobind sync as --imu or --pose, or list them in a YAML file for '
            'mobind convert tables.'
        )
    _convert(kind(args.src), args, 'entries')


COMMANDS = {
    '': (_registered_arguments, convert_registered),
    'tables': (_tables_arguments, convert_tables),
    'totalcapture': (_totalcapture_arguments, convert_totalcapture),
    'mri': (_mri_arguments, convert_mri),
    'egohumans': (_egohumans_arguments, convert_egohumans),
    'utd_mhad': (_utd_mhad_arguments, convert_utd_mhad),
}
