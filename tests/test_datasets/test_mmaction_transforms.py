"""Our windows in MMAction2's pipelines, its pickles in our encoders."""

import pickle

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

pytest.importorskip('mmaction')

import mobind_mm.models.recognizers  # noqa: F401
from mobind_mm.datasets import SyntheticMotionDataset
from mobind_mm.datasets.transforms import (
    IMUToMMAction,
    MultiClip,
    NormalizeKeypoints,
    NormalizeSkeleton,
    PoseToMMAction,
)

PLACEMENTS = ('left_wrist', 'right_knee', 'head')
LOAD = [
    dict(type='mobind_mm.LoadWindow'),
    dict(type='mobind_mm.ResampleIMU', rate=25),
    dict(type='mobind_mm.ResamplePose', rate=20),
    dict(type='mobind_mm.NormalizeKeypoints', mode='torso'),
]
IMU = dict(
    type='mobind_mm.IMUToMMAction',
    placements=PLACEMENTS,
    imu_channels=('gyro', 'acc'),
)
POSE = [
    dict(type='mobind_mm.PoseToMMAction'),
    dict(type='FormatGCNInput', num_person=1),
]
PACK = dict(
    type='PackActionInputs',
    collect_keys=('imu', 'keypoint'),
    meta_keys=('take', 'window_start'),
)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmaction')


def dataset(pipeline, **kwargs):
    return SyntheticMotionDataset(
        split='test',
        num_subjects=1,
        takes_per_subject=2,
        take_sec=12.0,
        # Missing frames and keypoints.
        detector=dict(drop_person=20.0, drop_burst=20.0),
        pipeline=pipeline,
        **{'window_sec': 2.0, 'stride_sec': 2.0, **kwargs},
    )


def labelled(pipeline, **kwargs):
    return dataset(pipeline, filter_cfg=dict(labelled=True), **kwargs)


def limb_backbone(name, rate):
    from mmaction.registry import MODELS

    tokenizers = dict(
        IMU=dict(type='IMUTokenizer', channels=('gyro', 'acc')),
        Pose=dict(type='LimbTokenizer', limbs=PLACEMENTS, rate=rate),
    )
    return MODELS.build(
        dict(
            type=f'mobind_mm.{name}LimbBackbone',
            limbs=PLACEMENTS,
            tokenizer=tokenizers[name],
            encoder=dict(
                type='ConvFormer',
                in_channels=6,
                rate=rate,
                window_sec=2.0,
                embed_dims=16,
            ),
        )
    )


def test_channels_joints_and_masks_are_those_of_pack_imu_pose():
    """What the encoders see of a window does not depend on the packing."""
    pack = dict(
        type='mobind_mm.PackIMUPose',
        placements=PLACEMENTS,
        imu_channels=('gyro', 'acc'),
    )
    packed = labelled([*LOAD, pack])
    ours = labelled([*LOAD, IMU, *POSE, PACK])
    imu, pose = limb_backbone('IMU', 25), limb_backbone('Pose', 20)
    assert len(packed) == len(ours) > 4
    hidden = 0
    for wanted, got in zip(packed, ours):
        inputs, sample = wanted['inputs'], wanted['data_samples']
        assert got['data_samples'].gt_label == sample.action
        assert got['data_samples'].take == sample.take
        assert got['inputs']['imu'].shape == (1, 1, 50, 3, 7)
        assert got['inputs']['keypoint'].shape == (1, 1, 40, 17, 3)
        values, mask = imu.split(got['inputs']['imu'][0])
        assert torch.equal(values[0], inputs['imu'])
        assert torch.equal(mask[0].all(1), inputs['imu_mask'])
        values, mask = pose.split(got['inputs']['keypoint'][0])
        assert torch.equal(mask[0], inputs['pose_mask'])
        there = inputs['pose_mask'][:, None]
        assert torch.equal(values[0], inputs['pose'] * there)
        hidden += int((~mask).sum())
    assert hidden > 0


@pytest.mark.parametrize('gone', ['imu', 'pose'])
def test_a_hidden_modality_arrives_as_scores_of_zero(gone):
    probs = {f'{m}_prob': float(m == gone) for m in ('imu', 'pose')}
    hide = dict(type='mobind_mm.HideModality', **probs)
    key = dict(imu='imu', pose='keypoint')[gone]
    whole = labelled([*LOAD, IMU, *POSE, PACK])
    for one, both in zip(labelled([hide, *LOAD, IMU, *POSE, PACK]), whole):
        for name, value in one['inputs'].items():
            wanted = both['inputs'][name]
            assert value.shape == wanted.shape
            if name == key:
                assert not value[..., -1].any()
            else:
                assert torch.equal(value, wanted)


def test_unlabelled_windows_are_refused():
    steps = [*LOAD, IMU]
    windows = dataset(steps, min_label_overlap=1.0, stride_sec=0.5)
    with pytest.raises(ValueError, match='filter_cfg=dict.labelled=True'):
        list(windows)


