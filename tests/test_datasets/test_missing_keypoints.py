"""A keypoint that is NaN or exactly (0, 0) is not there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from raw_pose_tools import person
from recordings import AXIS, OMEGA, make_recording, make_results

from mobind_mm.datasets import transforms as t
from mobind_mm.datasets.packed.streams import StreamPacker
from mobind_mm.datasets.transforms import NormalizeSkeleton, ResamplePose
from mobind_mm.engine.training import _windows
from mobind_mm.recordings import Recording

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
@pytest.mark.parametrize('missing', [np.nan, 0.0, -1.0])
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
    assert list(_windows(batch)) == [('take t1 at 2 s', True), ('walk', False)]


# A gyroscope that a recording lacks follows from its orientation

CHANNELS = ('acc', 'gyro')


def without_gyro(names=('acc', 'quat')):
    recording = make_recording()
    imu = {
        name: replace(s, channels={c: s.channels[c] for c in names})
        for name, s in recording.imu.items()
    }
    return Recording(imu, recording.pose)


def test_it_is_derived_where_it_is_named():
    load = t.LoadWindow(channels=CHANNELS)
    loaded = load(make_results(without_gyro()))['imu']['left_wrist']
    assert sorted(loaded) == ['acc', 'gyro']
    expected = np.tile(OMEGA * AXIS, (len(loaded['gyro']), 1))
    np.testing.assert_allclose(loaded['gyro'], expected, atol=1e-3)
    fast = load(make_results(without_gyro(), speed=1.5))['imu']['left_wrist']
    np.testing.assert_allclose(fast['gyro'][0], 1.5 * expected[0], atol=1e-3)


def test_nothing_else_is_derived():
    everything = t.LoadWindow()(make_results(without_gyro()))['imu']
    assert sorted(everything['left_wrist']) == ['acc', 'quat']
    load = t.LoadWindow(channels=CHANNELS)
    alone = load(make_results(without_gyro(('acc',))))['imu']['left_wrist']
    assert sorted(alone) == ['acc']


@pytest.mark.parametrize(
    ('channels', 'found'),
    [(CHANNELS, ['acc', 'gyro']), (None, ['acc', 'quat'])],
)
def test_packed_streams_have_the_same(channels, found):
    packer = StreamPacker(
        t.LoadWindow(channels=channels), t.ResampleIMU(50), t.ResamplePose(25)
    )
    about = packer.describe(without_gyro())
    assert about['sensors']['left_wrist']['channels'] == found
    info = make_results(without_gyro())
    arrays, _ = packer.pack(info)
    if channels:
        turning = arrays['imu'][3:6, 10:-10]
        expected = np.tile((OMEGA * AXIS)[:, None], turning.shape[1])
        np.testing.assert_allclose(turning, expected, atol=1e-2)
