"""Flags that several subcommands have in common, and what they mean."""

from __future__ import annotations

from argparse import (
    ArgumentParser,
    ArgumentTypeError,
    Namespace,
    _ActionsContainer,
)
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.errors import printable

if TYPE_CHECKING:
    from ..apis import MoBindInferencer


def flags(parser: _ActionsContainer) -> Callable[..., None]:
    """What adds flags to a parser, each written as its help shows it.

    With words behind its name it takes values, without any it is a switch.
    The help ends with the default, if there is one; what else there is to say
    goes to ``add_argument``.

    >>> flag = flags(parser := ArgumentParser())
    >>> flag('--rate HZ', 'rows per second', default=30.0)
    >>> flag('--tasks TASK ...', 'evaluate only these')
    >>> flag('--quiet', 'show no progress')
    >>> parser.parse_args(['--rate', '5', '--tasks', 'sync', 'retrieval'])
    Namespace(rate=5.0, tasks=['sync', 'retrieval'], quiet=False)
    """

    def flag(spec: str, text: str, **options: Any) -> None:
        parts = spec.split()
        words = [part for part in parts[1:] if part[0] != '-']
        names = parts[: len(parts) - len(words)]
        default = options.get('default')
        if words[1:] == ['...']:
            options.update(nargs='+', metavar=words[0])
        elif words[1:]:
            options = {'nargs': len(words), 'metavar': tuple(words), **options}
        elif words:
            options['metavar'] = words[0]
        elif parts[0][0] == '-' and not {'action', 'choices'} & set(options):
            options['action'] = 'store_true'
        if isinstance(default, (int, float)):
            options.setdefault('type', type(default))
        if default not in (None, '', []) and 'default' not in text:
            each = default if isinstance(default, (list, tuple)) else [default]
            shown = ' '.join(
                f'{value:g}' if isinstance(value, float) else str(value)
                for value in each
            )
            text = '; '.join(filter(None, [text, f'default: {shown}']))
        parser.add_argument(*names, help=text, **options)

    return flag


def add_input_arguments(
    parser: ArgumentParser, required: bool = False, person: bool = True
) -> None:
    """Add the flags that name sensors, skeletons and the model."""
    add_imu_arguments(parser, required)
    add_pose_arguments(parser, person)
    add_model_arguments(parser)


def add_model_arguments(parser: ArgumentParser) -> None:
    """Add the flags that name the model."""
    flag = flags(parser.add_argument_group('model'))
    flag(
        '--checkpoint CKPT',
        'checkpoint, or name of a model (mobind models lists them); default: '
        'the model that ships with mobind_mm',
    )
    flag(
        '--config CONFIG',
        'config, for a checkpoint that does not carry its own',
    )
    flag('--device DEVICE', 'cpu, cuda:0, ...; default: the best')
    add_run_arguments(parser)


def add_run_arguments(parser: ArgumentParser) -> None:
    """Add what is shown, and whether the files are checked."""
    flag = flags(parser)
    flag('--quiet', 'show no progress')
    flag(
        '--no-check',
        'do not look for mistakes in the files: take units, gravity and so on '
        'as they are described',
    )


def add_imu_arguments(parser: ArgumentParser, required: bool = True) -> None:
    """Add the flags that name the sensors."""
    group = parser.add_argument_group('sensors')
    flag = flags(group)
    flag(
        '--imu PATH',
        'file or folder of the sensors: the export of a device, CSV, Parquet, '
        '.safetensors, or a YAML mapping that names its files',
        required=required,
    )
    flag(
        '--mapping YAML',
        'meaning of the columns of --imu, see docs/own_data.md; mobind '
        'inspect FILE --write-mapping YAML starts one',
    )
    add_placement_argument(group)


def add_placement_argument(parser: _ActionsContainer) -> None:
    """Add where the sensors are worn."""
    flags(parser)(
        '--placement [SENSOR=]NAME ...',
        'where the sensor is worn, such as right_wrist; of several sensors, '
        'SENSOR=NAME for each',
    )


def add_pose_arguments(parser: ArgumentParser, person: bool = True) -> None:
    """Add the flags that name the skeletons and their video."""
    group = parser.add_argument_group('video and skeletons')
    flag = flags(group)
    flag(
        '--pose FILE',
        'skeletons of a video: file or folder of OpenPose, AlphaPose, '
        'MediaPipe, Ultralytics, MMPose, ... (docs/pose_tools.md), a YAML '
        'mapping that names its file, or .safetensors',
    )
    flag(
        '--pose-mapping YAML',
        'meaning of the columns of --pose, see docs/pose_tools.md',
    )
    flag(
        '--frame-times FILE',
        'CSV with the time of each frame, for a video whose frames are not '
        'even; instead of --fps',
    )
    flag(
        '--video FILE',
        'the video of --pose, for its frame times and size; without --pose, '
        'the poses are estimated and kept beside it',
    )
    add_estimator_argument(group)
    flag('--fps FPS', 'frames per second, without --video', type=frame_rate)
    flag(
        '--img-shape HEIGHT WIDTH',
        'size of the video in pixels, without --video',
        type=between(1, 100_000, int),
    )
    flag('--layout LAYOUT', "skeleton layout; default: the file's, or coco")
    if person:
        flag(
            '--person PERSON',
            'longest (seen in most frames), largest, or a number',
            type=person_rule,
            default='longest',
        )


