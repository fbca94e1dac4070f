"""Recordings from whatever a user has: arrays, files, data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..checks.guessed_folders import read_guessed_folder
from ..checks.guessed_streams import read_guessed, texts_in
from ..readers import FileReader, recognize
from ..readers.archives import is_folder
from ..readers.arrays import ARRAYS
from ..readers.arrival import with_ties
from ..readers.clocks import sample_times
from ..readers.detections import lost_note
from ..readers.files import TableReader, Video, load_people, load_pose
from ..readers.fillers import at_fillers
from ..readers.frame_times import read_frame_times
from ..readers.layout_choice import layout_of_arrays
from ..readers.sensors import UnknownColumnsError, of_poses, read_imu_file
from ..recordings import Clock, LazyArray, PoseStream, Recording, SensorStream
from ..recordings.schema import (
    IMU_CHANNELS,
    as_numbers,
    check_pose,
    check_sensor,
    check_times,
)
from ..recordings.streams import LARGEST_SEC, undetected
from ..skeleton import LIMBS
from ..utils.errors import READ_ERRORS, mistake

_CLOCK = ('rate', 'start', 'times')
_SENSOR = (*IMU_CHANNELS, *_CLOCK, 'gravity', 'frame')
_POSE = ('keypoints', 'scores', *_CLOCK, 'layout', 'img_shape')
_VIDEO = tuple(field.name for field in fields(Video))
_ONE_PERSON = {'file', 'results', 'keypoints'}


def to_recording(source: Any) -> Recording:
    """Make one recording of whatever a user has.

    Args:
        source: A :class:`Recording`; a mapping with ``imu`` and/or
            ``pose``, see :func:`to_imu` and :func:`to_pose`; or a file of
            sensors or of a skeleton.

    Raises:
        FileNotFoundError: If a file does not exist.
        TypeError: If it is something else.
        ValueError: Naming what is wrong.

    Examples:
        >>> import numpy as np
        >>> wrist = {'acc': np.zeros((200, 3)), 'rate': 100.0}
        >>> recording = to_recording({'imu': {'right_wrist': wrist}})
        >>> recording.imu['right_wrist'].clock.span
        (0.0, 1.99)
    """
    if isinstance(source, Recording):
        return _in_order(source)
    if isinstance(source, SensorStream):
        raise TypeError(
            'A single SensorStream does not say where it is worn; give '
            "{'imu': {'right_wrist': stream}}."
        )
    if isinstance(source, PoseStream):
        return Recording(pose=source)
    if isinstance(source, Mapping) and source.keys() & {'imu', 'pose'}:
        _check_keys(source, ('imu', 'pose'), 'A recording')
        imu, pose = source.get('imu'), source.get('pose')
        return Recording(
            {} if imu is None else to_imu(imu),
            None if pose is None else to_pose(pose),
        )
    if isinstance(source, (str, Path)):
        if _holds_imu(Path(source)):
            return Recording(to_imu(source))
        try:
            return Recording(pose=to_pose(source))
        except ValueError:  # arrays may be of anything
            if Path(source).suffix.lower() not in ARRAYS:
                raise
            with suppress(ValueError):
                return Recording(to_imu(source))
            raise
    raise TypeError(
        f'{type(source).__name__} is not a recording; give a Recording, '
        "{'imu': ..., 'pose': ...}, a file or a data set directory."
    )


def _in_order(recording: Recording) -> Recording:
    """A recording built by hand, whose times increase as those of files do.

    Raises:
        ValueError: If the times of its frames, or of a sensor of which
            nothing can be rebuilt, do not.
    """
    if not isinstance(recording.imu, Mapping):
        kind = type(recording.imu).__name__
        raise TypeError(f'imu: {kind}, expected {{placement: SensorStream}}.')
    for name in recording.imu:
        if not isinstance(name, str):
            raise TypeError(f'imu: {name!r} is no name, expected a string.')
    pose = recording.pose
    if pose is not None:
        if not isinstance(pose, PoseStream):
            kind = type(pose).__name__
            raise TypeError(f'pose: {kind}, expected a PoseStream.')
        pose = _skeleton(pose)
    imu = {
        name: _sensor(stream, f'imu {name!r}')
        for name, stream in recording.imu.items()
    }
    same = all(imu[name] is recording.imu[name] for name in imu)
    if same and pose is recording.pose:
        return recording
    return replace(recording, imu=imu, pose=pose)


def _on_one_clock(stream: SensorStream, where: str) -> SensorStream:
    """A sensor whose clock was set back is repaired as readers do it."""
    times = stream.clock.times
    if times is None or not (np.abs(times) < LARGEST_SEC).all():
        check_times(times, where)
        return stream
    if (np.diff(with_ties(times)) > 0).all():
        return stream
    channels = {k: np.asarray(v) for k, v in stream.channels.items()}
    values = [channels[k] for k in ('acc', 'gyro') if k in channels]
    rebuilt = sample_times(times, where, values=values)
    return replace(
        stream,
        clock=rebuilt.clock,
        channels={k: v[rebuilt.rows] for k, v in channels.items()},
        notes=(*stream.notes, *rebuilt.notes),
    )


def to_imu(
    source: Any, placements_only: bool = True
) -> dict[str, SensorStream]:
    """Sensors by placement.

    Args:
        source: A recording; a mapping of placements to a
            :class:`SensorStream` or to arrays (``acc`` (T, 3), ``gyro``
            (T, 3), ``quat`` (T, 4), ``rate`` in Hz or ``times`` (T,),
            ``start``, ``gravity``, ``frame``); a file, see
            :func:`~mobind_mm.readers.sensors.read_imu_file`; or
            ``{'file': ..., 'mapping': ..., 'placement': ...}``.
        placements_only: Refuse names that are not placements.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming sensor, value and fix.
    """
    if isinstance(source, Recording):
        source = source.imu
    if isinstance(source, (str, Path)):
        source = {'file': source}
    if not isinstance(source, Mapping):
        raise TypeError(
            f'{type(source).__name__} holds no sensors; give a file, or '
            '{placement: SensorStream or arrays}.'
        )
    if 'file' in source:
        known = ('file', 'mapping', 'placement')
        _check_keys(source, known, 'An IMU file')
        streams = _read_imu_file(
            source['file'], source.get('mapping'), source.get('placement')
        )
    else:
        streams = {
            str(name): _sensor(value, f'imu {name!r}')
            for name, value in source.items()
        }
    if not streams:
        raise ValueError('There is no sensor among the IMUs.')
    unknown = [name for name in streams if name not in LIMBS]
    if unknown and placements_only:
        each = ' '.join(f'{name}=NAME' for name in unknown)
        raise mistake(
            source.get('file', 'sensors'),
            'is not a placement of a sensor; say where it is worn '
            f'(--placement {each if len(streams) > 1 else "NAME"})',
            f'Choose from {", ".join(sorted(LIMBS))}',
            value=unknown[0],
        )
    return streams


def _read_imu_file(
    path: str | Path, mapping: Any, placement: Any
) -> dict[str, SensorStream]:
    """Read a file; what a table holds is found if nobody says it."""
    path = Path(path)
    try:
        return read_imu_file(path, mapping, placement)
    except ValueError as error:
        if mapping is not None:
            raise
        kind = recognize(path)
        device = kind is not None and kind.name != 'table'
        if is_folder(path):
            if device:
                raise
            return read_guessed_folder(path, placement)
        unknown = isinstance(error, UnknownColumnsError)
        poses = unknown and of_poses(kind)
        device = device and not poses
        try:
            streams = read_guessed(path, placement)
        except ValueError as doubt:
            if poses and isinstance(doubt, UnknownColumnsError):
                what = 'holds no acceleration or angular rate that is named so'
                fix = 'Give skeletons as --pose; describe sensors with a '
                raise mistake(path, what, f'{fix}mapping') from None
            raise (doubt if unknown and not device else error) from None
        channels = {c for stream in streams.values() for c in stream.channels}
        apart = len(streams) > 1 or (unknown and channels >= {'acc', 'gyro'})
        if device and (not apart or _turned(kind, path)):
            raise  # its tables were not put together, or signs are at stake
        return streams


def _turned(kind: Any, path: Path) -> bool:
    """Whether a device writes axes with the sign reversed."""
    with suppress(AttributeError, *READ_ERRORS):  # no device, or no export
        described = kind(path).describe()
        return any(text.startswith('-') for text in texts_in(described))
    return False


def to_pose(source: Any) -> PoseStream:
    """One person's skeleton.

    Args:
        source: A :class:`PoseStream`; a recording; arrays ``{'keypoints':
            (T, K, 2), 'scores': (T, K), 'rate': Hz, 'img_shape': (height,
            width), 'layout': 'coco'}``, whose layout is found from the
            proportions if it is not given; a file or folder of any pose tool
            (docs/pose_tools.md), or ``{'file': ..., 'rate': ...,
            'img_shape': ..., 'person': ..., 'layout': ..., 'times': ...,
            'mapping': ...}``, where ``times`` are seconds of the frames or a
            file of them; or what MMPose returns, as ``{'results': ...,
            'rate': ...}``.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming what is wrong.
    """
    if isinstance(source, Recording):
        if source.pose is None:
            raise ValueError('The recording has no skeleton.')
        source = source.pose
    if isinstance(source, PoseStream):
        return _skeleton(source)
    if isinstance(source, Mapping) and 'keypoints' in source:
        return _pose_arrays(source)
    source, video, rest = _video_source(source, ('person',))
    return load_pose(source, video, **rest)


def to_people(source: Any) -> Mapping[str, PoseStream]:
    """Everybody in a video, by name.

    Args:
        source: A mapping or a list of skeletons, each as for
            :func:`to_pose`; a file or MMPose results as there, from which
            everybody who is seen for ``min_sec`` is taken.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming what is wrong.
    """
    if isinstance(source, (PoseStream, Recording)):
        return {'person 0': to_pose(source)}
    if isinstance(source, Mapping) and not source.keys() & _ONE_PERSON:
        return {str(name): to_pose(pose) for name, pose in source.items()}
    if isinstance(source, Sequence) and any(
        isinstance(pose, (PoseStream, Recording)) for pose in source
    ):
        return {f'person {i}': to_pose(pose) for i, pose in enumerate(source)}
    source, video, rest = _video_source(source, ('min_sec',))
    return load_people(source, video, **rest)


def _odd(arrays: Mapping[str, Any], where: str) -> dict[str, np.ndarray]:
    """Numbers of those that are no arrays of floating point."""
    return {
        name: as_numbers(array, where, name, np.float32)
        for name, array in arrays.items()
        if type(array) not in (np.ndarray, np.memmap, LazyArray)
        or getattr(array, 'dtype', np.dtype('f4')).kind != 'f'
    }


def _skeleton(pose: PoseStream) -> PoseStream:
    """A skeleton built by hand, with arrays as readers give them."""
    arrays = {'keypoints': pose.keypoints, 'scores': pose.scores}
    odd: dict[str, Any] = _odd(arrays, 'pose')
    pose = replace(pose, **odd) if odd else pose
    check_pose(pose, 'pose')
    return pose


def _sensor(value: Any, where: str) -> SensorStream:
    if isinstance(value, SensorStream):
        odd = _odd(value.channels, where)
        if odd:
            value = replace(value, channels={**value.channels, **odd})
        value = _on_one_clock(value, where)
        check_sensor(value, where)
        return value
    if not isinstance(value, Mapping):
        raise TypeError(
            f'{where}: {type(value).__name__}, expected a SensorStream or '
            "arrays such as {'acc': (T, 3), 'gyro': (T, 3), 'rate': 100.0}."
        )
    _check_keys(value, _SENSOR, where)
    channels = {
        name: as_numbers(value[name], where, name, np.float32)
        for name in IMU_CHANNELS
        if name in value
    }
    if not channels:
        raise ValueError(f'{where} has none of {list(IMU_CHANNELS)}.')
    for name, array in channels.items():
        if array.ndim != 2:
            wanted = f'expected (T, {IMU_CHANNELS[name]})'
            what = f'has {name} of shape {array.shape}, {wanted}'
            raise mistake(where, what)
    gravity = value.get('gravity', True)
    if gravity in ('included', 'removed'):
        gravity = gravity == 'included'
    elif not isinstance(gravity, (bool, np.bool_)):
        raise ValueError(
            f'{where}: gravity is {gravity!r}; give True (included) or False '
            '(removed).'
        )
    length = len(next(iter(channels.values())))
    stream = SensorStream(
        _clock(value, length, where),
        channels,
        bool(gravity),
        value.get('frame', 'sensor'),
    )
    if all(len(channel) == length for channel in channels.values()):
        stream = _on_one_clock(stream, where)
    check_sensor(stream, where)
    return stream


def _pose_arrays(value: Mapping) -> PoseStream:
    _check_keys(value, _POSE, 'pose')
    keypoints = as_numbers(value['keypoints'], 'pose', 'keypoints', np.float32)
    if 'img_shape' not in value:
        raise ValueError(
            'pose: img_shape is missing; give (height, width) in pixels.'
        )
    if keypoints.ndim != 3:
        raise mistake(
            'pose',
            f'has keypoints of shape {keypoints.shape}, expected (T, K, 2)',
        )
    sides = value['img_shape']
    if isinstance(sides, (int, float, str)) or not np.iterable(sides):
        sides = (sides,)
    known = ~undetected(keypoints)
    scores = value.get('scores')
    if scores is None:
        scores = known
    scores = as_numbers(scores, 'pose', 'scores', np.float32)
    notes: tuple[str, ...] = ()
    layout = value.get('layout')
    if scores.shape == known.shape:  # otherwise, check_pose complains
        notes = lost_note('pose', int((~known & (scores > 0)).sum()))
        if known.shape[1:]:
            gone, filled = at_fillers(keypoints, known & (scores > 0), 'pose')
            known, notes = known & ~gone, (*notes, *filled)
        scores = np.where(known, scores, 0)
        if layout is None and known.ndim == 2 and scores.any():
            layout, more = layout_of_arrays(
                keypoints[None], scores[None], None, 'pose'
            )
            notes = (*notes, *more)
    stream = PoseStream(
        _clock(value, len(keypoints), 'pose'),
        np.where(known[..., None], keypoints, np.float32(0)),
        scores,
        layout or 'coco',
        tuple(sides),
        notes,
    )
    check_pose(stream, 'pose')
    return stream


def _clock(value: Mapping, length: int, where: str) -> Clock:
    given = {key: value[key] for key in _CLOCK if value.get(key) is not None}
    if 'times' in given:
        given['times'] = times = as_numbers(given['times'], where, 'times')
        if times.ndim != 1:
            raise mistake(where, f'has times of shape {times.shape}')
    try:
        return Clock(length, **given)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


def _video_source(
    source: Any, more: Iterable[str]
) -> tuple[Any, Video | None, dict]:
    """The skeletons' source, what is known of the video, and other keys."""
    if not isinstance(source, Mapping):
        return source, None, {}
    given = {k: value for k, value in source.items() if value is not None}
    for key in ('file', 'results'):
        if key in source:
            more = (*more, 'mapping') if key == 'file' else tuple(more)
            _check_keys(source, (key, *_VIDEO, *more), 'pose')
            if isinstance(given.get('times'), (str, Path)):
                given['times'] = read_frame_times(given['times'])
            video = Video.of(given)
            rest = {k: given[k] for k in more if k in given}
            return source[key], video, rest
    raise ValueError(
        f'pose: {sorted(source)} holds neither keypoints, file nor results.'
    )


def _holds_imu(path: Path) -> bool:
    """Whether a file is one of sensors: by its header, reader or suffix."""
    if path.suffix == '.safetensors':
        if not path.is_file():
            raise FileNotFoundError(f'{path} does not exist.')
        return b'mobind_mm/imu' in path.open('rb').read(1 << 16)
    kind = recognize(path)
    if kind is None:  # perhaps a table that is missing
        return path.suffix.lower() in TableReader.suffixes
    return issubclass(kind, FileReader) and (
        kind.read_imu is not FileReader.read_imu
    )


def _check_keys(value: Mapping, known: Iterable[str], where: str) -> None:
    known = tuple(known)
    for key in value:
        if key not in known:
            raise ValueError(
                f'{where}: unknown key {key!r}; known are {", ".join(known)}.'
            )
