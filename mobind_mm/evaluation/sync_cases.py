"""Single clips of the synchronisation task: features, curves, rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..synchronization.result import SyncResult
from ..utils.similarity import window_similarity

FEATS = (
    *('imu_embedding', 'pose_embedding', 'imu_mask', 'pose_mask'),
    *('imu_tokens', 'pose_tokens', 'pose_token_mask'),
)
"""Fields of a data sample that start with the axis W of sub-windows."""


def clip_feats(sample: Mapping) -> dict[str, np.ndarray] | None:
    """What the model predicted for a clip, as synchronisers take it.

    Args:
        sample: Data sample; a clip of one window has no axis W.

    Returns:
        The fields :data:`FEATS` with the axis W and ``window_starts``
        (W,) seconds, as numpy arrays, and ``placements``, the S names;
        None without embeddings.
    """
    if 'imu_embedding' not in sample:
        return None
    feats = {}
    for key in FEATS:
        if key in sample:
            value = sample[key].detach().cpu()
            value = value.float() if value.is_floating_point() else value
            feats[key] = value.numpy()
    names = dict(placements=tuple(sample.get('placements', ())))
    if 'window_starts' in sample:
        starts = np.asarray(sample['window_starts'], dtype=np.float64)
        return dict(feats, window_starts=starts, **names)
    feats = {key: value[None] for key, value in feats.items()}
    return dict(feats, window_starts=np.zeros(1), **names)


def case_curve(result: SyncResult, feats: dict | None) -> dict:
    """What a picture of a clip shows."""
    curve = dict(
        rivals=list(result.rivals),
        offsets=np.asarray(result.offsets, dtype=np.float32),
        log_posterior=np.asarray(result.log_posterior, dtype=np.float32),
        similarity=None,
        window_starts=None,
    )
    if feats is not None and len(feats['window_starts']) > 1:
        curve['similarity'] = window_similarity(feats).astype(np.float32)
        curve['window_starts'] = feats['window_starts']
    return curve


def flat_case(row: dict) -> dict:
    """A row of the table of single clips."""
    out = {k: v for k, v in row.items() if k not in ('answers', 'curve')}
    for name, answer in row['answers'].items():
        out[f'{name}_error_s'] = abs(answer['estimate'] - row['offset'])
        out.update({f'{name}_{key}': v for key, v in answer.items()})
    return out


def case_pictures(cases: Sequence[Mapping]) -> dict[str, dict]:
    """What a visualizer draws of some clips.

    Args:
        cases: Entries of ``SyncMetric.cases``, worst first.

    Returns:
        Name of a picture to its ``kind`` and the arguments of its drawing.
    """
    pictures = {}
    for number, case in enumerate(cases, 1):
        shared = dict(
            offset=case['offset'],
            estimate=case['estimate'],
            title=f'{case["take"]} at {case["window_start"]:.2f} s',
        )
        if len(case['offsets']):
            pictures[f'sync_curve_worst_{number}'] = dict(
                kind='sync_curve',
                offsets=case['offsets'],
                log_posterior=case['log_posterior'],
                rivals=case['rivals'],
                **shared,
            )
        if case['similarity'] is not None:
            pictures[f'sync_similarity_worst_{number}'] = dict(
                kind='similarity_matrix',
                similarity=case['similarity'],
                row_times=case['window_starts'],
                column_times=case['window_starts'],
                **shared,
            )
    return pictures
