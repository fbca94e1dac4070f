"""Skeletons of many recordings in one table, cut a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...recordings import PoseStream
from ...recordings.schema import check_keypoint_values
from ..transforms import PackIMUPose, ResamplePose
from ..transforms.pose import fill, neighbours
from .streams import SourceStream, StreamTable


class PoseTable:
    """Keypoints, bridged over time, and which of them are known.

    Args:
        poses: Streams, and the names of their takes.
        resample: The transform whose results windows have.
        pack: Names the limbs.
        limbs_only: Whether the keypoints of no limb are left out.

    Raises:
        ValueError: If the skeletons have several layouts.
    """

    def __init__(
        self,
        poses: Sequence[tuple[PoseStream, str]],
        resample: ResamplePose,
        pack: PackIMUPose,
        limbs_only: bool,
    ) -> None:
        self.resample = resample
        self.layout = poses[0][0].layout if poses else None
        self._index_limbs(pack)
        streams, before, after, times, sizes = [], [], [], [], []
        for stream, take in poses:
            if stream.layout != self.layout:
                raise ValueError(
                    f'A BatchedDataset has one skeleton layout; take {take!r} '
                    f'has {stream.layout!r}, others {self.layout!r}.'
                )
            keypoints = np.asarray(stream.keypoints, np.float32)
            scores = np.asarray(stream.scores, np.float32)
            at = stream.clock.at()
            check_keypoint_values(keypoints, scores, at, f'take {take!r}')
            keypoints = np.nan_to_num(keypoints, posinf=0, neginf=0)
            seen = neighbours(scores > resample.score_thr)
            keypoints = fill(keypoints, at, *seen)
            if limbs_only:
                keypoints = keypoints[:, self.kept]
                seen = (seen[0][:, self.kept], seen[1][:, self.kept])
            # x of all keypoints, then y.
            values = keypoints.transpose(0, 2, 1).reshape(len(at), -1)
            streams.append(SourceStream.of(values, stream.clock))
            before.append(seen[0])
            after.append(seen[1])
            times.append(at)
            sizes.append(stream.img_shape[::-1])
        self.table = StreamTable(streams) if streams else None
        self.before, self.after, self.times = before, after, times
        # Keypoints that are there in every frame or in none, as most are,
        # need no search.
        self.ever = np.array([(first >= 0).any(axis=0) for first in before])
        self.steady = np.array(
            [
                stream.clock.times is None
                and bool(
                    (first == np.arange(len(first))[:, None])[:, ever].all()
                )
                for first, ever, (stream, _) in zip(before, self.ever, poses)
            ]
        )
        self.sizes = np.array([*sizes, (1, 1)], np.float32)

    def _index_limbs(self, pack: PackIMUPose) -> None:
        """Keypoints of the limbs, and their numbers (S, 3) among these."""
        self.kept = np.zeros(0, int)
        self.limbs = np.zeros((len(pack.limbs), 3), int)
        self.has_limb = np.ones(len(pack.limbs), dtype=bool)
        if self.layout is not None:
            index, self.has_limb = pack.find_limbs(self.layout)
            self.kept = np.unique(index)
            self.limbs = np.searchsorted(self.kept, index)

    def cut(
        self,
        rows: np.ndarray,
        start: np.ndarray,
        speed: np.ndarray,
        window_sec: float,
    ) -> dict[str, Any]:
        """What a :class:`.WindowBatch` has of skeletons.

        Args:
            rows: (B,) numbers of the streams, -1 for none.
            start: (B,) seconds on the clock of each.
            speed: (B,) seconds of the stream per second of the window.
            window_sec: Length of a window.
        """
        there, rate = rows >= 0, self.resample.rate
        count = round(window_sec * rate)
        num = 0 if self.layout is None else self.before[0].shape[1]
        points = np.zeros((len(rows), 2, num, count), np.float32)
        known = np.zeros((len(rows), num, count), bool)
        if there.any():
            assert self.table is not None  # a row is one of them
            at = (rows[there], start[there], speed[there], count)
            values = self.table.resample(*at, rate)
            values = values.reshape(-1, count, 2, num)
            points[there] = values.transpose(0, 2, 3, 1)
            known[there] = self._known(self.table, *at)
        return dict(
            keypoints=points,
            keypoint_mask=known,
            has_pose=there,
            img_size=self.sizes[rows],
            layout=self.layout,
            pose_rate=rate,
        )

    def _known(
        self,
        table: StreamTable,
        rows: np.ndarray,
        start: np.ndarray,
        speed: np.ndarray,
        count: int,
    ) -> np.ndarray:
        """Which keypoints (R, K, T) are known, as ``ResamplePose`` has it."""
        steps = np.arange(count) / self.resample.rate
        first, rate = table.first[rows], table.rate[rows] * speed
        before = ((first - start) / speed)[:, None]
        last = before + ((table.length[rows] - 1) / rate)[:, None]
        slack = (0.5 / rate + 1e-9)[:, None]
        inside = (steps >= before - slack) & (steps <= last + slack)
        known = inside[:, None] & self.ever[rows][..., None]
        for number in np.flatnonzero(~self.steady[rows]):
            row = rows[number]
            times = (self.times[row] - start[number]) / speed[number]
            meta = dict(times=times, rate=rate[number])
            seen = (self.before[row], self.after[row])
            known[number] = self.resample.known_at(meta, steps, *seen).T
        return known
