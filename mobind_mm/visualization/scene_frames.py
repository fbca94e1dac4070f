"""Frames of a data set in the form that the skeleton picture draws."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from torch.utils.data import Dataset

from .skeleton import WORN_AT


def scene_frames(dataset: Dataset, limit: int = 2) -> dict[str, dict]:
    """Middle frames of windows in which most people are seen together.

    Args:
        dataset: Windows whose ``get_data_info`` tells ``recording``, or
            data sets of that kind, wrapped or concatenated. Reference
            windows (``role='gallery'``) are passed over.
        limit: Most frames, each of another scene.

    Returns:
        Name of the scene to the arguments of ``draw_skeleton``; nothing
        from a data set of another kind, and no frame without a visible
        keypoint. Sensors that the picture has no place for are left out.
    """
    scenes: dict[tuple, list[tuple]] = defaultdict(list)
    for part in _windows(dataset):
        for index in range(len(part)):
            info = part.get_data_info(index)
            if info['recording'].pose is None:
                continue
            at = round(info['window_start'], 3)
            scenes[info['scene'], info['camera'], at].append((part, index))
    frames: dict[str, dict] = {}
    # Stable: the earliest window of the fullest scenes.
    for (scene, *_), members in sorted(
        scenes.items(), key=lambda item: -len(item[1])
    ):
        if len(frames) == limit:
            break
        if scene not in frames:
            frame = _frame(scene, members)
            if any(_visible(person) for person in frame['people']):
                frames[scene] = frame
    return frames


def _windows(dataset: Dataset) -> list[Dataset]:
    """Data sets of windows inside wrappers, without reference windows."""
    inner = getattr(dataset, 'datasets', None)
    if inner is None and hasattr(dataset, 'dataset'):
        inner = [dataset.dataset]
    if inner is not None:
        return [found for part in inner for found in _windows(part)]
    known = hasattr(dataset, 'get_recording') and dataset.role != 'gallery'
    return [dataset] if known else []


def _frame(name: str, members: list[tuple]) -> dict:
    """One frame of several people."""
    people = []
    for dataset, index in members:
        info = dataset.get_data_info(index)
        recording = info['recording']
        pose = recording.pose
        time = info['window_start'] + info['window_sec'] / 2
        near = pose.clock.between(time - 0.5, time + 0.5)
        if near.stop == near.start:
            continue
        keypoints = np.asarray(pose.keypoints[near])
        scores = np.asarray(pose.scores[near])
        distance = np.abs(pose.clock.at(near) - time)
        best = int(distance.argmin())
        people.append(
            dict(
                keypoints=keypoints[best],
                scores=scores[best],
                sensors=[s for s in recording.imu if s in WORN_AT],
                name=info['subject'] or info['take'],
            )
        )
    return dict(
        people=people,
        layout=pose.layout,
        img_shape=pose.img_shape,
        title=f'{name} at {time:.1f} s',
    )


def _visible(person: dict) -> bool:
    """Whether a person has a keypoint to draw."""
    seen = np.isfinite(person['keypoints']).all(axis=1)
    return bool((seen & (person['scores'] > 0)).any())
