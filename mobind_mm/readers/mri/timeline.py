"""The frame clock of an mRI recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...recordings import Clock
from .frames import FRAME_RATE, FrameSet


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
        sets: Iterable[FrameSet],
        pairs: Iterable[tuple[int, int]],
        rows: Iterable[int],
        where: str,
        first_frame: int | None = None,
    ) -> Timeline:
        """Find the numbering and the length out.

        Frames count from 1 only if that is certain: nothing has frame 0,
        and a list ends with the number of all frames.

        Args:
            sets: All frame sets of the labels.
            pairs: First and last frame of the actions.
            rows: Lengths of arrays with a row for some or all frames.
            where: File, for messages.
            first_frame: Overrides what would be found.

        Raises:
            ValueError: If masks have different lengths.
        """
        sets, pairs = list(sets), list(pairs)
        masks = sorted({s.length for s in sets if s.kind == 'mask'})
        if len(masks) > 1:
            raise ValueError(
                f'{where}: masks of {masks} frames, expected one length. Get '
                'the original file again.'
            )
        longest = max([*rows, *masks], default=0)
        numbered = [s for s in sets if s.kind != 'mask' and len(s.frames)]
        certain = [int(s.frames[-1]) for s in numbered if s.kind == 'list']
        ends = [int(s.frames[-1]) for s in numbered if s.kind == 'pair']
        ends += [last for _, last in pairs]
        if first_frame is None:
            starts = [int(s.frames[0]) for s in numbered]
            starts += [first for first, _ in pairs]
            from_one = min(starts, default=0) >= 1 and longest in certain
            first_frame = int(from_one)
        certain = max(certain, default=-1) - first_frame + 1
        end = max(ends, default=-1) - first_frame
        if masks:
            return cls(first_frame, tuple(masks))
        if longest > max(certain - 1, end):
            return cls(first_frame, (longest,))
        if certain > end:
            return cls(first_frame, (certain,))
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
        of the recording; then rows of frames that it lacks mean nothing.

        Args:
            rows: Number of rows.
            sets: Frames that the stream has; one fitting set is enough.
            where: The stream, for messages.
            start: Number of the frame of the first row, where the user
                knows it; any number of rows will then do.
            hint: What to do if nothing fits.

        Returns:
            Frame of each row (rows,), and which rows to keep (rows,).

        Raises:
            ValueError: If the number of rows fits nothing.
        """
        frames = None
        if start is not None:
            frames = np.arange(rows) + start - self.first_frame
        elif rows in self.lengths:
            frames = np.arange(rows)
        for found in sets if start is None else ():
            for reading in found.readings:
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
