"""Synchronisers under controlled conditions, on simulated people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch
from mmengine.dataset import Compose

from benchmarking.conditions import (
    MAX_OFFSET,
    SENSORS,
    Condition,
    drifting_person,
    only_sensors,
    scene_clips,
    sync_pipeline,
)
from mobind_mm.datasets.transforms import KeepStreams, LoadWindow
from mobind_mm.evaluation.functional import (
    assign,
    assign_with_offset,
    grid_floor,
    lagged_evidence,
    sync_summary,
)
from mobind_mm.registry import TRANSFORMS
from mobind_mm.synchronization import (
    CorrelationSynchronizer,
    Synchronizer,
    SyncResult,
    build_synchronizer,
    synchronize_clocks,
)
from mobind_mm.synchronization.clips import clip_feats
from mobind_mm.synchronization.evidence import limb_pairs
from mobind_mm.synchronization.learned import stream_tokens

HIGH_HZ = (1.0, 1.5, 2.5, 4.0, 6.0)
"""Cut-offs among which the classical correlator is tuned."""


@torch.no_grad()
def clip_answers(
    model: torch.nn.Module,
    sample: Mapping,
    synchronizers: Mapping[str, Synchronizer],
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
    for predicted, group in zip(model(inputs, mode='predict'), groups):
        names = {'placements': meta.placements}
        feats = clip_feats({**predicted.to_dict(), **names})
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
    condition: Condition, groups: Sequence[Sequence[str]]
) -> list[float]:
    """Best cut-off of the classical correlator on training people, in Hz.

    Args:
        condition: What the clips are made of.
        groups: Placements of the sensors that are worn; each has its own
            cut-off.
    """
    clips = condition.clips(
        'train', [dict(type='LoadWindow'), dict(type='KeepStreams')]
    )
    errors = np.zeros((len(groups), len(HIGH_HZ)))
    tuned = [CorrelationSynchronizer(high) for high in HIGH_HZ]
    for index in range(0, len(clips), max(len(clips) // 36, 1)):
        clip = clips[index]
        pairs = limb_pairs(clip['streams'])
        for i, group in enumerate(groups):
            worn = [pairs[p] for p in group if p in pairs]
            for k, synchronizer in enumerate(tuned):
                evidence = synchronizer.compare(worn, MAX_OFFSET)
                answer = synchronizer.decide([evidence])
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
    names = ('fused', 'signals', 'vote')
    shared = {name: build_synchronizer(name) for name in names}
    for high in set(tuned):
        shared[f'{high}'] = CorrelationSynchronizer(high)
    offsets, rows = [], []
    for index in chosen:
        sample = clips[int(index)]
        offsets.append(sample['data_samples'].offset)
        rows.append(clip_answers(model, sample, shared, groups))
    truth = np.array(offsets)
    for i, (number, high) in enumerate(zip(sensors, tuned)):
        row = dict(asdict(condition), sensors=number, tuned_hz=high)
        for name in (*names, 'correlation'):
            key = f'{high}' if name == 'correlation' else name
            row[name] = _summary([answer[i][key] for answer in rows], truth)
        reasons = [answer[i]['fused'].reason for answer in rows]
        row['reasons'] = {r: reasons.count(r) for r in set(reasons) if r}
        row['zero_mae_s'] = float(np.abs(truth).mean())
        floor = grid_floor(truth, 0.2) - truth
        row['floor_mae_s'] = float(np.abs(floor).mean())
        row['num_clips'] = len(truth)
        yield row


def _summary(results: Sequence[SyncResult], truth: np.ndarray) -> dict:
    return sync_summary(
        np.array([result.offset for result in results]),
        truth,
        np.array([result.abstained for result in results]),
        np.array([result.confidence for result in results]),
    )


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
    load = Compose([LoadWindow(), KeepStreams()])
    synchronizer = build_synchronizer('signals')
    truth: list[float] = []
    answers: dict[str, list[SyncResult]] = {'alone': [], 'jointly': []}
    for offset, members in scene_clips(condition):
        streams = [
            only_sensors(load(m)['streams'], SENSORS[number]) for m in members
        ]
        clips = [synchronizer.evidence(s, None, MAX_OFFSET) for s in streams]
        truth += [offset] * len(clips)
        answers['alone'] += [synchronizer.decide([clip]) for clip in clips]
        answers['jointly'] += [synchronizer.decide(clips)] * len(clips)
    row = dict(asdict(condition), scene_sensors=number)
    for name, results in answers.items():
        row[name] = _summary(results, np.array(truth))
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
    load = Compose([TRANSFORMS.build(t) for t in sync_pipeline(pipeline)])
    step = 0.2
    errors, right, right_known = [], [], []
    for offset, members in scene_clips(Condition(noise_m=None)):
        imu, pose, known, truth = [], [], [], []
        for member in members:
            sample = load(member)
            names = sample['data_samples'].placements
            inputs = {k: v[None] for k, v in sample['inputs'].items()}
            feats = clip_feats(model(inputs, mode='predict')[0].to_dict())
            starts = feats['window_starts']
            tokens, _ = stream_tokens(feats['imu_tokens'], None, starts, step)
            worn = [names.index(p) for p in SENSORS[number]]
            truth += [len(known) * len(names) + s for s in worn]
            imu.append(tokens[worn])
            tokens, seen = stream_tokens(
                feats['pose_tokens'], feats['pose_token_mask'], starts, step
            )
            pose.append(tokens)
            known.append(seen)
        max_lag = round(MAX_OFFSET / step)
        evidence = lagged_evidence(
            np.concatenate(imu),
            np.concatenate(pose),
            np.concatenate(known),
            max_lag,
        )
        answer = assign_with_offset(evidence)
        errors.append(abs((answer.offset_index - max_lag) * step - offset))
        right += list(answer.slots == truth)
        nearest = evidence[..., round(offset / step) + max_lag]
        right_known += list(assign(nearest) == truth)
    return {
        'joint_sensors': number,
        'offset_mae_s': float(np.mean(errors)),
        'offset_acc@0.2': float(np.mean(np.array(errors) < 0.2)),
        'slot_acc': float(np.mean(right)),
        'slot_acc_known_offset': float(np.mean(right_known)),
        'num_scenes': len(errors),
        'num_sensors': len(right),
    }


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
    recording, offset, _ = drifting_person(minutes, ppm, subject, number)
    answer = synchronize_clocks(
        recording, build_synchronizer('signals'), MAX_OFFSET
    )
    end = recording.pose.clock.span[1]
    times = np.linspace(0, end, 200)
    truth = times * (1 + ppm * 1e-6) + offset
    error = np.abs(answer.to_imu_time(times) - truth)
    return dict(
        ppm=ppm,
        sensors=number,
        subject=subject,
        minutes=minutes,
        estimated_ppm=answer.drift_ppm,
        end_error_s=float(error[-1]),
        largest_error_s=float(error.max()),
        agree=float(answer.agrees.mean()),
        abstained=answer.abstained,
    )
