"""Draw losses and validation metrics over the epochs as one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class TrainingCurveHook(Hook):
    """Keep ``training_curves`` in the visualizer up to date.

    With MMEngine's ``LocalVisBackend`` it is a file under
    ``vis_data/vis_image`` of the run, with TensorBoard an image.

    Args:
        metrics: Validation metrics to draw.
    """

    # Before CheckpointHook, which may save the points.
    priority = 'LOW'

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Draw what has been logged so far."""
        if runner.epoch > 0:
            self._note(runner, metrics or {})
            self._draw(runner)

    def _note(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Keep epoch and value in the message hub, so that they survive.

        A task that runs at every n-th validation has a value then only.
        """
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
    """Mean of the last ``width`` values at each step, (T,) to (T,).

    Values that are not finite are passed over.
    """
    finite = np.isfinite(values)
    total = np.cumsum(np.r_[0.0, np.where(finite, values, 0.0)])
    count = np.cumsum(np.r_[0, finite])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - max(width, 1), 0)
    return (total[end] - total[start]) / np.maximum(
        count[end] - count[start], 1
    )
