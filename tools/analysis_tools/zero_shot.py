"""Evaluate a model on data that nobody trained on: whatever data is there.

UTD-MHAD (subjects 1 to 6): retrieval of the takes of the even subjects in
windows of 2 s, and the action by the nearest take of an odd subject. Motion
capture: retrieval of people who never train among 300 windows of 5 s, by
several sensors or one, with several sets of channels, which limb carries a
sensor, and synchronisation in clips of 10 s. Walking passes: which sensor is
where, and who of four wears them.

Each question is answered by the signals alone, by what the model has learned,
and by both; intervals of the differences are paired bootstraps over windows.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarking.zero_shot_data import (
    CHANNELS,
    Takes,
    common,
    film_again,
    gait_video,
    motion_capture,
    sync_clips,
    unit,
    utd_mhad,
    with_channels,
)
from mmengine.dataset import pseudo_collate
from scipy.optimize import linear_sum_assignment

from mobind_mm.apis.calibration import LEAST
from mobind_mm.apis.embedder import Embedder
from mobind_mm.apis.fitting import match_limbs
from mobind_mm.apis.recognizing import answers_by_gallery
from mobind_mm.apis.windows import RecordingWindows
from mobind_mm.cli.arguments import flags
from mobind_mm.datasets.transforms import KeepSensors
from mobind_mm.evaluation import ActionKNNMetric
from mobind_mm.evaluation.functional import (
    SIGNAL_WEIGHT,
    anytime_similarity,
    lagged_similarity,
    matrix_ranks,
    rank_by_both,
    whitened,
)
from mobind_mm.recordings import Clock, Recording
from mobind_mm.synchronization import build_synchronizer
from mobind_mm.synchronization.in_step import (
    limb_signals,
    pair_ratios,
    sensor_signals,
    signal_ratios,
)
from mobind_mm.utils.cli import run_command

FIVE = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
Features = dict[str, np.ndarray]
_DRAWS = 2000
# How much a sensor moves: the deviation of its acceleration from its mean, in
# m/s^2, root mean square; each group begins here.
MOVEMENT = (0.0, 2.0, 5.0)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('model', 'config, checkpoint or name in the zoo')
    flag('checkpoint', 'weights of a config', nargs='?')
    flag('--utd-mhad FOLDER', '', type=Path)
    flag('--mocap SOURCE', '', nargs='*', default=[])
    flag('--gait-video FOLDER', '', type=Path)
    flag('--gallery N', '', default=300)
    flag('--takes N', 'takes of motion capture', type=int)
    flag('--clips N', 'clips to synchronise', default=80)
    flag('--seed N', '', default=0)
    flag('--out FILE', 'JSON file, for tools/misc/take_results.py', type=Path)
    return parser.parse_args()


@torch.no_grad()
def encode(
    embedder: Embedder,
    takes: Takes,
    window_sec: float,
    stride_sec: float | None,
    limbs: Sequence[str] | None = None,
) -> Features:
    """Features of all windows, with ``take``, ``subject`` and ``action``."""
    steps = list(embedder.preparation.transforms)
    if limbs:
        steps.insert(0, KeepSensors(limbs, limbs_too=True))
    labels = [
        segment['label']
        for entry, _ in takes.values()
        for segment in entry.get('segments') or ()
    ]
    windows = RecordingWindows(
        takes,
        metainfo={'classes': [*map(str, range(max(labels, default=-1) + 1))]},
        window_sec=window_sec,
        stride_sec=stride_sec,
        pipeline=steps,
    )
    model: Any = embedder.model
    rows = defaultdict(list)
    for first in range(0, len(windows), 64):
        items = [
            windows[i] for i in range(first, min(first + 64, len(windows)))
        ]
        batch = model.data_preprocessor(pseudo_collate(items))
        feats = model(batch['inputs'], mode='tensor')
        for name in _KEPT:
            rows[name].append(feats[name].cpu().numpy())
        for sample in batch['data_samples']:
            for key in ('take', 'subject', 'window_start'):
                rows[key].append(sample.metainfo[key])
            action = takes[sample.take][0].get('action', sample.action)
            rows['action'].append(action)
    return {
        k: np.concatenate(v) if k in _KEPT else np.array(v)
        for k, v in rows.items()
    }


_KEPT = (
    'imu', 'pose', 'imu_local', 'pose_local', 'imu_tokens', 'pose_tokens',
    'imu_mask', 'pose_mask', 'pose_token_mask',
)  # fmt: skip


def similarities(
    a: Features, b: Features, wanted: Sequence[int] | None = None
) -> dict[str, np.ndarray]:
    """Similarity (A, B) of the sensors of ``a`` and the skeletons of ``b``.

    ``local`` and ``token`` are means over the limbs of both, ``clip`` is
    that of the aggregated embeddings, if there are any.
    """
    imu_mask, pose_mask = a['imu_mask'], b['pose_mask']
    if wanted is not None:
        keep = np.isin(np.arange(imu_mask.shape[1]), wanted)
        imu_mask = imu_mask & keep
    shared = np.maximum(imu_mask.astype(float) @ pose_mask.T, 1)
    x = unit(a['imu_local']) * imu_mask[..., None]
    y = unit(b['pose_local']) * pose_mask[..., None]
    seen = b['pose_token_mask'] & pose_mask[..., None]
    u = unit(a['imu_tokens']) * imu_mask[..., None, None]
    v = unit(b['pose_tokens']) * seen[..., None]
    weight = np.repeat(imu_mask[..., None], seen.shape[2], axis=2)
    tokens = flat(weight.astype(float)) @ flat(seen).T
    parts = {
        'local': flat(x) @ flat(y).T / shared,
        'token': flat(u) @ flat(v).T / np.maximum(tokens, 1),
    }
    if a['imu'].ndim == 2:  # not of a model that stays per limb
        parts['clip'] = unit(a['imu']) @ unit(b['pose']).T
    return parts


def flat(x: np.ndarray) -> np.ndarray:
    """(A, ...) to (A, n)."""
    return x.reshape(len(x), -1)


def recalls(similarity: np.ndarray) -> dict[str, float]:
    """R@1 and R@5 in both directions; ties count against the query."""
    out = {}
    for name, matrix in (('imu2pose', similarity), ('pose2imu', similarity.T)):
        ranks = matrix_ranks(matrix)
        for k in (1, 5):
            out[f'{name}_R@{k}'] = round(float((ranks <= k).mean()), 4)
    return out


def combined(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parts, and the mean of local and token similarity."""
    return {**parts, 'learning': (parts['local'] + parts['token']) / 2}


