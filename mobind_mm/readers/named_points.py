"""Points with names over time, as tables have them: TRC, CSV of any tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings.streams import undetected
from ..skeleton import get_layout
from .detections import (
    Detections,
    boxes_of,
    from_percent,
    lost_note,
    usable_ids,
)
from .frame_times import frame_places, regular_rate
from .instance_batches import LOGIT_LIMIT
from .keypoint_names import absent_note, by_person, resolve_names
from .mmpose import from_zero
from .pose_people import LOGIT_NOTE, LOGITS
from .pose_video import Video

_BESIDE = 0.2
"""Distance of two markers of one joint, relative to the size of the body."""


def detections_of(
    points: Mapping[str, np.ndarray],
    video: Video,
    source: object,
    aliases: Mapping[str, str] | None = None,
    frames: np.ndarray | None = None,
    ids: np.ndarray | None = None,
    num_frames: int | None = None,
    order: Sequence[str] | None = None,
) -> Detections:
    """Detections of named points.

    Args:
        points: Name in the file to (M, 2) x, y or (M, 3) x, y, score; not
            detected where NaN, (0, 0) or of score 0.
        video: What is known of the video: ``layout``.
        source: The file, for messages and notes.
        aliases: Keypoint to the name in the file, where the user says so.
        frames: (M,) frame of each row; None if rows are frames.
        ids: (M,) who a row is of; None for one person, or for all whom the
            names speak of in every row.
        num_frames: Frames of the video; None ends it with the last row.
        order: Names in the file, if they are numbers; then the layout stays
            open, and keypoints are in this order.

    Raises:
        ValueError: If the names are not those of a body.
    """
    layout, joints = '', dict(zip(order or (), order or ()))
    people = by_person(points) if order is None and ids is None else []
    if people and not aliases and not _one_body(points, people):
        length = len(next(iter(points.values())))
        each = np.arange(length) if frames is None else frames
        frames = np.tile(each, len(people))
        ids = np.repeat(np.arange(len(people)), length)
        absent = np.full_like(next(iter(points.values())), np.nan, float)
        points = {
            n: np.concatenate(
                [points[one[n]] if n in one else absent for one in people]
            )
            for n in dict.fromkeys(n for one in people for n in one)
        }
    if order is None:
        layout, joints = resolve_names(points, source, video.layout, aliases)
        order = get_layout(layout)
    length = len(next(iter(points.values())))
    keypoints = np.zeros((length, len(order), 2))
    scores = np.zeros((length, len(order)))
    for joint, name in joints.items():
        index, values = order.index(joint), points[name]
        keypoints[:, index] = values[:, :2]
        scores[:, index] = values[:, 2] if values.shape[1] > 2 else 1.0
    columns = [order.index(joint) for joint in joints]
    scores[:, columns], notes = as_scores(scores[:, columns], source)
    gone = undetected(keypoints) | ~np.isfinite(scores)
    lost = gone & (scores > 0) & np.isfinite(keypoints).all(axis=2)
    notes = (*notes, *lost_note(source, int(lost.sum())))
    if layout:
        notes = (*notes, *absent_note(source, layout, joints))
    scores = np.clip(np.where(gone, 0.0, scores), 0.0, 1.0)
    keypoints = np.where(scores[..., None] > 0, keypoints, 0.0)
    frames = np.arange(length) if frames is None else frames
    if num_frames is None:
        num_frames = int(frames.max()) + 1 if length else 0
    detections = Detections(
        num_frames,
        frames,
        keypoints.astype(np.float32),
        scores.astype(np.float32),
        boxes_of(keypoints, scores),
        layout,
        np.zeros(length, np.int64) if ids is None else ids,
        tuple(notes),
        source,
    )
    seen: np.ndarray = np.any(scores > 0, axis=1)
    detections = detections.select(seen)
    if ids is None:
        return detections
    kept, note = usable_ids(frames[seen], ids[seen])
    return replace(
        detections,
        ids=ids[seen] if kept else None,
        notes=(*notes, *((f'{source}: {note}',) if note else ())),
    )


def _one_body(
    points: Mapping[str, np.ndarray], people: Sequence[Mapping[str, str]]
) -> bool:
    """Whether numbers tell markers of each joint apart, and not people."""
    one, other = people[:2]
    shared = [name for name in one if name in other]
    if not shared:
        return False
    first, second = (
        np.stack([points[body[name]][:, :2] for name in shared])
        for body in (one, other)
    )
    apart = np.linalg.norm(first - second, axis=-1)
    size = np.linalg.norm(np.ptp(first, axis=0), axis=-1)
    apart, size = apart[np.isfinite(apart)], size[np.isfinite(size)]
    if not (len(apart) and len(size)):
        return False
    return bool(np.median(apart) < _BESIDE * np.median(size))


def clock_of_rows(
    times: np.ndarray, video: Video, source: str | Path
) -> tuple[np.ndarray | None, Video, tuple[str, ...]]:
    """Frames (T,) of rows with times, what the times say, and notes.

    If the user gave a rate, rows go to its frames; else each is a frame.

    Args:
        times: (T,) seconds, strictly increasing.
        video: What the user said of it.
        source: The file, for messages and notes.

    Raises:
        ValueError: If a time is far beyond the others.
    """
    if video.rate is not None:
        file_video = Video(start=float(times[0]))
        places = frame_places(times, video.rate)
        if places is not None:
            return from_zero(places.tolist(), 0, source), file_video, ()
        note = (
            f'{source}: its times do not fit {video.rate:g} frames per second '
            'and are not used; each row is a frame'
        )
        return None, file_video, (note,)
    if video.times is not None:
        return None, Video(), ()
    rate = regular_rate(times)
    if rate is None:
        return None, Video(times=times), ()
    return None, Video(rate=rate, start=float(times[0])), ()


def as_scores(scores: np.ndarray, source: Any) -> tuple[Any, tuple[str, ...]]:
    """Scores in [0, 1] of any, and a note if they were something else.

    Logits have values on both sides of [0, 1], or beyond 1; percent none
    below 0, and most well above 1. Flags are 0, 1 and 2, as in COCO.

    >>> as_scores(np.array([0.5, 1.0, -1.0]), 'a.csv')[1]
    ()
    """
    given = scores[np.isfinite(scores) & (scores != -1)]  # -1: no score
    outside = (given < -0.01) | (given > 1.01)
    if not len(given) or outside.mean() <= LOGITS:
        return scores, ()
    if np.isin(given, (0, 1, 2)).all():
        return scores, ()
    shares, notes = from_percent(scores, source)
    if notes:
        return shares, notes
    if given.min() >= 0 and (most := float(given.max())) > LOGIT_LIMIT:
        note = f'{source}: scores are divided by {most:g}, the largest of them'
        return scores / most, (note,)
    with np.errstate(invalid='ignore'):
        shares = 1 / (1 + np.exp(-np.clip(scores, -LOGIT_LIMIT, LOGIT_LIMIT)))
    return shares, (f'{source}: {LOGIT_NOTE}',)
