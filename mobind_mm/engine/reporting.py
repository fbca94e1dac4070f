"""Hooks that show results: metric tables, pictures, training curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..registry import HOOKS
from ..utils.results import format_metrics
from ..visualization import MoBindVisualizer, scene_frames
from .loops import MAIN, evaluators_of


@HOOKS.register_module()
class ResultTableHook(Hook):
    """Log a table after every validation and every test."""

    priority = 'VERY_LOW'

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Log the validation metrics."""
        self._log(runner, metrics, f'validation, epoch {runner.epoch}')

    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Log the test metrics."""
        self._log(runner, metrics, 'test')

    @master_only
    def _log(
        self, runner: Runner, metrics: dict[str, float] | None, title: str
    ) -> None:
        if metrics:
            runner.logger.info('\n' + format_metrics(metrics, title))


@HOOKS.register_module()
class TaskPictureHook(Hook):
    """Pass the pictures of every metric to the visualizer after a test.

    Metrics with a method ``pictures`` provide them, see
    :class:`MoBindVisualizer`. Frames of the dataset with skeletons and
    sensors are added.

    Args:
        show_dir: Directory for PNG files, in addition to the visualizer's
            backends.
        num_frames: Number of frames of the dataset to draw.
        show: Whether to show each picture in a window, until it is closed.
    """

    # After everything else: a failing picture must not cost results.
    priority = 'LOWEST'

    def __init__(
        self,
        show_dir: str | None = None,
        num_frames: int = 2,
        show: bool = False,
    ) -> None:
        self.show_dir = None if show_dir is None else Path(show_dir)
        self.num_frames = num_frames
        self.show = show

    def before_test(self, runner: Runner) -> None:
        """Check the visualizer before hours of work.

        Raises:
            TypeError: If it is not a :class:`MoBindVisualizer`.
        """
        if not isinstance(runner.visualizer, MoBindVisualizer):
            raise TypeError(
                'TaskPictureHook needs visualizer=dict(type='
                f"'MoBindVisualizer', ...), but the config has a "
                f'{type(runner.visualizer).__name__}.'
            )

    @master_only
    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Draw and write all pictures."""
        pictures: dict[str, Any] = {}
        for task, evaluator in evaluators_of(runner.test_loop).items():
            for metric in evaluator.metrics:
                if hasattr(metric, 'pictures'):
                    label = metric.prefix if task == MAIN else task
                    for name, picture in metric.pictures().items():
                        if not name.startswith(f'{label}_'):
                            name = f'{label}_{name}'
                        if name in pictures:  # of another metric
                            name = f'{metric.prefix}_{name}'
                        pictures[name] = picture
        dataset = runner.test_loop.dataloader.dataset
        frames = scene_frames(dataset, self.num_frames)
        for name, frame in frames.items():
            pictures[f'skeleton_{name}'] = dict(kind='skeleton', **frame)
        for name, picture in pictures.items():
            # Take names may contain what file names must not.
            name = re.sub(r'[^\w.-]+', '_', name)
            out_file = self.show_dir and self.show_dir / f'{name}.png'
            runner.visualizer.add_picture(
                name, picture, out_file=out_file, show=self.show
            )
        if self.show_dir is not None:
            runner.logger.info(f'{len(pictures)} pictures in {self.show_dir}')


@HOOKS.register_module()
class TrainingCurveHook(Hook):
    """Keep the image ``training_curves`` in the visualizer up to date.

    With MMEngine's ``LocalVisBackend`` this is a file under
    ``vis_data/vis_image`` of the run; with TensorBoard, an image.

    Args:
        metrics: Keys of the validation metrics to draw.
    """

    # Before CheckpointHook, which saves the points.
    priority = 'LOW'

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Draw what has been logged so far."""
        if runner.epoch > 0:
            self._record(runner, metrics or {})
            self._draw(runner)

    def _record(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Keep epoch and value in the message hub, which is checkpointed."""
        hub = runner.message_hub
        points = hub.runtime_info.get('training_curve_points', {})
        for name in self.metrics:
            if name in metrics:
                point = (runner.epoch, float(metrics[name]))
                points.setdefault(name, []).append(point)
        hub.update_info('training_curve_points', points)

    @master_only
    def _draw(self, runner: Runner) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        scalars = runner.message_hub.log_scalars
        figure = Figure(figsize=(10, 4), layout='constrained')
        loss_axes, metric_axes = figure.subplots(1, 2)
        steps = runner.iter / runner.epoch
        for key in sorted(scalars):
            if key.startswith('train/loss'):
                values = np.asarray(scalars[key].data[0])
                epochs = np.arange(1, len(values) + 1) / steps
                smooth = _running_mean(values, int(steps))
                loss_axes.plot(epochs, smooth, label=key[len('train/') :])
        loss_axes.set(xlabel='epoch', ylabel='loss', yscale='log')
        loss_axes.legend()
        points = runner.message_hub.get_info('training_curve_points')
        for name, values in points.items():
            metric_axes.plot(*zip(*values), marker='.', label=name)
        metric_axes.set(xlabel='epoch', ylabel='validation', ylim=(0, 1))
        if points:
            metric_axes.legend()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        image = np.asarray(canvas.buffer_rgba())[..., :3]
        runner.visualizer.add_image('training_curves', image)


def _running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Mean (T,) of the last ``width`` finite values at each step."""
    finite = np.isfinite(values)
    total = np.cumsum(np.r_[0.0, np.where(finite, values, 0.0)])
    count = np.cumsum(np.r_[0, finite])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - max(width, 1), 0)
    return (total[end] - total[start]) / np.maximum(
        count[end] - count[start], 1
    )