def signals_of(
    takes: Takes,
    feats: Features,
    window_sec: float,
    limbs: Sequence[str] | None = None,
) -> np.ndarray:
    """Evidence (A, A) of the signals of all windows, in nats per second."""
    imu, pose = [], []
    for take, start in zip(feats['take'], feats['window_start']):
        recording = takes[take][1]
        assert recording.pose is not None
        pose.append(recording.pose.window(float(start), window_sec))
        imu.append(
            {
                name: stream.window(float(start), window_sec)
                for name, stream in recording.imu.items()
                if limbs is None or name in limbs
            }
        )
    return signal_ratios(imu, pose, window_sec) / window_sec


def three_rows(
    learned: np.ndarray, signals: np.ndarray, groups: np.ndarray
) -> dict[str, Any]:
    """Recalls by the signals, by learning and by both, and what both add."""
    both = rank_by_both(learned, signals)
    rows = {'signals alone': signals, 'learning alone': learned, 'both': both}
    out: dict[str, Any] = {name: recalls(x) for name, x in rows.items()}
    hits = {name: matrix_ranks(x) == 1 for name, x in rows.items()}
    for name in ('signals alone', 'learning alone'):
        interval = paired_interval(hits['both'], hits[name], groups)
        out[f'both - {name}, imu2pose_R@1'] = [round(x, 4) for x in interval]
    return out


