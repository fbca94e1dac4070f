"""Hooks: seeds by epoch, tables, running means."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.visualization import Visualizer

from mobind_mm.engine import EpochSeedHook, TaskPictureHook, TrainingCurveHook
from mobind_mm.engine.reporting import _running_mean


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


def test_two_metrics_of_a_task_both_show_their_pictures(tmp_path):
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
