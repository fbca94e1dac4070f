"""Read DeepLabCut's CSV, whose names stand in three or four rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..utils.errors import mistake
from .base import register_reader
from .detections import Detections
from .headers import head_lines
from .mmpose import from_zero
from .named_points import detections_of
from .people import PoseReader, Video
from .tables import Dialect, read_table

_ROWS = ('individuals', 'bodyparts', 'coords')
_COORDS = ('x', 'y', 'likelihood')
_HDF5 = b'\x89HDF\r\n\x1a\n'


@register_reader
class DeepLabCutReader(PoseReader):
    """Reads one person, or several individuals, of DeepLabCut."""

    name = 'deeplabcut'
    title = 'DeepLabCut'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the first cells of its rows."""
        rows = [line.split(',')[0] for line in head_lines(path, 4)]
        return rows[:1] == ['scorer'] and 'bodyparts' in rows[1:3]

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody; which keypoints there are, their names say."""
        path = self.source
        header = {
            row[0]: row[1:]
            for row in csv.reader(head_lines(path, 4))
            if row and row[0] in _ROWS
        }
        parts, coords = header.get('bodyparts', []), header.get('coords', [])
        names = header.get('individuals', [''] * len(parts))
        if not parts or not len(parts) == len(coords) == len(names):
            raise mistake(
                path,
                'rows bodyparts and coords of its header are not complete',
                'Export it again as CSV',
            )
        if not all(coords):
            what = 'holds labels of single images'
            fix = 'Give the result on a video, of analyze_videos'
            raise mistake(path, what, fix)
        if 'z' in coords:
            what = 'holds points in space (x, y, z), not in the image'
            raise mistake(path, what, 'Give the file of one camera')
        places: dict[str, dict[str, dict[str, str]]] = {}
        for index, (name, part, coord) in enumerate(zip(names, parts, coords)):
            axes = places.setdefault(name, {}).setdefault(part, {})
            if coord in axes:
                what = f'{part} has two columns {coord}'
                raise mistake(path, what, 'Export it again as CSV')
            axes[coord] = str(index + 2)
        skip = len(header) + 1
        wanted = [str(index + 2) for index in range(len(parts))]
        dialect = Dialect(',', '.', 0, skip)
        table = read_table(path, ['1', *wanted], dialect=dialect)
        numbers = table.numbers['1']
        bad = ~(numbers >= 0) | (numbers % 1 != 0) | (numbers >= 2**53)
        if bad.any() or len(np.unique(numbers)) < len(numbers):
            row = int(table.lines[np.argmax(bad)])
            what = 'the first column is not the number of each frame'
            raise mistake(path, what, 'Give the result on a video', row=row)
        ids = numbers.astype(np.int64).tolist()
        frames = from_zero(ids, video.first_frame, path)
        points: dict[str, list[np.ndarray]] = {}
        every = {part for person in places.values() for part in person}
        for person in places.values():
            for part in every:
                axes = person.get(part, {})
                columns = [
                    table.numbers[axes[c]]
                    if c in axes
                    else np.full(len(table), np.nan)
                    for c in _COORDS
                ]
                points.setdefault(part, []).append(np.stack(columns, axis=1))
        several = len(places) > 1
        detections = detections_of(
            {part: np.concatenate(arrays) for part, arrays in points.items()},
            video,
            path,
            self.options.get('keypoint_names'),
            np.tile(frames, len(places)),
            np.repeat(np.arange(len(places)), len(table)) if several else None,
            int(frames.max()) + 1,
        )
        return detections, Video()


@register_reader
class HDF5Reader(PoseReader):
    """Says what to do with an HDF5 file, which may hold pickled objects."""

    name = 'hdf5'
    title = 'HDF5'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By its first bytes."""
        try:
            with open(path, 'rb') as file:
                return file.read(len(_HDF5)) == _HDF5
        except OSError:
            return False

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Refuse it."""
        raise mistake(
            self.source,
            'is HDF5, which is not read',
            'Export it as CSV: in DeepLabCut, save_as_csv=True of '
            'analyze_videos, or analyze_videos_converth5_to_csv',
        )