def evaluate_utd(
    embedder: Embedder, folder: Path, seed: int
) -> dict[str, Any]:
    """Retrieval and nearest action on UTD-MHAD."""
    worn = ('right_wrist', 'right_thigh')
    takes = utd_mhad(folder, ('2', '4', '6'))
    test = encode(embedder, takes, 2.0, None, worn)
    others = utd_mhad(folder, ('1', '3', '5'))
    train = encode(embedder, others, 2.0, None, worn)
    out: dict[str, Any] = {'windows': len(test['take'])}
    parts = combined(similarities(test, test))
    signals = signals_of(takes, test, 2.0)
    for name, matrix in parts.items():
        if name != 'clip':  # the skeletons' clips have all limbs
            out[name] = recalls(matrix)
    out |= three_rows(parts['learning'], signals, test['take'])
    for level in ('local', 'mean token', 'tokens'):
        near = {}
        for name in ('imu', 'pose'):
            vectors = [_of_sensor(part, name, level) for part in (test, train)]
            near[name] = vectors[0] @ vectors[1].T
        near['imu + pose'] = near['imu'] + near['pose']
        for name, matrix in near.items():
            found = train['action'][matrix.argmax(axis=1)]
            share = float((found == test['action']).mean())
            out[f'1nn {name}, {level}'] = round(share, 4)
    near = {name: anytime(test, train, name) for name in ('imu', 'pose')}
    near['imu + pose'] = near['imu'] + near['pose']
    for name, matrix in near.items():
        found = train['action'][matrix.argmax(axis=1)]
        share = float((found == test['action']).mean())
        out[f'1nn {name}, any order'] = round(share, 4)
    out |= whole_recordings(embedder, takes, others, worn)
    out['unknown'] = {
        name: unknown_actions(embedder, takes, others, name, seed)
        for name in ('imu', 'both')
    }
    return out


