"""The config for real people: any sensor, any placement, any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope, init_default_scope

from mobind_mm.apis.windows import Preparation
from mobind_mm.datasets import packed_collate
from mobind_mm.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[1]


@pytest.fixture
def cfg():
    init_default_scope('mobind_mm')
    yield Config.fromfile(ROOT / 'configs/mobind/mobind_real.py')
    DefaultScope._instance_dict.clear()


def small(dataset):
    """The dataset of a config, of one procedural person."""
    dataset.update(sources=['procedural'], num_procedural=1, take_sec=14.0)
    return dataset


def test_a_batch_of_the_training_data_trains_the_model(cfg):
    packed = cfg.train_dataloader.dataset
    packed.cache_dir = None
    small(packed.dataset).variants = 2
    dataset = DATASETS.build(packed)
    np.random.seed(0)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    windows = [dataset[i] for i in range(min(len(dataset), 6))]
    batch = packed_collate(windows)
    assert batch['inputs']['imu'].shape[0] == len(windows)
    batch = model.data_preprocessor(batch)
    inputs = batch['inputs']
    assert inputs['imu'].shape[1:] == (15, 11, 125)
    assert inputs['pose'].shape[1:] == (15, 6, 125)
    assert (inputs['imu_mask'].sum(dim=1) <= 6).all()
    assert 'imu_placed' in inputs
    losses = []
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(24):
        loss = sum(model(inputs, mode='loss').values())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    # Lengths of the crops vary, and the loss with them.
    assert np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8])


def test_validation_is_of_five_sensors_and_inference_of_all(cfg):
    val = small(cfg.val_dataloader.dataset)
    sample = DATASETS.build(val)[0]
    assert sample['inputs']['imu_mask'].sum() == 5
    assert sample['inputs']['pose_mask'].any(dim=1).sum() == 5
    preparation = Preparation.of(cfg, 'the config')
    assert preparation.placements == tuple(cfg.model.limbs)
    assert preparation.imu_channels == ('acc',)
    names = [type(step).__name__ for step in preparation.transforms]
    assert 'KeepSensors' not in names


def test_clips_are_synchronised_by_their_tokens(cfg):
    clips = cfg.test_cfg.tasks.sync.dataloader.dataset
    small(clips.dataset).take_sec = 30.0
    clip = DATASETS.build(clips)[0]
    assert clip['inputs']['imu'].shape == (15, 11, 250)
    model = MODELS.build(cfg.model).eval()
    batch = model.data_preprocessor(pseudo_collate([clip]))
    (sample,) = model(**batch, mode='predict')
    assert sample.imu_tokens.shape[:2] == (26, 15)
    assert sample.streams.imu.keys() == set(clips.pipeline[0].placements)


def test_splits_differ_and_weights_fit_a_wheel(cfg):
    splits = [
        cfg.train_dataloader.dataset.dataset.split,
        cfg.val_dataloader.dataset.split,
        cfg.test_dataloader.dataset.split,
    ]
    assert splits == ['train', 'val', 'test']
    assert not any('hdm05' in s for s in cfg.sources)
    model = MODELS.build(cfg.model)
    size = sum(p.numel() for p in model.parameters()) * 4
    assert size < 20e6
    lengths = [
        model.eval()(
            dict(imu=torch.zeros(1, 15, 11, n), pose=torch.zeros(1, 15, 6, n))
        )['imu_tokens'].shape[2]
        for n in (25, 50, 125)
    ]
    assert lengths == [5, 10, 25]


def test_without_data_the_page_is_named(cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'ui_prmd\.npz'):
        DATASETS.build(cfg.train_dataloader.dataset)
