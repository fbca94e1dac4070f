"""Match published lists of clips to recordings, and draw offsets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np
from mmengine.dataset import BaseDataset

from .imu_pose_dataset import IMUPoseDataset

TIME_ORIGINS = ('recording', 'segment')


def find_clips(
    rows: Iterable[dict],
    dataset: IMUPoseDataset,
    max_offset: float,
    time_origin: str = 'recording',
    beyond: bool = False,
) -> list[dict]:
    """Find the recording of each row in a dataset.

    ``subject`` is an entry's subject, exactly or by its number (``s5``,
    ``5``, ``subject05``). ``action`` is the entry's take, exactly or after
    an underscore (``s5_acting1``), or else the name or number of the class
    of one of its segments. Exactly one entry (and, with
    ``time_origin='segment'``, one segment) must match.

    Args:
        rows: From :func:`~mobind_mm.readers.sync_annotations.read_sync_file`.
        dataset: Initialised dataset, whose ``window_sec`` is the length of
            the rows' windows.
        max_offset: Largest allowed offset in seconds.
        time_origin: Whether times count from the ``recording``'s time 0 or
            from the start of the ``segment`` (of the entry, if the action
            is a take).
        beyond: Whether the pose window may leave the entry.

    Returns:
        Per row ``window`` (index of any window of its entry), ``start`` of
        the IMU window in the recording and ``offset``, in seconds.

    Raises:
        ValueError: If a row matches no or several entries, or does not lie
            in its entry.
    """
    entries: dict[tuple, tuple[int, dict]] = {}
    for index in range(len(dataset)):
        entry = BaseDataset.get_data_info(dataset, index)['entry']
        entries.setdefault(
            (entry['take'], entry.get('camera')), (index, entry)
        )
    classes = list(dataset.metainfo.get('classes', ()))
    clips = []
    for row in rows:
        index, entry, origin = _match(
            row, list(entries.values()), classes, time_origin
        )
        start = row['start'] + origin
        _check_room(row, entry, start, dataset.window_sec, max_offset, beyond)
        clips.append(dict(window=index, start=start, offset=row['offset']))
    return clips


def _match(
    row: dict, entries: list, classes: list, time_origin: str
) -> tuple[int, dict, float]:
    """Index of a window, entry and time origin of a row."""
    action, subject = row['action'], row['subject']
    number = _number(subject)
    candidates = [e for e in entries if str(e[1].get('subject')) == subject]
    if not candidates and number is not None:
        candidates = [
            e for e in entries if _number(str(e[1].get('subject'))) == number
        ]
    by_take = [
        (index, entry, entry['start_s'])
        for index, entry in candidates
        if entry['take'] == action or entry['take'].endswith(f'_{action}')
    ]
    by_label = [
        (index, entry, segment['start_s'])
        for index, entry in candidates
        for segment in entry.get('segments') or ()
        if action in (str(segment['label']), *_name(classes, segment))
    ]
    matches = by_take or by_label
    if time_origin == 'recording':
        # Any segment of an entry will do.
        matches = list(
            {index: (index, e, 0.0) for index, e, _ in matches}.values()
        )
    if len(matches) == 1:
        return matches[0]
    if not candidates:
        known = sorted({str(e.get('subject')) for _, e in entries})
        problem = f'is not in the dataset, which has {known[:20]}'
    elif not matches:
        takes = sorted({e['take'] for _, e in candidates})
        problem = (
            f'has no take or segment {action!r}; its takes are {takes[:20]} '
            f'and the classes {classes[:40]}'
        )
    else:
        several = [
            f'{e["take"]} (camera {e.get("camera")}, from {t:.3f} s)'
            for _, e, t in matches[:10]
        ]
        problem = (
            f'and action {action!r} match {len(matches)} places: {several}. '
            'Use the take as action, and a dataset of one camera'
        )
    raise ValueError(f'{row["where"]}: subject {subject!r} {problem}.')


def _check_room(
    row: dict,
    entry: dict,
    start: float,
    window_sec: float,
    max_offset: float,
    beyond: bool,
) -> None:
    length, slack = row['end'] - row['start'], row['tolerance']
    if abs(length - window_sec) > slack:
        raise ValueError(
            f'{row["where"]}: the window lasts {length:.3f} s, but '
            f'window_sec of the dataset is {window_sec} s. Set window_sec='
            f'{length:.3f}, or check time_unit and frame_rate.'
        )
    if abs(row['offset']) > max_offset + 1e-6:
        raise ValueError(
            f'{row["where"]}: offset {row["offset"]:.3f} s is larger than '
            f'max_offset={max_offset} s.'
        )
    shifts = [0.0] if beyond else [0.0, row['offset']]
    low, high = entry['start_s'], entry['end_s']
    for shift in shifts:
        first, last = start + shift, start + shift + window_sec
        if first < low - slack or last > high + slack:
            raise ValueError(
                f'{row["where"]}: the window {first:.3f}-{last:.3f} s '
                f'(offset {shift:.3f} s) leaves take {entry["take"]!r}, '
                f'which covers {low:.3f}-{high:.3f} s. Check time_unit, '
                "frame_rate and time_origin, or set edges='beyond' if only "
                'the shifted window leaves it.'
            )


def _number(name: str) -> int | None:
    digits = re.search(r'\d+$', name)
    return int(digits.group()) if digits else None


def _name(classes: list, segment: dict) -> list[str]:
    label = segment['label']
    return [str(classes[label])] if 0 <= label < len(classes) else []


EDGES = ('clamp', 'inside', 'beyond')


def draw_offset(
    name: str,
    room: tuple[float, float],
    max_offset: float,
    grid: float | None = None,
    edges: str = 'clamp',
) -> float:
    """Draw the offset of a clip, which depends on its name.

    Args:
        name: Determines the random generator.
        room: Least (<= 0) and greatest (>= 0) offset inside the entry, in
            seconds.
        max_offset: Largest offset in seconds.
        grid: Seconds between the offsets; real-valued if None.
        edges: ``clamp`` moves the drawn offset into the room, off the grid
            if necessary; ``inside`` draws within the room; ``beyond``
            ignores it.

    Returns:
        Seconds, drawn uniformly.
    """
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), '<u4')
    rng = np.random.default_rng(words)
    low, high = -max_offset, max_offset
    if edges == 'inside':
        # Rounding must not push 0 out.
        low, high = max(low, min(room[0], 0.0)), min(high, max(room[1], 0.0))
    if grid is None:
        offset = rng.uniform(low, high)
    else:
        first = int(np.ceil(low / grid - 1e-6))
        last = int(np.floor(high / grid + 1e-6))
        offset = grid * int(rng.integers(first, last + 1))
    if edges == 'clamp':
        offset = max(min(offset, room[1]), room[0])
    return float(offset)
