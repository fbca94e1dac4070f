"""The offset of sensors whose wearers and limbs are not known yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class SharedOffset:
    """An offset that was searched.

    Args:
        offset: Seconds.
        reason: Why it is doubtful: a reason of
            :class:`~mobind_mm.synchronization.SyncResult`, or ``''``.
        wearer: By person, how probable it is that the sensors are theirs
            and the offset is right.
    """

    offset: float
    reason: str
    wearer: Mapping[str, float]


def find_offset(
    embedder: Embedder,
    imu: Sensors,
    people: People,
    around: float,
    max_offset: float,
) -> SharedOffset:
    """Find the offset that all sensors share.

    Sensors with known places are synchronised with everybody. If nobody's
    offset is sure, or a place is unknown, the tokens choose the offset with
    the best one-to-one assignment of sensors to limbs, to 0.2 s; with that
    assignment the signals search the whole range again, and must find the
    same. People who are seen for less than half as long as others are not
    asked.

    Args:
        embedder: Whose model it is.
        imu: Sensors by name.
        people: Skeletons by name, on one clock.
        around: Offset in the middle of the search, in seconds.
        max_offset: Largest difference from it.

    Raises:
        ValueError: If sensors or skeletons are too short.
    """
    features = embedder.clip_features()
    if features is None:
        raise ValueError(
            f'{embedder.name} gives no embeddings; use the checkpoint of a '
            'MoBind model.'
        )
    # Whoever flashes up would leave no time that all share.
    seen = {name: np.ptp(pose.clock.span) for name, pose in people.items()}
    least = max(seen.values()) / 2
    people = {name: people[name] for name in people if seen[name] >= least}
    first = max(pose.clock.span[0] for pose in people.values())
    last = min(pose.clock.span[1] for pose in people.values())
    seconds = min(CLIP_SEC, last - first)
    clip = first + (last - first - seconds) / 2, seconds
    if set(imu) <= set(LIMBS):
        result = _by_places(features, imu, people, clip, around, max_offset)
        if not result.reason:
            return result
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
) -> SharedOffset:
    """Offset of the person whom the sensors fit best, at their places."""
    sync = build_synchronizer('fused')
    results: dict[str, SyncResult] = {}
    for name, pose in people.items():
        seen, _ = comparable_sensors(Recording(imu, pose))
        part = cut_clip(seen, *clip, max_offset, around)
        evidence = sync.evidence(part, features(part), max_offset)
        results[name] = sync.decide([evidence])
    best = max(results.values(), key=lambda result: result.confidence)
    # One of them wears the sensors, or nobody.
    sure = np.clip([r.confidence for r in results.values()], 0.0, 1 - 1e-6)
    odds = sure / (1 - sure)
    share = odds / (1 + odds.sum())
    return SharedOffset(
        around + best.offset, best.reason, dict(zip(results, share.tolist()))
    )


def _by_tokens(
    features: ClipFeatures,
    imu: Sensors,
    people: People,
    clip: tuple[float, float],
    around: float,
    max_offset: float,
) -> SharedOffset:
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
    assigned = assign_with_offset(evidence)
    near = around + (assigned.offset_index - max_lag) * step
    sync = build_synchronizer('signals')
    wearers: list[dict[str, SensorStream]] = [{} for _ in people]
    for slot, stream in zip(assigned.slots, imu.values()):
        if slot >= 0 and known[slot].any():  # a limb that is seen
            wearers[slot // len(limbs)][limbs[slot % len(limbs)]] = stream

    def by_signals(middle: float, reach: float) -> SyncResult:
        clips = []
        for carried, pose in zip(wearers, people.values()):
            if carried:
                streams = Recording(carried, pose)
                part = cut_clip(streams, *clip, reach, middle)
                clips.append(sync.evidence(part, None, reach))
        return sync.decide(clips)

    offset = near + by_signals(near, _FINE_SEC).offset
    whole = by_signals(around, max_offset)
    same = abs(around + whole.offset - offset) <= _FINE_SEC
    sure = whole.confidence if same else 0.0
    reason = whole.reason or ('' if same else 'weak')
    return SharedOffset(offset, reason, dict.fromkeys(people, sure))


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
