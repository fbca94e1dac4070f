"""Read markers over time: TRC of Sports2D, Pose2Sim and OpenSim, and C3D."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..utils.errors import mistake
from .base import register_reader
from .detections import Detections
from .dialects import Dialect
from .fillers import fillers_of
from .frame_times import check_frame_times
from .headers import head, head_lines
from .keypoint_names import keypoint_name, owner_of
from .named_points import clock_of_rows, detections_of
from .people import PoseReader
from .pose_video import Video
from .tables import read_table

_METRES = {'m': 1.0, 'cm': 0.01, 'mm': 0.001}
_WORDS = {
    **dict.fromkeys(('meters', 'metres', 'meter', 'metre'), 'm'),
    **dict.fromkeys(('centimeters', 'centimetres'), 'cm'),
    **dict.fromkeys(('millimeters', 'millimetres'), 'mm'),
}
_PIXELS_PER_METRE = 400.0
AROUND = 0.2
"""Share of x and y below 0 where they count from the middle."""
_BELOW, _WIDEST = 0.02, 3.0
"""Share of x and y below 0, and their range, that no image has."""
_BODY, _FITS = (0.1, 8.0), (0.3, 3.0)
"""Metres that markers of a body may span, and mostly do."""
_MARGIN = 0.3
"""Metres around a person."""
_HEAD = ('nose', 'head', 'neck', 'shoulder')
_FEET = ('ankle', 'big_toe', 'heel', 'knee')
_MAX_MARKERS = 1000
_LARGEST = 50.0
"""Metres that a person may walk in the image."""


Markers = tuple[dict[str, np.ndarray], str, np.ndarray, list[str]]
"""Positions (T, 3) by name, their unit, times (T,), and notes."""


@register_reader
class TRCReader(PoseReader):
    """Reads the markers of one person.

    Pixels are taken as they are. Metres are drawn from the side: x to the
    right and y upwards, on an image that is as large as the movement.
    """

    name = 'trc'
    title = 'TRC'
    up: ClassVar[int] = 1
    """Axis upwards where names do not tell the head from the feet."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By its first word."""
        return head(path).startswith('PathFileType')

    def markers(self) -> Markers:
        """Positions (T, 3) by name, their unit, times (T,), and notes."""
        path = self.source
        facts, markers = _header(path)
        places = {name: 3 * i + 3 for i, name in enumerate(markers)}
        numbers = [str(p + axis) for p in places.values() for axis in range(3)]
        table = read_table(
            path, numbers, ['2'], dialect=Dialect('\t', None, 0, 5)
        )
        space = {
            name: np.stack([table.numbers[str(p + i)] for i in range(3)], 1)
            for name, p in places.items()
        }
        times, notes = table.numbers['2'], []
        rate = facts.get('DataRate', '').replace(',', '.')
        known = re.fullmatch(r'\d{1,5}(\.\d{0,9})?', rate) and len(times) > 1
        step = float(np.median(np.diff(times))) if known else 0.0
        if known and abs(step * float(rate) / 1000 - 1) < 0.02:
            times = times / 1000
            notes.append(f'{path}: times are ms, as the rate in row 3 says')
        said = facts.get('NumFrames', '')
        notes += lacks_frames(path, len(times), said, 'row 3')
        return space, facts.get('Units', ''), times, notes

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """The person in all rows, and the clock of the file."""
        path = self.source
        space, unit, times, notes = self.markers()
        aliases = self.options.get('keypoint_names') or {}
        for joint, marker in aliases.items():
            if marker not in space:
                raise mistake(
                    path,
                    f'has no marker {marker!r}',
                    'Correct keypoint_names',
                    name=marker,
                    known=[*space],
                )
            space[joint] = space[marker]
        units = _WORDS.get(unit.lower(), unit.lower())
        if units not in (*_METRES, 'px', 'pixel', 'pixels'):
            raise mistake(
                path,
                f'is not a unit of a {self.title} file that is read',
                f'Write {", ".join(_METRES)} or px as its unit (row 3 of TRC)',
                value=unit,
            )
        shape: tuple[int, int] | None = None
        if units in _METRES:
            points, shape, more = drawn_from_side(
                space, units, video, path, self.up
            )
            notes += more
        else:
            points = {name: values[:, :2] for name, values in space.items()}
        if shape is None and rise(points, 1) > 0:
            height = _known_shape(video)
            if height is None:
                raise mistake(
                    path,
                    'its y points upwards, which needs the height of the '
                    'image',
                    'Give it (--img-shape), or the video (--video)',
                )
            for values in points.values():
                values[:, 1] = height[0] - values[:, 1]
            notes.append(f'{path}: y points upwards and is turned round')
        if {'LASI', 'RASI'} & {owner_of(name)[1] for name in space}:
            notes.append(
                f'{path}: markers of Plug-in Gait, such as LASI, are taken '
                'for the joints next to them'
            )
        times = check_frame_times(times, path)
        frames, clock, clock_notes = clock_of_rows(times, video, path)
        notes += clock_notes
        detections = detections_of(
            points,
            video,
            path,
            {joint: joint for joint in aliases},
            frames,
            num_frames=len(times) if frames is None else None,
        )
        detections = replace(detections, notes=(*notes, *detections.notes))
        return detections, replace(clock, img_shape=shape)


