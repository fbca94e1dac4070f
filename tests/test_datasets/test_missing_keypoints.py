"""A keypoint that is NaN or exactly (0, 0) is not there."""

import numpy as np
import pytest
import torch
from raw_pose_tools import person

from mobind_mm.datasets.transforms import NormalizeSkeleton, ResamplePose
from mobind_mm.engine.training import _windows

SHAPE = (720, 1280)


def skeleton(missing, scores):
    """A sample of ``PoseDataset`` with some keypoints missing."""
    points, _ = person(40)
    keypoint = points[None].astype(np.float32)
    keypoint[0, 5:9, 3] = missing
    keypoint[0, 10, 9] = missing
    results = {'keypoint': keypoint, 'img_shape': SHAPE, 'frame_dir': 'walk'}
    if scores is not None:
        results['keypoint_score'] = np.full((1, 40, 17), scores)
    return results


@pytest.mark.parametrize('scores', [None, 1.0])
@pytest.mark.parametrize('missing', [np.nan, 0.0])
@pytest.mark.parametrize('mode', ['torso', 'image', 'bbox'])
def test_normalize_skeleton(mode, missing, scores):
    results = NormalizeSkeleton(mode)(skeleton(missing, scores))
    assert np.isfinite(results['keypoint']).all()
    gone = results['keypoint_score'][0] == 0
    assert gone[5:9, 3].all() and gone[10, 9] and gone.sum() == 5
    assert results['video_id'] == 'walk'
    # The others are where they are without the missing ones.
    whole = skeleton(missing, scores)
    whole['keypoint'][0, 5:9, 3] = whole['keypoint'][0, 4, 3]
    whole['keypoint'][0, 10, 9] = whole['keypoint'][0, 11, 9]
    expected = NormalizeSkeleton(mode)(whole)['keypoint']
    np.testing.assert_allclose(
        results['keypoint'][0][~gone], expected[0][~gone], atol=1e-5
    )


@pytest.mark.parametrize('missing', [np.nan, 0.0])
def test_resample_pose(missing):
    """As if the score had been 0."""
    points, _ = person(60)
    points[10, 9] = points[9, 9]
    results = {}
    for name, score in (('score', 0.0), ('place', 1.0)):
        keypoints, scores = points.astype(np.float32), np.ones((60, 17))
        keypoints[20:40, 9] = missing if name == 'place' else 300.0
        scores[20:40, 9] = score
        results[name] = ResamplePose(rate=20)(
            dict(
                keypoints=keypoints,
                scores=scores.astype(np.float32),
                pose_meta=dict(
                    times=np.arange(60) / 30, rate=30.0, regular=True
                ),
                window_sec=2.0,
                margin_sec=0.5,
            )
        )
    for key in ('keypoints', 'scores', 'keypoint_mask'):
        np.testing.assert_array_equal(
            results['place'][key], results['score'][key]
        )
    assert not results['place']['keypoint_mask'][15:25, 9].any()


class Sample:
    def __init__(self, **metainfo):
        self.metainfo = metainfo

    def metainfo_keys(self):
        return list(self.metainfo)


def test_windows_under_mmaction_are_named():
    """Which ``NonFiniteHook`` does when it stops a training."""
    good, bad = torch.zeros(2, 3), torch.tensor([0.0, torch.nan])
    batch = {
        'inputs': [good, bad],
        'data_samples': [
            Sample(video_id='take t1 at 2 s'),
            Sample(video_id='walk'),
        ],
    }
    assert list(_windows(batch)) == [
        ('take t1 at 2 s', True),
        ('walk', False),
    ]
