"""Windows of recordings, prepared as a checkpoint was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from ..datasets.imu_pose_dataset import IMUPoseDataset
from ..recordings import Recording, common_span
from ..recordings.schema import is_number
from ..registry import TRANSFORMS
from ..skeleton import get_limb
from ..synchronization.clips import clip_feats
from ..utils.checkpoint import building
from ..utils.errors import show
from .fitting import fit_channels, match_limbs
from .model import check_types

_EPS = 1e-6
_LONGEST_SEC = 86_400.0
_CLIP_KEYS = (
    'imu_embedding', 'imu_tokens', 'imu_mask', 'pose_embedding', 'pose_tokens',
    'pose_mask', 'pose_token_mask',
)  # fmt: skip


@dataclass(frozen=True)
class Preparation:
    """How the config of a model makes windows.

    Args:
        transforms: The test pipeline.
        window_sec: Length of a window in seconds.
        min_label_overlap: Share of a window that gives it a label.
        placements: Limbs in the order of the model.
        imu_channels: Channels of a sensor in the order of the model.
        shortest_sec: Length of the shortest windows that the model takes;
            None: it takes windows of ``window_sec`` only.
        token_sec: Seconds of a token: windows are a whole number of them.
    """

    transforms: Sequence
    window_sec: float
    min_label_overlap: float
    placements: tuple[str, ...]
    imu_channels: tuple[str, ...]
    shortest_sec: float | None = None
    token_sec: float = 0.2

    @classmethod
    def of(cls, cfg: Config, source: str, model: Any = None) -> Preparation:
        """Read the test data of a config.

        Raises:
            ValueError: If it has no data, or transforms of other packages.
        """
        leaf = query_data(cfg)
        if leaf is None:
            raise ValueError(
                f'The config in {source} does not say how its data is '
                'prepared (test_dataloader); pass the config file of the '
                'training as well.'
            )
        with building(source, 'test pipeline'):
            steps = list(leaf['pipeline'])
            check_types(steps, TRANSFORMS, source)
            transforms = [TRANSFORMS.build(step) for step in steps]
            numbers = [
                leaf.get(key, usual)
                for key, usual in (
                    ('window_sec', 5.0),
                    ('min_label_overlap', 0.5),
                )
            ]
            for number in numbers:
                if not is_number(number) or not 0 <= number <= _LONGEST_SEC:
                    raise TypeError(f'{show(number)} is not a length or share')
            placements = [*transforms[-1].placements]
            for name in placements:
                get_limb(name)
            return cls(
                transforms,
                float(numbers[0]),
                float(numbers[1]),
                tuple(placements),
                tuple(transforms[-1].imu_channels),
                getattr(model, 'shortest_sec', None),
                getattr(model, 'token_sec', 0.2),
            )

    def window_for(self, seconds: float) -> float:
        """The longest window that a recording of some seconds holds.

        At most ``window_sec``; 0 if the model takes none so short.
        """
        if seconds >= self.window_sec - _EPS:
            return self.window_sec
        if self.shortest_sec is None or seconds < self.shortest_sec - _EPS:
            return 0.0
        return round(int(seconds / self.token_sec + _EPS) * self.token_sec, 6)


class RecordingWindows(IMUPoseDataset):
    """Windows of recordings in memory.

    Args:
        takes: Name to entry and recording. An entry needs only what differs
            from the whole recording without labels.
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
        """One entry per recording."""
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
    """Features of a clip, as a synchroniser asks for them.

    Sensors and skeleton are each encoded where they have data: in a short
    recording, the margins of a clip have no sensors, and the skeleton is seen
    only in the middle. ``stride_sec`` lies between the sub-windows of a clip.
    """

    def __init__(
        self, model: Any, preparation: Preparation, stride_sec: float
    ) -> None:
        self.model, self.preparation = model, preparation
        self.stride_sec = stride_sec
        self.answered = 0
        """Number of clips that had features."""
        self._pipeline = Compose(list(preparation.transforms))

    def __call__(self, clip: Recording) -> dict[str, np.ndarray] | None:
        """Embeddings and tokens of a clip.

        Returns:
            ``imu_embedding`` and ``pose_embedding``, ``imu_tokens`` and
            ``pose_tokens`` (W, S, N, D), ``imu_mask`` and ``pose_mask``
            (W, S), ``pose_token_mask`` (W, S, N), ``window_starts`` (W,)
            seconds and ``placements``, where a sensor that stands for a
            limb of the model has its own name; windows without data are
            masked. None if either modality is shorter than the shortest
            window of the model, or no sensor has the channels that the
            model was trained with.
        """
        limbs = self.preparation.placements
        imu, _ = fit_channels(
            {n: s for n, s in clip.imu.items() if s.clock.num_samples > 1},
            self.preparation.imu_channels,
        )
        served = {
            limb: name
            for name, limb in match_limbs(imu, limbs).items()
            if limb is not None
        }
        if not served or clip.pose is None or clip.pose.clock.num_samples < 2:
            return None
        sides = (
            Recording({limb: imu[name] for limb, name in served.items()}),
            Recording(pose=clip.pose),
        )
        spans = [self._steps(streams) for streams in sides]
        shortest = min(count for _, count in spans) * self.stride_sec
        window_sec = self.preparation.window_for(shortest)
        if not window_sec:
            return None
        of_imu, of_pose = (
            self._encode(streams, *span, window_sec)
            for streams, span in zip(sides, spans)
        )
        length = max(
            first + len(part['window_starts'])
            for first, part in (of_imu, of_pose)
        )
        feats: dict = {
            'window_starts': np.arange(length) * self.stride_sec,
            'placements': tuple(served.get(limb, limb) for limb in limbs),
        }
        for key in _CLIP_KEYS:
            first, part = of_imu if key.startswith('imu') else of_pose
            shape = (length, *part[key].shape[1:])
            feats[key] = np.zeros(shape, part[key].dtype)
            feats[key][first : first + len(part[key])] = part[key]
        self.answered += 1
        return feats

    def _steps(self, streams: Recording) -> tuple[int, int]:
        """First stride at which there is data, and for how many there is."""
        clocks = [stream.clock for stream in streams.imu.values()]
        clocks += [] if streams.pose is None else [streams.pose.clock]
        begin = min(clock.span[0] for clock in clocks)
        end = max(c.span[1] + 1 / c.mean_rate for c in clocks)
        first = int(np.ceil(max(begin, 0.0) / self.stride_sec - _EPS))
        return first, int(end / self.stride_sec + _EPS) - first

    @torch.no_grad()
    def _encode(
        self, streams: Recording, first: int, count: int, window_sec: float
    ) -> tuple[int, dict]:
        """Index of the first sub-window, and the features of all."""
        sample = self._pipeline(
            window_info(
                streams, first * self.stride_sec, count * self.stride_sec
            )
        )
        batch = {
            'inputs': {k: v[None] for k, v in sample['inputs'].items()},
            'data_samples': [sample['data_samples']],
        }
        if window_sec >= self.preparation.window_sec - _EPS:
            (encoded,) = self.model.test_step(batch)
        else:
            batch = self.model.data_preprocessor(batch, False)
            (encoded,) = self.model.predict(**batch, window_sec=window_sec)
        feats = clip_feats(encoded.to_dict())
        assert feats is not None  # only MoBind models have clip features
        return first, feats


def window_info(
    recording: Recording, start: float, seconds: float
) -> dict[str, Any]:
    """Input of a pipeline for a single window.

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


def query_data(node: Any) -> Mapping | None:
    """The first data set of queries with a pipeline in a config."""
    if isinstance(node, Config):
        node = node.get('test_dataloader')
    if isinstance(node, (list, tuple)):
        data = [query_data(child) for child in node]
    elif isinstance(node, Mapping):
        if node.get('pipeline') and node.get('role', 'query') == 'query':
            return node
        data = [query_data(child) for child in node.values()]
    else:
        return None
    return next(filter(None, data), None)
