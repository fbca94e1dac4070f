"""Draw what the metrics of a test have to show."""

from __future__ import annotations

import re
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...visualization import MoBindVisualizer, scene_frames
from ..loops import evaluators_of


@HOOKS.register_module()
class TaskPictureHook(Hook):
    """Hand the pictures of every metric to the visualizer after a test.

    Metrics with a method ``pictures`` are asked for theirs, see
    :class:`MoBindVisualizer`; frames of the data set with their skeletons
    and sensors are added.

    Args:
        show_dir: Directory for PNG files besides the visualizer's backends.
        num_frames: Frames of the data set to draw.
    """

    # After everything else: a picture that fails costs no log of results.
    priority = 'LOWEST'

    def __init__(
        self, show_dir: str | None = None, num_frames: int = 2
    ) -> None:
        self.show_dir = None if show_dir is None else Path(show_dir)
        self.num_frames = num_frames

    def before_test(self, runner: Runner) -> None:
        """Look for the visualizer, before hours of work.

        Raises:
            TypeError: If the runner has another one.
        """
        if not isinstance(runner.visualizer, MoBindVisualizer):
            raise TypeError(
                'TaskPictureHook needs visualizer=dict(type='
                f"'MoBindVisualizer', ...), the config has a "
                f'{type(runner.visualizer).__name__}.'
            )

    @master_only
    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Draw and write."""
        pictures = {}
        for task, evaluator in evaluators_of(runner.test_loop).items():
            for metric in evaluator.metrics:
                if hasattr(metric, 'pictures'):
                    label = metric.prefix if task == 'main' else task
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
            # Ids of takes may hold what a file name must not.
            name = re.sub(r'[^\w.-]+', '_', name)
            out_file = self.show_dir and self.show_dir / f'{name}.png'
            runner.visualizer.add_picture(name, picture, out_file=out_file)
        if self.show_dir is not None:
            runner.logger.info(f'{len(pictures)} pictures: {self.show_dir}')
