"""Read DeepLabCut's CSV, whose names are in two to four rows."""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..utils.errors import mistake
from .arrays import HDF5
from .base import register_reader
from .detections import Detections
from .dialects import Dialect
from .headers import head_lines
from .keypoint_names import keypoint_name
from .mmpose import from_zero
from .named_points import detections_of
from .people import PoseReader
from .pose_video import Video
from .tables import read_table

_ROWS = ('individuals', 'bodyparts', 'coords')
_COORDS = ('x', 'y', 'likelihood')
_SCORES = {
    **{axis: axis for axis in 'xy'},
    **dict.fromkeys(('likelihood', 'score', 'confidence'), 'likelihood'),
    **dict.fromkeys(('conf', 'visibility', 'prob'), 'likelihood'),
}
"""Coordinates by what they are called."""
_LEAST = 6
"""Joints that make a skeleton."""


@register_reader
class DeepLabCutReader(PoseReader):
    """Reads one person, or several individuals, of DeepLabCut."""

    name = 'deeplabcut'
    title = 'DeepLabCut'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the first cells of its rows, or by joints above axes."""
        return bool(_header(path)[0])

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody; which keypoints there are, their names say."""
        path = self.source
        columns, image, skip = _columns(path)
        dialect = Dialect(',', '.', 0, skip)
        table = read_table(
            path, columns.values(), texts=[image], dialect=dialect
        )
        numbers = np.array([*map(_frame, table.texts[image])], float)
        bad = ~(numbers >= 0) | (numbers % 1 != 0) | (numbers >= 2**53)
        if bad.any() or len(np.unique(numbers)) < len(numbers):
            row = int(table.lines[np.argmax(bad)])
            what = 'the first column is not the number of each frame'
            raise mistake(path, what, 'Give the result on a video', row=row)
        ids = numbers.astype(np.int64).tolist()
        frames = from_zero(ids, video.first_frame, path)
        people, parts, coords = map(dict.fromkeys, zip(*columns))
        # Labels by hand have no likelihood.
        axes = _COORDS[: 3 if 'likelihood' in coords else 2]
        missing = np.full(len(table), np.nan)

        def values(person: str, part: str) -> np.ndarray:
            names = [columns.get((person, part, axis), '') for axis in axes]
            arrays = [table.numbers.get(name, missing) for name in names]
            return np.stack(arrays, axis=1)

        detections = detections_of(
            {
                part: np.concatenate([values(name, part) for name in people])
                for part in parts
            },
            video,
            path,
            self.options.get('keypoint_names'),
            np.tile(frames, len(people)),
            np.repeat(np.arange(len(people)), len(table))
            if len(people) > 1
            else None,
            int(frames.max()) + 1,
        )
        return detections, Video()


def _header(path: Path) -> tuple[dict[str, list[str]], int]:
    """Rows of the header by their kind, and how many there are.

    Without DeepLabCut's words, such as of pandas, a row of joints and a row
    of axes below it.
    """
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows += csv.reader(head_lines(path, 5))
    first = [row[0].strip() if row else '' for row in rows]
    header = {kind: row[1:] for kind, row in zip(first, rows) if kind in _ROWS}
    if first[:1] and first[0] in ('scorer', *_ROWS) and 'bodyparts' in header:
        return header, len(header) + first.count('scorer')
    if len(rows) < 3 or len(rows[0]) < 2 * _LEAST:
        return {}, 0
    coords = [_SCORES.get(c.strip().lower(), '') for c in rows[1][1:]]
    parts: list[str] = []
    for name in rows[0][1:]:  # also above the first axis alone
        parts.append(name or parts[-1] if parts else name)
    joints = {name for name in parts if keypoint_name(name)}
    if '' in coords or len(joints) < _LEAST or len(parts) != len(coords):
        return {}, 0
    named = len(rows[2]) == 1 or not any(rows[2][1:])  # of the first column
    return {'bodyparts': parts, 'coords': coords}, 2 + named


def _columns(path: Path) -> tuple[dict[tuple[str, str, str], str], str, int]:
    """Columns of (individual, part, coordinate), that of images, and rows.

    Columns are numbers, from 1; the rows are those of the header.
    """
    header, rows = _header(path)
    parts: list[str] = header.get('bodyparts', [])
    coords: list[str] = header.get('coords', [])
    names = header.get('individuals', [''] * len(parts))
    image = 1  # or number of a frame
    while coords and not coords[0] and image < 3:  # labels of images
        parts, coords, names = parts[1:], coords[1:], names[1:]
        image += 1
    if not parts or not len(parts) == len(coords) == len(names):
        raise mistake(
            path,
            'rows bodyparts and coords of its header are not complete',
            'Export it again as CSV',
        )
    if 'z' in coords:
        what = 'holds points in space (x, y, z), not in the image'
        raise mistake(path, what, 'Give the file of one camera')
    columns: dict[tuple[str, str, str], str] = {}
    for index, column in enumerate(zip(names, parts, coords)):
        if column in columns:
            what = f'{column[1]} has two columns {column[2]}'
            raise mistake(path, what, 'Export it again as CSV')
        columns[column] = str(image + 1 + index)
    return columns, str(image), rows


def _frame(cell: str) -> float:
    """Number of a frame, or that in the name of its image."""
    stem = re.sub(r'\.(png|jpe?g|bmp|tiff?)$', '', cell, flags=re.IGNORECASE)
    digits = re.search(r'(\d{1,15})(\.0*)?$', stem)
    return float(digits[1]) if digits and cell[:1] != '-' else np.nan


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
                return file.read(len(HDF5)) == HDF5
        except OSError:
            return False

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Refuse it."""
        raise mistake(
            self.source,
            'is HDF5, of which no skeletons are read',
            'Export it as CSV: in DeepLabCut, save_as_csv=True of '
            'analyze_videos, or analyze_videos_converth5_to_csv',
        )
