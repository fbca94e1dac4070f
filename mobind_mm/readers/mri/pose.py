"""2D poses of mRI: shipped with the labels, or MMPose's predictions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...recordings import PoseStream
from ..foreign_values import as_numbers
from ..mmpose_json import read_mmpose_json
from ..tracking import follow_person
from .frames import FRAME_RATE
from .labels import CAMERA_FRAMES, CAMERA_POSES, VIDEO_FRAMES, MRILabels
from .timeline import frame_clock

LAYOUT = 'coco'
NUM_KEYPOINTS = 17
_MAX_GAP_SEC = 30.0
"""The subject is alone, so who comes back after a while is the subject."""
_MOST_OUTSIDE = 0.1
"""Share of keypoints that may lie clearly outside the image."""
_FARTHEST = 10
"""How many images away a keypoint is no longer a keypoint."""
_AGAIN = 'Get the original file again.'


def read_shipped_pose(
    labels: MRILabels, camera: str, img_shape: tuple[int, int]
) -> PoseStream:
    """Keypoints that come with the data set.

    Args:
        labels: Labels of the subject.
        camera: ``left`` or ``right``.
        img_shape: (height, width) of the camera's images in pixels.

    Returns:
        COCO keypoints on the frame clock. Frames that the camera lacks are
        gaps; keypoints at (0, 0) or NaN have score 0, others the score that
        stands there, or 1.

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

    Args:
        labels: Labels of the subject.
        path: ``subject{N}_results_det.json``, 17 COCO keypoints.
        img_shape: (height, width) of the video in pixels.
        person: Which person, see :func:`choose_person`.
        video_start: Frame of the labels in which the video begins; None
            takes the video for the frames of ``rgb_avail_frames``, or for
            the whole recording, whichever length it has.

    Returns:
        Keypoints on the frame clock; frames outside ``rgb_avail_frames``
        are gaps.

    Raises:
        ValueError: If the file is damaged or its length does not fit.
    """
    found = read_mmpose_json(path, LAYOUT).without_whole_image(img_shape)
    frames, keep = labels.timeline.place(
        found.num_frames,
        labels.frame_sets(VIDEO_FRAMES),
        str(path),
        video_start,
        'Predict on the 10 fps video of the data set, or say with '
        '--video-start in which frame of the labels the video begins.',
    )
    # On the frame clock, so that people may move while frames are absent.
    found = found.select(keep[found.frames])
    found = replace(found, frames=frames[found.frames])
    track = follow_person(
        found, person, round(_MAX_GAP_SEC * FRAME_RATE), path
    )
    shape = (np.count_nonzero(keep), NUM_KEYPOINTS)
    keypoints, scores = np.zeros((*shape, 2)), np.zeros(shape)
    rows = np.searchsorted(frames[keep], found.frames[track.instances])
    keypoints[rows] = found.keypoints[track.instances]
    scores[rows] = found.scores[track.instances]
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
            f'{_AGAIN}'
        )
    return array.astype(np.float64)


def _check_pixels(
    points: np.ndarray, img_shape: tuple[int, int], where: str
) -> None:
    """Refuse keypoints (n, 2) that are not pixels of such an image."""
    if not len(points):
        raise ValueError(f'{where} has no person in any frame. {_AGAIN}')
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
            f'height {img_shape[0]} and width {img_shape[1]}. {_AGAIN}'
        )
    if far <= 2:
        raise ValueError(
            f'{where}: all keypoints lie within {far:g} of 0; '
            f'expected pixels, not fractions of the image. {_AGAIN}'
        )
