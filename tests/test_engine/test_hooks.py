"""Hooks: seeds by epoch, tables, running means."""

from types import SimpleNamespace

import numpy as np
import torch
from mmengine.logging import MessageHub

from mobind_mm.engine import EpochSeedHook, TrainingCurveHook
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
