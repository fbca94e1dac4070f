"""Sensors at the times of a video's frames; where there is nothing, gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation, Slerp

from ...checks.streams import GAP
from ...readers.files import imu_columns
from ...recordings import Clock, SensorStream
from ...synchronization import ClockMap
from ...synchronization.single import GUARD_SEC
from ...utils.errors import mistake
from ...utils.files import replacing
from ..synchronizing import LEFT_OUT, clock_known, clock_of

_UNITS = {'acc': 'm/s²', 'gyro': 'rad/s', 'quat': '', 'mag': 'µT'}
_MOST_ROWS = 50_000_000
"""Of a table: half a day at 1000 Hz."""
_SAME_SEC = 1e-6
"""A sample and a frame this close are at the same time."""
_REASONS = (
    '',
    'before the first sample',
    'after the last sample',
    'the sensor has no samples',
    'the clock jumps',
    'the offset is unknown',
)
_FIRST, _LAST, _HOLE, _JUMP, _UNKNOWN = range(1, 6)


@dataclass(frozen=True)
class Gap:
    """A stretch of the video without values of a sensor.

    Args:
        sensor: Its name.
        start: Time of the first row without values, in seconds.
        end: Time of the last one.
        rows: Number of rows.
        why: The reason.
    """

    sensor: str
    start: float
    end: float
    rows: int
    why: str

    def __str__(self) -> str:
        rows = f'{self.rows} row{"s" if self.rows > 1 else ""}'
        return (
            f'{self.sensor}: no values from {self.start:.3f} to '
            f'{self.end:.3f} s of the video ({rows}): {self.why}.'
        )


@dataclass(frozen=True)
class Aligned:
    """Sensors on the rows of one table.

    Args:
        times: (T,) seconds of the video.
        frames: (T,) number of the frame that is shown then, from 0.
        rate: Rows per second.
        imu: Sensors by name, of T samples each; NaN where nothing is known.
        gaps: Where that is.
        notes: What the user must know, the gaps included.
    """

    times: np.ndarray
    frames: np.ndarray
    rate: float
    imu: Mapping[str, SensorStream]
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        """``frame``, ``time``, and one column per axis of every channel."""
        columns = imu_columns(self.imu)
        return pd.DataFrame(
            {'frame': self.frames, 'time': self.times, **columns}
        )

    def complete(self) -> np.ndarray:
        """(T,) boolean: rows in which no sensor has a gap."""
        known = np.ones(len(self.times), bool)
        for column in imu_columns(self.imu).values():
            known &= np.isfinite(column)
        return known


def align_sensors(
    imu: Mapping[str, SensorStream],
    answer: Mapping[str, Any],
    times: np.ndarray,
    rate: float | None = None,
) -> Aligned:
    """Sensors at the frames of a video.

    Values are interpolated between the two samples around a frame, and
    orientations are turned from one to the other. Nothing is made up: a row
    is NaN before the first sample and after the last, between samples that
    are far apart, around a jump of a clock, and where its offset is unknown.

    Args:
        imu: Sensors by name, on their own clock.
        answer: What ``MoBindInferencer.synchronize`` returns, or the content
            of ``sync.json``.
        times: (T,) seconds of the video's frames.
        rate: Rows per second; None for one row per frame.

    Raises:
        ValueError: If no sensor has a clock that can be used.

    >>> ramp = np.arange(100.0)[:, None] * [1, 0, 0]
    >>> wrist = SensorStream(Clock(100, rate=100.0), {'acc': ramp})
    >>> answer = {
    ...     'clock': {'video_s': [0.0, 1.0], 'offset_s': [0.5, 0.5]},
    ...     'drift_ppm': 0.0,
    ...     'abstained': False,
    ... }
    >>> found = align_sensors({'right_wrist': wrist}, answer, np.arange(3) / 4)
    >>> found.imu['right_wrist'].channels['acc'][:, 0].tolist()
    [50.0, 75.0, nan]
    >>> print(found.gaps[0].why)
    after the last sample
    """
    times = np.asarray(times, np.float64)
    rows, frames = times, np.arange(len(times))
    if rate is not None:
        count = float(np.ptp(times)) * rate + 1
        if not 1 < count < _MOST_ROWS:
            raise mistake(
                'rate',
                f'makes {count:.3g} rows of {np.ptp(times):.3f} s; a table '
                f'has at most {_MOST_ROWS:,}',
                'Give rows per second',
                value=rate,
            )
        rows = times[0] + np.arange(int(np.ptp(times) * rate) + 1) / rate
        frames = np.searchsorted(times, rows + 1e-9, 'right') - 1
    elif len(times) > 1:
        rate = (len(times) - 1) / float(np.ptp(times))
    aligned: dict[str, SensorStream] = {}
    gaps: list[Gap] = []
    notes: list[str] = []
    for name, stream in imu.items():
        clock = clock_of(answer, name)
        if not (answer['abstained'] or clock_known(answer, name)):
            notes.append(LEFT_OUT.format(name))
            continue
        if name not in answer.get('sensors', imu):
            notes.append(
                f'{name}: was not synchronised itself; the clock of the '
                'others is taken.'
            )
        why, channels = _resampled(stream, clock, rows)
        gaps += _gaps(name, rows, why)
        aligned[name] = replace(
            stream, clock=Clock(len(rows), times=rows), channels=channels
        )
    if not aligned:
        raise ValueError(
            'No sensor has a clock that can be used: ' + ' '.join(notes)
            if notes
            else 'There is no sensor to write.'
        )
    notes += map(str, gaps)
    return Aligned(
        rows, frames, rate or 1.0, aligned, tuple(gaps), tuple(notes)
    )


def _resampled(
    stream: SensorStream, clock: ClockMap, rows: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Why rows have no value (T,), 0 where they do, and the channels."""
    sampled = stream.clock.at()
    at = clock.to_imu_time(rows)
    right = np.clip(np.searchsorted(sampled, at, 'left'), 1, len(sampled) - 1)
    why = np.zeros(len(rows), np.int8)
    if len(sampled) > 1:
        near = np.minimum(at - sampled[right - 1], sampled[right] - at)
        steps = np.diff(sampled)
        far = steps[right - 1] > GAP * np.median(steps)
        why[far & (near > _SAME_SEC)] = _HOLE
    why[at < sampled[0] - _SAME_SEC] = _FIRST
    why[at > sampled[-1] + _SAME_SEC] = _LAST
    for time, size in clock.jumps:
        start, end = time - GUARD_SEC, time + max(-size, 0.0) + GUARD_SEC
        why[(rows >= start) & (rows <= end)] = _JUMP
    for start, end in clock.unknown:
        why[(rows >= start) & (rows <= end)] = _UNKNOWN
    known = why == 0
    at = np.clip(at[known], sampled[0], sampled[-1])
    channels = {}
    for name, values in stream.channels.items():
        values = np.asarray(values, np.float64)
        full = np.full((len(rows), values.shape[1]), np.nan)
        if name == 'quat':
            full[known] = _turned(sampled, values, at)
        else:
            for axis in range(values.shape[1]):
                full[known, axis] = np.interp(at, sampled, values[:, axis])
        channels[name] = full
    return why, channels


