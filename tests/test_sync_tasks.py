"""The synchronisation tasks of the configs run, with a tiny model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from recordings import make_entry, make_pose, make_sensor, write_dataset

from mobind_mm.recordings import Recording
from mobind_mm.registry import DATASETS, MODELS

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mobind_mm')


def evaluate(cfg, task):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    loader = Runner.build_dataloader(task.dataloader, seed=0)
    evaluator = Evaluator(task.evaluator)
    for batch in loader:
        with torch.no_grad():
            samples = model.test_step(batch)
        evaluator.process(samples, batch)
    return evaluator.evaluate(len(loader.dataset)), samples, evaluator


def test_synthetic_clips_in_sub_windows():
    cfg = Config.fromfile(CONFIGS / 'mobind/synthetic.py')
    tasks = Config.fromfile(CONFIGS / '_base_/tasks/synthetic.py')
    task = tasks.sync_task
    task.dataloader.dataset.dataset.update(num_subjects=2, stride_sec=40.0)
    cfg.model.stream_stride_sec = 1.0
    for part in ('imu_backbone', 'pose_backbone'):
        cfg.model[part].update(num_layers=1, ffn_dims=8)
    metrics, samples, evaluator = evaluate(cfg, task)
    assert metrics['sync/num_clips'] == 4
    assert metrics['sync/zero_mae_s'] > 0.5
    assert metrics['sync/floor_mae_s'] < 0.1
    assert 0 <= metrics['sync/acc@0.1'] <= 1
    sample = samples[0]
    assert sample.imu_embedding.shape[0] == len(sample.window_starts) == 16
    streams = sample.streams
    assert streams.imu['head'].clock.num_samples == 2000
    assert streams.pose.clock.num_samples == 600
    case = evaluator.metrics[0].cases[0]
    assert case['similarity'].shape == (16, 16)
    # Validation clips are of other people.
    datasets = [
        DATASETS.build(tasks[name].dataloader.dataset)
        for name in ('sync_task', 'sync_val_task')
    ]
    people = [
        {d.get_data_info(i)['subject'] for i in range(len(d))}
        for d in datasets
    ]
    assert not people[0] & people[1]


def test_utd_mhad_clips_of_one_window(tmp_path):
    cfg = Config.fromfile(CONFIGS / 'mobind/utd_mhad.py')
    task = cfg.test_cfg.tasks.sync
    entries, recordings = [], {}
    for index, seconds in enumerate((2.0, 2.7, 3.4)):
        take = f'take_{index}'
        entries.append(make_entry(take, seconds, subject='2'))
        wrist = make_sensor(np.arange(0, seconds, 1 / 50))
        del wrist.channels['quat']
        pose = make_pose(np.arange(0, seconds, 1 / 19))
        recordings[take] = Recording(dict(right_wrist=wrist), pose)
    root = write_dataset(tmp_path, entries, recordings)
    task.dataloader.dataset.dataset.update(
        type='IMUPoseDataset',
        data_root=str(root),
        ann_file='annotations/train.json',
    )
    metrics, samples, _ = evaluate(cfg, task)
    assert metrics['sync/num_clips'] == 3
    for sample, entry in zip(samples, entries):
        assert abs(sample.offset) <= (entry['end_s'] - 2.0) / 2 + 1e-9
        assert sample.imu_tokens.shape[:2] == (2, 10)
        assert set(sample.streams.imu) == {'right_wrist'}
