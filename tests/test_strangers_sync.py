"""A synchroniser from outside works wherever the package's own do."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from energy_sync import EnergySynchronizer
from mmengine.config import Config
from mmengine.evaluator import Evaluator

from mobind_mm.evaluation import SyncMetric
from mobind_mm.registry import METRICS, TASK_UTILS
from mobind_mm.structures import MoBindDataSample
from mobind_mm.synchronization import (
    build_synchronizer,
    check_synchronizer,
    synchronize_clip,
    synchronize_clocks,
    synchronizer_names,
)
from mobind_mm.synchronization.clips import cut_clip
from mobind_mm.synchronization.conformance import simulate_recording

ROOT = Path(__file__).parents[1]


def test_it_fulfils_the_contract():
    check_synchronizer(EnergySynchronizer())


def test_its_name_is_known():
    assert 'EnergySynchronizer' in synchronizer_names()
    built = build_synchronizer('EnergySynchronizer', step_sec=0.05)
    assert isinstance(built, EnergySynchronizer) and built.step == 0.05
    with pytest.raises(
        ValueError, match=r"did you mean 'EnergySynchronizer'\?.*Known: fused"
    ):
        build_synchronizer('EnergySynchroniser')


def test_it_synchronises_a_recording():
    recording = simulate_recording(3, 70.0, offset=0.7, drift_ppm=400.0)
    sync = build_synchronizer('EnergySynchronizer')
    clock = synchronize_clip(recording, sync, 2.0)
    assert clock.result.offset == pytest.approx(0.7, abs=0.05)
    clock = synchronize_clocks(recording, sync, 2.0, clip_sec=15.0)
    times = np.array([5.0, 65.0])
    np.testing.assert_allclose(
        clock.to_imu_time(times), times * (1 + 4e-4) + 0.7, atol=0.03
    )
    assert not clock.abstained


def test_it_is_evaluated_beside_others():
    evaluator = Evaluator(
        SyncMetric(
            dict(
                energy=dict(type='EnergySynchronizer'),
                correlation='correlation',
            ),
            main='energy',
        )
    )
    offsets = (-1.1, 0.3, 0.9)
    for seed, offset in enumerate(offsets):
        recording = simulate_recording(seed, 20.0, offset)
        sample = MoBindDataSample(
            metainfo=dict(
                take=f't{seed}',
                window_start=0.0,
                offset=offset,
                max_offset=2.0,
                streams=cut_clip(recording, 4.0, 12.0, 2.0),
            )
        )
        evaluator.process([sample])
    metrics = evaluator.evaluate(len(offsets))
    assert metrics['sync/acc@0.1'] == 1.0
    assert metrics['sync/correlation_acc@0.1'] == 1.0
    assert metrics['sync/num_clips'] == 3


def test_recipes_of_the_page_do_what_it_says(tmp_path, monkeypatch):
    for name, code in re.findall(
        r'```python\n# (envelope\w*\.py|margin\w*\.py)\n(.*?)```',
        (ROOT / 'docs/extending.md').read_text(),
        re.DOTALL,
    ):
        code = code.replace('mobind_mm::', f'{ROOT}/configs/')
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = Config.fromfile(tmp_path / 'envelope_config.py')
    (metric,) = cfg.test_cfg.tasks.sync.evaluator
    built = METRICS.build(metric).synchronizers
    assert type(built['envelope']).__name__ == 'EnvelopeSynchronizer'
    check_synchronizer(built['envelope'])

    cfg = Config.fromfile(tmp_path / 'margin_config.py')
    evaluator = Evaluator([METRICS.build(m) for m in cfg.test_evaluator])
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 8)) + 5 * np.eye(6, 8)
    for i, point in enumerate(points):
        sample = MoBindDataSample(
            metainfo=dict(
                take=f't{i}', window_start=0.0, window_sec=5.0, camera=None
            )
        )
        for name in ('imu', 'pose'):
            x = point + rng.normal(size=8) / 4
            sample.set_data({f'{name}_embedding': torch.tensor(x).float()})
            mask = torch.ones(1, dtype=torch.bool)
            sample.set_data({f'{name}_mask': mask})
        evaluator.process([sample])
    metrics = evaluator.evaluate(len(points))
    assert 0 < metrics['retrieval/margin'] < 1
    assert metrics['retrieval/num_margin'] == 6
    assert metrics['retrieval/imu2pose_R@1'] == 1.0
    for registry, name in (
        (TASK_UTILS, 'EnvelopeSynchronizer'),
        (METRICS, 'MarginMetric'),
    ):
        registry.module_dict.pop(name)
