"""The offset of sensors whose wearers and limbs are not known yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..checks.plausibility import comparable_sensors
from ..evaluation.functional import assign_with_offset, lagged_evidence
from ..recordings import PoseStream, Recording, SensorStream
from ..skeleton import LIMBS
from ..synchronization import SyncResult, build_synchronizer
from ..synchronization.clips import cut_clip
from ..synchronization.learned import stream_tokens
from .embedder import Embedder
from .windows import ClipFeatures

CLIP_SEC = 60.0
"""Longest clip in which the offset is searched."""
_FINE_SEC = 0.3
"""Seconds around the tokens' offset that are searched with the signals."""

Sensors = Mapping[str, SensorStream]
People = Mapping[str, PoseStream]


def find_offset(
    embedder: Embedder,
    imu: Sensors,
    people: People,
    around: float,
    max_offset: float,
) -> tuple[float, str]:
    """Find the offset that all sensors share.

    Sensors with known places are synchronised with everybody; the person
    with the most evidence counts. If that gives no answer, or a place is
    unknown, the tokens choose the offset with the best one-to-one assignment
    of sensors to limbs, to 0.2 s, and the signals of that assignment refine
    it.

    Args:
        embedder: Whose model it is.
        imu: Sensors by name.
        people: Skeletons by name, on one clock.
        around: Offset in the middle of the search, in seconds.
        max_offset: Largest difference from it.

    Returns:
        Seconds, and why they are doubtful: a reason of
        :class:`~mobind_mm.synchronization.SyncResult`, or ``''``.

    Raises:
        ValueError: If sensors or skeletons are too short.
    """
    features = embedder.clip_features()
    if features is None:
        raise ValueError(
            f'{embedder.name} gives no embeddings; use the checkpoint of a '
            'MoBind model.'
        )
    first = max(pose.clock.span[0] for pose in people.values())
    last = min(pose.clock.span[1] for pose in people.values())
    seconds = min(CLIP_SEC, last - first)
    clip = first + (last - first - seconds) / 2, seconds
    if set(imu) <= set(LIMBS):
        result = _by_places(features, imu, people, clip, around, max_offset)
        if not result.abstained:
            return around + result.offset, ''
    return _by_tokens(features, imu, people, clip, around, max_offset)


def in_groups(imu: Sensors, limbs: tuple[str, ...]) -> list[dict]:
    """Groups of sensors under the names of limbs, as many as there are limbs.

    The encoder is the same for all limbs, so any name will do.
    """
    streams = list(imu.values())
    return [
        dict(zip(limbs, streams[i : i + len(limbs)]))
        for i in range(0, len(streams), len(limbs))
    ]


def _by_places(
    features: ClipFeatures,
    imu: Sensors,
    people: People,
    clip: tuple[float, float],
    around: float,
    max_offset: float,
) -> SyncResult:
    """Answer of the person whom the sensors fit best, at their places."""
    sync = build_synchronizer('fused')
    found = []
    for pose in people.values():
        seen, _ = comparable_sensors(Recording(imu, pose))
        part = cut_clip(seen, *clip, max_offset, around)
        found.append(sync.evidence(part, features(part), max_offset))
    return sync.decide([max(found, key=lambda clip: clip.score.max())])


def _by_tokens(
    features: ClipFeatures,
    imu: Sensors,
    people: People,
    clip: tuple[float, float],
    around: float,
    max_offset: float,
) -> tuple[float, str]:
    """Offset at which all sensors find limbs, wherever these are."""
    limbs, step = features.preparation.placements, features.stride_sec
    worn: list[np.ndarray] = []
    limb_tokens: list[np.ndarray] = []
    known: list[np.ndarray] = []
    for group in in_groups(imu, limbs):
        for pose in people.values():
            part = cut_clip(Recording(group, pose), *clip, max_offset, around)
            feats = features(part)
            if feats is None:
                raise ValueError(
                    'To find the offset, sensors and skeletons must last '
                    f'{features.preparation.window_sec} s or longer, and '
                    f'sensors need {features.preparation.imu_channels}.'
                )
            if len(limb_tokens) < len(people) * len(limbs):
                tokens, seen = _stream(feats, 'pose', step)
                limb_tokens += list(tokens)
                known += list(seen)
        assert feats is not None
        worn += list(_stream(feats, 'imu', step)[0][: len(group)])
    length = max(map(len, (*worn, *limb_tokens)))
    max_lag = min(round(max_offset / step), length - 1)
    evidence = lagged_evidence(
        _padded(worn, length),
        _padded(limb_tokens, length),
        _padded(known, length),
        max_lag,
    )
    found = assign_with_offset(evidence)
    near = around + (found.offset_index - max_lag) * step
    sync, clips = build_synchronizer('signals'), []
    for index, pose in enumerate(people.values()):
        carried = {
            limbs[slot % len(limbs)]: stream
            for slot, stream in zip(found.slots, imu.values())
            if slot >= 0 and slot // len(limbs) == index
        }
        if carried:
            part = cut_clip(Recording(carried, pose), *clip, _FINE_SEC, near)
            clips.append(sync.evidence(part, None, _FINE_SEC))
    result = sync.decide(clips)
    return near + result.offset, result.reason


def _stream(
    feats: Mapping, name: str, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (S, M, D) of a clip, and which of them are known."""
    mask = feats['pose_token_mask']
    if name == 'imu':
        mask = np.repeat(feats['imu_mask'][..., None], mask.shape[2], axis=2)
    return stream_tokens(
        feats[f'{name}_tokens'], mask, feats['window_starts'], step
    )


def _padded(streams: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Streams as one array (M, length, ...); shorter ones end in zeros."""
    return np.array(
        [
            np.pad(x, [(0, length - len(x))] + [(0, 0)] * (x.ndim - 1))
            for x in streams
        ]
    )
