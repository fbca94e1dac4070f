"""The labels of an mRI subject: its frame clock, actions and 2D poses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...recordings import Clock
from ..foreign_values import as_numbers
from ..public import MRI
from ..unpickle import load_pickle

AGAIN = 'Download the original file again.'
FRAME_RATE = 10.0
MAX_FRAMES = int(24 * 3600 * FRAME_RATE)
"""A day. Greater numbers are damage."""
IMU_FRAMES = 'imu_avail_frames'
VIDEO_FRAMES = 'rgb_avail_frames'
CAMERA_FRAMES = {'left': '2d_l_avail_frames', 'right': '2d_r_avail_frames'}
"""Frames of a camera's keypoints, in labels that have them."""
CAMERA_POSES = {'left': 'pose_2d_l', 'right': 'pose_2d_r'}
_PER_FRAME = (*CAMERA_POSES.values(), 'refined_gt_kps')

Pair = tuple[int, int]


@dataclass(frozen=True)
class FrameSet:
    """Frames that a stream has, as one value of the labels lists them.

    Args:
        name: Key of the value, for messages.
        readings: What the value may mean: increasing frames (n,) int64. The
            first counts; only a pair has a second, without its last frame.
        kind: ``list``, ``pair`` (first and last frame) or ``mask``.
        length: Frames of the recording, which only a mask tells.
    """

    name: str
    readings: tuple[np.ndarray, ...]
    kind: str
    length: int = 0

    @property
    def frames(self) -> np.ndarray:
        """The usual reading."""
        return self.readings[0]

    def counted_from(self, first: int) -> FrameSet:
        """Number the frames from 0; a mask always is."""
        if self.kind == 'mask':
            return self
        return replace(
            self, readings=tuple(frames - first for frames in self.readings)
        )


def parse_frames(value: Any, name: str, where: str) -> FrameSet:
    """Parse frames: a list, a pair (first, last), or a mask.

    Two numbers are a pair; booleans, or only zeros and ones, a mask over
    all frames; anything else a list. ``where`` names the file.

    Raises:
        ValueError: If it is none of them.
    """
    where = f'{where}: {name}'
    array = _numbers(value, where)
    size = len(array)
    if size == 2:
        first, last = (int(number) for number in array)
        if last <= first:
            raise ValueError(
                f'{where} is [{first}, {last}], expected [first, last '
                f'frame]. {AGAIN}'
            )
        frames = np.arange(first, last + 1)
        return FrameSet(name, (frames, frames[:-1]), 'pair')
    if np.isin(array, (0, 1)).all():
        return FrameSet(name, (np.flatnonzero(array),), 'mask', size)
    if not (np.diff(array) > 0).all():
        row = int(np.argmin(np.diff(array) > 0))
        raise ValueError(
            f'{where} lists frame {array[row + 1]} after {array[row]}; '
            f'expected increasing frames. {AGAIN}'
        )
    return FrameSet(name, (array,), 'list')


def parse_pair(value: Any, where: str) -> Pair:
    """[first, last frame] of an action; ValueError if it is not."""
    array = _numbers(value, where)
    if len(array) != 2 or array[1] < array[0]:
        raise ValueError(
            f'{where} is {array[:5].tolist()}, expected [first, last frame]. '
            f'{AGAIN}'
        )
    return int(array[0]), int(array[1])


def _numbers(value: Any, where: str) -> np.ndarray:
    """Whole numbers (n,) int64, n > 0, that can be frames."""
    array = as_numbers(value)
    # np.where gives a tuple of one array; columns and rows occur too.
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim != 1 or array.dtype.kind not in 'biuf' or not len(array):
        raise ValueError(
            f'{where} is {array.dtype} of shape {array.shape}, expected a '
            'list of frames, [first, last frame], or a mask over all '
            f'frames. {AGAIN}'
        )
    bad = ~((array >= 0) & (array < MAX_FRAMES))  # NaN too
    if array.dtype.kind == 'f' and not bad.any():
        bad = array != np.floor(array)
    if bad.any():
        raise ValueError(
            f'{where} contains {array[bad][0]}, expected whole frame numbers '
            f'from 0 to {MAX_FRAMES} (a day). {AGAIN}'
        )
    return array.astype(np.int64)


