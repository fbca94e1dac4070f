"""The streams of an mRI subject: sensors, and 2D poses from two sources."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ...recordings import STANDARD_GRAVITY, PoseStream, SensorStream
from ..foreign_values import as_numbers
from ..mmpose import read_mmpose_json
from ..tracking import follow_person
from .labels import (
    AGAIN,
    CAMERA_FRAMES,
    CAMERA_POSES,
    FRAME_RATE,
    IMU_FRAMES,
    VIDEO_FRAMES,
    MRILabels,
    frame_clock,
)

ACC_UNITS: dict[str, float] = {'g': STANDARD_GRAVITY, 'm/s2': 1.0}
"""m/s^2 of one unit."""
COLUMNS = ('axg', 'ayg', 'azg', 'q0', 'q1', 'q2', 'q3')
MAX_ACC = 1000.0
"""m/s^2; no sensor of the data set measures more."""
LAYOUT = 'coco'
NUM_KEYPOINTS = 17

_REST = (0.5, 2.5)
"""Range of the median |acc| in units of standard gravity."""
_GREATEST = 1e6
"""Of any cell; more is damage."""
_NUMBER = r'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?'
_MAX_GAP_SEC = 30.0
"""The subject is alone, so whoever returns after a while is the subject."""
_MOST_OUTSIDE = 0.1
"""Share of keypoints that may lie clearly outside the image."""
_FARTHEST = 10
"""How many images away a keypoint is no longer a keypoint."""


def read_sensors(
    files: Mapping[str, Path],
    labels: MRILabels,
    acc_unit: str = 'g',
    start: int | None = None,
) -> dict[str, SensorStream]:
    """Read the IMUs of a subject by placement.

    Rows of frames that ``imu_avail_frames`` lacks, and empty ones, are gaps.
    ``start`` is the frame of the labels of the first row, if known.

    Raises:
        ValueError: If a table is damaged or does not fit the labels.
    """
    streams = {}
    for placement, path in files.items():
        channels, held = read_imu_csv(path, acc_unit)
        frames, keep = labels.timeline.place(
            len(held),
            labels.frame_sets(IMU_FRAMES),
            str(path),
            start,
            'Download the aligned files again, or name with --imu-start the '
            'frame of the labels to which the first row belongs.',
        )
        keep = keep & held
        if not keep.any():
            raise ValueError(
                f'{path}: all rows of the frames of {IMU_FRAMES} are empty. '
                f'{AGAIN}'
            )
        streams[placement] = SensorStream(
            frame_clock(frames[keep]),
            {name: values[keep] for name, values in channels.items()},
        )
    return streams


def read_imu_csv(
    path: Path, acc_unit: str = 'g'
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read one sensor.

    Columns are found by name, whatever their order and case; characters
    that are neither letters nor digits do not count (``ax(g)`` is ``axg``).

    Returns:
        ``acc`` (T, 3) m/s^2 with gravity and unit ``quat`` (T, 4), scalar
        first, and which rows hold a sample (T,): those that are empty or
        entirely zero do not.

    Raises:
        ValueError: If the table is damaged or in another unit.
    """
    table, lines = _read_table(path)
    values = np.nan_to_num(table)
    held = values.any(axis=1)
    norms = np.linalg.norm(values[:, 3:], axis=1)
    for wrong, what in (
        (
            held & np.isnan(table).any(axis=1),
            'has a number in some columns only',
        ),
        (
            held & ~(np.abs(norms - 1) < 0.1),
            'has a quaternion q0 q1 q2 q3 whose norm is not 1',
        ),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f'{path}, line {lines[row]}: {what} '
                f'({table[row].tolist()}). {AGAIN}'
            )
    if not held.any():
        raise ValueError(f'{path} has no sample in {len(held)} rows. {AGAIN}')
    acc = values[:, :3] * ACC_UNITS[acc_unit]
    _check_unit(acc[held], acc_unit, path)
    greatest = np.abs(acc).max(axis=1)
    if (greatest > MAX_ACC).any():
        row = int(np.argmax(greatest))
        raise ValueError(
            f'{path}, line {lines[row]}: {greatest[row]:g} m/s^2, expected '
            f'at most {MAX_ACC:g}. {AGAIN}'
        )
    quat = values[:, 3:] / np.where(held, norms, 1.0)[:, None]
    return {'acc': acc, 'quat': quat}, held


