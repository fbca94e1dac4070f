"""Read ``subject{N}_all_labels.cpl`` of mRI: frames, actions, 2D poses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..public import MRI
from ..restricted_pickle import load_pickle
from .frames import FRAME_RATE, FrameSet, parse_frames, parse_pair
from .timeline import Timeline

IMU_FRAMES = 'imu_avail_frames'
VIDEO_FRAMES = 'rgb_avail_frames'
CAMERA_FRAMES = {'left': '2d_l_avail_frames', 'right': '2d_r_avail_frames'}
"""Frames of a camera's keypoints, in labels that have them."""
CAMERA_POSES = {'left': 'pose_2d_l', 'right': 'pose_2d_r'}
_PER_FRAME = (*CAMERA_POSES.values(), 'refined_gt_kps')
_AGAIN = 'Get the original file again.'


@dataclass(frozen=True)
class MRILabels:
    """What the labels of one subject say.

    Args:
        path: The file.
        timeline: Its frame clock.
        frames: Frames by key of the file.
        segments: ``start_s``, ``end_s`` and ``label`` in the order of time.
        content: The file's dict.
    """

    path: Path
    timeline: Timeline
    frames: Mapping[str, FrameSet]
    segments: list[dict]
    content: Mapping[str, Any]

    def frame_sets(self, *keys: str) -> list[FrameSet]:
        """Frame sets of those keys that the file has.

        Raises:
            ValueError: If it has none.
        """
        found = [self.frames[key] for key in keys if key in self.frames]
        if not found:
            raise ValueError(
                f'{self.path} has no {keys[-1]}, only '
                f'{_names(self.content)}. {_AGAIN}'
            )
        return found


def read_labels(path: Path, first_frame: int | None = None) -> MRILabels:
    """Read a labels file; nothing in it is executed.

    Args:
        path: ``subject{N}_all_labels.cpl``, a pickle.
        first_frame: Number of the first frame, 0 or 1; None finds it out.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """
    content = load_pickle(path)
    if not isinstance(content, dict):
        raise ValueError(
            f'{path} holds a {type(content).__name__}, expected a dict with '
            f'video_label. {_AGAIN}'
        )
    keys = (IMU_FRAMES, VIDEO_FRAMES, *CAMERA_FRAMES.values())
    sets = {
        key: parse_frames(content[key], key, str(path))
        for key in keys
        if key in content
    }
    actions = _read_actions(content, path)
    timeline = Timeline.infer(
        sets.values(),
        [pair for _, pair in actions],
        [_rows(content.get(key)) for key in _PER_FRAME],
        str(path),
        first_frame,
    )
    first = timeline.first_frame
    before = [s.name for s in sets.values() if _begins_before(s, first)]
    before += [name for name, pair in actions if pair[0] < first]
    if before:
        raise ValueError(
            f'{path}: {before[0]} begins at frame 0, before the first frame '
            f'{first}. Use --first-frame 0.'
        )
    sets = {key: value.counted_from(first) for key, value in sets.items()}
    segments = _segments(actions, first, path)
    return MRILabels(path, timeline, sets, segments, content)


def _read_actions(
    content: Mapping, path: Path
) -> list[tuple[str, tuple[int, int]]]:
    """Name and first and last frame of each action, by time."""
    actions = content.get('video_label')
    if not isinstance(actions, dict) or not actions:
        raise ValueError(
            f'{path}: video_label is a {type(actions).__name__}, expected a '
            f'dict of actions; the file has {_names(content)}. {_AGAIN}'
        )
    found = [
        (
            str(name)[:40],
            parse_pair(value, f'{path}: video_label[{str(name)[:40]!r}]'),
        )
        for name, value in actions.items()
    ]
    return sorted(found, key=lambda action: action[1])


def _segments(
    actions: list[tuple[str, tuple[int, int]]], first: int, path: Path
) -> list[dict]:
    """Segments in seconds; the last frame of an action belongs to it.

    The next action may begin in that frame, which is then its own.
    """
    segments = []
    for i, (name, (begin, end)) in enumerate(actions):
        stop = end + 1
        if i + 1 < len(actions):
            follower, (following, _) = actions[i + 1]
            if following < end or following == begin:
                raise ValueError(
                    f'{path}: video_label has {name!r} up to frame {end} and '
                    f'{follower!r} from frame {following}; actions do not '
                    f'overlap. {_AGAIN}'
                )
            stop = min(stop, following)
        segments.append(
            {
                'start_s': (begin - first) / FRAME_RATE,
                'end_s': (stop - first) / FRAME_RATE,
                'label': action_label(name, path),
            }
        )
    return segments


def action_label(name: str, path: Path) -> int:
    """Index of an action in mRI's classes; a second T pose is a T pose.

    Raises:
        ValueError: If mRI has no such action.
    """
    classes = MRI.metainfo['classes']
    plain = re.sub(r'[^a-z0-9]', '', name.lower())
    plain = {'tpose2': 'tpose'}.get(plain, plain)
    for label, known in enumerate(classes):
        if plain == known.replace('_', ''):
            return label
    raise ValueError(
        f'{path}: video_label has the action {name!r}, which mRI has not; it '
        f'has {list(classes)}. {_AGAIN}'
    )


def _begins_before(frames: FrameSet, first: int) -> bool:
    numbers = frames.frames
    return frames.kind != 'mask' and len(numbers) > 0 and numbers[0] < first


def _rows(value: Any) -> int:
    return len(value) if isinstance(value, (list, np.ndarray)) else 0


def _names(content: Mapping) -> list[str]:
    """Keys for a message, few enough for one line."""
    return [str(key)[:40] for key in list(content)[:20]]
