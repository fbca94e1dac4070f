"""A runner with several evaluation tasks, small enough to count by hand."""

import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mobind_mm.registry import DATASETS, HOOKS, METRICS, MODELS

BUILT = []
"""Names of the data sets in the order they were built."""


@DATASETS.register_module()
class Numbers(Dataset):
    def __init__(self, name, numbers, data_root=None):
        BUILT.append(name)
        self.metainfo = {'name': name}
        self.numbers = numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, idx):
        return {'x': float(self.numbers[idx])}


@MODELS.register_module()
class Doubling(BaseModel):
    """Twice the number; its one parameter is there for the optimiser."""

    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, x, mode='tensor'):
        if mode == 'loss':
            return {'loss': (self.factor - 2.0) ** 2}
        # A matrix product, because autocast leaves sums alone.
        product = torch.ones(1, 1) @ (2 * x.float()[None])
        return [{'y': y, 'dtype': product.dtype} for y in product[0]]


@METRICS.register_module()
class Total(BaseMetric):
    def __init__(self, prefix, name='total'):
        super().__init__(prefix=prefix)
        self.name = name

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            half = sample['dtype'] == torch.bfloat16
            self.results.append((float(sample['y']), half))

    def compute_metrics(self, results):
        return {
            self.name: sum(y for y, _ in results),
            'num_numbers': len(results),
            'half': float(all(half for _, half in results)),
            'split': {'main': 0, 'a': 1, 'b': 2}[self.dataset_meta['name']],
        }


@HOOKS.register_module()
class Diary(Hook):
    """Notes which hooks ran, with what."""

    def __init__(self):
        self.lines = []
        self.metrics = []

    def _before_iter(self, runner, batch_idx, data_batch=None, mode='train'):
        if mode != 'train':
            loop = runner.val_loop if mode == 'val' else runner.test_loop
            name = loop.dataloader.dataset.metainfo['name']
            self.lines.append((name, batch_idx, len(loop.dataloader)))

    def before_val_epoch(self, runner):
        self.lines.append('before')

    def before_test_epoch(self, runner):
        self.lines.append('before')

    def after_val_epoch(self, runner, metrics=None):
        self.lines.append('after')
        self.metrics.append(dict(metrics))

    def after_test_epoch(self, runner, metrics=None):
        self.after_val_epoch(runner, metrics)


def loader(name, numbers, batch_size=2):
    return dict(
        batch_size=batch_size,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='Numbers', name=name, numbers=list(numbers)),
    )


def task(name, numbers, **more):
    metric = dict(type='Total', prefix=name)
    return dict(dataloader=loader(name, numbers), evaluator=metric, **more)


def build(work_dir, stage='test', tasks=None, hooks=(), **changes):
    """A runner over 7 numbers, tasks ``a`` over 5 and ``b`` over 3."""
    if tasks is None:
        tasks = dict(a=task('a', range(5)), b=task('b', (10, 20, 30)))
    loop = f'MultiTask{stage.title()}Loop'
    options = {
        f'{stage}_dataloader': loader('main', range(7), 3),
        f'{stage}_evaluator': dict(type='Total', prefix='main'),
        f'{stage}_cfg': dict(type=loop, tasks=tasks),
        **changes,
    }
    if stage == 'val':
        options.setdefault('train_dataloader', loader('train', range(2)))
        options.setdefault('train_cfg', dict(by_epoch=True, max_epochs=6))
        options['optim_wrapper'] = dict(optimizer=dict(type='SGD', lr=0.1))
    return Runner(
        model=dict(type='Doubling'),
        work_dir=str(work_dir),
        # MMEngine keeps one logger and message hub for each name.
        experiment_name=f'{work_dir.parent.name}-{work_dir.name}',
        default_scope='mobind_mm',
        custom_hooks=[dict(type='Diary'), *hooks],
        log_level='ERROR',
        **options,
    )


def diary(runner):
    (found,) = (hook for hook in runner.hooks if isinstance(hook, Diary))
    return found
