"""The configs train and test through the commands, on recordings on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from programs import tool
from recordings_on_disk import write_recordings

from mobind_mm.apis import init_model
from mobind_mm.datasets import (
    EgoHumansDataset,
    MRIDataset,
    TotalCaptureDataset,
    UTDMHADDataset,
)

REPO = Path(__file__).parents[2]
SMALL = [
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'train_dataloader.batch_size=4',
    *(f'{s}_dataloader.num_workers=0' for s in ('train', 'val', 'test')),
    *(
        f'{s}_dataloader.persistent_workers=False'
        for s in ('train', 'val', 'test')
    ),
]


@pytest.mark.parametrize(
    'name, dataset_class',
    [
        ('totalcapture', TotalCaptureDataset),
        pytest.param('mri', MRIDataset, marks=pytest.mark.slow),
        pytest.param('egohumans', EgoHumansDataset, marks=pytest.mark.slow),
    ],
)
def test_public_data_sets_train(name, dataset_class, tmp_path):
    write_recordings(tmp_path / 'elsewhere', dataset_class)
    tool(
        *('train', REPO / 'configs' / 'mobind' / f'{name}.py'),
        *('--data-root', tmp_path / 'elsewhere'),
        *('--cfg-options', *SMALL),
        cwd=tmp_path,
    )
    work_dir = tmp_path / 'work_dirs' / name
    assert list(work_dir.glob('best_retrieval_imu2pose_R@1_epoch_1.pth'))
    assert list(work_dir.glob('*/vis_data/vis_image/training_curves_*.png'))


@pytest.mark.slow
def test_train_test_and_checkpoint_of_utd_mhad(tmp_path):
    write_recordings(tmp_path / 'data', UTDMHADDataset, 'right_wrist')
    config = REPO / 'configs' / 'mobind' / 'utd_mhad.py'
    data = ('--data-root', tmp_path / 'data')
    small = [option for option in SMALL if 'persistent' not in option]
    tool(
        *('train', config, *data, '--cfg-options', *small),
        'default_hooks.checkpoint.interval=1',
        cwd=tmp_path,
    )
    checkpoint = tmp_path / 'work_dirs' / 'utd_mhad' / 'epoch_1.pth'
    done = tool(
        *('test', config, checkpoint, *data, '--out', 'out/results.json'),
        cwd=tmp_path,
    )
    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    annotations = tmp_path / 'data' / 'annotations' / 'test.json'
    entries = json.loads(annotations.read_text())['data_list']
    # One centred window a segment.
    windows = sum(len(entry['segments']) for entry in entries)
    assert results['retrieval/num_windows'] == windows
    for key in ('imu2pose_R@1', 'pose2imu_R@10', 'imu2pose_mAP'):
        assert 0 <= results[f'retrieval/{key}'] <= 1
    assert 'action/knn_top1' in results
    assert 'imu2pose_R@1' in done.stderr + done.stdout  # the table
    # The checkpoint alone gives the model back, with its config.
    model = init_model(checkpoint)
    assert not model.training
    again = init_model(config, checkpoint)
    for a, b in zip(model.parameters(), again.parameters()):
        assert np.array_equal(a.detach().numpy(), b.detach().numpy())


def test_a_resumed_training_ends_like_an_uninterrupted_one(tmp_path):
    """Random transforms, dropout, shuffling and workers included."""
    write_recordings(tmp_path / 'data', UTDMHADDataset, 'right_wrist')
    arguments = (
        'train', REPO / 'configs' / 'mobind' / 'utd_mhad.py', '--data-root',
        tmp_path / 'data', '--no-validate', '--cfg-options',
        'train_cfg.max_epochs=3', 'train_dataloader.batch_size=4',
        'train_dataloader.num_workers=2',
        'default_hooks.checkpoint.interval=1',
        'default_hooks.checkpoint.max_keep_ckpts=3',
    )  # fmt: skip
    tool(*arguments, '--work-dir', tmp_path / 'whole', cwd=tmp_path)
    tool(
        *(*arguments, '--work-dir', tmp_path / 'rest'),
        *('--resume', tmp_path / 'whole' / 'epoch_1.pth'),
        cwd=tmp_path,
    )
    whole, rest = (
        torch.load(tmp_path / name / 'epoch_3.pth')['state_dict']
        for name in ('whole', 'rest')
    )
    for key, value in whole.items():
        torch.testing.assert_close(value, rest[key], msg=key)