def _check_unit(acc: np.ndarray, unit: str, path: Path) -> None:
    """Half the samples are near 1 g, unless somebody moves all the time."""
    median = float(np.median(np.linalg.norm(acc, axis=1)))
    gravity = ACC_UNITS['g']
    if _REST[0] * gravity < median < _REST[1] * gravity:
        return
    read = median / ACC_UNITS[unit]
    (other,) = ACC_UNITS.keys() - {unit}
    fits = _REST[0] * gravity < read * ACC_UNITS[other] < _REST[1] * gravity
    fix = (
        f'They seem to be in {other}: use --acc-unit {other}.'
        if fits
        else 'Neither g nor m/s2 with gravity fits; was gravity removed, or '
        'is the unit another one?'
    )
    raise ValueError(
        f'{path}: the median length of (axg, ayg, azg) is {read:.3g}, but in '
        f'{unit} it should be near {gravity / ACC_UNITS[unit]:.3g}. {fix}'
    )


def _read_table(path: Path) -> tuple[np.ndarray, list[int]]:
    """Our columns (T, 7), NaN where a cell is empty, and line numbers."""
    # Other columns may hold any text, in any encoding.
    text = path.read_text(encoding='utf-8-sig', errors='replace')
    header = text.lstrip('\n').partition('\n')[0]
    delimiter = max(',;\t', key=header.count)
    lines = {
        number: line
        for number, line in enumerate(text.split('\n'), 1)
        if line.strip() or delimiter in line
    }
    names = [name.strip('" ') for name in header.split(delimiter)]
    columns = _find_columns(names, path)
    for number, line in lines.items():
        width = line.count(delimiter) + 1
        if width != len(names) and '"' not in line:
            raise ValueError(
                f'{path}, line {number}: {width} columns, but the header '
                f'has {len(names)}. {AGAIN}'
            )
    try:
        table = pd.read_csv(
            io.StringIO('\n'.join(lines.values())),
            sep=delimiter,
            header=None,
            usecols=columns,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except ValueError as error:
        what = str(error).split('\n')[0][:200]
        raise ValueError(f'{path} is not a table ({what}). {AGAIN}') from None
    if len(table) != len(lines):
        raise ValueError(f'{path} has line breaks within cells. {AGAIN}')
    if len(table) < 2:
        raise ValueError(f'{path} has a header but no rows. {AGAIN}')
    numbers = [*lines][1:]
    cells = table.iloc[1:][columns].apply(lambda column: column.str.strip())
    is_number = cells.apply(lambda column: column.str.fullmatch(_NUMBER))
    is_empty = cells.apply(lambda column: column.str.lower()).isin(['', 'nan'])
    # By Python's float, which rounds correctly.
    values = cells.where(is_number, 'nan').to_numpy(object).astype(float)
    bad = ~(is_empty | (is_number & (np.abs(values) < _GREATEST))).to_numpy()
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f'{path}, line {numbers[row]}: {COLUMNS[column]} is '
            f'{cells.iat[row, column][:40]!r}, expected a number. {AGAIN}'
        )
    return values, numbers


def _find_columns(names: list[str], path: Path) -> list[int]:
    """Indices of our columns."""
    plain = [re.sub(r'[^a-z0-9]', '', name.lower()) for name in names]
    for name in COLUMNS:
        if plain.count(name) != 1:
            raise ValueError(
                f'{path} has {plain.count(name)} columns {name}, expected '
                f'one; the header is {[c[:20] for c in names[:30]]}. {AGAIN}'
            )
    return [plain.index(name) for name in COLUMNS]


def read_shipped_pose(
    labels: MRILabels, camera: str, img_shape: tuple[int, int]
) -> PoseStream:
    """Keypoints of the ``left`` or ``right`` camera, as the data set has them.

    Frames that the camera lacks are gaps; keypoints at (0, 0) or NaN have
    score 0, others the score in the array, or 1.

    Raises:
        ValueError: If the array is missing, damaged or does not fit.
    """
    key = CAMERA_POSES[camera]
    where = f'{labels.path}: {key}'
    if key not in labels.content:
        raise ValueError(
            f'{labels.path} has no {key}. Use --pose mmpose, or get the '
            'original file again.'
        )
    array = _float_array(labels.content[key], where)
    keypoints, scores = array[..., :2], np.ones(array.shape[:2])
    if array.shape[2] == 3:
        scores = np.clip(array[..., 2], 0.0, None)
    seen = np.isfinite(array).all(axis=2) & keypoints.any(axis=2)
    frames, keep = labels.timeline.place(
        len(array),
        labels.frame_sets(CAMERA_FRAMES[camera], VIDEO_FRAMES),
        where,
        hint='If the numbers in the file count from 1, use --first-frame 1; '
        'else use --pose mmpose.',
    )
    return _stream(
        frames[keep],
        np.where(seen[..., None], keypoints, 0.0)[keep],
        np.where(seen, scores, 0.0)[keep],
        img_shape,
        where,
    )


