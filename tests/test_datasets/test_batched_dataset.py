"""Whole batches have the values and the distributions of the transforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from recordings import make_entry, make_pose, write_dataset
from scipy.stats import ks_2samp
from test_packed_dataset import PLACEMENTS, _config, _recordings, root  # noqa: F401

from mobind_mm.datasets import BatchedDataset, IMUPoseDataset
from mobind_mm.recordings import Recording

STEPS = {
    'plain': [],
    'image': [dict(type='NormalizeKeypoints', mode='image')],
    'torso': [
        dict(type='SmoothKeypoints', sigma_sec=0.05),
        dict(type='NormalizeKeypoints', mode='torso'),
    ],
    'body': [dict(type='NormalizeKeypoints', mode='body')],
    'bbox': [dict(type='NormalizeKeypoints', mode='bbox')],
}


def config(root, after, first=(), **changes):  # noqa: F811
    cfg = _config(root, after, first)
    del cfg['pipeline'][-1]['imu_channels']
    return {**cfg, **changes}


def both(root, after, first=()):  # noqa: F811
    cfg = config(root, after, first)
    return IMUPoseDataset(**_args(cfg)), BatchedDataset(cfg)


def _args(cfg):
    return {key: value for key, value in cfg.items() if key != 'type'}


@pytest.mark.parametrize('name', STEPS)
def test_same_windows_as_the_pipeline(root, name):  # noqa: F811
    single, batched = both(root, STEPS[name])
    indices = list(range(len(single)))
    expected = pseudo_collate([single[i] for i in indices])
    found = batched.__getitems__(indices)
    masks = [
        torch.stack(expected['inputs'][k]) for k in ('imu_mask', 'pose_mask')
    ]
    assert torch.equal(found['inputs']['imu_mask'], masks[0])
    assert torch.equal(found['inputs']['pose_mask'], masks[1])
    for key in ('imu', 'pose'):
        value = torch.stack(expected['inputs'][key])
        scale = value.abs().amax()
        # Samples beside gaps of irregular clocks may differ slightly.
        difference = (found['inputs'][key] - value).abs() / scale
        assert torch.quantile(difference.flatten()[:1_000_000], 0.99) < 1e-4
        assert difference.max() < 0.05
    for one, other in zip(expected['data_samples'], found['data_samples']):
        assert one.metainfo == other.metainfo
    window = batched[3]['inputs']['imu']
    torch.testing.assert_close(window, found['inputs']['imu'][3])


def test_regular_streams_are_equal_to_rounding(root):  # noqa: F811
    single, batched = both(root, STEPS['torso'])
    rows = [
        i
        for i in range(len(single))
        if single.get_data_info(i)['take'] == 'two'
    ]
    found = batched.__getitems__(rows)['inputs']
    for key in ('imu', 'pose'):
        value = torch.stack([single[i]['inputs'][key] for i in rows])
        torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-4)


RANDOM = {
    'speed': (
        [
            dict(type='RandomSpeed', factors=(0.8, 1.25)),
            dict(type='RandomWindow'),
        ],
        [],
    ),
    'near': ([dict(type='RandomWindow', max_shift_sec=0.3)], []),
    'shift': ([dict(type='RandomTimeShift', max_sec=0.4)], []),
    'turn': ([], [dict(type='RandomIMURotation', max_deg=60, prob=0.7)]),
    'noise': (
        [],
        [dict(type='RandomIMUNoise', acc_std=0.3, acc_bias_std=0.5, prob=0.6)],
    ),
    'scale': ([], [dict(type='RandomIMUScale', factors=(0.5, 1.5), prob=0.8)]),
    'drop': ([], [dict(type='RandomSensorDrop', prob=0.5, min_sensors=1)]),
    'points': (
        [],
        [*STEPS['torso'], dict(type='RandomKeypointNoise', std=0.1, prob=0.7)],
    ),
    'size': (
        [],
        [
            *STEPS['torso'],
            dict(
                type='RandomPoseScale',
                factors=(0.6, 1.4),
                aspect_factors=(0.5, 2.0),
                prob=0.8,
            ),
        ],
    ),
    'lean': (
        [],
        [
            *STEPS['torso'],
            dict(type='RandomPoseRotation', max_deg=40, prob=0.9),
        ],
    ),
    'hide': (
        [],
        [
            *STEPS['torso'],
            dict(type='RandomKeypointDrop', drop_prob=0.2, prob=0.9),
        ],
    ),
}


def statistics(inputs, samples):
    """What a window is like, as a few numbers."""
    imu, pose = inputs['imu'], inputs['pose']
    mask = inputs['pose_mask']
    return dict(
        level=float(imu[0, :3].mean()),
        spread=float(imu[0, 0].std()),
        corner=float(imu[1, 1, 7]),
        quat=float(imu[2, 4, 3]),
        sensors=float(inputs['imu_mask'].sum()),
        known=float(mask.float().mean()),
        x=float(pose[0, 1].mean()),
        wide=float(pose[0, :3].std()),
        high=float(pose[2, 3:].std()),
        last=float(pose[1, 4, -1]),
        start=float(samples.window_start),
        action=float(samples.action),
    )


@pytest.mark.parametrize('name', RANDOM)
def test_same_distribution_as_the_transforms(root, name):  # noqa: F811
    """Kolmogorov and Smirnov find no difference in 12 numbers per window."""
    first, after = RANDOM[name]
    single, batched = both(root, after, first)
    index = (
        next(
            i
            for i in range(len(single))
            if single.get_data_info(i)['take'] == 'two'
        )
        + 5
    )
    np.random.seed(7)
    count = 200
    drawn = [single[index] for _ in range(count)]
    batch = batched.__getitems__([index] * count)
    one = [statistics(d['inputs'], d['data_samples']) for d in drawn]
    other = [
        statistics(
            {k: v[i] for k, v in batch['inputs'].items()},
            batch['data_samples'][i],
        )
        for i in range(count)
    ]
    moved = 0
    for key in one[0]:
        a, b = ([row[key] for row in rows] for rows in (one, other))
        a, b = np.round(a, 4), np.round(b, 4)
        assert ks_2samp(a, b).pvalue > 1e-4, key
        moved += np.ptp(b) > 0
    assert moved  # something was drawn


def test_drawn_by_seed_epoch_and_indices(root):  # noqa: F811
    first = [dict(type='RandomWindow')]
    after = [dict(type='RandomIMUNoise', acc_std=1.0)]
    batched = BatchedDataset(config(root, after, first))

    def draw(seed, indices):
        batched.seed_epoch(seed)
        np.random.seed(None)
        return batched.__getitems__(indices)['inputs']['imu']

    one = draw(5, [3, 8, 1])
    assert torch.equal(draw(5, [3, 8, 1]), one)
    assert not torch.equal(draw(6, [3, 8, 1]), one)
    assert not torch.equal(draw(5, [3, 8, 2])[:1], one[:1])


def test_workers_see_the_epoch(root):  # noqa: F811
    cfg = config(root, [], [dict(type='RandomWindow')])
    batched = BatchedDataset(cfg)
    loader = torch.utils.data.DataLoader(
        batched,
        8,
        num_workers=1,
        persistent_workers=True,
        collate_fn=lambda batch: batch,
        multiprocessing_context='fork',
    )
    seen = []
    for seed in (1, 2, 1):
        batched.seed_epoch(seed)
        seen.append(next(iter(loader))['inputs']['imu'])
    assert torch.equal(seen[0], seen[2]) and not torch.equal(*seen[:2])


def test_what_it_cannot_do_is_refused(root):  # noqa: F811
    cfg = config(root, [dict(type='IMUToMMAction', placements=PLACEMENTS)])
    with pytest.raises(
        ValueError, match='IMUToMMAction does not change whole'
    ):
        BatchedDataset(cfg)
    cfg['pipeline'] = cfg['pipeline'][:2]
    with pytest.raises(ValueError, match='The pipeline of a BatchedDataset'):
        BatchedDataset(cfg)


def test_optional_channels_and_limbs_of_a_layout(root):  # noqa: F811
    """What a sensor lacks is zero and stays zero; gravity has its row."""
    after = [dict(type='RandomIMUNoise', mag_std=1.0, acc_std=0.0)]
    cfg = config(root, after)
    cfg['pipeline'][0]['channels'] = ('acc', 'gyro', 'quat')
    cfg['pipeline'][-1].update(
        placements=(*PLACEMENTS, 'left_foot'),
        imu_channels=('acc',),
        optional_channels=('gyro', 'quat', 'mag'),
        limb_layout='coco',
    )
    single, batched = IMUPoseDataset(**_args(cfg)), BatchedDataset(cfg)
    found = batched.__getitems__(range(len(single)))['inputs']
    assert found['imu'].shape[1:3] == (4, 3 + 3 + 4 + 3 + 1)
    for index in range(len(single)):
        one = single[index]['inputs']
        for key in ('imu_mask', 'pose_mask'):
            assert torch.equal(found[key][index], one[key])
        for rows in (slice(0, 3), slice(6, 10), slice(10, 13), slice(13, 14)):
            difference = (found['imu'][index] - one['imu'])[:, rows].abs()
            assert difference.max() < 0.05 * (
                1 + one['imu'][:, rows].abs().max()
            )
        # Derived before the samples are cut, or after: ends may differ.
        gyro = one['imu'][:, 3:6]
        difference = (found['imu'][index, :, 3:6] - gyro).abs()
        assert difference.median() <= 1e-3 * (1 + gyro.abs().max())
    assert not found['imu'][:, :, 10:13].any()


def test_stand_ins_are_refused(root):  # noqa: F811
    cfg = config(root, [])
    cfg['pipeline'][-1]['stand_ins'] = dict(left_forearm='left_wrist')
    with pytest.raises(ValueError, match=r'PackIMUPose\(stand_ins'):
        BatchedDataset(cfg)


def test_two_layouts_are_refused(tmp_path):
    recordings = _recordings()
    pose = make_pose(np.arange(0, 15, 1 / 25), layout='h36m')
    recordings['two'] = Recording(recordings['two'].imu, pose)
    entries = [make_entry('one', 14.5), make_entry('two', 14.0)]
    root = write_dataset(tmp_path, entries, recordings)  # noqa: F811
    with pytest.raises(
        ValueError, match="take 'two' has 'h36m', others 'coco'"
    ):
        BatchedDataset(config(root, []))
