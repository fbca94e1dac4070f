"""A model that fits a line, for tests of the commands.

The environment variable TINY_KILL_AT names the iteration (from 0) in which
the process kills itself, TINY_KILL_RANK which one of several processes.
TINY_KILL_WORKER names the number at which a data worker does.
"""

import json
import os
import signal
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel

from mobind_mm.registry import DATASETS, HOOKS, METRICS, MODELS


@DATASETS.register_module()
class TinyDataset(BaseDataset):
    def load_data_list(self):
        numbers = json.loads(Path(self.ann_file).read_text())
        return [{'x': float(x)} for x in numbers]

    def prepare_data(self, idx):
        if str(idx) == os.environ.get('TINY_KILL_WORKER'):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prepare_data(idx)


@MODELS.register_module()
class TinyModel(BaseModel):
    def __init__(self, width=1, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.line = torch.nn.Linear(width, width)

    def forward(self, x, sample_idx=None, mode='tensor'):
        x = x.float()[:, None].expand(-1, self.line.in_features)
        y = self.line(x)
        if mode == 'loss':
            return {'loss': (y - 3 * x).square().mean()}
        return [{'x': value} for value in x[:, 0].tolist()]


@METRICS.register_module()
class TinyMetric(BaseMetric):
    default_prefix = 'tiny'

    def process(self, data_batch, data_samples):
        self.results += [sample['x'] for sample in data_samples]

    def compute_metrics(self, results):
        mean = torch.tensor(results).mean()
        return {'mean': mean, 'nothing': float('nan'), 'n': len(results)}


@HOOKS.register_module()
class KillHook(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        at = int(os.environ.get('TINY_KILL_AT', -1))
        rank = int(os.environ.get('TINY_KILL_RANK', 0))
        if runner.iter == at and runner.rank == rank:
            os.kill(os.getpid(), signal.SIGKILL)