def unknown_actions(
    embedder: Embedder, asked: Takes, known: Takes, modality: str, seed: int
) -> dict[str, float]:
    """Recordings of which half have an action that the gallery has.

    Each is asked for four times, among another half of the actions that
    have its sensor, by what ``recognize`` does.
    """
    rng = np.random.default_rng(seed)
    sure, there, right = [], [], []
    for worn in ('right_wrist', 'right_thigh') * 4:
        wearing = [
            {name: take for name, take in takes.items() if worn in take[1].imu}
            for takes in (asked, known)
        ]
        actions = sorted({entry['action'] for entry, _ in known.values()})
        own = {entry['action'] for entry, _ in wearing[1].values()}
        some = rng.permutation(sorted(own))[: len(own) // 2]
        gallery = {
            name: ({'label': entry['action'], **entry}, recording)
            for name, (entry, recording) in wearing[1].items()
            if entry['action'] in some
        }
        answers, _ = answers_by_gallery(
            embedder,
            {
                name: ({}, recording)
                for name, (_, recording) in wearing[0].items()
            },
            gallery,
            modality=modality,
            worn=[worn],
            window_sec=embedder.window_sec(asked, known)[0],
            classes=[str(i) for i in range(max(actions) + 1)],
        )
        for name, (entry, _) in wearing[0].items():
            answer = answers[name]
            if 'probability' in answer:
                sure.append(answer['probability'])
                there.append(entry['action'] in some)
                found = answer.get('guess') or answer['action']
                right.append(found == str(entry['action']))
    p, has, best = np.array(sure), np.array(there), np.array(right)
    named = p >= LEAST
    return {
        'recordings': len(p),
        'in the gallery': float(has.mean()),
        'mean probability': float(p.mean()),
        'named': float(named.mean()),
        'in the gallery if named': float(has[named].mean()),
        'named if in the gallery': float(named[has].mean()),
        'refused if not': float((~named)[~has].mean()),
        'right if in the gallery': float(best[has].mean()),
        'right if named': float(best[named].mean()),
    }


def whole_recordings(
    embedder: Embedder, asked: Takes, known: Takes, worn: Sequence[str]
) -> dict[str, float]:
    """Nearest recording by the tokens of all its windows, 0.25 s apart."""
    parts = [encode(embedder, x, 2.0, 0.25, worn) for x in (asked, known)]
    table = {
        name: np.concatenate([part[name] for part in parts])
        for name in (*_KEPT, 'take', 'subject', 'action')
    }
    table['role'] = np.repeat(
        ['query', 'gallery'], [len(x['take']) for x in parts]
    )
    table['camera'] = np.full(len(table['role']), None)
    found = ActionKNNMetric(tokens=True, by_take=True).evaluate_table(table)
    return {
        f'1nn {name}, whole recordings': round(found[f'{key}_top1'], 4)
        for name, key in (
            ('imu', 'knn'),
            ('pose', 'knn_pose'),
            ('imu + pose', 'knn_both'),
        )
    }


def anytime(a: Features, b: Features, name: str) -> np.ndarray:
    """Similarity (A, B) of the tokens of the limb that carries a sensor.

    How they are compared was chosen on the training subjects, each asked
    for among the others.
    """
    tokens, masks = [], []
    for part in (a, b):
        row = np.arange(len(part['imu_mask'])), part['imu_mask'].argmax(axis=1)
        tokens.append(part[f'{name}_tokens'][row][:, None])
        seen = part['pose_token_mask'][row][:, None]
        masks.append(np.ones_like(seen) if name == 'imu' else seen)
    return anytime_similarity(*whitened(*tokens, masks[1]), *masks)


def _of_sensor(part: Features, name: str, level: str) -> np.ndarray:
    """Unit vectors (A, d) of the one limb that carries a sensor."""
    row = np.arange(len(part['imu_mask'])), part['imu_mask'].argmax(axis=1)
    if level == 'local':
        return unit(part[f'{name}_local'][row])
    tokens = unit(part[f'{name}_tokens'][row])
    if name == 'pose':
        tokens = tokens * part['pose_token_mask'][row][..., None]
    return unit(tokens.mean(axis=1) if level == 'mean token' else flat(tokens))


def evaluate_mocap(
    embedder: Embedder, takes: Takes, gallery: int, seed: int
) -> dict[str, Any]:
    """Retrieval among windows of held-out people, and which limb is which."""
    rng = np.random.default_rng(seed)
    out: dict[str, Any] = {}
    placements = list(embedder.preparation.placements)
    for channels, names in CHANNELS.items():
        part = with_channels(takes, names)
        feats = encode(embedder, part, 5.0, 2.5, FIVE)
        for worn, limbs in (('five', FIVE), ('left wrist', FIVE[:1])):
            wanted = [placements.index(limb) for limb in limbs]
            shown = feats['imu_mask'] & feats['pose_mask']
            there = np.flatnonzero(shown[:, wanted].any(axis=1))
            # The same windows with any channels.
            drawn = np.random.default_rng(seed).permutation(there)[:gallery]
            some = {k: v[drawn] for k, v in feats.items()}
            parts = combined(similarities(some, some, wanted))
            if len(limbs) < len(FIVE):
                del parts['clip']  # that of all five
            signals = signals_of(part, some, 5.0, limbs)
            out[f'{worn}, {channels}'] = {
                'windows': len(signals),
                **{name: recalls(matrix) for name, matrix in parts.items()},
                **three_rows(parts['learning'], signals, some['take']),
            }
    every = encode(embedder, takes, 5.0, 5.0)
    keep = every['imu_mask'].any(1) & every['pose_mask'].any(1)
    every = {k: v[keep] for k, v in every.items()}
    signals = limb_evidence(takes, every, placements, 5.0)
    for name, groups in (('limb', None), ('limb, whole take', every['take'])):
        out[name] = which_limb(every, groups)
        out[f'{name}, both'] = which_limb(every, groups, signals)
    out['position'] = finds_position(every, rng)
    out['out of step'] = out_of_step(embedder, takes)
    return out


def out_of_step(embedder: Embedder, takes: Takes) -> dict[str, Any]:
    """Windows of sensors looked up in those of skeletons, 0.8 s apart.

    The sensors' clocks run 0.05 to 0.4 s late, so no window of a skeleton
    covers the same time. ``recording``: the best window is one of the right
    recording; ``window``: the right window is among the ten best. At four
    moments, each window stands for those that begin up to 0.6 s later, too.
    """
    placements = list(embedder.preparation.placements)
    out: dict[str, Any] = {}
    for worn, limbs in (('five', FIVE), ('left wrist', FIVE[:1])):
        at = [placements.index(limb) for limb in limbs]
        known = encode(embedder, takes, 5.0, 0.8, limbs)
        tokens, seen = (
            known['pose_tokens'][:, at],
            known['pose_token_mask'][:, at],
        )
        right = defaultdict(list)
        for late in (0.05, 0.15, 0.3, 0.4):
            moved = {
                name: (entry, _late(recording, late))
                for name, (entry, recording) in takes.items()
            }
            later = encode(embedder, moved, 5.0, 0.2, limbs)
            clips = unit(later['imu']) @ unit(known['pose']).T
            first = _moments(later, 4)
            first = first[later['imu_mask'][first][:, at].all(axis=1)]
            asked = {k: v[first] for k, v in later.items()}
            worn_tokens = asked['imu_tokens'][:, at]
            masks = np.ones(worn_tokens.shape[:3], bool), seen
            same = asked['take'][:, None] == known['take']
            when = asked['window_start'] - late
            starts = known['window_start'] - when[:, None]
            for name, matrix, reach in (
                ('clip embeddings', clips[first], 0.41),
                (
                    'clip embeddings, four moments',
                    np.max([clips[first + i] for i in range(4)], axis=0),
                    0.81,
                ),
                (
                    'tokens in step',
                    lagged_similarity(worn_tokens, tokens, *masks, 0),
                    0.41,
                ),
                (
                    'tokens at their best lag',
                    lagged_similarity(worn_tokens, tokens, *masks, 2),
                    0.41,
                ),
            ):
                best = np.argsort(-matrix, axis=1)
                near = same & (abs(starts) <= reach)
                right[name].append(
                    (
                        np.take_along_axis(same, best[:, :1], 1).mean(),
                        np.take_along_axis(near, best[:, :10], 1)
                        .any(axis=1)
                        .mean(),
                    )
                )
        for name, rates in right.items():
            found, among = np.mean(rates, axis=0)
            out[f'{worn}: {name}'] = {
                'windows': len(first),
                'recording': float(found),
                'window': float(among),
            }
    return out


def _moments(feats: Features, count: int) -> np.ndarray:
    """Rows of windows 4 s apart, behind which there are more of the take."""
    rows = []
    for take in dict.fromkeys(feats['take']):
        at = np.flatnonzero(feats['take'] == take)
        rows += [at[i] for i in range(0, len(at) - count + 1, 20)]
    return np.array(rows)


def _late(recording: Recording, seconds: float) -> Recording:
    """A recording whose sensors' clocks are late."""
    imu = {
        name: replace(
            stream,
            clock=Clock(
                len(stream.clock.at()), times=stream.clock.at() + seconds
            ),
        )
        for name, stream in recording.imu.items()
    }
    return Recording(imu, recording.pose)


def paired_interval(
    first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None
) -> tuple[float, float]:
    """Interval (95 %) of the mean difference of two methods, by bootstrap.

    Both were asked the same questions, so questions are drawn, and with
    each of them the answers of both; or whole groups of questions that are
    not independent.

    Args:
        first: (M,) what one method scored on each question.
        second: (M,) the same of the other.
        groups: (M,) which group a question is of; each its own if None.

    Returns:
        Bounds of ``first - second``.

    >>> paired_interval(np.ones(50), np.zeros(50))
    (1.0, 1.0)
    """
    difference = np.asarray(first, float) - np.asarray(second, float)
    if groups is None:
        groups = np.arange(len(difference))
    _, index = np.unique(groups, return_inverse=True)
    total, size = np.bincount(index, difference), np.bincount(index)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(total), (_DRAWS, len(total)))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def evaluate_sync(
    embedder: Embedder, films: Mapping[str, Recording], count: int, seed: int
) -> dict[str, Any]:
    """Synchronisation of one sensor in clips of 10 s, with offsets in 7 s.

    By limb and evidence, and with both kinds of it by how much the sensor
    moves: a knee tells little about exercises of the arms.
    """
    sync, features = build_synchronizer('fused'), embedder.clip_features()
    errors, by_movement = defaultdict(list), defaultdict(list)
    for limb, clip, offset in sync_clips(films, count, seed):
        acceleration = np.asarray(clip.imu[limb].channels['acc'], float)
        moved = np.sqrt(acceleration.var(axis=0).sum())
        for name, feats in (
            ('signals alone', None),
            ('both', features and features(clip)),
        ):
            result = sync(clip, feats, 7.0)
            error = abs(result.offset - offset)
            errors[f'{limb}, {name}'].append((error, result.abstained))
            if name == 'both':
                least = max(x for x in MOVEMENT if x <= moved)
                by_movement[least].append((error, result.abstained))
    return {
        'sync': {name: _sync_values(x) for name, x in errors.items()},
        'sync by movement': {
            least: _sync_values(by_movement[least])
            for least in MOVEMENT
            if least in by_movement
        },
    }


