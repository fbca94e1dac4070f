"""The task of open localisation, from its config to its numbers."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope

from mobind_mm.registry import DATASETS, MODELS

CONFIGS = Path(__file__).parents[2] / 'configs'
TASK = CONFIGS / '_base_/tasks/synthetic.py'
MODEL = CONFIGS / 'mobind/synthetic.py'


@pytest.fixture(scope='module')
def task():
    cfg = Config.fromfile(TASK).localization_open_task
    for dataset in cfg.dataloader.dataset.datasets:
        dataset.update(num_subjects=4, takes_per_subject=3, take_sec=10.0)
    return cfg


def samples_of(dataset):
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(MODEL).model).eval()
    batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
    with torch.no_grad():
        return model(**model.data_preprocessor(batch), mode='predict')


def test_an_untrained_model_is_evaluated(task):
    with DefaultScope.overwrite_default_scope('mobind_mm'):
        dataset = DATASETS.build(task.dataloader.dataset)
    samples = samples_of(dataset)
    assert {s.role for s in samples} == {'query', 'gallery'}
    worn = [bool(s.imu_mask.any()) for s in samples]
    seen = [bool(s.pose_mask.any()) for s in samples]
    assert (True, False) in zip(worn, seen)
    assert (False, True) in zip(worn, seen)
    with DefaultScope.overwrite_default_scope('mobind_mm'):
        evaluator = Evaluator(list(task.evaluator))
    evaluator.process(samples)
    found = evaluator.evaluate(len(samples))
    for name in ('unmatched_people', 'unmatched_sensors', 'open_match'):
        for value in ('precision', 'recall', 'f1'):
            assert 0 <= found[f'localization/{name}_{value}'] <= 1
    assert found['localization/num_unmatched_people'] > 0


def test_the_threshold_comes_from_other_people_than_the_numbers(task):
    gallery, query = (
        {DATASETS.build(cfg).get_data_info(i)['subject'] for i in range(4)}
        for cfg in task.dataloader.dataset.datasets
    )
    assert gallery and query and not gallery & query
