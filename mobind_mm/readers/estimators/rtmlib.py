"""RTMPose by rtmlib: 26 keypoints, with ONNX Runtime instead of OpenMMLab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import Instance, register_estimator

MODES = ('lightweight', 'balanced', 'performance')


@register_estimator
class RTMLibEstimator:
    """Estimates poses by ``rtmlib.BodyWithFeet``.

    It downloads its weights from OpenMMLab when it is made first. People are
    found again in every frame.

    Args:
        mode: One of :data:`MODES`, from fast to exact.
        device: ``cpu`` or ``cuda``.
    """

    name: ClassVar[str] = 'rtmlib'
    layout: str = 'halpe26'
    caution: str = ''

    def __init__(self, mode: str = 'balanced', device: str = 'cpu') -> None:
        if mode not in MODES:
            raise ValueError(
                f'rtmlib has no mode {mode!r}; choose from {", ".join(MODES)}.'
            )
        self._device = device
        self._model: Any = None
        self.settings: Mapping[str, Any] = {'models': mode}

    def load(self) -> None:
        """Load the models, or download them.

        Raises:
            ImportError: If rtmlib is not installed.
            ValueError: If its weights cannot be had.
        """
        if self._model is not None:
            return
        try:
            from rtmlib import BodyWithFeet
        except Exception as error:  # wrong versions fail in many ways
            raise ImportError(
                f'The pose estimator rtmlib cannot run here ({error}): pip '
                'install rtmlib.'
            ) from None
        try:
            self._model = BodyWithFeet(
                mode=self.settings['models'], device=self._device
            )
        except Exception as error:  # of the network, of the runtime
            text = ' '.join(str(error).split())[:300]
            raise ValueError(
                f'rtmlib cannot load its models ({type(error).__name__}: '
                f'{text}). It downloads them once: connect to the internet, '
                'or choose another estimator.'
            ) from None

    def reset(self) -> None:
        """Nothing is remembered."""

    def people(self, image: np.ndarray) -> list[Instance]:
        """Everybody in an image."""
        self.load()
        boxes = np.asarray(self._model.det_model(image), float)
        if not boxes.size:  # else the model takes the whole image for one
            return []
        boxes = boxes.reshape(len(boxes), -1)[:, :4]
        keypoints, scores = self._model.pose_model(image, bboxes=boxes)
        return [
            {
                'keypoints': np.round(at, 2).tolist(),
                'keypoint_scores': np.clip(score, 0, 1).round(4).tolist(),
                'bbox': [box.round(2).tolist()],
            }
            for at, score, box in zip(keypoints, scores, boxes)
        ]
