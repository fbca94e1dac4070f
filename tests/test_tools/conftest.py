import json
import os
from pathlib import Path

import pytest
from processes import run_tools
from programs import start

REPO = Path(__file__).parents[2]

CONFIG = """
default_scope = 'mobind_mm'
custom_imports = dict(imports=['tiny_project'])
work_dir = 'from_config'
model = dict(type='TinyModel')
dataset = dict(
    type='TinyDataset', data_root='nowhere', ann_file='train.json'
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='RepeatDataset', times=2, dataset=dataset),
)
test_dataloader = dict(
    batch_size=2,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[dict(dataset), dict(dataset, ann_file='extra.json')],
    ),
)
val_dataloader = test_dataloader
val_evaluator = test_evaluator = dict(type='TinyMetric')
train_cfg = dict(by_epoch=True, max_epochs=3)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='Adam', lr=0.1))
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
custom_hooks = [dict(type='KillHook')]
"""


@pytest.fixture
def project(tmp_path):
    """Directory with ``tiny.py`` (a config) and ``data/``."""
    (tmp_path / 'data').mkdir()
    for name, numbers in (('train', range(6)), ('extra', (20, 30))):
        path = tmp_path / 'data' / f'{name}.json'
        path.write_text(json.dumps(list(numbers)))
    (tmp_path / 'tiny.py').write_text(CONFIG)
    return tmp_path


@pytest.fixture
def run(project):
    """Run commands of ``tools/`` in the project; return the process."""

    def run(*commands, **environment):
        path = os.pathsep.join([str(Path(__file__).parent), str(REPO)])
        environment.update(cwd=project, PYTHONPATH=path)
        commands = [(REPO / 'tools' / name, *more) for name, *more in commands]
        if commands[0][0].suffix == '.sh':
            return start(*commands[0], **environment)
        return run_tools(*commands, **environment)

    return run


@pytest.fixture
def failure(project, command, monkeypatch):
    """Run a command that must end on a mistake; return its last line."""

    def failure(*words):
        status, _, err = command(*words)
        assert status == 2
        return err.splitlines()[-1]

    monkeypatch.chdir(project)
    return failure
