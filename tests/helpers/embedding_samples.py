"""Windows with embeddings, for tests of the metrics."""

import numpy as np
import torch
from mmengine.evaluator import Evaluator

from mobind_mm.structures import MoBindDataSample

ALL_ONLY = ('all',)


def sample(imu, pose, role='query', action=0, imu_mask=(True,), **meta):
    ids = dict(take=f'{role}-take', subject='s', scene='room', camera=None)
    ids.update(window_start=0.0, window_sec=1.0, role=role, action=action)
    out = MoBindDataSample(metainfo={**ids, **meta})
    out.imu_embedding = torch.as_tensor(np.array(imu), dtype=torch.float32)
    out.pose_embedding = torch.as_tensor(np.array(pose), dtype=torch.float32)
    out.imu_mask = torch.tensor(imu_mask)
    out.pose_mask = torch.tensor([True] * len(imu_mask))
    return out


def evaluate(metric, samples, batch=3):
    evaluator = Evaluator(metric)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples))


def random_samples(count, seed=0, limbs=None, constant=False, shuffled=False):
    """Query and gallery windows of three takes and four actions.

    The embeddings know the window and its action; a constant encoder gives
    the same for all, a shuffled pairing the pose of another window.
    """
    rng = np.random.default_rng(seed)
    shape = (count, 8) if limbs is None else (count, limbs, 8)
    S, N = limbs or 2, 3  # noqa: N806
    actions = np.arange(count) % 4
    hot = np.eye(8)[actions].reshape(count, *[1] * (len(shape) - 2), 8)
    imu = rng.normal(size=shape) + 2 * hot
    pose = imu + 0.1 * rng.normal(size=shape)
    tokens = rng.normal(size=(count, S, N, 8))
    if constant:
        imu, pose, tokens = (
            np.ones(shape),
            np.ones(shape),
            np.ones_like(tokens),
        )
    moved = rng.permutation(count) if shuffled else np.arange(count)
    masks = rng.random((count, S)) < 0.8
    masks[:, 0] = True
    samples = []
    for i, j in enumerate(moved):
        one = sample(
            imu[i],
            pose[j],
            role='gallery' if i % 3 == 0 else 'query',
            action=int(actions[i]) if i % 7 else -1,
            imu_mask=masks[i].tolist(),
            take=f'take{i % 3}',
            subject=f's{i % 2}',
            window_start=i * 0.2,
        )
        one.imu_tokens = torch.as_tensor(tokens[i])
        noise = 0 if constant else 0.3 * rng.normal(size=tokens[i].shape)
        one.pose_tokens = torch.as_tensor(tokens[j] + noise)
        one.pose_token_mask = torch.as_tensor(rng.random((S, N)) < 0.9)
        samples.append(one)
    return samples
