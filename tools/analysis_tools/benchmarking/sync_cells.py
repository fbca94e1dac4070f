"""Synchronisers under controlled conditions, on simulated people."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from mmengine.dataset import Compose

from mobind_mm.datasets.sync_clip_dataset import SyncClipDataset
from mobind_mm.datasets.synthetic import SyntheticMotionDataset
from mobind_mm.datasets.transforms import KeepStreams, LoadWindow
from mobind_mm.evaluation.functional import (
    assign,
    assign_with_offset,
    lagged_evidence,
)
from mobind_mm.evaluation.functional.sync import grid_floor, sync_summary
from mobind_mm.recordings import Clock, Recording, SensorStream
from mobind_mm.registry import TRANSFORMS
from mobind_mm.synchronization import (
    CorrelationSynchronizer,
    FusedSynchronizer,
    SyncResult,
    VoteSynchronizer,
)
from mobind_mm.synchronization.clips import clip_feats
from mobind_mm.synchronization.clock import synchronize_clocks
from mobind_mm.synchronization.evidence import limb_pairs
from mobind_mm.synchronization.learned import stream_tokens

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
    condition: Condition,
    groups: Sequence[Sequence[str]],
    num_clips: int = 36,
) -> list[float]:
    """Best cut-off of the classical correlator on training people, in Hz.

    Args:
        condition: What the clips are made of.
        groups: Placements of the sensors that are worn; each has its own
            cut-off.
        num_clips: Clips to try.
    """
    clips = condition.clips(
        'train', [dict(type='LoadWindow'), dict(type='KeepStreams')]
    )
    errors = np.zeros((len(groups), len(HIGH_HZ)))
    tuned = [CorrelationSynchronizer(high) for high in HIGH_HZ]
    for index in range(0, len(clips), max(len(clips) // num_clips, 1)):
        clip = clips[index]
        pairs = limb_pairs(clip['streams'])
        for i, group in enumerate(groups):
            worn = [pairs[p] for p in group if p in pairs]
            for k, synchronizer in enumerate(tuned):
                answer = synchronizer.correlate(worn, MAX_OFFSET)
                errors[i, k] += abs(answer.offset - clip['offset'])
    return [HIGH_HZ[k] for k in errors.argmin(axis=1)]


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
        tuned = tune_correlator(condition, groups)
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
    scenes = []
    for offset, members in _scene_clips(people):
        streams = [
            only_sensors(load(m)['streams'], SENSORS[number]) for m in members
        ]
        evidence = [
            synchronizer.evidence(s, None, MAX_OFFSET) for s in streams
        ]
        scenes.append((offset, evidence))
    answers = {'alone': [], 'jointly': []}
    truth = []
    for offset, clips in scenes:
        truth += [offset] * len(clips)
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


@torch.no_grad()
def run_joint(
    model: torch.nn.Module, pipeline: Sequence[dict], number: int
) -> dict:
    """Who wears which sensor where, and when, all unknown: by tokens.

    Args:
        model: A MoBind model in evaluation mode.
        pipeline: The config's test pipeline.
        number: Unlabelled sensors that everybody wears.

    Returns:
        ``offset_mae_s``, ``offset_acc@0.2``, ``slot_acc`` (person and limb
        both right) with the offset unknown, ``slot_acc_known_offset``, and
        the counts.
    """
    condition = Condition(noise_m=None)
    people = SyntheticMotionDataset(
        **condition.people('test', 60.0, stride_sec=condition.clip_sec),
        people=(2, 4),
    )
    load = Compose([TRANSFORMS.build(t) for t in sync_pipeline(pipeline)])
    errors, right, right_known = [], [], []
    for offset, members in _scene_clips(people):
        imu, pose, known, truth = [], [], [], []
        for member in members:
            sample = load(member)
            names = sample['data_samples'].placements
            inputs = {k: v[None] for k, v in sample['inputs'].items()}
            found = clip_feats(model(inputs, mode='predict')[0].to_dict())
            starts, step = found['window_starts'], 0.2
            tokens, _ = stream_tokens(found['imu_tokens'], None, starts, step)
            worn = [names.index(p) for p in SENSORS[number]]
            truth += [len(known) * len(names) + s for s in worn]
            imu.append(tokens[worn])
            tokens, seen = stream_tokens(
                *(found['pose_tokens'], found['pose_token_mask'], starts, step)
            )
            pose.append(tokens)
            known.append(seen)
        max_lag = round(MAX_OFFSET / step)
        evidence = lagged_evidence(
            *(np.concatenate(x) for x in (imu, pose, known)), max_lag
        )
        answer = assign_with_offset(evidence)
        errors.append(abs((answer.offset_index - max_lag) * step - offset))
        right += list(answer.slots == truth)
        nearest = evidence[..., round(offset / step) + max_lag]
        right_known += list(assign(nearest) == truth)
    errors = np.array(errors)
    return dict(
        joint_sensors=number,
        offset_mae_s=float(errors.mean()),
        **{'offset_acc@0.2': float(np.mean(errors < 0.2))},
        slot_acc=float(np.mean(right)),
        slot_acc_known_offset=float(np.mean(right_known)),
        num_scenes=len(errors),
        num_sensors=len(right),
    )


def _scene_clips(
    people: SyntheticMotionDataset,
) -> Iterator[tuple[float, list[dict]]]:
    """Offset, and what the pipeline starts from for each of its people.

    One offset for all people of a scene, since their clocks are shared;
    scenes of one person are left out.
    """
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
