"""Hooks: seeds by epoch, tables, running means."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import nn
from torch.utils.data import Dataset

from mobind_mm.engine import (
    EpochSeedHook,
    NonFiniteHook,
    TaskPictureHook,
    TrainingCurveHook,
)
from mobind_mm.engine.reporting import _running_mean
from mobind_mm.engine.training import has_bfloat16
from mobind_mm.registry import DATASETS, MODELS, OPTIM_WRAPPERS
from mobind_mm.structures import MoBindDataSample


def test_draws_depend_on_seed_and_epoch_only():
    def draws(seed, epoch):
        runner = SimpleNamespace(seed=seed, epoch=epoch)
        EpochSeedHook().before_train_epoch(runner)
        return np.random.random(), float(torch.rand(()))

    first = draws(0, 1)
    np.random.random()
    assert draws(0, 1) == first
    others = [draws(0, 0), draws(0, 2), draws(1, 1), draws(1, 0)]
    assert len({first, *others}) == 5


def test_running_mean_equals_a_loop():
    values = np.random.default_rng(0).normal(size=9)
    for width in (0, 1, 4, 20):
        slow = [
            values[max(0, i - max(width, 1) + 1) : i + 1].mean()
            for i in range(9)
        ]
        np.testing.assert_allclose(_running_mean(values, width), slow)


def test_curve_knows_the_epochs_of_a_task_that_runs_seldom(tmp_path):
    """Points survive in the message hub, at the epochs they belong to."""
    hub = MessageHub.get_instance(tmp_path.name)
    hub.update_scalar('train/loss', 1.0)
    images = []
    visualizer = SimpleNamespace(add_image=lambda *args: images.append(args))
    for epoch in (4, 8, 12):
        metrics = {'a/x': epoch / 16}
        if epoch == 8:
            metrics['b/y'] = np.float64(0.5)
        runner = SimpleNamespace(
            epoch=epoch, iter=epoch, message_hub=hub, visualizer=visualizer
        )
        # A hook of its own each time, as after a resume.
        TrainingCurveHook(['a/x', 'b/y']).after_val_epoch(runner, metrics)
    assert hub.get_info('training_curve_points') == {
        'a/x': [(4, 0.25), (8, 0.5), (12, 0.75)],
        'b/y': [(8, 0.5)],
    }
    assert [name for name, _ in images] == ['training_curves'] * 3
    assert all(image.std() > 1 for _, image in images)


class Shown:
    prefix = 'same'

    def __init__(self, title):
        self.title = title

    def pictures(self):
        curve = dict(offsets=[0, 1], log_posterior=[0, -1], title=self.title)
        return {'curve': dict(kind='sync_curve', **curve)}


def test_two_metrics_of_a_task_both_show_their_pictures():
    first, second, alone = Shown('first'), Shown('second'), Shown('alone')
    second.prefix = 'other'
    parts = [SimpleNamespace(metrics=m) for m in ([alone], [first, second])]
    loop = SimpleNamespace(
        evaluator=parts[0],
        tasks=[SimpleNamespace(name='task', evaluator=parts[1])],
        dataloader=SimpleNamespace(dataset=[]),
    )
    found = {}
    runner = SimpleNamespace(
        test_loop=loop,
        visualizer=SimpleNamespace(
            add_picture=lambda name, picture, **_: found.update(
                {name: picture['title']}
            )
        ),
    )
    TaskPictureHook().after_test_epoch(runner)
    names = ['same_curve', 'task_curve', 'other_task_curve']
    assert found == dict(zip(names, ('alone', 'first', 'second')))


def test_another_visualizer_is_refused_before_the_test():
    runner = SimpleNamespace(visualizer=Visualizer(name='plain'))
    with pytest.raises(TypeError, match='the config has a Visualizer'):
        TaskPictureHook().before_test(runner)


def test_a_value_that_is_not_finite_is_passed_over():
    values = np.array([1.0, np.nan, 3.0, 5.0])
    assert _running_mean(values, 2).tolist() == [1.0, 1.0, 3.0, 4.0]


# Mixed precision without loss scaling


def test_products_are_bfloat16_and_weights_float32():
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    before = model.weight.detach().clone()
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='BF16OptimWrapper',
            force=True,
            optimizer=torch.optim.Adam(model.parameters(), 1e-2, fused=True),
        )
    )
    x = torch.randn(16, 8)
    with wrapper.optim_context(model):
        out = model(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), model(x), rtol=0.02, atol=0.02)
    wrapper.update_params(out.float().square().mean())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)
    assert model(x).dtype == torch.float32


def test_it_is_left_out_where_it_is_emulated(monkeypatch):
    """The published model trained 13 times as slowly on AVX2."""
    monkeypatch.setattr(
        torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX2'
    )
    model = nn.Linear(8, 4)
    records = []
    monkeypatch.setattr(
        'mobind_mm.engine.training.print_log',
        lambda message, **_: records.append(message),
    )
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='BF16OptimWrapper',
            optimizer=torch.optim.SGD(model.parameters(), 0.1),
        )
    )
    assert any('13 times with AVX2' in message for message in records)
    with wrapper.optim_context(model):
        assert model(torch.randn(2, 8)).dtype == torch.float32


@pytest.mark.parametrize(
    ('limit', 'expected'),
    [('', True), ('AVX2', False), ('AVX512_CORE_BF16', True)],
)
def test_what_the_processor_has(monkeypatch, limit, expected):
    monkeypatch.setattr(
        torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX512'
    )
    monkeypatch.setattr(
        torch.cpu, '_is_avx512_bf16_supported', lambda: True, raising=False
    )
    monkeypatch.setenv('ONEDNN_MAX_CPU_ISA', limit)
    assert has_bfloat16('cpu') is expected


# A batch that is not finite: stop, or as if it had not been there


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
