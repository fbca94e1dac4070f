"""Convert own recordings to the recording format."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from ...recordings import Clock, PoseStream, Recording, SensorStream
from ...recordings.annotations import common_span
from ...recordings.reading import read_imu, read_pose
from ...recordings.writing import write_imu, write_pose
from ..convert import (
    convert_all,
    fingerprint,
    is_converted,
    only_layout,
    write_splits,
)
from ..table_imu import read_imu_tables
from ..table_times import is_date
from .mapping import OwnDataMapping, OwnTake, load_mapping
from .pose import read_pose_source
from .segments import Segment

Stream = (SensorStream, PoseStream)


def convert_own_data(
    mapping: str | Path, dst: str | Path, workers: int = 1
) -> tuple[dict[str, int], list[str]]:
    """Convert the recordings that a mapping describes.

    Files that are there already and were made from the same sources with
    the same keys are kept. The annotations are written last.

    Args:
        mapping: YAML file; see docs/own_data.md.
        dst: Dataset directory to write.
        workers: Processes.

    Returns:
        Number of takes by split, and remarks, such as rows left out.

    Raises:
        FileNotFoundError: If a file does not exist.
        ImportError: If a Parquet file cannot be read here.
        ValueError: Naming file, key or row, value and the fix.
    """
    checked = load_mapping(mapping)
    shared = replace(checked, takes=())  # goes to every process
    convert = partial(_convert_take, mapping=shared, dst=Path(dst))
    done = convert_all(convert, checked.takes, workers)
    splits: dict[str, list[dict]] = {'train': [], 'val': [], 'test': []}
    layouts = []
    for take, (entry, layout, _) in zip(checked.takes, done):
        splits[take.split].append(entry)
        layouts += [(layout, take.name)] if layout else []
    metainfo = {
        'dataset_name': checked.name,
        'classes': list(checked.classes),
        'skeleton': only_layout(layouts, str(mapping)),
    }
    counts = write_splits(Path(dst), metainfo, splits)
    return counts, [note for *_, notes in done for note in notes]


def _convert_take(
    take: OwnTake, mapping: OwnDataMapping, dst: Path
) -> tuple[dict, str | None, list[str]]:
    """Convert one take, unless it is there: entry, layout and remarks."""
    notes: list[str] = []
    imu = _convert_imu(take, mapping, dst, notes) if take.imu else None
    pose = _convert_pose(take, mapping, dst, notes) if take.pose else None
    recording = Recording(
        imu=read_imu(dst / imu) if imu else {},
        pose=read_pose(dst / pose) if pose else None,
    )
    try:
        start, end = common_span(recording)
    except ValueError as error:
        raise ValueError(
            f'{take.where}: {error} Correct start_s, units.time or rate.'
        ) from None
    entry = {
        'take': take.name,
        'imu': imu,
        'pose': pose,
        'subject': take.subject,
        'scene': take.scene,
        'camera': take.camera,
        'start_s': start,
        'end_s': end,
        'segments': [
            {
                'start_s': first,
                'end_s': last,
                'label': mapping.classes.index(label),
            }
            for first, last, label in _on_clock(take, start, end)
        ],
    }
    layout = recording.pose.layout if recording.pose else None
    return entry, layout, [f'{take.where}: {note}' for note in notes]


def _convert_imu(
    take: OwnTake, mapping: OwnDataMapping, dst: Path, notes: list[str]
) -> str:
    """Write the sensors of a take, unless they are there: their path."""
    name = f'imu/{take.name}.safetensors'
    files = sorted(
        {
            mapping.root / {**sensor, **part}['file']
            for sensor in take.imu.values()
            for part in sensor.get('parts', [sensor])
        }
    )
    source = {
        'dataset': mapping.name,
        'imu': take.imu,
        'fingerprint': fingerprint(files),
        'origin': take.origin,
    }
    if not is_converted(dst / name, source):
        where = f'{take.where}.imu'
        streams = read_imu_tables(take.imu, mapping.root, where, notes)
        streams = {
            placement: _from_origin(stream, take, f'{where}.{placement}')
            for placement, stream in streams.items()
        }
        write_imu(dst / name, streams, source)
    return name


def _convert_pose(
    take: OwnTake, mapping: OwnDataMapping, dst: Path, notes: list[str]
) -> str:
    """Write the skeleton of a take, unless it is there: its path."""
    camera = f'_{take.camera}' if take.camera else ''
    name = f'pose/{take.name}{camera}.safetensors'
    files = [mapping.root / take.pose['file']]
    source = {
        'dataset': mapping.name,
        'pose': take.pose,
        'fingerprint': fingerprint(files),
        'origin': take.origin,
    }
    if not is_converted(dst / name, source):
        where = f'{take.where}.pose'
        stream = read_pose_source(take.pose, mapping.root, where, notes)
        write_pose(dst / name, _from_origin(stream, take, where), source)
    return name


def _from_origin(stream: Stream, take: OwnTake, where: str) -> Stream:
    """Count the clock of a stream from the origin of its take."""
    clock, origin = stream.clock, take.origin
    if is_date(clock.span[0]) != is_date(origin):
        if is_date(origin):
            raise ValueError(
                f'{where}: its times start at {clock.span[0]:.3f} s, but the '
                'clock of the take counts from a date; give its start_s as '
                'the date at which its times are 0.'
            )
        raise ValueError(
            f'{where}: its times are dates ({clock.span[0]:.3f} s since '
            '1970); give pose.start_s as the date of the first frame, or '
            'set origin to the date that becomes 0.'
        )
    if clock.times is not None:
        shifted = Clock(clock.num_samples, times=clock.times - origin)
    else:
        shifted = replace(clock, start=clock.start - origin)
    return replace(stream, clock=shifted)


def _on_clock(take: OwnTake, start: float, end: float) -> list[Segment]:
    """Segments that overlap the recording, cut to it."""
    if take.label is not None:
        return [(start, end, take.label)]
    found = []
    for first, last, label in take.segments:
        if is_date(first):
            first, last = first - take.origin, last - take.origin
        first, last = max(first, start), min(last, end)
        if first < last:
            found.append((first, last, label))
    if take.segments and not found:
        raise ValueError(
            f'{take.where}.segments: none lies in the recording, which '
            f'goes from {start:.3f} to {end:.3f} s; they must be on its '
            'clock (start_s of a table of segments is added).'
        )
    return found
