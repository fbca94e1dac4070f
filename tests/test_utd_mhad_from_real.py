"""UTD-MHAD from the shipped weights: the data fits, and a step trains."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope, init_default_scope
from recordings import acc_at, make_entry, make_pose, make_sensor
from recordings import write_dataset as write

from mobind_mm.apis.windows import Preparation
from mobind_mm.recordings import Recording
from mobind_mm.registry import DATASETS, METRICS, MODELS
from mobind_mm.utils.checkpoint import load_from_shipped

CONFIG = Path(__file__).parents[1] / 'configs/mobind/utd_mhad_from_real.py'


@pytest.fixture
def cfg(tmp_path):
    """The config, with two recordings of four seconds."""
    init_default_scope('mobind_mm')
    times, frames = np.arange(0, 4, 1 / 50), np.arange(0, 4, 1 / 19)
    gyro = np.full((len(times), 3), 0.3)
    sensor = make_sensor(times, acc=acc_at(times) + 5, gyro=gyro)
    recordings = {
        'one': Recording(dict(right_wrist=sensor), make_pose(frames)),
        'two': Recording(dict(right_thigh=sensor), make_pose(frames)),
    }
    entries = [make_entry(name, 4.0) for name in recordings]
    root = write(tmp_path, entries, recordings)
    annotations = root / 'annotations'
    text = (annotations / 'train.json').read_text('utf-8')
    (annotations / 'test.json').write_text(text, 'utf-8')
    cfg = Config.fromfile(CONFIG)
    loaders = [cfg.train_dataloader, cfg.test_dataloader]
    loaders += [task.dataloader for task in cfg.test_cfg.tasks.values()]
    for loader in loaders:
        for dataset in loader.dataset.get('datasets', [loader.dataset]):
            inner = dataset.get('dataset', dataset)
            inner.update(type='IMUPoseDataset', data_root=str(root))
    yield cfg
    DefaultScope._instance_dict.clear()


def test_a_batch_trains_the_shipped_weights(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    model.init_weights()
    shipped = load_from_shipped(cfg.weights.checkpoint)['state_dict']
    anew = {
        name
        for name, value in model.state_dict().items()
        if 'action' not in name and not torch.equal(value, shipped[name])
    }
    assert anew == {
        *('imu_backbone.projector.weight', 'pose_backbone.projector.weight'),
        'head.logit_scale',
    }
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = dataset.__getitems__([0, 1])
    for sample in batch['data_samples']:
        sample.set_metainfo({'action': 3})
    inputs = batch['inputs']
    assert inputs['imu'].shape == (2, 2, 11, 50)
    assert inputs['pose'].shape == (2, 2, 6, 50)
    assert torch.equal(inputs['imu_mask'], torch.eye(2, dtype=torch.bool))
    assert torch.equal(inputs['pose_mask'].any(dim=2), inputs['imu_mask'])
    losses = model(**batch, mode='loss')
    assert set(losses) == {
        f'loss_{name}' for name, weight in model.head.weights.items() if weight
    }
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all()


def test_tests_see_both_limbs_and_rank_by_both(cfg):
    model = MODELS.build(cfg.model).eval()
    both = cfg.test_cfg.tasks.both
    dataset = DATASETS.build(both.dataloader.dataset)
    batch = model.data_preprocessor(
        pseudo_collate([dataset[i] for i in range(len(dataset))])
    )
    assert batch['inputs']['pose_mask'].any(dim=2).all()
    with torch.no_grad():
        samples = model(**batch, mode='predict')
    metric = METRICS.build(both.evaluator[0])
    metric.process(None, [sample.to_dict() for sample in samples])
    assert metric.compute_metrics(metric.results)['num_windows'] == 2
    clips = DATASETS.build(cfg.test_cfg.tasks.sync.dataloader.dataset)
    sample = clips[0]['data_samples']
    assert abs(sample.offset) <= 1 and sample.streams.pose is not None


def test_inference_prepares_windows_of_two_seconds(cfg):
    preparation = Preparation.of(cfg, 'the config')
    assert preparation.window_sec == 2.0
    assert preparation.placements == tuple(cfg.model.limbs)
