"""Windows of recordings, prepared as a checkpoint was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import nn

from ..datasets import IMUPoseDataset
from ..datasets.io import common_span
from ..evaluation.sync_cases import clip_feats
from ..registry import TRANSFORMS
from ..structures import Recording
from ..synchronization.evidence import clip_seconds
from .model import check_types


@dataclass(frozen=True)
class Preparation:
    """How the config of a model makes windows.

    Args:
        transforms: The test pipeline.
        window_sec: Length of a window in seconds.
        min_label_overlap: Share of a window that gives it a label.
        placements: Limbs in the order of the model.
        imu_channels: Channels of a sensor in the order of the model.
    """

    transforms: Sequence
    window_sec: float
    min_label_overlap: float
    placements: tuple[str, ...]
    imu_channels: tuple[str, ...]

    @classmethod
    def of(cls, cfg: Config, source: str) -> Preparation:
        """Read the test data of a config.

        Args:
            cfg: The config of a model.
            source: Where it comes from, for messages.

        Raises:
            ValueError: If it has no data, or transforms of others.
        """
        leaf = _test_data(cfg)
        if leaf is None:
            raise ValueError(
                f'The config in {source} does not say how its data is '
                'prepared (test_dataloader); pass the config file of the '
                'training as well.'
            )
        check_types(list(leaf['pipeline']), TRANSFORMS, source)
        transforms = [TRANSFORMS.build(step) for step in leaf['pipeline']]
        return cls(
            transforms,
            float(leaf.get('window_sec', 5.0)),
            float(leaf.get('min_label_overlap', 0.5)),
            transforms[-1].placements,
            transforms[-1].imu_channels,
        )


class RecordingWindows(IMUPoseDataset):
    """Windows of recordings that are there already.

    Args:
        takes: Name to the recording and its entry, which may lack all but
            what differs from the whole recording without labels.
        metainfo: ``classes``, if entries have segments.
        **kwargs: Of :class:`IMUPoseDataset`.

    Raises:
        ValueError: If no recording is as long as a window.
    """

    def __init__(
        self,
        takes: Mapping[str, tuple[Mapping, Recording]],
        metainfo: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self._takes = dict(takes)
        super().__init__(metainfo=metainfo, test_mode=True, **kwargs)

    def load_entries(self) -> list[dict]:
        """One entry a recording."""
        entries = []
        for name, (entry, recording) in self._takes.items():
            if {'start_s', 'end_s'} <= entry.keys():
                start, end = entry['start_s'], entry['end_s']
            else:
                start, end = common_span(recording)
            span = dict(start_s=start, end_s=end)
            entries.append({**entry, **span, 'take': name})
        return entries

    def get_recording(self, entry: dict) -> Recording:
        """The recording of an entry."""
        return self._takes[entry['take']][1]

    @property
    def _source(self) -> str:
        return 'The recordings'


class ClipFeatures:
    """What a model says about a clip, for a synchroniser.

    Args:
        model: In evaluation mode.
        preparation: How its windows are made.
        stride_sec: Seconds between the sub-windows of a clip.
    """

    def __init__(
        self, model: nn.Module, preparation: Preparation, stride_sec: float
    ) -> None:
        self.model, self.preparation = model, preparation
        self.stride_sec = stride_sec
        self._pipeline = Compose(list(preparation.transforms))

    def __call__(self, clip: Recording) -> dict[str, np.ndarray] | None:
        """Tokens of a clip.

        Args:
            clip: Streams whose clocks count from the start of the clip.

        Returns:
            What :func:`~mobind_mm.evaluation.sync_cases.clip_feats` gives;
            None if the clip is shorter than a window, or no sensor has the
            channels that the model was trained with.
        """
        seconds = self.stride_sec * int(
            clip_seconds(clip) / self.stride_sec + 1e-6
        )
        imu = {
            placement: stream
            for placement, stream in clip.imu.items()
            if placement in self.preparation.placements
            and set(self.preparation.imu_channels) <= set(stream.channels)
            and stream.clock.num_samples > 1
        }
        if seconds < self.preparation.window_sec - 1e-6 or not imu:
            return None
        sample = self._pipeline(
            window_info(Recording(imu, clip.pose), 0.0, seconds)
        )
        batch = {
            'inputs': {k: v[None] for k, v in sample['inputs'].items()},
            'data_samples': [sample['data_samples']],
        }
        (found,) = self.model.test_step(batch)
        return clip_feats(
            {**found.to_dict(), 'placements': self.preparation.placements}
        )


def window_info(
    recording: Recording, start: float, seconds: float
) -> dict[str, Any]:
    """What a pipeline starts from, for a single window.

    Args:
        recording: The recording.
        start: Start of the window in seconds.
        seconds: Its length.
    """
    names = dict.fromkeys(('subject', 'scene', 'camera'))
    return dict(
        **names,
        sample_idx=0,
        take='recording',
        role='query',
        action=-1,
        segments=[],
        entry_start=start,
        entry_end=start + seconds,
        window_start=start,
        window_sec=seconds,
        min_label_overlap=0.5,
        recording=recording,
    )


def _test_data(node: Any) -> Mapping | None:
    """The first data set of queries with a pipeline in a config."""
    if isinstance(node, Config):
        node = node.get('test_dataloader')
    if isinstance(node, (list, tuple)):
        found = [_test_data(child) for child in node]
    elif isinstance(node, Mapping):
        if node.get('pipeline') and node.get('role', 'query') == 'query':
            return node
        found = [_test_data(child) for child in node.values()]
    else:
        return None
    return next(filter(None, found), None)