def _sync_values(found: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    error, abstained = np.array(found).T
    answered = error[abstained == 0]
    right = answered < 0.1
    return {
        'clips': len(error),
        'acc@0.1': float((error < 0.1).mean()),
        'mae_s': float(error.mean()),
        'coverage': float((abstained == 0).mean()),
        'answered_acc@0.1': float(right.mean()) if len(right) else math.nan,
    }


def finds_position(
    feats: Features, rng: np.random.Generator
) -> dict[str, float]:
    """How often a token finds its position in the window.

    ``same`` is that in the window's own skeleton, where it is right, and
    ``other`` that in the skeleton of somebody else's window, where only the
    position tells. By chance it is 1 / N.
    """
    count = len(feats['imu'])
    other = (np.arange(count) + rng.integers(1, count, count)) % count
    out = {'chance': 1 / feats['imu_tokens'].shape[2]}
    for name, partner in (('same', np.arange(count)), ('other', other)):
        found = []
        for i, j in enumerate(partner):
            limbs = feats['imu_mask'][i] & feats['pose_mask'][j]
            seen = feats['pose_token_mask'][j].all(axis=1)
            a = unit(feats['imu_tokens'][i, limbs & seen])
            b = unit(feats['pose_tokens'][j, limbs & seen])
            if name == 'same' or feats['subject'][i] != feats['subject'][j]:
                best = np.einsum('snd,smd->snm', a, b).argmax(axis=2)
                found.append((best == np.arange(a.shape[1])).ravel())
        rates = np.concatenate(found) if found else np.zeros(0)
        out[name] = float(rates.mean()) if len(rates) else float('nan')
    return out


def limb_evidence(
    takes: Takes, feats: Features, limbs: Sequence[str], window_sec: float
) -> np.ndarray:
    """Evidence (W, S, S) of the signals for each sensor on each limb."""
    imu, pose = [], []
    for take, start in zip(feats['take'], feats['window_start']):
        recording = takes[take][1]
        assert recording.pose is not None
        pose.append(recording.pose.window(float(start), window_sec))
        served = {
            limb: recording.imu[name]
            for name, limb in match_limbs(recording.imu, limbs).items()
            if limb is not None
        }
        for limb in limbs:
            stream = served.get(limb)
            if stream is not None:
                stream = stream.window(float(start), window_sec)
            imu.append(stream)
    size = len(limbs)
    sensors = sensor_signals(imu, window_sec)
    out = np.zeros((len(pose), size, size))
    for column, limb in enumerate(limbs):
        shown = limb_signals(pose, limb, window_sec)
        for i in range(len(pose)):
            rows = slice(i * size, (i + 1) * size)
            ratios = pair_ratios(sensors[rows], shown[i : i + 1])
            out[i, :, column] = ratios[:, 0] / window_sec
    return out


def which_limb(
    feats: Features,
    groups: np.ndarray | None = None,
    signals: np.ndarray | None = None,
) -> dict[str, float]:
    """Share of sensors whose limb is found, alone and one to one.

    Windows of a group (each one by default) are judged together, by the mean
    of local and token similarity, and by the signals (W, S, S) if given.
    """
    if groups is None:
        groups = np.arange(len(feats['imu']))
    alone, one_to_one = [], []
    x, y = unit(feats['imu_local']), unit(feats['pose_local'])
    u = unit(feats['imu_tokens'])
    v = unit(feats['pose_tokens']) * feats['pose_token_mask'][..., None]
    count = np.maximum(feats['pose_token_mask'].sum(axis=2), 1)
    for group in np.unique(groups):
        at = np.flatnonzero(groups == group)
        matrix = np.einsum('asd,ald->sl', x[at], y[at])
        token = np.einsum('asnd,alnd->asl', u[at], v[at])
        matrix = (matrix + (token / count[at][:, None]).sum(axis=0)) / 2
        if signals is not None:
            matrix = matrix + SIGNAL_WEIGHT * signals[at].sum(axis=0)
        there = feats['imu_mask'][at].all(axis=0)
        seen = feats['pose_mask'][at].all(axis=0)
        worn = np.flatnonzero(there & seen)
        if not len(worn):
            continue
        every = np.flatnonzero(seen)
        alone += list(every[matrix[np.ix_(worn, every)].argmax(1)] == worn)
        rows, columns = linear_sum_assignment(-matrix[np.ix_(worn, worn)])
        one_to_one += list(rows == columns)
    return {
        'sensors': len(alone),
        'argmax': float(np.mean(alone)),
        'one to one': float(np.mean(one_to_one)),
    }


def evaluate_gait(
    embedder: Embedder, folder: Path, seed: int
) -> dict[str, Any]:
    """Which sensor is where, and who of four walkers wears them."""
    takes: Takes = {}
    for person, name, recording in gait_video(folder):
        start, end = common(recording)
        if end - start >= 4.0:
            takes[f'{person}/{name}'] = (dict(subject=person), recording)
    feats = encode(embedder, takes, 4.0, 1.0)
    out: dict[str, Any] = {
        'passes': len(takes),
        'limb, whole pass': which_limb(feats, feats['take']),
        'limb, 4 s': which_limb(feats),
    }
    limbs = embedder.preparation.placements
    signals = limb_evidence(takes, feats, limbs, 4.0)
    out['limb, 4 s, both'] = which_limb(feats, None, signals)
    out['limb, whole pass, both'] = which_limb(feats, feats['take'], signals)
    rng, right = np.random.default_rng(seed), defaultdict(list)
    first = np.unique(feats['take'], return_index=True)[1]
    feats = {k: v[first] for k, v in feats.items()}
    parts = combined(similarities(feats, feats))
    parts['signals alone'] = signals_of(takes, feats, 4.0)
    parts['both'] = rank_by_both(parts['learning'], parts['signals alone'])
    asked = []
    for i, person in enumerate(feats['subject']):
        others = np.flatnonzero(feats['subject'] != person)
        for _ in range(20):
            three, people = [], {person}
            for j in rng.permutation(others):
                if feats['subject'][j] not in people:
                    people.add(feats['subject'][j])
                    three.append(j)
            rivals = [i, *three[:3]]
            asked.append(person)
            for name, matrix in parts.items():
                best = rivals[int(np.argmax(matrix[i, rivals]))]
                right[name].append(best == i)
    out['who of four'] = {k: float(np.mean(v)) for k, v in right.items()}
    for name in ('signals alone', 'learning'):
        interval = paired_interval(
            np.array(right['both']), np.array(right[name]), np.array(asked)
        )
        out[f'who of four, both - {name}'] = [round(x, 4) for x in interval]
    return out


def main() -> None:
    """Evaluate and print."""
    args = parse_args()
    begin = time.process_time()
    embedder = Embedder(args.model, args.checkpoint, show_progress=False)
    results: dict[str, Any] = {'signal weight': SIGNAL_WEIGHT}
    results['seed'] = args.seed
    if args.utd_mhad:
        results['utd_mhad'] = evaluate_utd(embedder, args.utd_mhad, args.seed)
    if args.gait_video:
        results['gait_video'] = evaluate_gait(
            embedder, args.gait_video, args.seed
        )
    if args.mocap:
        dataset, takes = motion_capture(args.mocap, args.seed, args.takes)
        results['motion_capture'] = evaluate_mocap(
            embedder, takes, args.gallery, args.seed
        )
        films = film_again(dataset, takes, args.seed)
        results |= evaluate_sync(embedder, films, args.clips, args.seed)
    results['processor seconds'] = time.process_time() - begin
    text = json.dumps(results, indent=2)
    print(text)
    if args.out:
        args.out.write_text(text + '\n')


if __name__ == '__main__':
    run_command(main)
