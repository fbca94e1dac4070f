"""Flags of tools/test.py: tasks, tables, pictures."""

import json
from types import SimpleNamespace

import pytest
import torch
from matplotlib.image import imread
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope

from mobind_mm.cli.test import (
    add_embeddings,
    add_pictures,
    check_screen,
    dump_cases,
    select_tasks,
)
from mobind_mm.engine.loops import evaluators_of
from mobind_mm.evaluation import RetrievalMetric

MORE = """
custom_imports = dict(imports=['shown_project'])
custom_hooks = [dict(type='ResultTableHook')]
test_evaluator = [dict(type='TinyMetric'), dict(type='ShownMetric')]
extra = dict(test_dataloader, dataset=dict(dataset, ann_file='extra.json'))
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(
        extra=dict(
            dataloader=extra,
            evaluator=[
                dict(type='TinyMetric', prefix='more'),
                dict(type='ShownMetric', prefix='most'),
            ],
        ),
        dropped=None,
    ),
)
"""


@pytest.fixture
def tasks(project):
    with (project / 'tiny.py').open('a') as file:
        file.write(MORE)
    line = {'line.weight': torch.ones(1, 1), 'line.bias': torch.ones(1)}
    torch.save(line, project / 'line.pth')
    return project


def command(name, *flags):
    shared = ('test.py', 'tiny.py', 'line.pth', '--data-root', 'data')
    out = ('--out', f'{name}.json', '--work-dir', name)
    options = ('--cfg-options', f'experiment_name={name}')
    return *shared, *flags, *out, *options


def test_all_in_one_go(tasks, run):
    runs = run(
        command('all', '--show-dir', 'shown', '--dump-cases', 'cases'),
        command('some', '--tasks', 'tiny', 'extra'),
        command('extra', '--tasks', 'extra', '--show-dir', 'second'),
    )
    assert runs.returncode == 0, runs.stderr
    results = json.loads((tasks / 'all.json').read_text())
    main = {'tiny/mean': 65 / 8, 'tiny/nothing': None, 'tiny/n': 8}
    shown = {'shown/sum': 65.0, 'shown/num_numbers': 8}
    extra = {'more/mean': 25.0, 'more/nothing': None, 'more/n': 2}
    extra |= {'most/sum': 50.0, 'most/num_numbers': 2}
    assert results == {**main, **shown, **extra}
    # One table with a section a task.
    assert runs.stdout.count('── shown (8 numbers) ──') == 1
    assert '── most (2 numbers) ──' in runs.stdout

    tables = {p.name: p.read_text() for p in (tasks / 'cases').iterdir()}
    assert tables == {
        'shown.csv': '\n'.join(['x', '30.0', '20.0', '5.0', '4.0', '3.0'])
        + '\n2.0\n1.0\n0.0\n',
        'extra.csv': 'x\n30.0\n20.0\n',
    }
    for directory, names in (
        ('shown', ['extra_a_curve.png', 'shown_a_curve.png']),
        ('second', ['extra_a_curve.png']),
    ):
        files = sorted((tasks / directory).iterdir())
        assert [file.name for file in files] == names
        for file in files:
            assert imread(file)[..., :3].std() > 0.05  # not blank

    assert json.loads((tasks / 'some.json').read_text()) == {**main, **extra}
    assert json.loads((tasks / 'extra.json').read_text()) == extra


def test_mistakes(tasks, failure):
    for flags, message in (
        (['--tasks', 'sync'], '--tasks sync: '),
        (['--show-dir', 'tiny.py'], '--show-dir tiny.py is a file'),
        (['--dump-cases', 'tiny.py'], '--dump-cases tiny.py is a file'),
        (['--dump', 'cases'], '--dump-cases DIR writes one CSV'),
        (['--show'], 'can open no window here'),
        (['--dump-embeddings', 'a.npy'], '.safetensors'),
        (['--dump-tokens'], '--dump-embeddings FILE'),
    ):
        last = failure(
            *('test.py', 'tiny.py', 'line.pth', *flags),
            *('--data-root', 'data', '--cfg-options'),
            f'experiment_name={tasks.name}{flags[0]}',
        )
        assert last.startswith('error: ') and message in last
        if flags[0] == '--tasks':
            assert last.endswith('evaluates extra shown tiny.')
    DefaultScope._instance_dict.clear()


