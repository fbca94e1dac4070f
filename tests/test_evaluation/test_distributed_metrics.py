"""Two and three processes give the numbers of one, padding or not."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from embedding_samples import random_samples
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.runner import Runner
from processes import process_group, spread

from mobind_mm.evaluation import (
    ActionKNNMetric,
    ActionProbeMetric,
    DumpEmbeddings,
    RetrievalMetric,
)
from mobind_mm.evaluation.embedding_table import read_embeddings

SIZE = 31  # divisible neither by 2 nor by 3


class Windows(BaseDataset):
    METAINFO = dict(classes=('wave', 'walk', 'run', 'sit'))

    def load_data_list(self):
        return [{} for _ in range(SIZE)]


class Lookup(BaseModel):
    """Gives each window its embeddings."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, sample_idx, mode='tensor'):
        samples = random_samples(SIZE, limbs=2)
        return [samples[i] for i in sample_idx]


def evaluate(folder):
    os.chdir(folder)
    runner = Runner(
        model=Lookup(),
        work_dir='work',
        test_dataloader=dict(
            batch_size=4,
            num_workers=0,
            dataset=Windows(),
            sampler=dict(type='DefaultSampler', shuffle=False),
        ),
        test_cfg=dict(),
        test_evaluator=[
            RetrievalMetric(dump='cases.csv'),
            ActionKNNMetric(),
            ActionProbeMetric(),
            DumpEmbeddings('e.safetensors', tokens=True),
        ],
        env_cfg=dict(mp_cfg=dict(mp_start_method='spawn')),
        default_hooks=dict(checkpoint=None),
        log_level='ERROR',
        experiment_name=f'{Path(folder).name}{os.getpid()}',
    )
    return runner.test()


def run(rank, folder):
    for world in (3, 2):
        if rank >= world:
            continue
        here = Path(folder) / str(world)
        with process_group(rank, world, folder):
            metrics = evaluate(here)
        # Every process gets the values, as best checkpoints need them.
        (here / f'metrics{rank}.json').write_text(json.dumps(metrics))


@pytest.mark.slow
def test_two_and_three_processes_equal_one(tmp_path, monkeypatch):
    for world in (1, 2, 3):
        (tmp_path / str(world)).mkdir()
    one = tmp_path / '1'
    monkeypatch.chdir(one)
    expected = evaluate(one)
    assert expected['embeddings/num_windows'] == SIZE
    table, _ = read_embeddings(one / 'e.safetensors')
    spread(run, (str(tmp_path),), 3)
    for world in (3, 2):
        many = tmp_path / str(world)
        for rank in range(world):
            found = json.loads((many / f'metrics{rank}.json').read_text())
            assert found == expected
        cases = (many / 'cases.csv').read_text()
        assert cases == (one / 'cases.csv').read_text()
        other, _ = read_embeddings(many / 'e.safetensors')
        for key, column in table.items():
            np.testing.assert_array_equal(other[key], column)
