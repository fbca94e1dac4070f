"""MMPose's own inferencer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import Instance, register_estimator

INSTALL = (
    "pip install torchvision openmim 'setuptools<81' && mim install "
    'mmcv==2.1.0 mmdet==3.2.0 && pip install --no-deps mmpose==1.3.2 && pip '
    "install json_tricks munkres xtcocotools six 'numpy<2'"
)
"""For an environment without mmcv-lite."""


@register_estimator
class MMPoseEstimator:
    """Estimates poses by ``MMPoseInferencer``.

    Args:
        pose2d: Config or name of MMPose's model.
        det_model: Config or name of MMDetection's detector of people, or
            ``whole_image``; None takes MMPose's for that model.
        device: Where it runs; None lets MMPose choose.
    """

    name: ClassVar[str] = 'mmpose'
    caution: str = ''

    def __init__(
        self,
        pose2d: str = 'human',
        det_model: str | None = None,
        device: str | None = None,
    ) -> None:
        self._device = device
        self._infer: Any = None
        self.layout = ''
        self.settings: Mapping[str, Any] = {
            'pose2d': pose2d,
            'det_model': det_model,
        }

    def load(self) -> None:
        """Make MMPose's inferencer.

        Raises:
            ImportError: If MMPose is not installed; says how to.
            ValueError: If it cannot build the models.
        """
        if self._infer is None:
            self._infer = _build(**self.settings, device=self._device)
            meta = self._infer.inferencer.model.dataset_meta
            self.layout = meta['dataset_name']

    def reset(self) -> None:
        """Nothing is remembered."""

    def people(self, image: np.ndarray) -> list[Instance]:
        """Everybody in an image."""
        self.load()
        (result,) = self._infer(image, return_vis=False)
        return result['predictions'][0]


def _build(pose2d: str, det_model: str | None, device: str | None) -> Any:
    """Make MMPose's inferencer."""
    how = f'In an environment without mmcv-lite: {INSTALL}'
    try:
        from mmpose.apis import MMPoseInferencer
    except Exception as error:  # wrong versions fail in many ways
        raise ImportError(
            f'MMPose cannot run here ({one_line(error)}). {how}'
        ) from None
    try:
        return MMPoseInferencer(
            pose2d=pose2d, det_model=det_model, device=device
        )
    except Exception as error:
        reason = one_line(error)
        if 'MMDetection' in reason or isinstance(error, ImportError):
            raise ImportError(
                f'MMPose lacks what {pose2d!r} needs ({reason}). {how}'
            ) from None
        raise ValueError(
            f'MMPose cannot build --pose2d {pose2d!r} with --det-model '
            f'{det_model!r} on --device {device!r}: {reason}.'
        ) from None


def one_line(error: Exception) -> str:
    """Kind and message of another package's error."""
    text = ' '.join(str(error).split())[:300]
    if isinstance(error, ValueError) and text:
        return text
    return f'{type(error).__name__}: {text}'
