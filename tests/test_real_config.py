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


def test_the_second_part_changes_the_objective_and_the_takes_alone(cfg):
    tuned = Config.fromfile(ROOT / 'configs/mobind/mobind_real_tuned.py')
    first, second = cfg.train_dataloader, tuned.train_dataloader
    takes = second.dataset.dataset
    assert takes.pop('seed') == 1
    (subset,) = (s for s in takes.pipeline if s.type == 'RandomSensorSubset')
    assert (subset.most, subset.more_limbs) == (4, 6)
    subset.update(most=6, more_limbs=2)
    assert second.to_dict() == first.to_dict()
    assert {**tuned.model.head, **cfg.model.head} == tuned.model.head
    model = MODELS.build(tuned.model).train()
    both = torch.rand(4, 15) > 0.5
    inputs = dict(
        imu=torch.randn(4, 15, 11, 125), pose=torch.randn(4, 15, 6, 125),
        imu_mask=both, pose_mask=torch.ones(4, 15, 125, dtype=torch.bool),
    )  # fmt: skip
    losses = model(inputs, mode='loss')
    names = ('global', 'local', 'token', 'limb', 'lag')
    assert set(losses) == {f'loss_{name}' for name in names}
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_limbs_of_a_clip_compete_for_its_sensors():
    head = MODELS.build(
        dict(
            type='mobind_mm.HierarchicalContrastiveHead', global_weight=0,
            local_weight=0, token_weight=0, limb_weight=1.0,
            init_temperature=0.5,
        )
    )  # fmt: skip
    scale, tokens = float(head.scale.detach()), torch.eye(8)[None, :3, None]
    there = torch.ones(1, 3, dtype=torch.bool)
    feats = dict(
        imu_tokens=tokens, pose_tokens=tokens, imu_local=tokens[:, :, 0],
        pose_local=tokens[:, :, 0], imu_mask=there, pose_mask=there,
        pose_token_mask=there[..., None],
    )  # fmt: skip
    # A cosine of 1 against two of 0.
    expected = np.log1p(2 * np.exp(-scale))
    assert head.loss(feats)['loss_limb'].item() == pytest.approx(expected)
    swapped = dict(feats, pose_tokens=tokens.roll(1, 1))
    swapped['pose_local'] = swapped['pose_tokens'][:, :, 0]
    assert head.loss(swapped)['loss_limb'].item() == pytest.approx(
        np.log(2 + np.exp(scale)), rel=1e-5
    )
    # What is not in view is no rival, and has no loss.
    feats['pose_mask'] = torch.tensor([[True, False, False]])
    assert head.item_losses(feats)['limb'].shape == (1,)
    moved = dict(feats, aligned=torch.tensor([False]))
    assert not len(head.item_losses(moved)['limb'])


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