@register_reader
class C3DReader(TRCReader):
    """Reads the points of one person in a C3D file, as those of TRC."""

    name = 'c3d'
    title = 'C3D'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By its suffix and second byte."""
        with suppress(OSError), path.open('rb') as file:
            return path.suffix.lower() == '.c3d' and file.read(2)[1:] == b'P'
        return False

    def markers(self) -> Markers:
        """Points with a label; NaN where the file marks them as not seen."""
        path = self.source
        try:
            import c3d
        except ImportError:
            raise ImportError(
                f'{path}: C3D needs c3d; run pip install mobind_mm[c3d], or '
                'export the points as TRC.'
            ) from None
        try:
            with path.open('rb') as file, warnings.catch_warnings():
                warnings.simplefilter('ignore')
                reader = c3d.Reader(file)
                labels = [str(label) for label in reader.point_labels]
                unit = reader.get('POINT.UNITS').string_value
                rate, first = reader.point_rate, reader.first_frame
                last = reader.last_frame
                frames = [
                    points.copy() for _, points, _ in reader.read_frames()
                ]
        except Exception as error:  # of many kinds
            text = ' '.join(str(error).split())[:100]
            what = f'cannot be read ({type(error).__name__}: {text})'
            raise mistake(path, what, 'Export it again') from None
        said = last - first + 1
        if len(frames) < said:
            what = f'ends after {len(frames)} of {said} frames'
            raise mistake(path, what, 'Copy or export it again')
        if not frames or not rate > 0:
            raise mistake(path, 'holds no frames of points', 'Export it again')
        points = np.stack(frames).astype(float)
        points[points[..., 3] < 0] = np.nan
        names = [label.strip() for label in labels]
        if len({n.partition(':')[0] for n in names if ':' in n}) < 2:
            names = [name.rpartition(':')[2].strip() for name in names]
        space = {
            name: points[:, i, :3]
            for i, name in enumerate(names[: points.shape[1]])
            if name and names.count(name) == 1
        }
        times = (np.arange(len(points)) + first - 1) / rate
        return space, unit.strip(), times, begins_later(path, first, times[0])


def begins_later(path: Path, first: float, time: float) -> list[str]:
    """Note of a recording that does not begin with its first frame."""
    if not first > 1:
        return []
    return [
        f'{path}: begins with frame {first:.0f} of what was recorded, so its '
        f'first time is {time:.3f} s'
    ]


def lacks_frames(path: Path, rows: int, said: str, where: str) -> list[str]:
    """Note of a file with another number of rows than it says."""
    if not said[:9].isdecimal() or int(said[:9]) == rows:
        return []
    return [f'{path}: {rows} rows, but {where} says {said[:12]} frames']


def _known_shape(video: Video) -> tuple[int, int] | None:
    """Size of the image, by the user or by the video."""
    return video.img_shape or (video.clip.img_shape if video.clip else None)


def _header(path: Path) -> tuple[dict[str, str], list[str]]:
    """Facts of rows 2 and 3, and names of the markers.

    Raises:
        ValueError: If the five rows of the header are not there.
    """
    rows = [line.split('\t') for line in head_lines(path, 5)]
    good = len(rows) == 5 and rows[3][0].strip().startswith('Frame')
    markers = [name.strip() for name in rows[3][2::3]] if good else []
    while markers and not markers[-1]:
        markers.pop()
    axes = [cell.strip() for cell in rows[4]][2:] if good else []
    if not markers or not all(markers) or axes[:2] != ['X1', 'Y1']:
        raise mistake(
            path,
            'does not have the header of a TRC file: names of markers in '
            'row 4, every third cell, and X1 Y1 Z1 ... in row 5',
            'Export it again',
        )
    if len({*markers}) < len(markers) or len(markers) > _MAX_MARKERS:
        raise mistake(
            path, 'has a name of a marker twice, or far too many', row=4
        )
    facts = dict(
        zip((k.strip() for k in rows[1]), (v.strip() for v in rows[2]))
    )
    return facts, markers


def rise(points: dict[str, np.ndarray], axis: int) -> float:
    """How much larger an axis is at the head than at the legs; 0: unknown."""
    levels = []
    for part in (_HEAD, _FEET):
        heights = [
            np.nanmedian(values[:, axis])
            for name, values in points.items()
            if (keypoint_name(owner_of(name)[1]) or '').endswith(part)
            and np.isfinite(values[:, axis]).any()
        ]
        levels.append(np.mean(heights) if heights else 0.0)
    return float(levels[0] - levels[1]) if all(levels) else 0.0


def drawn_from_side(
    space: dict[str, np.ndarray],
    unit: str,
    video: Video,
    path: Path,
    up: int = 1,
) -> tuple[dict[str, np.ndarray], tuple[int, int], list[str]]:
    """Draw positions (T, 3) as pixels (T, 2), x to the right.

    Args:
        space: Positions by name.
        unit: Of :data:`_METRES`; '' finds the one in which a body has the
            size of one.
        video: What is known of it: its size.
        path: The file, for messages and notes.
        up: Axis upwards, where no names tell it.

    Returns:
        Points by name, (height, width) of the image, and notes.
    """
    metres, notes = _metres_of(space, unit, path)
    rises = [abs(rise(space, axis)) for axis in (1, 2)]
    up = 1 + int(np.argmax(rises)) if any(rises) else up
    sign = 1 if rise(space, up) >= 0 else -1
    points = {
        name: values[:, [0, up]] * (1, sign) for name, values in space.items()
    }
    side = f'{"-" if sign < 0 else ""}{"xyz"[up]}'
    shape, more = _drawn(points, metres, video, path, side)
    return points, shape, [*notes, *more]


def _metres_of(
    space: dict[str, np.ndarray], unit: str, path: Path
) -> tuple[float, list[str]]:
    """Metres of the unit in which a body has the size of one, and notes."""
    stacked = np.stack([*space.values()])  # (markers, T, 3)
    seen = np.isfinite(stacked) & (stacked != 0).any(axis=2, keepdims=True)
    low = np.where(seen, stacked, np.inf).min(axis=0)
    high = np.where(seen, stacked, -np.inf).max(axis=0)
    sizes = np.linalg.norm(high - low, axis=1)
    sizes = sizes[np.isfinite(sizes)]
    size = float(np.median(sizes)) if len(sizes) else 0.0
    fitting = [u for u, m in _METRES.items() if _FITS[0] < size * m < _FITS[1]]
    if not unit and not fitting:
        raise mistake(
            path,
            f'holds points in space (x, y, z) that span {size:.3g}, in a unit '
            'that nothing tells',
            'Write metres or millimetres',
        )
    if not unit:
        note = f'{path}: no unit is given; positions are taken for '
        return _METRES[fitting[0]], [note + fitting[0]]
    metres = _METRES[unit]
    if not fitting or _BODY[0] < size * metres < _BODY[1]:
        return metres, []
    note = (
        f'{path}: its unit is {unit}, in which the person would measure '
        f'{size * metres:.3g} m; positions are taken for {fitting[0]}'
    )
    return _METRES[fitting[0]], [note]


def _drawn(
    points: dict[str, np.ndarray],
    unit: float,
    video: Video,
    path: Path,
    up: str,
) -> tuple[tuple[int, int], list[str]]:
    """Draw metres as pixels; returns the size of the image, and notes."""
    notes = []
    stacked = np.stack(list(points.values()))  # (markers, T, 2)
    stacked[(stacked == 0).all(axis=2)] = np.nan
    seen = np.isfinite(stacked).all(axis=2)
    single = stacked.astype(np.float32)
    fillers = fillers_of(single.swapaxes(0, 1), seen.T, joints=2, times=3)
    for filler in fillers[:1]:  # in the unit of the tool
        same = (single == filler).all(axis=2)
        stacked[same] = np.nan
        notes.append(
            f'{path}: {int(same.sum())} points are all at ({filler[0]:g}, '
            f'{filler[1]:g}) and taken as not detected'
        )
    plane = stacked * unit * (1, -1)
    seen = plane[np.isfinite(plane).all(axis=2)]
    if not len(seen):
        raise mistake(path, 'holds no positions of markers')
    low, high = np.quantile(seen, (0.001, 0.999), axis=0)
    low, high = low - _MARGIN, high + _MARGIN
    size = np.clip(high - low, 0.1, _LARGEST)
    shape, scale = _known_shape(video), _PIXELS_PER_METRE
    if shape is None:
        shape = int(size[1] * scale) + 1, int(size[0] * scale) + 1
    else:
        scale = min(shape[1] / size[0], shape[0] / size[1])
    for name, values in zip(points, (plane - low) * scale):
        points[name] = values
    notes.insert(
        0,
        f'{path}: positions are not pixels and are drawn from the side (x to '
        f'the right, {up} upwards), {scale:.0f} pixels per metre, on an image '
        f'of {shape[1]} x {shape[0]} (width x height)',
    )
    return shape, notes


def below_zero(space: dict[str, np.ndarray]) -> float:
    """Share of x and y of points (M, 3) that is below 0.

    Points such as (-1, -1) are not there.
    """
    every = np.concatenate([*space.values()])[:, :2]
    seen = np.isfinite(every).all(axis=1) & (every[:, 0] != every[:, 1])
    return float((every[seen] < 0).mean()) if seen.any() else 0.0


def in_space(space: dict[str, np.ndarray]) -> bool:
    """Whether points (M, 3) are in space.

    MediaPipe has a z beside places in an image, which is below 0 for half of
    them.
    """
    every = np.concatenate([*space.values()])
    plane, depth = every[:, :2], every[:, 2]
    plane, depth = plane[np.isfinite(plane)], depth[np.isfinite(depth)]
    if not len(plane) or not len(depth):
        return False
    below = below_zero(space)
    if below > AROUND and np.ptp(plane) > _WIDEST:
        return True
    y, z = rise(space, 1), rise(space, 2)
    above = bool((depth < 0).mean() < _BELOW)
    upwards = y > 2 * abs(z) or (above and z > 2 * abs(y))
    return upwards and (below > _BELOW or above)
