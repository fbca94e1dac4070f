"""Windows of IMU and skeleton recordings: the base class of all datasets."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from torch.utils.data import Dataset

from ..recordings import (
    Recording,
    check_covered,
    check_entry,
    read_annotations,
    read_imu,
    read_pose,
)
from ..registry import DATASETS
from ..utils.arguments import check_choice, check_rate
from .transforms.base import build_steps
from .windows import ANCHORS, label_at, window_starts

ROLES = ('query', 'gallery')

_LONG_SEC = 3600.0
"""Entries this long are compared with their streams before they are cut: an
``end_s`` that is a date would give millions of windows."""


@DATASETS.register_module()
class IMUPoseDataset(BaseDataset):
    """Cut recordings into windows at load time.

    A dataset directory holds ``annotations/*.json``, ``imu/*.safetensors``
    and ``pose/*.safetensors``, see :mod:`mobind_mm.recordings`. A subclass
    with another source overrides :meth:`load_entries` and
    :meth:`get_recording` and inherits the windowing.

    ``filter_cfg=dict(labelled=True)`` drops windows without an action,
    ``filter_cfg=dict(subjects=['1', '3'])`` keeps those of these subjects.

    Args:
        ann_file: Annotation file, absolute or relative to ``data_root``.
        data_root: Dataset directory.
        window_sec: Length of a window in seconds.
        stride_sec: Seconds between window starts in an entry, or None for
            one window per segment, centred in it (one per entry if it has
            no segments).
        anchor: ``entry`` counts strides from the start of each entry;
            ``clock`` from second 0 of the clock that the people of a scene
            share, so that their windows coincide, as localisation needs.
        min_label_overlap: Fraction of a window that a labelled segment must
            cover to give the window its label, in (0, 1].
        role: ``query`` or ``gallery``; travels with each sample.
        pipeline: Transforms or their configs.
        metainfo: Overrides the meta information of the annotation file.
        **kwargs: ``test_mode``, ``indices``, ``lazy_init``,
            ``serialize_data`` and ``filter_cfg`` of MMEngine's
            ``BaseDataset``.

    Raises:
        ValueError: If an argument or an entry is invalid, or no recording
            is as long as a window.
        FileNotFoundError: If the data has not been prepared.

    Example:
        >>> import numpy as np
        >>> from mobind_mm.recordings import Clock, Recording, SensorStream
        >>> class Still(IMUPoseDataset):
        ...     def load_entries(self):
        ...         return [dict(take='nap', start_s=0.0, end_s=60.0)]
        ...
        ...     def get_recording(self, entry):
        ...         acc = np.tile(np.float32([0, 0, 9.8]), (6000, 1))
        ...         sensor = SensorStream(Clock(6000, rate=100), {'acc': acc})
        ...         return Recording({'head': sensor})
        >>> dataset = Still(
        ...     window_sec=5.0,
        ...     stride_sec=10.0,
        ...     pipeline=[dict(type='LoadWindow', margin_sec=0.0)],
        ... )
        >>> len(dataset), dataset[3]['window_start']
        (6, 30.0)
    """

    CONVERTER: ClassVar[str] = 'mobind convert tables'
    """The command that prepares the data, for error messages."""
    SOURCE: ClassVar[str] = 'your own tables, see docs/own_data.md'
    """Where the data comes from, for error messages."""

    def __init__(
        self,
        ann_file: str = '',
        data_root: str = '',
        window_sec: float = 5.0,
        stride_sec: float | None = 2.0,
        min_label_overlap: float = 0.5,
        role: str = 'query',
        pipeline: Sequence = (),
        metainfo: dict | None = None,
        anchor: str = 'entry',
        **kwargs: Any,
    ) -> None:
        self.window_sec = check_rate('window_sec', window_sec)
        if stride_sec is not None and not stride_sec > 0:
            raise ValueError(
                f'stride_sec must be > 0, or None for one window per segment, '
                f'got {stride_sec}.'
            )
        if anchor not in ANCHORS or (anchor == 'clock' and stride_sec is None):
            raise ValueError(
                f'anchor must be one of {ANCHORS}, and needs a stride_sec to '
                f'be the clock; got anchor={anchor!r}, stride_sec='
                f'{stride_sec}.'
            )
        if not 0 < min_label_overlap <= 1:
            raise ValueError(
                f'min_label_overlap must be in (0, 1], got '
                f'{min_label_overlap}.'
            )
        self.stride_sec = stride_sec
        self.anchor = anchor
        self.min_label_overlap = min_label_overlap
        self.role = check_choice('role', role, ROLES)
        kwargs.setdefault('data_prefix', {})
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            pipeline=build_steps(pipeline),
            **kwargs,
        )

    def load_entries(self) -> list[dict]:
        """Entries of the dataset, one per take and camera.

        Fills in ``metainfo`` where the class and the arguments leave it open.
        """
        if not self.ann_file:
            raise ValueError(
                f'{type(self).__name__} needs ann_file, e.g. '
                "'annotations/train.json' (relative to data_root)."
            )
        for path in filter(None, (self.data_root, self.ann_file)):
            if not Path(path).exists():
                raise FileNotFoundError(
                    f'{path} does not exist. Prepare the data with '
                    f'`{self.CONVERTER}` (source: {self.SOURCE}) or as '
                    'described in docs/data.md, or set data_root and ann_file.'
                )
        metainfo, entries = read_annotations(self.ann_file)
        self._check_dataset(metainfo)
        for key, value in metainfo.items():
            self._metainfo.setdefault(key, value)
        num_classes = len(self._metainfo.get('classes', ()))
        for number, entry in enumerate(entries):
            check_entry(entry, f'{self._source}: entry {number}', num_classes)
        return entries

    def _check_dataset(self, metainfo: dict) -> None:
        """Reject annotations of a dataset that the class is not for."""
        for key in ('dataset_name', 'classes'):
            expected, value = self.METAINFO.get(key), metainfo.get(key)
            if isinstance(expected, tuple):  # JSON has no tuples
                expected = list(expected)
            if None not in (expected, value) and expected != value:
                raise ValueError(
                    f'{self.ann_file}: {key} is {value!r}, but '
                    f'{type(self).__name__} is for {expected!r}. Use the '
                    'class of that dataset, or IMUPoseDataset for any.'
                )

    def get_recording(self, entry: dict) -> Recording:
        """Recording of an entry; its arrays are read when sliced."""
        root = self.data_root or ''
        if lacking := {'imu', 'pose'} - entry.keys():
            raise ValueError(
                f'{self.ann_file}: take {entry["take"]!r} needs '
                f'{sorted(lacking)}: the path of a file relative to '
                'data_root, or null if there is none.'
            )
        imu, pose = entry['imu'], entry['pose']
        recording = Recording(
            imu=read_imu(os.path.join(root, imu)) if imu else {},
            pose=read_pose(os.path.join(root, pose)) if pose else None,
        )
        check_covered(entry, recording, str(self._source))
        return recording

    def load_data_list(self) -> list[dict]:
        """Cut every entry into windows (``entry``, ``window_start``)."""
        entries = self.load_entries()
        if not entries:
            raise ValueError(f'{self._source}: no entries in data_list.')
        windows, skipped = [], []
        for entry in entries:
            if entry['end_s'] - entry['start_s'] > _LONG_SEC:
                self.get_recording(entry)  # checks that it is so long
            starts = window_starts(
                entry, self.window_sec, self.stride_sec, self.anchor
            )
            if not starts:
                skipped.append(entry)
            windows += [dict(entry=entry, window_start=t) for t in starts]
        self._report_skipped(skipped, len(entries))
        return windows

    def filter_data(self) -> list[dict]:
        """Apply ``filter_cfg``.

        Raises:
            ValueError: If a key is unknown, a subject is not in the data,
                or nothing is left.
        """
        cfg = dict(self.filter_cfg or {})
        labelled = cfg.pop('labelled', False)
        subjects = cfg.pop('subjects', None)
        if cfg:
            raise ValueError(
                "filter_cfg has the keys 'labelled' and 'subjects', got "
                f'{sorted(cfg)}.'
            )
        kept = self.data_list
        if subjects is not None:
            kept = self._of_subjects(kept, subjects)
        if not labelled:
            return kept
        kept = [w for w in kept if self._label(w) >= 0]
        if not kept:
            raise ValueError(
                f'{self._source}: filter_cfg keeps labelled windows only, '
                f'and none of {len(self.data_list)} has a segment that '
                f'covers min_label_overlap={self.min_label_overlap} of it.'
            )
        return kept

    def _of_subjects(self, windows: list[dict], subjects: Sequence) -> list:
        """Windows of some subjects, given as strings or numbers."""
        wanted = {str(subject) for subject in subjects}
        known = {str(window['entry'].get('subject')) for window in windows}
        if not wanted or not wanted <= known:
            raise ValueError(
                f'{self._source}: filter_cfg has subjects='
                f'{sorted(wanted)}; choose among {sorted(known)}.'
            )
        return [w for w in windows if str(w['entry'].get('subject')) in wanted]

    def get_data_info(self, idx: int) -> dict:
        """What the pipeline starts from.

        Returns:
            ``sample_idx``, ``take``, ``subject``, ``scene``, ``camera``,
            ``role``, ``action`` (-1: none), ``segments``, ``entry_start``,
            ``entry_end``, ``window_start`` and ``window_sec`` in seconds,
            ``min_label_overlap`` and the lazily read ``recording``.
        """
        entry, info = self.window_info(idx)
        return dict(info, recording=self.get_recording(entry))

    def window_info(self, idx: int) -> tuple[dict, dict]:
        """Entry of a window, and all of its data info but the recording."""
        window = super().get_data_info(idx)
        entry = window['entry']
        info = dict(
            sample_idx=window['sample_idx'],
            take=entry['take'],
            subject=entry.get('subject'),
            scene=entry.get('scene', entry['take']),
            camera=entry.get('camera'),
            role=self.role,
            action=self._label(window),
            segments=entry.get('segments') or [],
            entry_start=entry['start_s'],
            entry_end=entry['end_s'],
            window_start=window['window_start'],
            window_sec=self.window_sec,
            min_label_overlap=self.min_label_overlap,
        )
        return entry, info

    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of a window, for ``ClassBalancedDataset``."""
        return [self._label(super().get_data_info(idx))]

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on one window.

        Raises:
            ValueError: If a transform returns None, instead of silently
                substituting another window.
        """
        data = super().prepare_data(idx)
        if data is None:
            window = super().get_data_info(idx)
            raise ValueError(
                f'The pipeline returned None for window {idx} (take '
                f'{window["entry"]["take"]!r} at {window["window_start"]} '
                's). A transform must return the results or raise.'
            )
        return data

    @property
    def _source(self) -> str:
        """The annotation file, or the class if there is none."""
        return str(self.ann_file or type(self).__name__)

    def _label(self, window: dict) -> int:
        return label_at(
            window['entry'].get('segments') or (),
            window['window_start'],
            self.window_sec,
            self.min_label_overlap,
        )

    def _report_skipped(self, skipped: list[dict], num_entries: int) -> None:
        """Warn about entries that are too short; raise if all of them are."""
        if not skipped:
            return
        longest = max(skipped, key=lambda e: e['end_s'] - e['start_s'])
        seconds = longest['end_s'] - longest['start_s']
        grid = ''
        if self.anchor == 'clock':
            grid = f' at a multiple of stride_sec={self.stride_sec}'
        if len(skipped) == num_entries:
            raise ValueError(
                f'window_sec={self.window_sec}{grid} is longer than every '
                f'recording: the longest, take {longest["take"]!r}, has '
                f'{seconds:.3f} s. Choose a shorter window.'
            )
        print_log(
            f'{type(self).__name__}: {len(skipped)} of {num_entries} '
            f'recordings are shorter than window_sec={self.window_sec}{grid} '
            f'and give no window (the longest of them: {longest["take"]!r}, '
            f'{seconds:.3f} s).',
            logger='current',
            level=logging.WARNING,
        )


def build_recordings(dataset: dict | IMUPoseDataset) -> IMUPoseDataset:
    """Build the dataset that another one wraps, without reading it.

    Raises:
        TypeError: If it is not an :class:`IMUPoseDataset`.
    """
    if isinstance(dataset, dict):
        dataset = DATASETS.build(dict(dataset, lazy_init=True))
    if not isinstance(dataset, IMUPoseDataset):
        raise TypeError(
            'dataset must be an IMUPoseDataset or a subclass, got '
            f'{type(dataset).__name__}. Wrap each part of a ConcatDataset '
            'instead.'
        )
    return dataset


class WrappedRecordings(Dataset):
    """Windows of a dataset of recordings, made in another way.

    ``dataset`` is an :class:`IMUPoseDataset`, or the config of one.
    """

    def __init__(self, dataset: dict | IMUPoseDataset) -> None:
        self.dataset = build_recordings(dataset)

    @property
    def metainfo(self) -> dict:
        """Meta information of the wrapped dataset."""
        return self.dataset.metainfo

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.dataset)

    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of a window, for ``ClassBalancedDataset``."""
        return self.dataset.get_cat_ids(idx)
