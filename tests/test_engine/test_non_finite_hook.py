"""A batch that is not finite: stop, or as if it had not been there."""

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mobind_mm.engine import NonFiniteHook
from mobind_mm.registry import DATASETS, MODELS
from mobind_mm.structures import MoBindDataSample


@DATASETS.register_module()
class SomeWindows(Dataset):
    """Batches of two; those named in ``bad`` hold a NaN or are huge."""

    def __init__(self, bad=(), huge=(), left_out=()):
        self.bad, self.huge = bad, huge
        self.numbers = [n for n in range(12) if n not in left_out]

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, idx):
        n = self.numbers[idx]
        x = torch.tensor([float(n), 1.0])
        if n in self.bad:
            x[0] = torch.nan
        if n in self.huge:
            x *= 1e30
        meta = dict(take=f't{n}', window_start=0.5, sample_idx=n)
        return dict(
            inputs=dict(x=x), data_samples=MoBindDataSample(metainfo=meta)
        )


@MODELS.register_module()
class NormAndLine(BaseModel):
    def __init__(self):
        super().__init__(dict(type='MoBindDataPreprocessor'))
        torch.manual_seed(0)
        self.norm = torch.nn.BatchNorm1d(2)
        self.line = torch.nn.Linear(2, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        x = inputs['x']
        return {'loss_x': (self.norm(x).sum() + self.line(x)).pow(2).mean()}


def train(work_dir, hook=None, **dataset):
    work_dir.mkdir()
    runner = Runner(
        model=dict(type='NormAndLine'),
        work_dir=str(work_dir),
        experiment_name=f'{work_dir.parent.name}-{work_dir.name}',
        default_scope='mobind_mm',
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='SomeWindows', **dataset),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(
            optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.1),
            clip_grad=dict(max_norm=1.0),
        ),
        custom_hooks=[dict(type='NonFiniteHook', **hook)] if hook else [],
        log_level='WARNING',
    )
    runner.train()
    optimizer = runner.optim_wrapper.state_dict()['state'].values()
    return [
        *runner.model.state_dict().values(),
        *(value for state in optimizer for value in state.values()),
    ]


def log_of(work_dir):
    (log,) = work_dir.glob('*/*.log')
    return log.read_text()


def test_a_skipped_batch_leaves_no_trace(tmp_path):
    """Weights, statistics and the optimiser's state are those without it."""
    without = train(tmp_path / 'without', left_out=(4, 5))
    hook = dict(action='skip')
    skipped = train(tmp_path / 'nan', hook, bad=(5,))
    assert len(without) == len(skipped) > 12
    assert all(map(torch.equal, without, skipped))
    assert 'take t5 at 0.5 s. The batch is skip' in log_of(tmp_path / 'nan')
    # The loss overflows though the input is finite.
    skipped = train(tmp_path / 'huge', hook, huge=(4,))
    assert all(map(torch.equal, without, skipped))
    log = log_of(tmp_path / 'huge')
    assert 'Its windows: take t4 at 0.5 s; take t5 at 0.5 s.' in log
    # It is the hook that does it, and it changes nothing else.
    spoiled = train(tmp_path / 'spoiled', bad=(5,))
    assert not any(map(torch.equal, without, spoiled))
    whole = train(tmp_path / 'whole'), train(tmp_path / 'watched', hook)
    assert all(map(torch.equal, *whole))


def test_stopping_names_batch_loss_and_window(tmp_path):
    message = (
        r'Epoch 1, batch 3: loss, loss_x not finite\. Input that is not '
        r"finite: take t6 at 0\.5 s\..*action='skip'"
    )
    with pytest.raises(ValueError, match=message):
        train(tmp_path / 'stop', dict(action='stop'), bad=(6, 9))


def test_skipping_ends_when_nothing_gets_better(tmp_path):
    with pytest.raises(ValueError, match=r'batch 4.*number 3 in a row'):
        train(
            tmp_path / 'many',
            dict(action='skip', max_skips=3),
            bad=(1, 4, 6, 8),
        )


def test_mistakes():
    assert HOOKS.get('mobind_mm.NonFiniteHook') is NonFiniteHook
    with pytest.raises(ValueError, match="'stop' or 'skip', got 'go'"):
        NonFiniteHook('go')


def test_a_scaler_may_overflow_at_first():
    """It skips the step by itself, also where the optimiser is fused."""
    line = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(line.parameters(), fused=True)
    hook = NonFiniteHook('stop')
    optimizer.register_step_pre_hook(hook._before_step)
    scaler = torch.amp.GradScaler('cpu', init_scale=2.0**120)
    before = line.weight.clone()
    scaler.scale(line(torch.full((1, 2), 1e9)).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() < 2.0**120
    assert torch.equal(line.weight, before) and not hook._spoiled
