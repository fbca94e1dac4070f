"""Synchronisers under controlled conditions, on simulated people."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from mmengine.dataset import Compose

from ..datasets.sync_clip_dataset import SyncClipDataset
from ..datasets.synthetic import SyntheticMotionDataset
from ..datasets.transforms import KeepStreams, LoadWindow
from ..structures import Clock, Recording, SensorStream
from ..synchronization import (
    CorrelationSynchronizer,
    FusedSynchronizer,
    SyncResult,
    VoteSynchronizer,
)
from ..synchronization.clock import synchronize_clocks
from .functional.sync import grid_floor, sync_summary
from .sync_cases import clip_feats

SENSORS: Mapping[int, tuple[str, ...]] = {
    5: ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head'),
    2: ('left_wrist', 'right_wrist'),
    1: ('right_wrist',),
}
"""Sensors of the table, by their number."""
MAX_OFFSET = 7.0
HIGH_HZ = (1.0, 1.5, 2.5, 4.0, 6.0)
"""Cut-offs among which the classical correlator is tuned."""
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
            off = ('error', 'doubt', 'drop_keypoint', 'drop_burst')
            detector = dict.fromkeys((*off, 'drop_person'), 0.0)
            detector['error_m'] = self.noise_m
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
    """Keypoint noise by frame rate by length of the clips."""
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


@torch.no_grad()
def clip_answers(
    model: torch.nn.Module,
    sample: Mapping,
    synchronizers: Mapping[str, object],
    groups: Sequence[Sequence[str]],
) -> list[dict[str, SyncResult]]:
    """Answers of all synchronisers for one clip, by group of sensors.

    Args:
        model: A MoBind model in evaluation mode.
        sample: What the pipeline packed.
        synchronizers: Synchronisers by name.
        groups: Placements of the sensors that are worn.
    """
    meta = sample['data_samples']
    masks = torch.tensor(
        [[p in group for p in meta.placements] for group in groups]
    )
    inputs = {
        name: value.expand(len(groups), *value.shape)
        for name, value in sample['inputs'].items()
    }
    inputs['imu_mask'] = inputs['imu_mask'] & masks
    inputs['imu'] = inputs['imu'] * inputs['imu_mask'][..., None, None]
    answers = []
    for found, group in zip(model(inputs, mode='predict'), groups):
        feats = clip_feats({**found.to_dict(), 'placements': meta.placements})
        streams = only_sensors(meta.streams, group)
        answers.append(
            {
                name: sync(
                    streams, feats if sync.needs_feats else None, MAX_OFFSET
                )
                for name, sync in synchronizers.items()
            }
        )
    return answers


def tune_correlator(
    condition: Condition, group: Sequence[str], num_clips: int = 24
) -> float:
    """Best cut-off of the classical correlator on training people, in Hz."""
    clips = condition.clips(
        'train', [dict(type='LoadWindow'), dict(type='KeepStreams')]
    )
    step = max(len(clips) // num_clips, 1)
    errors = {high: [] for high in HIGH_HZ}
    for index in range(0, len(clips), step):
        clip = clips[index]
        streams = only_sensors(clip['streams'], group)
        for high, error in errors.items():
            answer = CorrelationSynchronizer(high)(streams, None, MAX_OFFSET)
            error.append(abs(answer.offset - clip['offset']))
    return min(errors, key=lambda high: np.mean(errors[high]))


def run_cells(
    model: torch.nn.Module,
    pipeline: Sequence[dict],
    condition: Condition,
    sensors: Sequence[int] = (5, 2, 1),
    num_clips: int | None = None,
) -> Iterator[dict]:
    """Rows of the table: every synchroniser in one condition.

    Yields:
        For each number of sensors, the condition, ``tuned_hz``, and for
        each synchroniser the numbers of
        :func:`~mobind_mm.evaluation.functional.sync.sync_summary`.
    """
    groups = [SENSORS[number] for number in sensors]
    tuned = [HIGH_HZ[2]] * len(groups)
    if condition.motion == 'acted':
        tuned = [tune_correlator(condition, group) for group in groups]
    clips = condition.clips('test', sync_pipeline(pipeline))
    count = min(num_clips or len(clips), len(clips))
    chosen = np.linspace(0, len(clips) - 1, count).round().astype(int)
    shared = dict(
        fused=FusedSynchronizer(),
        signals=FusedSynchronizer(use_feats=False),
        vote=VoteSynchronizer(),
        **{f'{high}': CorrelationSynchronizer(high) for high in set(tuned)},
    )
    truth, rows = [], []
    for index in chosen:
        sample = clips[int(index)]
        truth.append(sample['data_samples'].offset)
        rows.append(clip_answers(model, sample, shared, groups))
    truth = np.array(truth)
    for i, (number, high) in enumerate(zip(sensors, tuned)):
        row = dict(asdict(condition), sensors=number, tuned_hz=high)
        names = dict.fromkeys(('fused', 'signals', 'vote'))
        names = {name: name for name in names} | {'correlation': f'{high}'}
        for name, key in names.items():
            answers = [answer[i][key] for answer in rows]
            row[name] = sync_summary(
                np.array([a.offset for a in answers]),
                truth,
                np.array([a.abstained for a in answers]),
                np.array([a.confidence for a in answers]),
            )
        reasons = [answer[i]['fused'].reason for answer in rows]
        row['reasons'] = {r: reasons.count(r) for r in set(reasons) if r}
        row['zero_mae_s'] = float(np.abs(truth).mean())
        floor = grid_floor(truth, 0.2) - truth
        row['floor_mae_s'] = float(np.abs(floor).mean())
        row['num_clips'] = len(truth)
        yield row


def run_scenes(condition: Condition, number: int) -> dict:
    """People of a scene one by one, and all together, from signals alone.

    Args:
        condition: What the clips are made of.
        number: Sensors that everybody wears.

    Returns:
        The condition, and ``alone`` and ``jointly`` with the numbers of
        :func:`~mobind_mm.evaluation.functional.sync.sync_summary`, both
        over people: the joint answer of a scene counts for each of them.
    """
    people = SyntheticMotionDataset(
        **condition.people('test', 60.0, stride_sec=condition.clip_sec),
        people=(2, 4),
    )
    load = Compose([LoadWindow(), KeepStreams()])
    synchronizer = FusedSynchronizer(use_feats=False)
    scenes: dict[tuple, list] = {}
    for index in range(len(people)):
        info = people.get_data_info(index)
        key = info['scene'], info['window_start']
        # One offset for all people of a scene, as their clocks are shared.
        rng = np.random.default_rng(zlib.crc32(repr(key).encode()))
        room = 60.0 - condition.clip_sec - info['window_start']
        low = max(-MAX_OFFSET, -info['window_start'])
        offset = rng.uniform(low, min(MAX_OFFSET, room))
        info.update(offset=offset, window_start=key[1] + offset)
        streams = only_sensors(load(info)['streams'], SENSORS[number])
        evidence = synchronizer.evidence(streams, None, MAX_OFFSET)
        scenes.setdefault(key, []).append((offset, evidence))
    answers = {'alone': [], 'jointly': []}
    truth = []
    for members in scenes.values():
        if len(members) < 2:
            continue
        clips = [evidence for _, evidence in members]
        truth += [offset for offset, _ in members]
        answers['alone'] += [synchronizer.decide([clip]) for clip in clips]
        answers['jointly'] += [synchronizer.decide(clips)] * len(clips)
    row = dict(asdict(condition), scene_sensors=number)
    for name, found in answers.items():
        row[name] = sync_summary(
            np.array([a.offset for a in found]),
            np.array(truth),
            np.array([a.abstained for a in found]),
            np.array([a.confidence for a in found]),
        )
    return dict(row, num_people=len(truth))


def run_drift(
    ppm: float, number: int, subject: int, minutes: float = 10.0
) -> dict:
    """Follow a clock that drifts, from signals alone.

    Args:
        ppm: Drift of the IMU clock in parts per million.
        number: Sensors worn.
        subject: Which training person of another seed acts.
        minutes: Length of the recording.
    """
    condition = Condition(noise_m=0.03)
    people = SyntheticMotionDataset(
        **condition.people('train', minutes * 60, seed=7),
        num_subjects=subject + 1,
        cache_takes=1,
        lazy_init=True,
    )
    recording = people.get_recording(people.load_entries()[subject])
    rng = np.random.default_rng(subject)
    offset = rng.uniform(-5, 5)
    rate = 1 + ppm * 1e-6
    imu = {}
    for placement in SENSORS[number]:
        stream = recording.imu[placement]
        clock = stream.clock
        clock = Clock(
            clock.num_samples,
            rate=clock.rate / rate,
            start=clock.start * rate + offset,
        )
        imu[placement] = SensorStream(clock, stream.channels)
    found = synchronize_clocks(
        Recording(imu, recording.pose),
        FusedSynchronizer(use_feats=False),
        MAX_OFFSET,
    )
    end = recording.pose.clock.span[1]
    times = np.linspace(0, end, 200)
    error = np.abs(found.to_imu_time(times) - (times * rate + offset))
    return dict(
        ppm=ppm,
        sensors=number,
        subject=subject,
        minutes=minutes,
        estimated_ppm=found.drift_ppm,
        end_error_s=float(error[-1]),
        largest_error_s=float(error.max()),
        agree=float(found.agrees.mean()),
        abstained=found.abstained,
    )
