"""Simulated clips under controlled conditions, for synchronisers."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mobind_mm.datasets.sync_clip_dataset import SyncClipDataset
from mobind_mm.datasets.synthetic import SyntheticMotionDataset
from mobind_mm.recordings import Recording

SENSORS: Mapping[int, tuple[str, ...]] = {
    5: ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head'),
    2: ('left_wrist', 'right_wrist'),
    1: ('right_wrist',),
}
"""Sensors of the table, by their number."""
MAX_OFFSET = 7.0
_META = ('take', 'window_start', 'offset', 'max_offset', 'streams')


@dataclass(frozen=True)
class Condition:
    """What clips are made of.

    Args:
        noise_m: White keypoint noise in metres at the body, no other
            error; None for the usual errors of the simulated detector.
        pose_rate: Frames per second.
        clip_sec: Length of a clip in seconds.
        motion: ``acted``, ``still`` or ``periodic``.
    """

    noise_m: float | None = 0.0
    pose_rate: float = 30.0
    clip_sec: float = 20.0
    motion: str = 'acted'

    def people(self, split: str, take_sec: float, **kwargs) -> dict:
        """Arguments of ``SyntheticMotionDataset``."""
        detector = None
        if self.noise_m is not None:
            detector = dict(
                error=0.0,
                doubt=0.0,
                drop_keypoint=0.0,
                drop_burst=0.0,
                drop_person=0.0,
                error_m=self.noise_m,
            )
        return dict(
            split=split,
            takes_per_subject=1,
            take_sec=take_sec,
            pose_rate=self.pose_rate,
            detector=detector,
            motion_kind=self.motion,
            window_sec=self.clip_sec,
            **kwargs,
        )

    def clips(
        self, split: str, pipeline: Sequence[dict], seed: int = 0
    ) -> SyncClipDataset:
        """Clips with real-valued offsets in +-7 s, inside takes of 60 s."""
        people = self.people(split, 60.0, stride_sec=20.0, seed=seed)
        return SyncClipDataset(
            dict(people, type='SyntheticMotionDataset'),
            max_offset=MAX_OFFSET,
            edges='inside',
            pipeline=pipeline,
        )


def table_conditions() -> list[Condition]:
    """Every keypoint noise with every frame rate and clip length."""
    return [
        Condition(noise, rate, length)
        for noise, rate, length in itertools.product(
            (0.0, 0.03), (60.0, 30.0, 10.0), (20.0, 10.0)
        )
    ]


def sync_pipeline(pipeline: Sequence[dict]) -> list[dict]:
    """Turn a config's test pipeline into one that keeps raw streams.

    All sensors and channels are read, because a synchroniser may use more
    than the model does.
    """
    steps = []
    for step in pipeline:
        if step['type'] == 'LoadWindow':
            placements = step.get('placements')
            step = dict(type='LoadWindow', placements=placements)
            steps += [step, dict(type='KeepStreams')]
        elif step['type'] == 'PackIMUPose':
            steps.append(dict(step, meta_keys=_META))
        else:
            steps.append(step)
    return steps


def only_sensors(streams: Recording, placements: Sequence[str]) -> Recording:
    """A recording without the other sensors."""
    kept = {p: s for p, s in streams.imu.items() if p in placements}
    return Recording(kept, streams.pose)


def scene_clips(condition: Condition) -> Iterator[tuple[float, list[dict]]]:
    """Scenes of two to four people: offset, and pipeline input of each person.

    One offset for all people of a scene, since their clocks are shared;
    scenes of one person are left out.
    """
    people = SyntheticMotionDataset(
        **condition.people('test', 60.0, stride_sec=condition.clip_sec),
        people=(2, 4),
    )
    scenes: dict[tuple, list[dict]] = {}
    for index in range(len(people)):
        info = people.get_data_info(index)
        scenes.setdefault((info['scene'], info['window_start']), []).append(
            info
        )
    for key, members in scenes.items():
        if len(members) < 2:
            continue
        rng = np.random.default_rng(zlib.crc32(repr(key).encode()))
        start, first = key[1], members[0]
        room = first['entry_end'] - first['window_sec'] - start
        offset = rng.uniform(max(-MAX_OFFSET, -start), min(MAX_OFFSET, room))
        yield (
            offset,
            [
                dict(
                    member,
                    offset=offset,
                    max_offset=MAX_OFFSET,
                    window_start=start + offset,
                )
                for member in members
            ],
        )


def drifting_person(
    minutes: float,
    ppm: float,
    subject: int,
    number: int = 5,
    jump: float = 0.0,
) -> tuple[Recording, float, float]:
    """A simulated person with sensors, whose clock drifts and jumps.

    Args:
        minutes: Length of the recording.
        ppm: Drift of the IMU clock in parts per million.
        subject: Which training person of another seed acts.
        number: Sensors worn.
        jump: Seconds by which the clock jumps once.

    Returns:
        The recording, its offset at video time 0, and when it jumps.
    """
    people = SyntheticMotionDataset(
        **Condition(noise_m=0.03).people('train', minutes * 60, seed=7),
        num_subjects=subject + 1,
        cache_takes=1,
        lazy_init=True,
    )
    recording = people.get_recording(people.load_entries()[subject])
    rng = np.random.default_rng(subject)
    offset, at = rng.uniform(-5, 5), rng.uniform(0.25, 0.75) * minutes * 60
    imu = {}
    for name in SENSORS[number]:
        stream = recording.imu[name]
        times = stream.clock.at()
        times = times * (1 + ppm * 1e-6) + offset + jump * (times >= at)
        imu[name] = stream.at_times(times)
    return Recording(imu, recording.pose), offset, at