def _turned(
    sampled: np.ndarray, quat: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Orientations (N, 4) between samples, signs as before."""
    if len(sampled) < 2 or not len(at):
        return quat[np.zeros(len(at), int)]
    turn = Slerp(sampled, Rotation.from_quat(quat[:, [1, 2, 3, 0]]))
    turned = turn(at).as_quat()[:, [3, 0, 1, 2]]
    near = np.clip(np.searchsorted(sampled, at), 0, len(sampled) - 1)
    same = (turned * quat[near]).sum(axis=1, keepdims=True) >= 0
    return np.where(same, turned, -turned)


def _gaps(name: str, rows: np.ndarray, why: np.ndarray) -> Iterable[Gap]:
    borders = np.flatnonzero(np.diff(why)) + 1
    for part in np.split(np.arange(len(rows)), borders):
        if len(part) and (reason := int(why[part[0]])):
            first, last = rows[part[0]], rows[part[-1]]
            yield Gap(
                name, float(first), float(last), len(part), _REASONS[reason]
            )


def unit_of(column: str) -> str:
    """Unit of a column of :meth:`Aligned.table`, or ''."""
    return next((u for c, u in _UNITS.items() if f'_{c}_' in column), '')


def write_table(table: pd.DataFrame, path: Path, missing: str = '') -> None:
    """Write a table as CSV: times to the microsecond, values to 7 digits.

    ``missing`` stands where nothing is known; columns whose name ends in
    ``time`` are seconds.
    """
    times = [name for name in table.columns if str(name).endswith('time')]
    texts = {name: table[name].map('{:.6f}'.format) for name in times}
    with replacing(path) as temporary:
        table.assign(**texts).to_csv(
            temporary, index=False, na_rep=missing, float_format='%.7g'
        )
