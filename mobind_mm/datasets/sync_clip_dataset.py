"""Pairs of clips with a known time offset, from any IMUPoseDataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import Compose
from torch.utils.data import Dataset

from ..readers.sync_annotations import read_sync_file
from ..registry import DATASETS
from ..utils.arguments import check_amount, check_choice
from .imu_pose_dataset import IMUPoseDataset, build_recordings
from .sync_matching import EDGES, TIME_ORIGINS, draw_offset, find_clips
from .transforms.base import build_steps
from .windows import label_at


@DATASETS.register_module()
class SyncClipDataset(Dataset):
    """Shift the pose part of every window of a dataset by an offset.

    The windows of ``dataset`` are the IMU windows. The pose window has the
    same length and starts ``offset`` seconds later: ``offset = pose_start -
    imu_start``. The offset depends only on ``seed`` and the clip (take,
    camera and start), not on the order of access, the number of clips or the
    process. It is in the results as ``offset``, for the metric. Each clock
    starts with its own window. But if one clock stamped both streams, gaps
    and jitter still reveal the offset, and the time of the first frame
    reveals it up to whole frames.

    Short takes leave little room: with ``edges='clamp'`` most offsets are
    then at the two limits, so use ``'inside'`` or a smaller ``max_offset``.
    On UTD-MHAD, whose takes last 2 to 6 s, a clip of 1.5 s can move by about
    a second.

    Args:
        dataset: Config of a dataset without pipeline; its ``window_sec``
            and ``stride_sec`` cut the clips (published: 20 s every 5 s).
        max_offset: Largest offset in seconds (published: 7).
        grid: Seconds between the offsets that are drawn (published: 0.1);
            None draws real numbers.
        edges: What happens where the shifted window leaves the entry.
            ``clamp``: it is moved back, as published, which makes offset 0
            frequent for clips at the ends. ``inside``: only offsets that
            fit are drawn. ``beyond``: the window stays, and what was not
            recorded is missing (which reveals the sign of the offset, as in
            recordings that were started together).
        seed: Another seed gives another set of offsets.
        sync_file: A published annotation file, evaluated instead of the
            windows of ``dataset``, see
            :func:`~mobind_mm.readers.sync_annotations.read_sync_file`; for
            how its rows name recordings, see
            :func:`~mobind_mm.datasets.sync_matching.find_clips`. ``grid``
            and ``seed`` are then unused.
        time_unit: Unit of the file's start and end: ``seconds`` or
            ``frames``.
        frame_rate: Frames per second, for ``frames``.
        time_origin: Whether start and end count from time 0 of the
            ``recording`` or from the start of the named ``segment``.
        pipeline: Transforms or their configs.
        lazy_init: Whether to read the annotations only on first use.
        test_mode: For MMEngine; failing samples always raise.

    Raises:
        ValueError: If an argument or a row of ``sync_file`` is invalid.
        TypeError: If ``dataset`` is not an :class:`IMUPoseDataset`.
        FileNotFoundError: If ``sync_file`` does not exist.

    Source: MoBind, synchronisation protocol.
    """

    def __init__(
        self,
        dataset: dict | IMUPoseDataset,
        max_offset: float = 7.0,
        grid: float | None = None,
        edges: str = 'clamp',
        seed: int = 0,
        sync_file: str | None = None,
        time_unit: str | None = None,
        frame_rate: float | None = None,
        time_origin: str = 'recording',
        pipeline: Sequence = (),
        lazy_init: bool = False,
        test_mode: bool = True,
    ) -> None:
        self.max_offset = check_amount('max_offset', max_offset)
        if grid is not None and not grid > 0:
            raise ValueError(f'grid must be > 0 or None, got {grid}.')
        check_choice('edges', edges, EDGES)
        check_choice('time_origin', time_origin, TIME_ORIGINS)
        dataset = build_recordings(dataset)
        if dataset.pipeline.transforms:
            raise ValueError(
                'The pipeline of the inner dataset would be ignored; give '
                'pipeline to SyncClipDataset.'
            )
        self.dataset = dataset
        self.grid, self.edges, self.seed = grid, edges, seed
        self.sync_file, self.time_unit = sync_file, time_unit
        self.frame_rate, self.time_origin = frame_rate, time_origin
        self.pipeline = Compose(build_steps(pipeline))
        self.test_mode = test_mode
        self._clips: list[dict] | None = None
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """Meta information of the inner dataset."""
        return self.dataset.metainfo

    def full_init(self) -> None:
        """Cut the clips, or find those of ``sync_file``."""
        self.dataset.full_init()
        if self.sync_file is not None and self._clips is None:
            rows = read_sync_file(
                self.sync_file, self.time_unit, self.frame_rate
            )
            self._clips = find_clips(
                rows,
                self.dataset,
                self.max_offset,
                self.time_origin,
                self.edges == 'beyond',
            )

    def __len__(self) -> int:
        """Number of clips."""
        self.full_init()
        return len(self.dataset if self._clips is None else self._clips)

    def __getitem__(self, idx: int) -> Any:
        """Run the pipeline on one clip.

        Raises:
            ValueError: If a transform returns None.
        """
        info = self.get_data_info(idx)
        clip = info['clip']
        data = self.pipeline(info)
        if data is None:
            raise ValueError(
                f'The pipeline returned None for clip {clip}. A transform '
                'must return the results or raise.'
            )
        return data

    def get_data_info(self, idx: int) -> dict:
        """What the pipeline starts from.

        Returns:
            The result of :meth:`IMUPoseDataset.get_data_info`, where
            ``window_start`` is that of the pose window, with ``clip`` (id),
            ``offset`` and ``max_offset`` in seconds. ``action`` and
            ``segments`` are those of the IMU window.
        """
        self.full_init()
        if self._clips is None:
            info = self.dataset.get_data_info(idx)
            start, offset = info['window_start'], None
        else:
            row = self._clips[idx]
            info = self.dataset.get_data_info(row['window'])
            start, offset = row['start'], row['offset']
            info['action'] = label_at(
                info['segments'],
                start,
                info['window_sec'],
                info['min_label_overlap'],
            )
        clip = f'{info["take"]}/{info["camera"]}@{start:.6f}'
        if offset is None:
            room = (
                info['entry_start'] - start,
                info['entry_end'] - info['window_sec'] - start,
            )
            offset = draw_offset(
                f'{self.seed}/{clip}',
                room,
                self.max_offset,
                self.grid,
                self.edges,
            )
        info.update(
            sample_idx=int(idx),
            clip=clip,
            offset=offset,
            max_offset=self.max_offset,
            window_start=start + offset,
        )
        return info
