"""Sensors on the video's clock, in the files of other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...recordings import PoseStream, SensorStream
from ...utils.errors import mistake
from ...utils.files import replacing
from ...utils.results import write_json
from ..sync_reasons import WHY
from .aligned import Aligned, Gap, align_sensors, unit_of, write_table
from .annotation_tools import write_elan, write_label_studio
from .answers import read_answer
from .opensim import write_sto, write_trc

__all__ = [
    'EXPORTS',
    'Aligned',
    'Gap',
    'Take',
    'align_sensors',
    'export_names',
    'read_answer',
    'times_of_rows',
    'write_exports',
]

_AT_ITS_TIMES = ('elan', 'label-studio', 'video')
"""Exports that show the video."""
_SAME_SEC = 0.002

Written = tuple[list[Path], list[str]]
"""Files, and notes on them."""


@dataclass(frozen=True)
class Take:
    """What is exported: a recording and how its clocks relate.

    Args:
        imu: Sensors by name, on their own clock.
        answer: What ``MoBindInferencer.synchronize`` returns, or the content
            of ``sync.json``.
        times: (T,) seconds of the video's frames.
        pose: The skeleton, for ``trc``.
        video: The video.
        rate: Rows per second; None for one row per frame.
        span: First and last second of ``clip.mp4``; None for the part of
            the video in which every sensor has values.
        portable: Whether files name each other without folders.
        advance: Is told the progress of ``clip.mp4``, see ``trim_video``.
    """

    imu: Mapping[str, SensorStream]
    answer: Mapping[str, Any]
    times: np.ndarray
    pose: PoseStream | None = None
    video: Path | None = None
    rate: float | None = None
    span: tuple[float | None, float | None] = (None, None)
    portable: bool = False
    advance: Callable[[int, int], Any] | None = None

    @cached_property
    def aligned(self) -> Aligned:
        """The sensors on the rows of the tables."""
        return align_sensors(self.imu, self.answer, self.times, self.rate)


def times_of_rows(
    names: Iterable[str],
    pose: PoseStream | None,
    video: str | Path | None,
    times: str | Path | None = None,
) -> np.ndarray:
    """Seconds (T,) of a video's frames, on the clock of its skeletons.

    Args:
        names: Exports, of which some show the video at its own times.
        pose: The skeleton, which may lack frames of the video at its end.
        video: The video.
        times: The file of the frames' times that was given.

    Raises:
        ValueError: If such an export would show a video at other times.
    """
    from ...readers.frame_times import read_frame_times
    from ...utils.video import frame_times

    if video is None and pose is not None:
        return pose.clock.at()
    assert video is not None  # or there is nothing to look at
    decoded = frame_times(video)
    if times is None:
        return decoded
    given = read_frame_times(times)
    same = len(given) == len(decoded) and np.allclose(
        given, decoded, atol=_SAME_SEC
    )
    shown = [name for name in names if name in _AT_ITS_TIMES]
    if shown and not same:
        raise mistake(
            video,
            f'its frames are at other times than {times} says, and '
            f'{shown[0]} shows them at its own',
            'Synchronise and export without those times, or without the video',
        )
    return given


def _csv(take: Take, out: Path) -> Written:
    path = out / 'aligned.csv'
    write_table(take.aligned.table(), path)
    return [path], []


def _parquet(take: Take, out: Path) -> Written:
    path = out / 'aligned.parquet'
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError(
            "Parquet needs PyArrow: pip install 'mobind_mm[parquet]'."
        ) from None
    table = pyarrow.Table.from_pandas(
        take.aligned.table(), preserve_index=False
    )
    notes = {b'mobind_notes': '\n'.join(take.aligned.notes).encode()}
    table = table.replace_schema_metadata({**table.schema.metadata, **notes})
    with replacing(path) as temporary, temporary.open('wb') as file:
        parquet.write_table(table, file)  # no name, which must be UTF-8
    return [path], []


def _elan(take: Take, out: Path) -> Written:
    return write_elan(take.aligned, take.video, out, take.portable), []


def _label_studio(take: Take, out: Path) -> Written:
    notes = []
    steps = np.diff(take.times)
    if len(steps) and np.ptp(steps) > 0.2 * np.median(steps):
        notes.append(
            'label_studio.xml: Label Studio takes frames as even, but those '
            'of this video are not; clip.mp4 has the same times.'
        )
    return write_label_studio(take.aligned, take.video, out), notes


def _sto(take: Take, out: Path) -> Written:
    return write_sto(take.aligned, out)


def _trc(take: Take, out: Path) -> Written:
    if take.pose is None:
        raise ValueError('trc writes keypoints: give the skeletons (--pose).')
    return write_trc(take.pose, out / 'keypoints.trc'), []


def _video(take: Take, out: Path) -> Written:
    """``clip.mp4``, and the sensors at its frames."""
    from ...utils.video_writing import trim_video

    if take.video is None:
        raise ValueError(
            'video writes a part of the video: give it (--video).'
        )
    aligned = align_sensors(take.imu, take.answer, take.times)
    start, end = take.span
    known = aligned.times[aligned.complete()]
    if (start is None or end is None) and not len(known):
        raise ValueError(
            'No frame has values of every sensor; say which part of the '
            'video to take (--start, --end).'
        )
    start = float(known[0]) if start is None else start
    end = float(known[-1]) if end is None else end
    path = out / 'clip.mp4'
    first, stop, notes = trim_video(take.video, path, start, end, take.advance)
    # The clip starts with a frame, not between two.
    table = aligned.table().iloc[first:stop]
    table.insert(1, 'clip_time', table['time'] - table['time'].iloc[0])
    table = table.rename(columns={'time': 'video_time', 'clip_time': 'time'})
    table['frame'] -= first
    write_table(table, out / 'clip.csv')
    start = table['video_time'].iloc[0]
    notes.append(
        f'clip.mp4: its second 0 is second {start:.3f} of {take.video.name}; '
        'clip.csv has the sensors at its frames.'
    )
    return [path, out / 'clip.csv'], notes


EXPORTS: Mapping[str, tuple[Callable[[Take, Path], Written], str]] = {
    'csv': (_csv, 'aligned.csv, sensors at the frames'),
    'parquet': (_parquet, 'aligned.parquet, the same'),
    'elan': (_elan, 'a project of ELAN with the sensors as time series'),
    'label-studio': (_label_studio, 'task and configuration'),
    'sto': (_sto, "OpenSim's tables of orientations and accelerations"),
    'trc': (_trc, 'keypoints.trc, in pixels'),
    'video': (_video, 'clip.mp4 with sound, and clip.csv'),
}
"""What can be written: the function, and what it writes."""


def export_names(text: str) -> list[str]:
    """Names of exports, separated by commas.

    Raises:
        ValueError: If one is not known.

    >>> export_names('csv,elan')
    ['csv', 'elan']
    """
    names = [name.strip() for name in text.split(',') if name.strip()]
    for name in names:
        if name not in EXPORTS:
            raise mistake(
                'export',
                'is not known',
                f'Choose from {", ".join(EXPORTS)}',
                value=name,
                name=name,
                known=EXPORTS,
            )
    return names


def write_exports(
    names: Iterable[str], take: Take, out: str | Path, force: bool = False
) -> Written:
    """Write sensors on the video's clock as some of :data:`EXPORTS`.

    ``force`` writes them although the answer was refused.

    Returns:
        The files, the last one being ``export.json``, which lists units,
        gaps and notes; and the notes.

    Raises:
        ImportError: If a package is missing.
        ValueError: If the answer was refused, or something is missing.
    """
    if take.answer['abstained'] and not force:
        raise ValueError(
            f'Nothing is exported: the offset was refused '
            f'({WHY[take.answer["reason"]]}). --force writes it all the same.'
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    notes = [*take.aligned.notes]
    for name in names:
        written, about = EXPORTS[name][0](take, out)
        files += written
        notes += about
    columns = take.aligned.table().columns[2:]
    write_json(
        out / 'export.json',
        {
            'files': [file.name for file in files],
            'offset_s': take.answer['offset_s'],
            'drift_ppm': take.answer['drift_ppm'],
            'rows_per_s': take.aligned.rate,
            'units': {column: unit_of(column) for column in columns},
            'gaps': [asdict(gap) for gap in take.aligned.gaps],
            'notes': notes,
        },
    )
    return [*files, out / 'export.json'], notes
