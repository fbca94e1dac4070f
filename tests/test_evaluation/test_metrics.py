"""Metrics collect the right rows and hand them to the functions."""

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mobind_mm.evaluation import ActionKNNMetric, RetrievalMetric
from mobind_mm.structures import MoBindDataSample


def sample(imu, pose, role='query', action=0, imu_mask=(True,)):
    out = MoBindDataSample(metainfo={'role': role, 'action': action})
    out.imu_embedding = torch.tensor(imu, dtype=torch.float32)
    out.pose_embedding = torch.tensor(pose, dtype=torch.float32)
    out.imu_mask = torch.tensor(imu_mask)
    out.pose_mask = torch.tensor([True] * len(imu_mask))
    return out


def evaluate(metric, samples, batch=3):
    evaluator = Evaluator(metric)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples))


def test_retrieval_keys_and_values():
    x = np.eye(4)
    y = x[[0, 1, 3, 2]]
    samples = [sample(a, b) for a, b in zip(x, y)]
    samples.append(sample(x[0], y[0], role='gallery'))
    samples.append(sample(x[0], y[0], imu_mask=(False,)))
    out = evaluate(RetrievalMetric(topk=(1, 4)), samples)
    assert out['retrieval/num_windows'] == 4
    for direction in ('imu2pose', 'pose2imu'):
        assert out[f'retrieval/{direction}_R@1'] == 0.5
        assert out[f'retrieval/{direction}_R@4'] == 1.0
        assert f'retrieval/{direction}_medR' in out
        assert f'retrieval/{direction}_mAP' in out


def test_retrieval_of_per_limb_embeddings_uses_the_masks():
    wrist, knee = (True, False), (False, True)
    # The first clip's knee is a distractor for the second clip's knee
    # unless its missing sensor is ignored.
    samples = [
        sample([[1, 0], [0, 1]], [[1, 0], [1, 0]], imu_mask=wrist),
        sample([[1, 0], [0, 1]], [[0, 1], [0, 1]], imu_mask=knee),
    ]
    out = evaluate(RetrievalMetric(topk=(1,)), samples)
    assert out['retrieval/imu2pose_R@1'] == 1.0
    assert out['retrieval/pose2imu_R@1'] == 1.0


def test_nearest_neighbour_uses_gallery_windows_with_labels_only():
    samples = [
        sample([1, 0], [0, 1], 'gallery', action=5),
        sample([0, 1], [1, 0], 'gallery', action=6),
        sample([1, 0.1], [1, 0.1], 'gallery', action=-1),
        sample([1, 0.1], [0.1, 1], 'query', action=5),
        sample([0, 1], [0, 1], 'query', action=6),
        sample([0, 1], [0, 1], 'query', action=-1),
    ]
    out = evaluate(ActionKNNMetric(), samples)
    assert out['action/num_queries'] == 2
    assert out['action/num_gallery'] == 2
    assert out['action/knn_top1'] == 1.0
    assert out['action/knn_pose_top1'] == 0.5
    assert out['action/knn_pose2imu_top1'] == 0.5


def test_what_is_missing_is_said():
    with pytest.raises(ValueError, match="role 'gallery'"):
        evaluate(ActionKNNMetric(), [sample([1, 0], [0, 1])])
    with pytest.raises(ValueError, match='both IMU and pose'):
        evaluate(RetrievalMetric(), [sample([1], [1], 'gallery')])