@dataclass(frozen=True)
class Timeline:
    """The frames of a recording, numbered from 0.

    Args:
        first_frame: Number that the labels give to the first frame.
        lengths: How many frames there may be. Usually one number; two if
            only an end is known that may count as a frame or not.
    """

    first_frame: int
    lengths: tuple[int, ...]

    @classmethod
    def infer(
        cls,
        sets: Sequence[FrameSet],
        pairs: Sequence[Pair],
        rows: Iterable[int],
        where: str,
        first_frame: int | None = None,
    ) -> Timeline:
        """Infer the numbering and the length.

        Frames count from 1 only if that is certain: nothing has frame 0, and a
        list ends with the number of all frames. ``rows`` are lengths of arrays
        with a row for some or all frames; ``first_frame`` overrides what would
        be inferred.
        """
        masks = sorted({s.length for s in sets if s.kind == 'mask'})
        if len(masks) > 1:
            raise ValueError(
                f'{where}: masks of {masks} frames, expected one length. '
                f'{AGAIN}'
            )
        longest = max([*rows, *masks], default=0)
        numbered = [s for s in sets if s.kind != 'mask' and len(s.frames)]
        ends = {
            kind: [int(s.frames[-1]) for s in numbered if s.kind == kind]
            for kind in ('list', 'pair')
        }
        if first_frame is None:
            starts = [int(s.frames[0]) for s in numbered]
            starts += [first for first, _ in pairs]
            from_one = min(starts, default=0) >= 1 and longest in ends['list']
            first_frame = int(from_one)
        listed = max(ends['list'], default=-1) - first_frame + 1
        lasts = [*ends['pair'], *(last for _, last in pairs)]
        end = max(lasts, default=-1) - first_frame
        if masks:
            return cls(first_frame, tuple(masks))
        if longest > max(listed - 1, end):
            return cls(first_frame, (longest,))
        if listed > end:
            return cls(first_frame, (listed,))
        return cls(first_frame, (end, end + 1))

    def place(
        self,
        rows: int,
        sets: Sequence[FrameSet],
        where: str,
        start: int | None = None,
        hint: str = '',
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the frames that the rows of a stream belong to.

        There is a row for each frame that the stream has, or for each frame
        of the recording; in that case rows of missing frames mean nothing.

        Args:
            rows: Number of rows.
            sets: Frames that the stream has; one fitting set is enough.
            where: The stream, for messages.
            start: Number of the frame of the first row, if the user knows
                it; then any number of rows will do.
            hint: What to do if nothing fits.

        Returns:
            Frame of each row (rows,), and which rows to keep (rows,).
        """
        frames = None
        if start is not None:
            frames = np.arange(rows) + start - self.first_frame
        elif rows in self.lengths:
            frames = np.arange(rows)
        for frame_set in sets if start is None else ():
            for reading in frame_set.readings:
                if len(reading) == rows:
                    return reading, np.ones(rows, bool)
        if frames is None:
            lists = ' or '.join(f'{len(s.frames)} ({s.name})' for s in sets)
            raise ValueError(
                f'{where} has {rows} frames, but the labels say {lists} or '
                f'{" or ".join(map(str, self.lengths))} (the whole '
                f'recording). {hint}'
            )
        keep = np.isin(frames, sets[0].frames)
        if not keep.any():
            raise ValueError(
                f'{where} has frames {frames[0]} to {frames[-1]} (from 0), '
                f'but {sets[0].name} has none of them. {hint}'
            )
        return frames, keep


def frame_clock(frames: np.ndarray) -> Clock:
    """Clock of increasing frames (n,) from 0; gaps give timestamps."""
    if (np.diff(frames) == 1).all():
        start = float(frames[0] / FRAME_RATE)
        return Clock(len(frames), rate=FRAME_RATE, start=start)
    return Clock(len(frames), times=frames / FRAME_RATE)


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
        """Frame sets of those keys that the file has; at least one."""
        sets = [self.frames[key] for key in keys if key in self.frames]
        if not sets:
            raise ValueError(
                f'{self.path} has no {keys[-1]}, only '
                f'{_names(self.content)}. {AGAIN}'
            )
        return sets


def read_labels(path: Path, first_frame: int | None = None) -> MRILabels:
    """Read ``subject{N}_all_labels.cpl``; nothing in it is executed.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """
    content = load_pickle(path)
    if not isinstance(content, dict):
        raise ValueError(
            f'{path} holds a {type(content).__name__}, expected a dict with '
            f'video_label. {AGAIN}'
        )
    sets = {
        key: parse_frames(content[key], key, str(path))
        for key in (IMU_FRAMES, VIDEO_FRAMES, *CAMERA_FRAMES.values())
        if key in content
    }
    actions = _read_actions(content, path)
    timeline = Timeline.infer(
        [*sets.values()],
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


def _read_actions(content: Mapping, path: Path) -> list[tuple[str, Pair]]:
    """Name and first and last frame of each action, by time."""
    actions = content.get('video_label')
    if not isinstance(actions, dict) or not actions:
        raise ValueError(
            f'{path}: video_label is a {type(actions).__name__}, expected a '
            f'dict of actions; the file has {_names(content)}. {AGAIN}'
        )
    pairs = []
    for name, value in actions.items():
        short = str(name)[:40]
        where = f'{path}: video_label[{short!r}]'
        pairs.append((short, parse_pair(value, where)))
    return sorted(pairs, key=lambda action: action[1])


def _segments(
    actions: Sequence[tuple[str, Pair]], first: int, path: Path
) -> list[dict]:
    """Segments in seconds; the last frame of an action belongs to it.

    The next action may begin in that frame, which is then its own.
    """
    segments = []
    followers = [*actions[1:], (None, (MAX_FRAMES, MAX_FRAMES))]
    for action, (follower, (following, _)) in zip(actions, followers):
        name, (begin, end) = action
        if following < end or following == begin:
            raise ValueError(
                f'{path}: video_label has {name!r} up to frame {end} and '
                f'{follower!r} from frame {following}; actions do not '
                f'overlap. {AGAIN}'
            )
        segments.append(
            {
                'start_s': (begin - first) / FRAME_RATE,
                'end_s': (min(end + 1, following) - first) / FRAME_RATE,
                'label': action_label(name, path),
            }
        )
    return segments


def action_label(name: str, path: Path) -> int:
    """Index of an action in mRI's classes; a second T pose is a T pose."""
    classes = MRI.metainfo['classes']
    plain = re.sub(r'[^a-z0-9]', '', name.lower())
    plain = {'tpose2': 'tpose'}.get(plain, plain)
    for label, known in enumerate(classes):
        if plain == known.replace('_', ''):
            return label
    raise ValueError(
        f'{path}: video_label has the action {name!r}, which mRI does not '
        f'have; it has {list(classes)}. {AGAIN}'
    )


def _begins_before(frames: FrameSet, first: int) -> bool:
    numbers = frames.frames
    return frames.kind != 'mask' and len(numbers) > 0 and numbers[0] < first


def _rows(value: Any) -> int:
    return len(value) if isinstance(value, (list, np.ndarray)) else 0


def _names(content: Mapping) -> list[str]:
    """Keys for a message, few enough for one line."""
    return [str(key)[:40] for key in list(content)[:20]]
