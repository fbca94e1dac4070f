"""Offset of sensors of which nobody knows who wears them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..evaluation.functional import assign_with_offset, lagged_evidence
from ..recordings import PoseStream, Recording, SensorStream
from ..skeleton import LIMBS
from ..synchronization import FusedSynchronizer, SyncResult
from ..synchronization.clips import cut_clip
from ..synchronization.learned import stream_tokens
from .embedder import Embedder

CLIP_SEC = 60.0
"""Longest clip in which the offset is looked for."""
_FINE_SEC = 0.3
"""Seconds around the tokens' offset in which signals look for theirs."""

Sensors = Mapping[str, SensorStream]
People = Mapping[str, PoseStream]


def find_offset(
    embedder: Embedder,
    imu: Sensors,
    people: People,
    around: float,
    max_offset: float,
) -> tuple[float, str]:
    """Offset that all sensors share.

    Sensors whose place is known are synchronised with everybody; the person
    with the most evidence counts. If that is no answer, or a place is not
    known, the offset with the best one-to-one assignment of sensors to limbs
    counts, by tokens, to 0.2 s, and the signals of that assignment tell the
    rest.

    Args:
        embedder: Whose model it is.
        imu: Sensors by name.
        people: Skeletons by name, on one clock.
        around: Offset in the middle of the search, in seconds.
        max_offset: Largest difference from it.

    Returns:
        Seconds, and why they are doubtful: one of the reasons of
        :class:`~mobind_mm.synchronization.SyncResult`, or nothing.

    Raises:
        ValueError: If sensors or skeletons are too short.
    """
    if embedder.clip_features() is None:
        raise ValueError(
            f'{embedder.name} gives no embeddings; take the checkpoint of '
            'a MoBind model.'
        )
    first = max(pose.clock.span[0] for pose in people.values())
    last = min(pose.clock.span[1] for pose in people.values())
    seconds = min(CLIP_SEC, last - first)
    clip = first + (last - first - seconds) / 2, seconds
    if set(imu) <= set(LIMBS):
        result = _by_places(embedder, imu, people, clip, around, max_offset)
        if not result.abstained:
            return around + result.offset, ''
    return _by_tokens(embedder, imu, people, clip, around, max_offset)


def in_groups(imu: Sensors, limbs: tuple[str, ...]) -> list[dict]:
    """Sensors under the names of limbs, as many at once as there are.

    The encoder is the same for all limbs, so any name will do.
    """
    streams = list(imu.values())
    return [
        dict(zip(limbs, streams[i : i + len(limbs)]))
        for i in range(0, len(streams), len(limbs))
    ]


def _by_places(
    embedder: Embedder,
    imu: Sensors,
    people: People,
    clip: tuple[float, float],
    around: float,
    max_offset: float,
) -> SyncResult:
    """Answer of the person whom the sensors fit best, at their places."""
    sync, features = FusedSynchronizer(), embedder.clip_features()
    found = []
    for pose in people.values():
        part = cut_clip(Recording(imu, pose), *clip, max_offset, around)
        found.append(sync.evidence(part, features(part), max_offset))
    return sync.decide([max(found, key=lambda one: sync.total(one).max())])


def _by_tokens(
    embedder: Embedder,
    imu: Sensors,
    people: People,
    clip: tuple[float, float],
    around: float,
    max_offset: float,
) -> tuple[float, str]:
    """Offset at which all sensors find limbs, wherever these are."""
    features = embedder.clip_features()
    limbs, step = embedder.preparation.placements, features.stride_sec
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
                    f'{embedder.preparation.window_sec} s or longer, and '
                    f'sensors need {embedder.preparation.imu_channels}.'
                )
            if len(limb_tokens) < len(people) * len(limbs):
                tokens, seen = _stream(feats, 'pose', step)
                limb_tokens += list(tokens)
                known += list(seen)
        worn += list(_stream(feats, 'imu', step)[0][: len(group)])
    length = max(map(len, (*worn, *limb_tokens)))
    max_lag = min(round(max_offset / step), length - 1)
    found = assign_with_offset(
        lagged_evidence(
            *(_padded(x, length) for x in (worn, limb_tokens, known)), max_lag
        )
    )
    near = around + (found.offset_index - max_lag) * step
    sync, clips = FusedSynchronizer(use_feats=False), []
    for index, pose in enumerate(people.values()):
        own = {
            limbs[slot % len(limbs)]: stream
            for slot, stream in zip(found.slots, imu.values())
            if slot >= 0 and slot // len(limbs) == index
        }
        if own:
            part = cut_clip(Recording(own, pose), *clip, _FINE_SEC, near)
            clips.append(sync.evidence(part, None, _FINE_SEC))
    result = sync.decide(clips)
    return near + result.offset, result.reason


def _stream(
    feats: Mapping, name: str, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (S, M, D) of a clip and which are known."""
    mask = feats['pose_token_mask']
    if name == 'imu':
        mask = np.repeat(feats['imu_mask'][..., None], mask.shape[2], axis=2)
    return stream_tokens(
        feats[f'{name}_tokens'], mask, feats['window_starts'], step
    )


def _padded(streams: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Streams (M, length, ...) of which some end earlier."""
    return np.array(
        [
            np.pad(x, [(0, length - len(x))] + [(0, 0)] * (x.ndim - 1))
            for x in streams
        ]
    )