def test_what_the_flags_change_in_a_config():
    metrics = [dict(type='RetrievalMetric'), dict(type='ActionKNNMetric')]
    other = dict(type='RetrievalMetric', prefix='other')
    task = dict(evaluator=dict(type='LocalizationMetric'))

    def config(evaluator):
        return Config(
            dict(
                test_evaluator=evaluator,
                test_cfg=dict(tasks=dict(a=dict(task), b=dict(task))),
                custom_hooks=[dict(type='KillHook')],
                visualizer=dict(type='Visualizer', name='v'),
            )
        )

    for evaluator in ([*metrics, other], dict(metrics=[*metrics, other])):
        cfg = config(evaluator)
        select_tasks(cfg, ['other', 'action', 'b'])
        assert cfg.test_evaluator == [metrics[1], other]
        assert cfg.test_cfg.tasks.to_dict() == {'a': None, 'b': task}
    cfg = config(metrics[0])
    select_tasks(cfg, ['a'])
    assert cfg.test_evaluator == []
    add_embeddings(cfg, 'e.safetensors', True)
    dump = dict(type='mobind_mm.DumpEmbeddings', out='e.safetensors')
    dump['tokens'] = True
    assert cfg.test_evaluator == [dump]
    add_pictures(cfg, 'pictures')
    assert cfg.visualizer == dict(type='mobind_mm.MoBindVisualizer', name='v')
    assert [hook.type for hook in cfg.custom_hooks] == [
        *('KillHook', 'mobind_mm.TaskPictureHook')
    ]


def test_where_windows_open(monkeypatch):
    """Before hours of work, not when the first picture is to be shown."""
    from matplotlib import pyplot

    for name in ('agg', 'pdf'):
        pyplot.switch_backend(name)
        with pytest.raises(ValueError, match='can open no window here'):
            check_screen()
    assert not pyplot.get_fignums()
    pyplot.switch_backend('agg')
    # As with MPLBACKEND=QtAgg where there is no Qt.
    monkeypatch.setattr(pyplot, 'figure', missing)
    with pytest.raises(ValueError, match='--show-dir DIR'):
        check_screen()
    canvas = SimpleNamespace(required_interactive_framework='qt')
    figure, closed = SimpleNamespace(canvas=canvas), []
    monkeypatch.setattr(pyplot, 'figure', lambda: figure)
    monkeypatch.setattr(pyplot, 'close', closed.append)
    check_screen()
    assert closed == [figure]


def missing():
    raise ImportError("Cannot load backend 'QtAgg'")


def test_every_metric_has_a_table_of_its_own(tmp_path):
    def evaluator(*prefixes):
        return Evaluator([RetrievalMetric(prefix=name) for name in prefixes])

    loop = SimpleNamespace(
        evaluator=evaluator('retrieval', 'other'),
        tasks=[
            SimpleNamespace(name='one', evaluator=evaluator('one')),
            SimpleNamespace(name='two', evaluator=evaluator('a', 'b')),
        ],
    )
    names = ['retrieval', 'retrieval_other', 'one']
    names += ['two_retrieval', 'two_retrieval_b']
    files = [tmp_path / f'{name}.csv' for name in names]
    assert dump_cases(loop, str(tmp_path)) == files
    metrics = [m for e in evaluators_of(loop).values() for m in e.metrics]
    assert [metric.dump for metric in metrics] == files

    loop.evaluator = evaluator('same', 'same', 'same')
    with pytest.raises(
        ValueError, match=r'--dump-cases: .*retrieval_same\.csv'
    ):
        dump_cases(loop, str(tmp_path))
