"""``mobind convert``: data sets and own tables to the recording format."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .arguments import add_workers_argument, person_rule, print_notes

if TYPE_CHECKING:
    from ..readers import Reader


def _add_source_and_out(parser: ArgumentParser, name: str, text: str) -> None:
    """Add what every converter reads and writes."""
    parser.add_argument(name, help=text)
    parser.add_argument(
        '--out', required=True, metavar='DST', help='data set directory'
    )
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
    parser.add_argument(
        '--pose',
        nargs='+',
        default=['vicon'],
        metavar=('vicon|mmpose', 'DIR'),
        help='vicon: project the Vicon joints through calibration.cal; '
        'mmpose: read predictions on the videos, '
        'TC_S<n>_<take>_cam<c>.json below DIR, or SRC; default: vicon',
    )
    parser.add_argument(
        '--person',
        type=person_rule,
        default='longest',
        metavar='RULE',
        help='who wears the sensors if MMPose saw several people: longest, '
        'largest or the number of a track; default: longest',
    )
    parser.add_argument(
        '--takes',
        nargs='+',
        default=[],
        metavar='NAME',
        help="recordings such as s1_acting1 or 's5_*'; default: all",
    )
    parser.add_argument(
        '--cameras',
        type=int,
        nargs='+',
        default=[],
        metavar='N',
        help='cameras, counted from 1; default: all',
    )
    parser.add_argument(
        '--skip-incomplete',
        action='store_true',
        help='leave out recordings and cameras that lack a file',
    )
    parser.add_argument(
        '--calibrate',
        action='store_true',
        help='rotate the IMUs to the frames of their bones',
    )
    parser.add_argument(
        '--mag-unit',
        type=float,
        metavar='UT',
        help='microtesla of a magnetometer reading of 1; without it the '
        'magnetometer is left out',
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
    parser.add_argument(
        '--img-shape',
        type=int,
        nargs=2,
        required=True,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the video in pixels, e.g. 1080 1920',
    )
    parser.add_argument(
        '--pose',
        nargs='+',
        choices=POSES,
        default=['mmpose'],
        help='2D poses: predictions of MMPose, or those of the left or right '
        'camera that come with the data set; several choices give several '
        'entries; default: mmpose',
    )
    parser.add_argument(
        '--predictions',
        metavar='DIR',
        help='directory of subject<N>_results_det.json; default: below src',
    )
    parser.add_argument(
        '--person',
        type=person_rule,
        default='longest',
        help='whom to take from the predictions: longest, largest, or the '
        'number of a track; default: longest',
    )
    parser.add_argument(
        '--acc-unit',
        choices=ACC_UNITS,
        default='g',
        help='unit of axg, ayg, azg; default: g',
    )
    parser.add_argument(
        '--first-frame',
        type=int,
        choices=(0, 1),
        help='number of the first frame in the labels; default: detected',
    )
    parser.add_argument(
        '--imu-start',
        type=int,
        metavar='FRAME',
        help='frame of the labels at the first IMU row, if it does not '
        'follow from the number of rows',
    )
    parser.add_argument(
        '--video-start',
        type=int,
        metavar='FRAME',
        help='frame of the labels at which the video of the predictions '
        'begins, if it does not follow from its length',
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
    from ..readers.egohumans.reader import IMUS

    _add_source_and_out(
        parser, 'src', 'directory that holds 01_tagging, 02_lego, ...'
    )
    parser.add_argument(
        '--smpl',
        required=True,
        metavar='MODEL',
        help='SMPL model that the bodies are posed with, .pkl or .npz',
    )
    parser.add_argument(
        '--camera',
        default='cam03',
        help='camera with the keypoints; default: cam03, as published',
    )
    parser.add_argument(
        '--imu',
        choices=IMUS,
        default='simulated',
        help='source of the inertial sensors: simulated on the SMPL body',
    )
    parser.add_argument(
        '--up',
        choices=UP_RULES,
        default='axis',
        help='vertical of a sequence: the axis of its world closest to the '
        "people's trunks, or their mean direction; default: axis",
    )


def convert_egohumans(args: Namespace) -> None:
    """Convert EgoHumans."""
    from ..readers.egohumans.reader import EgoHumansReader

    reader = EgoHumansReader(
        args.src, args.smpl, args.camera, args.imu, args.up
    )
    _convert(reader, args, 'people')


def _utd_mhad_arguments(parser: ArgumentParser) -> None:
    _add_source_and_out(
        parser, 'src', 'directory that holds Inertial and Skeleton'
    )
    parser.add_argument(
        '--val-subjects',
        type=int,
        nargs='+',
        default=[],
        metavar='N',
        help='training (odd) subjects for val.json; default: none, no file',
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