def frame_rate(text: str) -> float:
    """Frames per second that a camera can have."""
    rate = float(text)
    if not 0.01 <= rate <= 100_000:
        raise ArgumentTypeError(
            f'{text} frames per second; expected 0.01 to 100000'
        )
    return rate


def between(
    least: float, most: float, kind: type = float
) -> Callable[[str], Any]:
    """Type of a number of bounded size, as argparse takes one."""

    def number(text: str) -> Any:
        value = kind(text)
        if not least <= value <= most:
            raise ArgumentTypeError(f'{text}; expected {least} to {most}')
        return value

    number.__name__ = kind.__name__  # in 'invalid float value'
    return number


def add_estimator_argument(parser: _ActionsContainer) -> None:
    """Add the name of the pose estimator."""
    flags(parser)(
        '--estimator NAME',
        'pose estimator: mediapipe (pip install mobind_mm[pose]), rtmlib, '
        'mmpose, or one that is registered by --import; default: mediapipe',
    )


def person_rule(text: str) -> int | str:
    """Whom to take: the number of a track, or a word."""
    return int(text) if text.isdecimal() else text


def add_workers_argument(parser: _ActionsContainer) -> None:
    """Add the number of processes."""
    flags(parser)(
        '--workers N', 'processes', type=between(1, 1000, int), default=1
    )


def add_out_dir_argument(parser: _ActionsContainer, name: str) -> None:
    """Add the directory of the results, which is called ``name``."""
    flags(parser)(
        '--out-dir DIR', f'where {name}.json and pictures go', default=name
    )


def make_inferencer(args: Namespace) -> MoBindInferencer:
    """The inferencer that the flags ask for."""
    if args.config and not args.checkpoint:
        raise ValueError(
            '--config needs --checkpoint: a config has no weights.'
        )
    from ..apis import MoBindInferencer

    return MoBindInferencer(
        args.config or args.checkpoint,
        args.checkpoint if args.config else None,
        device=args.device,
        show_progress=not args.quiet,
        check=not args.no_check,
    )


def print_notes(notes: Iterable[str]) -> None:
    """Print what was repaired, left out or assumed, each once."""
    for note in dict.fromkeys(notes):
        print(printable(f'note: {note}'))


def imu_source(args: Namespace) -> Any:
    """The sensors, as :func:`~mobind_mm.apis.sources.to_imu` takes them."""
    return imu_file(args, args.imu)


def imu_file(args: Namespace, path: str) -> dict[str, Any]:
    """Sensors of a file, read as ``--mapping`` and ``--placement`` say."""
    return {
        'file': path,
        'mapping': args.mapping,
        'placement': placements_of(args.placement),
    }


def placements_of(texts: Sequence[str] | None) -> Any:
    """Where sensors are worn, from ``NAME`` or ``SENSOR=NAME``.

    Raises:
        ValueError: If several sensors are not told apart.

    >>> placements_of(['chest']), placements_of(['A=head', 'B=pelvis'])
    ('chest', {'A': 'head', 'B': 'pelvis'})
    """
    if not texts:
        return None
    pairs = [text.rpartition('=') for text in texts]
    if len(pairs) == 1 and not pairs[0][1]:
        return texts[0]
    for sensor, mark, _ in pairs:
        if not mark or not sensor:
            raise ValueError(
                f'--placement {" ".join(texts)} does not say which sensor is '
                'worn where; give SENSOR=NAME for each.'
            )
    return {sensor: name for sensor, _, name in pairs}


def pose_source(args: Namespace, path: str | None = None) -> Any:
    """Skeletons, as :func:`~mobind_mm.apis.sources.to_pose` takes them.

    ``path`` is another file than ``--pose``.
    """
    from ..readers.files import read_video_facts

    source: dict[str, Any] = {'file': path or args.pose or _estimated(args)}
    if args.pose_mapping and path is None:
        source['mapping'] = args.pose_mapping
    if args.video:
        source['clip'] = read_video_facts(args.video)
    if args.frame_times:
        source['times'] = args.frame_times
    if args.fps is not None:
        source['rate'] = args.fps
    if args.img_shape is not None:
        source['img_shape'] = tuple(args.img_shape)
    if args.layout:
        source['layout'] = args.layout
    if hasattr(args, 'person'):
        source['person'] = args.person
    return source


def _estimated(args: Namespace) -> str:
    """File of the poses in ``--video``."""
    if not args.video:
        raise ValueError(
            'Give the skeletons as --pose, or their --video alone.'
        )
    from ..apis.pose_extraction import pose_of_video

    return str(pose_of_video(args.video, args.estimator, not args.quiet))


def file_source(args: Namespace, path: str) -> Any:
    """A recording, or a data set, of which only the path is known.

    Files and folders of pose tools are skeletons, other directories data
    sets, and other tables are read with ``--mapping``.
    """
    from ..apis.takes import is_data_set
    from ..readers import FileReader, recognize

    suffix = Path(path).suffix.lower()
    if is_data_set(path) or suffix == '.safetensors':
        return path
    kind = recognize(path)
    only_people = (
        kind is not None
        and issubclass(kind, FileReader)
        and kind.read_imu is FileReader.read_imu
    )
    if Path(path).is_dir() and not only_people:
        return path
    if suffix == '.json' or only_people:
        return {'pose': pose_source(args, path)}
    return {'imu': imu_file(args, path)}
