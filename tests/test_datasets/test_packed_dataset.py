"""Packed streams give the windows that the pipeline gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from recordings import (
    make_entry,
    make_pose,
    make_sensor,
    quat_at,
    write_dataset,
)
from torch.utils.data import DataLoader

from mobind_mm.datasets import IMUPoseDataset, PackedDataset, packed_collate
from mobind_mm.models import MoBindDataPreprocessor
from mobind_mm.recordings import Recording

PLACEMENTS = ('right_wrist', 'left_wrist', 'left_knee')
IMAGE = [dict(type='NormalizeKeypoints', mode='image')]
TORSO = [dict(type='NormalizeKeypoints', mode='torso')]


def _recordings():
    """Different clocks, a gap, flipped quaternions, unseen keypoints."""
    rng = np.random.default_rng(0)
    even = np.arange(1500) / 100
    ragged = np.sort(even + rng.uniform(0, 0.004, len(even)))
    holey = ragged[(ragged < 4) | (ragged > 6.3)]
    quat = quat_at(even, omega=2.2) * rng.choice([-1, 1], (len(even), 1))
    frames = np.arange(450) / 30
    scores = np.full((len(frames), 17), 0.9)
    scores[60:63, 5:9] = 0  # bridged
    scores[200:208] = 0  # a gap
    scores[:, 9] = 0  # never seen
    one = Recording(
        {
            'left_wrist': make_sensor(
                even, acc=rng.normal(size=(1500, 3)), quat=quat
            ),
            'left_knee': make_sensor(holey, False),
            'head': make_sensor(even),
        },
        make_pose(frames, scores=scores),
    )
    two = Recording(
        {name: make_sensor(even) for name in PLACEMENTS},
        make_pose(np.arange(0, 15, 1 / 25)),
    )
    return {'one': one, 'two': two}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    segments = [dict(start_s=1.0, end_s=9.0, label=1)]
    entries = [
        make_entry('one', 14.5, segments),
        make_entry('two', 14.0, camera='left', start_s=0.4),
    ]
    root = tmp_path_factory.mktemp('data')
    return write_dataset(root, entries, _recordings())


def _config(root, after, first=(), **changes):
    cfg = dict(
        type='IMUPoseDataset',
        data_root=str(root),
        ann_file='annotations/train.json',
        window_sec=3.0,
        stride_sec=0.7,
        pipeline=[
            *first,
            dict(type='LoadWindow', channels=('acc', 'quat')),
            dict(type='ResampleIMU', rate=50),
            dict(type='ResamplePose', rate=20),
            *after,
            dict(
                type='PackIMUPose',
                placements=PLACEMENTS,
                imu_channels=('quat', 'acc'),
            ),
        ],
    )
    cfg.update(changes)
    return cfg


def _build(cfg):
    return IMUPoseDataset(**{k: v for k, v in cfg.items() if k != 'type'})


def _assert_equal(fast, slow):
    slow['inputs'] = {k: torch.stack(v) for k, v in slow['inputs'].items()}
    for name in ('imu_mask', 'pose_mask'):
        assert torch.equal(fast['inputs'][name], slow['inputs'][name])
    imu = fast['inputs']['imu'], slow['inputs']['imu']
    torch.testing.assert_close(*imu, rtol=1e-5, atol=1e-5)
    # What is masked may be bridged from farther away.
    mask = fast['inputs']['pose_mask'][:, :, None]
    pose = (x['inputs']['pose'] * mask for x in (fast, slow))
    torch.testing.assert_close(*pose, rtol=1e-5, atol=2e-5)
    for one, other in zip(fast['data_samples'], slow['data_samples']):
        assert dict(one.metainfo_items()) == dict(other.metainfo_items())
        one.imu_embedding = torch.zeros(2)
        assert list(one.keys()) == ['imu_embedding']


@pytest.mark.parametrize('after', [IMAGE, TORSO, []])
@pytest.mark.parametrize('cached', [True, False])
def test_windows_are_those_of_the_pipeline(root, tmp_path, after, cached):
    cfg = _config(root, after)
    slow = _build(cfg)
    fast = PackedDataset(cfg, tmp_path if cached else None)
    assert len(fast) == len(slow) == 33
    numbers = list(range(len(slow)))[::-1]
    batch = packed_collate(fast.__getitems__(numbers))
    batch = MoBindDataPreprocessor()(batch)
    _assert_equal(batch, pseudo_collate([slow[i] for i in numbers]))
    # Both a masked and a present sensor, and masked frames, are among them.
    for name in ('imu_mask', 'pose_mask'):
        assert 0 < batch['inputs'][name].float().mean() < 1
    alone = pseudo_collate([fast[i] for i in numbers])
    alone = MoBindDataPreprocessor()(alone)
    for name, value in alone['inputs'].items():
        torch.testing.assert_close(value, batch['inputs'][name])


def test_blocks_leave_no_seam(root, monkeypatch):
    cfg = _config(root, IMAGE)
    monkeypatch.setattr('mobind_mm.datasets.packed.streams._BLOCK_SEC', 2)
    batch = PackedDataset(cfg).__getitems__(range(33))
    slow = _build(cfg)
    _assert_equal(batch, pseudo_collate([slow[i] for i in range(33)]))


def test_random_windows_lie_on_the_grid_and_everywhere(root):
    first = [dict(type='RandomWindow')]
    cfg = _config(root, IMAGE, first)
    fast = PackedDataset(cfg)
    np.random.seed(0)
    batch = fast.__getitems__([3] * 400)
    starts = np.array([s.window_start for s in batch['data_samples']])
    assert np.allclose(starts * 10, np.round(starts * 10))
    assert starts.min() < 0.3 and starts.max() > 11.0
    assert {s.action for s in batch['data_samples']} == {-1, 1}
    # A window drawn has the values of the pipeline at its start.
    load = [dict(type='RandomWindow', max_shift_sec=0.0)]
    slow = _build(_config(root, IMAGE, load))
    info = slow.get_data_info(3)
    info['window_start'] = starts[0]
    expected = slow.pipeline(info)['inputs']['imu']
    torch.testing.assert_close(
        batch['inputs']['imu'][0], expected, rtol=1e-5, atol=1e-5
    )


def test_loader_with_workers_gives_the_same(root, tmp_path):
    fast = PackedDataset(_config(root, IMAGE), tmp_path)
    loader = DataLoader(
        fast, batch_size=10, num_workers=1, collate_fn=packed_collate
    )
    found = torch.cat([batch['inputs']['imu'] for batch in loader])
    torch.testing.assert_close(
        found, fast.__getitems__(range(33))['inputs']['imu']
    )


def test_cache_is_used_and_follows_what_it_was_made_of(root, tmp_path):
    cfg = _config(root, IMAGE)
    PackedDataset(cfg, tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    PackedDataset(cfg, tmp_path)
    assert path.stat().st_mtime_ns == written
    PackedDataset(_config(root, IMAGE, window_sec=2.0), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r'not a complete file .* delete it'):
        PackedDataset(cfg, tmp_path)


@pytest.mark.parametrize(
    'changes, error',
    [
        (dict(stride_sec=0.75), r'start every 0\.1 s .* stride_sec'),
        (dict(pipeline=[]), 'must be .RandomWindow,. LoadWindow'),
    ],
)
def test_what_cannot_be_packed_is_refused(root, changes, error):
    with pytest.raises(ValueError, match=error):
        PackedDataset(_config(root, IMAGE, **changes))


def test_other_data_sets_are_refused():
    with pytest.raises(TypeError, match='must be an IMUPoseDataset'):
        PackedDataset([1, 2])


def test_a_short_last_block(root, monkeypatch):
    """Entries that end less than a sample after a block."""
    cfg = _config(root, IMAGE)
    # 14.5 s less than a sample of 10 Hz, or of 25 Hz.
    for seconds in (14.45, 14.49):
        monkeypatch.setattr(
            'mobind_mm.datasets.packed.streams._BLOCK_SEC', seconds
        )
        batch = PackedDataset(cfg).__getitems__(range(33))
        slow = _build(cfg)
        _assert_equal(batch, pseudo_collate([slow[i] for i in range(33)]))


def test_a_cache_needs_a_config(root, tmp_path):
    with pytest.raises(ValueError, match='needs the config'):
        PackedDataset(_build(_config(root, IMAGE)), cache_dir=tmp_path)
