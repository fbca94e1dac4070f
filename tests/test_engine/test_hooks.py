"""Hooks: seeds by epoch, tables, running means."""

from types import SimpleNamespace

import numpy as np
import torch

from mobind_mm.engine import EpochSeedHook
from mobind_mm.engine.hooks import format_metrics
from mobind_mm.engine.hooks.training_curve_hook import _running_mean


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


def test_table_shows_every_metric_once():
    metrics = {
        'retrieval/imu2pose_R@1': 0.12345,
        'retrieval/num_windows': 288,
        'action/knn_top1': 1.0,
    }
    text = format_metrics(metrics, 'test')
    assert text.count('retrieval') == text.count('action') == 1
    for word in ('imu2pose_R@1', '0.123', '288', 'knn_top1', '1.000'):
        assert text.count(word) == 1
    assert '288.0' not in text


def test_running_mean_equals_a_loop():
    values = np.random.default_rng(0).normal(size=9)
    for width in (0, 1, 4, 20):
        slow = [
            values[max(0, i - max(width, 1) + 1) : i + 1].mean()
            for i in range(9)
        ]
        np.testing.assert_allclose(_running_mean(values, width), slow)
