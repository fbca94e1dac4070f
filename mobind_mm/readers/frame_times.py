"""Times of the frames of a video, which phones do not record evenly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake, shown
from .dialects import Dialect
from .headers import head
from .tables import column_names, read_table
from .time_units import TIME_UNITS

_UNITS = {
    's': ('s', 'sec', 'secs', 'seconds'),
    'ms': ('ms', 'msec', 'msecs', 'millis', 'milliseconds'),
    'us': ('us', 'usec', 'micros', 'microseconds'),
    'ns': ('ns', 'nsec', 'nanos', 'nanoseconds'),
}
"""How units are written behind a name, or alone."""
_WORDS = (
    't', 'time', 'timestamp', 'timestamps', 'time_stamp', 'ts', 'frame_time',
    'video_time', 'media_time', 'presentation_time', 'current_time',
    'pkt_pts_time', 'best_effort', 'zeit', 'temps', 'tiempo', 'tempo', 'tijd',
)  # fmt: skip
_NAMES = {
    'pts_time': 's',
    **dict.fromkeys(_WORDS, ''),
    **{
        f'{word}{word and "_"}{end}': unit
        for word in (*_WORDS, 'pos', '')
        for unit, ends in _UNITS.items()
        for end in ends
        if word or len(end) > 1
    },
    'pts': '',
}
"""Columns of times, see :func:`_plain`, and their unit; '' goes by the
values."""
_KEYS = ('best_effort_timestamp_time', 'pts_time', 'pkt_pts_time')
"""What ffprobe calls the time of a frame, the best first."""
_REGULAR = 0.005
"""Seconds that times may be off a regular clock, such as by rounding."""

_WHOLE = 4
"""Steps of whole numbers below are of frames, not of milliseconds."""
_NEAR = 0.3
"""Frames that times may be off the frames of a rate."""


def time_column(names: Iterable[str]) -> tuple[str, str] | None:
    """Column of times among others, and its unit ('' goes by the values).

    >>> time_column(['frame', 'timestampMs', 'x'])
    ('timestampMs', 'ms')
    """
    plain = {_plain(name): name for name in names}
    for name, unit in _NAMES.items():
        if name in plain:
            return plain[name], unit
    return None


def _plain(name: str) -> str:
    """A name in lower case with underscores: ``time_s`` of ``Time (s)``."""
    spaced = re.sub(r'(?<=[a-z])(?=[A-Z])', '_', name.strip())
    return re.sub(r'[^a-z]+', '_', spaced.lower()).strip('_')


def are_frames(values: np.ndarray, unit: str) -> bool:
    """Whether times (T,) of no known unit are numbers of frames.

    >>> are_frames(np.array([0.0, 1, 2, 4]), '')
    True
    """
    if unit or len(values) < 2 or (values % 1 != 0).any():
        return False
    return bool(0 < np.median(np.diff(values)) < _WHOLE)


def seconds(values: np.ndarray, name: str, unit: str, where: Any) -> Any:
    """Times (T,) in seconds, of a unit or, if that is '', by their size.

    Raises:
        ValueError: If they may be of several units.

    >>> seconds(np.array([0.0, 33.0, 67.0]), 't', '', 'a.csv').tolist()
    [0.0, 0.033, 0.067]
    """
    if unit:
        return values * TIME_UNITS[unit]
    step = np.median(np.diff(values)) if len(values) > 1 else 0.0
    ticks = _plain(name) == 'pts' and not (values % 1).any()
    if (ticks and len(values) > 1) or are_frames(values, unit):
        raise mistake(
            where,
            f'{name} counts in steps of {step:g}, whose unit nothing tells',
            'Call it time_s, time_ms or time_us, or frame if it counts frames',
        )
    most = {'s': 1.0, 'ms': 1e3, 'us': 1e6}
    unit = next((u for u in most if step < most[u]), 'ns')
    return values * TIME_UNITS[unit]


def read_frame_times(path: str | Path) -> np.ndarray:
    """Read the time of each frame.

    Args:
        path: Table with a row per frame, in which the column of times is
            called ``t``, ``time``, ``timestamp_ms`` or the like, or is the
            only one; it may have no header then. Or what ffprobe (frames or
            packets, in any of its formats) or mkvextract wrote.

    Returns:
        (T,) seconds, strictly increasing.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file, row and value.
    """
    path = Path(path)
    if not path.is_file():
        raise mistake(
            path, 'there is no such file of times', kind=FileNotFoundError
        )
    probed = _probed(path)
    if len(probed) > 1:
        return check_frame_times(seconds(probed, 'time', '', path), path)
    names = [*column_names(path, _NAMES, Dialect())]
    column, dialect = time_column(names), Dialect()
    if column is not None:
        name, unit = column
    elif len(names) == 1 and not _is_number(names[0]):
        name, unit = names[0], ''
    elif len(names) <= 1:
        name, unit, dialect = '1', '', Dialect(',', '.', 0)
    else:
        raise mistake(
            path,
            f'none of its columns ({shown(names, 8)}) is called time',
            'Name the column of times t (s), time_ms, time_us or time_ns',
        )
    table = read_table(path, (), [name], dialect=dialect, repair=False)
    unit = 's' if name in table.dates else unit
    if _plain(name) in ('t', 'time') and are_frames(table.numbers[name], ''):
        unit = 's'  # it says so
    times = seconds(table.numbers[name], name, unit, path)
    times = check_frame_times(times, path)
    if len(times) < 2:
        raise mistake(path, 'holds fewer than two times')
    return times


def _probed(path: Path) -> np.ndarray:
    """Times (T,) of a text of ffprobe or mkvextract; none of any other."""
    text = head(path)
    keys = (k for k in _KEYS if re.search(rf'\b{k}"?\s*[:=]', text))
    pattern = r'^(?:frame,|packet,)?(\d+(?:\.\d+)?),?\s*$'
    if key := next(keys, ''):
        pattern = rf'\b{key}"?\s*[:=]\s*"?(\d+(?:\.\d+)?)'
    elif not re.match(
        r'# time\w+ format v2|(frame,|packet,)\d|\d\S*,\n', text
    ):
        return np.zeros(0)
    with path.open(encoding='utf-8', errors='replace') as file:
        times = [t for line in file for t in re.findall(pattern, line)]
    return np.sort(np.array(times, float))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_frame_times(times: Any, where: object) -> np.ndarray:
    """Times (T,) float64 of frames: finite and strictly increasing.

    Raises:
        ValueError: Naming the frame at fault.
    """
    try:
        array = np.asarray(times, np.float64)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim != 1 or not len(array):
        raise mistake(
            where,
            'the times of the frames must be a list of numbers, one per frame',
        )
    bad = ~np.isfinite(array)
    if not bad.any():
        bad[1:] = ~(np.diff(array) > 0)
    if bad.any():
        frame = int(np.argmax(bad))
        raise mistake(
            where,
            f'the time of frame {frame} is {array[frame]:g} s, which is not '
            'later than that of the frame before',
            'Give one time per frame, in the order of the video',
        )
    return array


def is_regular(times: np.ndarray, rate: float) -> bool:
    """Whether times (T,) are those of a rate, but for rounding."""
    steps = np.arange(len(times)) / rate
    return bool(np.abs(times - times[0] - steps).max() <= _REGULAR)


def regular_rate(times: np.ndarray) -> float | None:
    """Frames per second of times (T,); None if they are not regular."""
    if len(times) < 2:
        return None
    rate = float((len(times) - 1) / (times[-1] - times[0]))
    for guess in (round(rate), round(rate * 1.001) / 1.001, rate):
        if guess > 0 and is_regular(times, guess):
            return guess
    return None


def frame_places(times: np.ndarray, rate: float) -> np.ndarray | None:
    """Frames (T,) at which rows with times are; None if they are on none.

    Rows of frames without people may be left out.

    >>> frame_places(np.array([0.0, 0.1, 0.4]), 10.0).tolist()
    [0, 1, 4]
    """
    exact = (times - times[0]) * rate
    frames = np.round(exact)
    near = np.abs(exact - frames).max() < _NEAR
    if not near or not (np.diff(frames) > 0).all():
        return None
    return frames.astype(np.int64)
