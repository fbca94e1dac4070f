"""Read, write and check ``annotations/*.json``."""

from __future__ import annotations

import json
import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..utils.errors import show
from ..utils.files import is_special, write_whole
from .schema import is_number, read_field
from .streams import Recording


def write_annotations(
    path: str | Path, metainfo: Mapping, entries: Sequence[Mapping]
) -> None:
    """Write one split in MMEngine's format atomically.

    Args:
        path: File to write, ``annotations/<split>.json``.
        metainfo: ``dataset_name``, ``classes``, ``skeleton``,
            ``format_version``.
        entries: One per take and camera: ``take``, ``imu`` and ``pose``
            (paths relative to the dataset directory, or None), ``subject``,
            ``scene``, ``camera``, ``start_s``, ``end_s`` and ``segments``.

    Raises:
        ValueError: If an entry is invalid.
    """
    num_classes = len(metainfo.get('classes', ()))
    for number, entry in enumerate(entries):
        check_entry(entry, f'{path}: entry {number}', num_classes)
    content = dict(metainfo=dict(metainfo), data_list=list(entries))
    text = json.dumps(content, indent=1, allow_nan=False)
    write_whole(path, text)


def read_annotations(path: str | Path) -> tuple[dict, list[dict]]:
    """Read one split: its meta information and its entries.

    Raises:
        ValueError: If the file is not in MMEngine's annotation format.
    """
    if is_special(path):
        raise ValueError(f'{path} is a pipe or a device, not a file.')
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is not JSON ({error}).') from None
    if not isinstance(content, dict) or not (
        isinstance(content.get('metainfo'), dict)
        and isinstance(content.get('data_list'), list)
    ):
        raise ValueError(
            f'{path} must hold {{"metainfo": {{...}}, "data_list": [...]}}; '
            'write it with mobind_mm.recordings.write_annotations.'
        )
    metainfo = content['metainfo']
    for key, kind in (
        ('dataset_name', 'text'),
        ('classes', 'a list of texts'),
    ):
        if key in metainfo:
            read_field(metainfo, key, kind, f'{path}: metainfo')
    return metainfo, content['data_list']


def check_entry(entry: Mapping, where: str, num_classes: int) -> None:
    """Raise ValueError if a key that windows are cut from is invalid.

    Args:
        entry: See :func:`write_annotations`.
        where: File and number, for the message.
        num_classes: Number of classes; labels are indices into them.
    """
    take = entry.get('take') if isinstance(entry, Mapping) else None
    if not isinstance(take, str) or not take:
        raise ValueError(
            f'{where} needs the name of its "take": {show(entry)}.'
        )
    where = f'{where} (take {show(take)})'
    _check_span(entry, where)
    for key in ('imu', 'pose', 'camera'):
        if entry.get(key) is not None:
            read_field(entry, key, 'text', where)
    segments = entry.get('segments') or []
    if not isinstance(segments, list) or not all(
        isinstance(segment, Mapping) for segment in segments
    ):
        raise ValueError(
            f'{where}: segments is {show(segments)}, expected a list of '
            'mappings.'
        )
    for segment in segments:
        _check_span(segment, f'{where}, segment {show(segment)}')
        label = segment.get('label')
        is_index = isinstance(label, numbers.Integral)
        if not is_index or not 0 <= int(label) < num_classes:
            raise ValueError(
                f'{where}: label {show(label)} of a segment must be an index '
                f'into the {num_classes} metainfo["classes"].'
            )


def _check_span(span: Mapping, where: str) -> None:
    start, end = span.get('start_s'), span.get('end_s')
    if not (is_number(start) and is_number(end) and start < end):  # type: ignore[operator]
        raise ValueError(
            f'{where} needs start_s < end_s in seconds, got start_s='
            f'{show(start)}, end_s={show(end)}.'
        )


def check_covered(
    entry: Mapping, recording: Recording, where: str = 'the annotations'
) -> None:
    """Raise ValueError if the streams do not cover the span of the entry."""
    if not recording.imu and recording.pose is None:
        return
    start, end = common_span(recording)
    # Spans are often rounded; one sample is not worth an error.
    if entry['start_s'] < start - 0.1 or entry['end_s'] > end + 0.1:
        raise ValueError(
            f'{where}: take {entry["take"]!r}: start_s={entry["start_s"]} '
            f'and end_s={entry["end_s"]}, but together its streams cover '
            f'{start:.3f} to {end:.3f} s. Correct the annotations '
            '(mobind_mm.recordings.common_span gives the span).'
        )


def common_span(recording: Recording) -> tuple[float, float]:
    """Time range that all streams of a recording cover, in seconds.

    A sample stands for one interval of its clock, so the range ends one
    interval after the earliest last sample. Use it as ``start_s`` and
    ``end_s`` of an entry.

    Raises:
        ValueError: If the recording is empty or its streams do not overlap.

    Example:
        >>> import numpy as np
        >>> from mobind_mm.recordings import Clock, SensorStream
        >>> def sensor(clock):
        ...     return SensorStream(clock, {'acc': np.zeros((1000, 3))})
        >>> early, late = Clock(1000, rate=100), Clock(1000, 50, start=4.0)
        >>> recording = Recording({'head': sensor(early), 'hip': sensor(late)})
        >>> common_span(recording)
        (4.0, 10.0)
    """
    clocks = [stream.clock for stream in recording.imu.values()]
    if recording.pose is not None:
        clocks.append(recording.pose.clock)
    if not clocks:
        raise ValueError('A recording without streams has no time range.')
    start = max(clock.span[0] for clock in clocks)
    end = min(clock.span[1] + 1 / clock.mean_rate for clock in clocks)
    if not start < end:
        raise ValueError(
            'The streams of the recording do not overlap in time: the latest '
            f'starts at {start} s, the earliest ends at {end} s. All clocks '
            'must count from the same origin.'
        )
    return start, end
