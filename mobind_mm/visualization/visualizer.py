"""The visualizer: pictures of the four tasks for MMEngine's backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer

from ..registry import VISUALIZERS
from . import skeleton, sync_pictures, task_pictures
from .figures import to_image, write_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES: dict[str, Callable[..., Figure]] = {
    name[len('draw_') :]: function
    for module in (skeleton, sync_pictures, task_pictures)
    for name, function in vars(module).items()
    if name.startswith('draw_')
}
"""Function that draws a picture, by its kind: ``draw_<kind>``."""


@VISUALIZERS.register_module()
class MoBindVisualizer(Visualizer):
    """MMEngine's visualizer, which also draws the pictures of the tasks.

    A picture is a dictionary: ``kind`` names a function of
    :data:`PICTURES`, the other keys are its arguments. A metric offers
    pictures of its last evaluation with a method ``pictures() ->
    dict[str, dict]``; ``TaskPictureHook`` passes them on.

    Example:
        >>> from mobind_mm.visualization import MoBindVisualizer
        >>> picture = dict(kind='confusion_matrix', matrix=[[3, 1], [0, 4]])
        >>> MoBindVisualizer.draw_picture(picture).shape
        (546, 663, 3)
    """

    @staticmethod
    def draw_picture(picture: Mapping[str, Any]) -> np.ndarray:
        """Draw a picture.

        Returns:
            RGB image (H, W, 3) uint8.

        Raises:
            ValueError: If the kind is unknown.
        """
        arguments = dict(picture)
        kind = arguments.pop('kind', None)
        if kind not in PICTURES:
            raise ValueError(
                f'There is no picture of the kind {kind!r}; choose from '
                f'{sorted(PICTURES)}.'
            )
        return to_image(PICTURES[kind](**arguments))

    @master_only
    def add_picture(
        self,
        name: str,
        picture: Mapping[str, Any],
        step: int = 0,
        out_file: str | Path | None = None,
        show: bool = False,
    ) -> None:
        """Draw a picture, pass it to all backends and write it to a file.

        Args:
            name: Name of the image in the backends.
            picture: See the class.
            step: Step of the image in the backends.
            out_file: PNG file to write as well.
            show: Whether to show it in a window, until that is closed.
        """
        image = self.draw_picture(picture)
        self.add_image(name, image, step)
        if out_file is not None:
            write_image(out_file, image)
        if show:
            self.show(image, win_name=name)