def test_clips_are_windows_spread_over_the_entry():
    clips = dict(
        type='mobind_mm.MultiClip',
        num_clips=6,
        keys=('imu', 'keypoint'),
        transforms=[*LOAD, IMU, *POSE],
    )
    # Windows of 2 s in 12 s: six of them start every two seconds.
    single = labelled([*LOAD, IMU, *POSE, PACK], min_label_overlap=0.01)
    multi = labelled([clips, PACK], stride_sec=12.0, min_label_overlap=0.01)
    assert len(single) == 6 * len(multi) == 12
    for number, sample in enumerate(multi):
        assert sample['inputs']['imu'].shape == (6, 1, 50, 3, 7)
        for clip in range(6):
            wanted = single[number * 6 + clip]['inputs']
            for name, value in sample['inputs'].items():
                assert torch.equal(value[clip], wanted[name][0])


def test_a_single_clip_is_centred():
    results = dict(
        window_start=9.0,
        window_sec=2.0,
        recording=None,
        entry_start=1.0,
        entry_end=8.0,
    )
    clip = MultiClip(1, [lambda r: {**r, 'keypoint': np.zeros((1, 1))}])
    assert clip(dict(results))['window_start'] == 3.5
    with pytest.raises(ValueError, match='num_clips must be >= 1'):
        MultiClip(0, [])


def test_skeletons_of_a_pickle_are_normalised_person_by_person():
    rng = np.random.default_rng(0)
    keypoint = rng.uniform(0, 500, (2, 9, 17, 2))
    score = rng.uniform(0.2, 1, (2, 9, 17))
    score[0, 3, 5] = 0
    score[1, :, 11] = 0  # a hip that is never seen
    results = NormalizeSkeleton()(
        dict(keypoint=keypoint.copy(), keypoint_score=score.copy())
    )
    wanted = NormalizeKeypoints('torso')(
        dict(
            keypoints=keypoint[0].astype(np.float32),
            keypoint_mask=score[0] > 0,
            layout='coco',
        )
    )
    np.testing.assert_array_equal(results['keypoint'][0], wanted['keypoints'])
    np.testing.assert_allclose(results['keypoint_score'][0], score[0])
    assert not results['keypoint_score'][1].any()
    # Hips in the middle, and the torso as unit.
    hips = np.median(
        results['keypoint'][0][:, 11:13].mean(1)[score[0, :, 5] > 0], axis=0
    )
    np.testing.assert_allclose(hips, 0, atol=1e-5)
    with pytest.raises(ValueError, match='set layout'):
        NormalizeSkeleton()(dict(keypoint=np.zeros((1, 9, 25, 2))))


def test_pickles_of_pose_dataset_feed_the_encoder(tmp_path):
    """Two people, one of whom is padding, through MMAction2's own steps."""
    from mmaction.registry import DATASETS
    from mmengine.dataset import pseudo_collate

    rng = np.random.default_rng(0)
    annotations = [
        dict(
            frame_dir=f'v{i}',
            label=i,
            img_shape=(480, 640),
            original_shape=(480, 640),
            total_frames=60,
            keypoint=rng.uniform(50, 400, (1, 60, 17, 2)),
            keypoint_score=np.ones((1, 60, 17)),
        )
        for i in range(3)
    ]
    path = tmp_path / 'skeletons.pkl'
    split = dict(train=['v0', 'v2'], val=['v1'])
    path.write_bytes(pickle.dumps(dict(split=split, annotations=annotations)))
    data = DATASETS.build(
        dict(
            type='PoseDataset',
            ann_file=str(path),
            split='train',
            pipeline=[
                dict(type='mobind_mm.NormalizeSkeleton'),
                dict(type='UniformSampleFrames', clip_len=40, test_mode=True),
                dict(type='PoseDecode'),
                dict(type='FormatGCNInput', num_person=2),
                dict(type='PackActionInputs'),
            ],
        )
    )
    batch = pseudo_collate([data[i] for i in range(len(data))])
    assert [int(s.gt_label) for s in batch['data_samples']] == [0, 2]
    x = torch.stack(batch['inputs'])
    assert x.shape == (2, 1, 2, 40, 17, 3)
    backbone = limb_backbone('Pose', 20).eval()
    values, mask = backbone.split(x[:, 0].flatten(0, 1))
    assert mask[::2].all() and not mask[1::2].any()
    # The limb's joints are the pickle's: left shoulder, elbow, wrist.
    assert torch.equal(values[0, 0, :3].T, x[0, 0, 0, :, [5, 7, 9], 0])
    alone = backbone(x[:, 0, :1])
    torch.testing.assert_close(backbone(x[:, 0]), alone)


def test_other_layouts_are_named():
    (window,) = list(dataset(LOAD, indices=1, min_label_overlap=0.01))
    with pytest.raises(ValueError, match="layout 'coco', PoseToMMAction has"):
        PoseToMMAction('halpe26')(window)
    (window,) = list(dataset(LOAD, indices=1, min_label_overlap=0.01))
    with pytest.raises(ValueError, match="no \\['quat'\\]|has no"):
        IMUToMMAction(PLACEMENTS, ('acc', 'mag'))(window)