def read_predicted_pose(
    labels: MRILabels,
    path: Path,
    img_shape: tuple[int, int],
    person: str | int = 'longest',
    video_start: int | None = None,
) -> PoseStream:
    """Keypoints that MMPose found in the video.

    ``video_start`` is the frame of the labels in which the video begins.
    Without it, the video is that of the frames in ``rgb_avail_frames``, or
    of the whole recording, whichever length it has. Frames outside
    ``rgb_avail_frames`` are gaps.

    Raises:
        ValueError: If the file is damaged or its length does not fit.
    """
    people = read_mmpose_json(path, LAYOUT).without_whole_image(img_shape)
    frames, keep = labels.timeline.place(
        people.num_frames,
        labels.frame_sets(VIDEO_FRAMES),
        str(path),
        video_start,
        'Predict on the 10 fps video of the data set, or name with '
        '--video-start the frame of the labels in which the video begins.',
    )
    # On the frame clock, so that people may move while frames are absent.
    people = people.select(keep[people.frames])
    people = replace(people, frames=frames[people.frames])
    max_gap = round(_MAX_GAP_SEC * FRAME_RATE)
    rows = follow_person(people, person, max_gap).instances
    shape = (np.count_nonzero(keep), NUM_KEYPOINTS)
    keypoints, scores = np.zeros((*shape, 2)), np.zeros(shape)
    places = np.searchsorted(frames[keep], people.frames[rows])
    keypoints[places] = people.keypoints[rows]
    scores[places] = people.scores[rows]
    return _stream(frames[keep], keypoints, scores, img_shape, str(path))


def _stream(
    frames: np.ndarray,
    keypoints: np.ndarray,
    scores: np.ndarray,
    img_shape: tuple[int, int],
    where: str,
) -> PoseStream:
    """Keypoints (T, 17, 2) of frames (T,), checked."""
    _check_pixels(keypoints[scores > 0], img_shape, where)
    return PoseStream(
        clock=frame_clock(frames),
        keypoints=keypoints,
        scores=scores,
        layout=LAYOUT,
        img_shape=img_shape,
    )


def _float_array(value: object, where: str) -> np.ndarray:
    """(T, 17, 2 or 3) from an array with the last two axes in any order."""
    array = as_numbers(value)
    if array.ndim == 3 and array.shape[2] == NUM_KEYPOINTS:
        array = array.swapaxes(1, 2)
    shape = array.shape
    fits = len(shape) == 3 and shape[0] > 0 and shape[1] == NUM_KEYPOINTS
    if not fits or shape[2] not in (2, 3) or array.dtype.kind not in 'iuf':
        raise ValueError(
            f'{where} is {array.dtype} of shape {shape}, expected numbers '
            f'(T, {NUM_KEYPOINTS}, 2 or 3): x, y and perhaps a score. '
            f'{AGAIN}'
        )
    return array.astype(np.float64)


def _check_pixels(
    points: np.ndarray, img_shape: tuple[int, int], where: str
) -> None:
    """Refuse keypoints (n, 2) that are not pixels of such an image."""
    if not len(points):
        raise ValueError(f'{where} has no person in any frame. {AGAIN}')
    size = np.array(img_shape[::-1], float)
    outside = np.abs(points - size / 2) > 0.6 * size
    share = float(outside.any(axis=1).mean())
    if share > _MOST_OUTSIDE:
        low, high = np.percentile(points, (5, 95), axis=0).round(1)
        raise ValueError(
            f'{where}: {share:.0%} of the keypoints lie outside an image of '
            f'height {img_shape[0]} and width {img_shape[1]} (x {low[0]} to '
            f'{high[0]}, y {low[1]} to {high[1]}). Give --img-shape HEIGHT '
            'WIDTH of the video.'
        )
    far = np.abs(points).max()
    if far > _FARTHEST * size.max():
        raise ValueError(
            f'{where}: a keypoint lies at {far:g} pixels in an image of '
            f'height {img_shape[0]} and width {img_shape[1]}. {AGAIN}'
        )
    if far <= 2:
        raise ValueError(
            f'{where}: all keypoints lie within {far:g} of 0; '
            f'expected pixels, not fractions of the image. {AGAIN}'
        )
