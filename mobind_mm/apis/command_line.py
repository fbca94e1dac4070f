"""Flags that the commands for end users have in common."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ..readers.files import read_video_facts
from .inferencer import MoBindInferencer
from .takes import is_data_set


def add_model_arguments(parser: ArgumentParser) -> None:
    """Add the flags that name the model."""
    parser.add_argument(
        '--checkpoint',
        metavar='CKPT',
        help='checkpoint, or name of a model of the zoo; default: the one '
        'that ships with mobind_mm',
    )
    parser.add_argument(
        '--config',
        help='config, for a checkpoint that does not carry its own',
    )
    parser.add_argument('--device', help='cpu, cuda:0, ...; default: the best')
    parser.add_argument(
        '--quiet', action='store_true', help='show no progress'
    )


def add_imu_arguments(parser: ArgumentParser, required: bool = True) -> None:
    """Add the flags that name the sensors."""
    parser.add_argument(
        '--imu',
        metavar='FILE',
        required=required,
        help='CSV, Parquet or .safetensors of the sensors, or a YAML mapping '
        'that names its files',
    )
    parser.add_argument(
        '--mapping',
        metavar='YAML',
        help='what the columns of --imu are, see docs/inference.md',
    )


def add_pose_arguments(
    parser: ArgumentParser, required: bool = True, person: bool = True
) -> None:
    """Add the flags that name the skeletons and their video."""
    parser.add_argument(
        '--pose',
        metavar='FILE',
        required=required,
        help="MMPose's JSON of a video, or .safetensors",
    )
    parser.add_argument(
        '--video',
        metavar='FILE',
        help='the video of --pose: tells frames per second and size',
    )
    parser.add_argument(
        '--fps', type=float, help='frames per second, without --video'
    )
    parser.add_argument(
        '--img-shape',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the video in pixels, without --video',
    )
    parser.add_argument(
        '--layout', help="skeleton layout; default: the file's, or coco"
    )
    if person:
        parser.add_argument(
            '--person',
            default='longest',
            help='longest (seen in most frames), largest, or a number; '
            'default: longest',
        )


def make_inferencer(args: Namespace) -> MoBindInferencer:
    """The inferencer that the flags ask for."""
    if args.config and not args.checkpoint:
        raise ValueError(
            '--config needs --checkpoint: a config has no weights.'
        )
    return MoBindInferencer(
        args.config or args.checkpoint,
        args.checkpoint if args.config else None,
        device=args.device,
        show_progress=not args.quiet,
    )


def imu_source(args: Namespace) -> Any:
    """The sensors, as :func:`~mobind_mm.apis.sources.to_imu` takes them."""
    return {'file': args.imu, 'mapping': args.mapping}


def pose_source(args: Namespace, path: str | None = None) -> Any:
    """Skeletons, as :func:`~mobind_mm.apis.sources.to_pose` takes them.

    Args:
        args: The flags.
        path: Another file than ``--pose``.
    """
    source: dict[str, Any] = {'file': path or args.pose}
    if args.video:
        facts = read_video_facts(args.video)
        source.update(rate=facts.rate, img_shape=facts.img_shape)
    if args.fps is not None:
        source['rate'] = args.fps
    if args.img_shape is not None:
        source['img_shape'] = tuple(args.img_shape)
    if args.layout:
        source['layout'] = args.layout
    if person := getattr(args, 'person', None):
        source['person'] = int(person) if person.isdecimal() else person
    return source


def file_source(args: Namespace, path: str) -> Any:
    """A recording, or a data set, of which only the path is known.

    JSON files are MMPose's, directories are data sets, tables go by the
    mapping.
    """
    suffix = Path(path).suffix.lower()
    if is_data_set(path) or Path(path).is_dir() or suffix == '.safetensors':
        return path
    if suffix == '.json':
        return {'pose': pose_source(args, path)}
    return {'imu': {'file': path, 'mapping': args.mapping}}
