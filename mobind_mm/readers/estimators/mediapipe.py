"""BlazePose, the pose model of MediaPipe, without MediaPipe.

The weights are those of the wheel ``mediapipe`` 0.10.21, which needs
numpy < 2; here LiteRT runs them (the extra ``pose``). What happens around
the two networks follows MediaPipe's published graphs ``pose_detection`` and
``pose_landmark``, without their smoothing, which delays movements.

A detector (224 x 224) finds people by boxes, hip centres and a second point
that gives size and tilt. Another network (256 x 256) finds 33 landmarks
in an upright square around one person, and two points that say where to
look in the next frame. So the detector is needed only for people who are
new, and several people cost time in proportion.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...utils.errors import mistake
from ...utils.video import require_cv2
from .base import Instance, register_estimator

WEIGHTS = Path(__file__).with_name('weights')
DETECTOR, LANDMARKS = 'pose_detection.tflite', 'pose_landmark_full.tflite'
_SHA256 = {
    DETECTOR: '9ba9dd3d42efaaba86b4ff0122b06f29'
    'c4122e756b329d89dca1e297fd8f866c',
    LANDMARKS: 'e9a5c5cb17f736fafd4c2ec1da3b3d33'
    '1d6edbe8a0d32395855aeb2cdfd64b9f',
}
_DETECTOR_SIDE, _LANDMARK_SIDE = 224, 256
_STRIDES = (8, 16, 32, 32, 32)
"""Pixels between the anchors of each layer, which has two at each place."""
_LEAST_SCORE = 0.5
"""Of a detection, and of a person's presence in the square."""
_SAME_BOX = 0.3
"""Overlap of boxes that belong to one person."""
_WIDEN = 1.25
"""Length of a square in circles around the hip centre."""
_KERNEL = 7
_NUM = 33
_EVERY = 10
"""Frames after which the detector looks for people who are new."""

Square = tuple[float, float, float, float]
"""Centre x and y, side, and turn in radians, clockwise in the image."""


@register_estimator
class MediaPipeEstimator:
    """Estimates poses by BlazePose.

    Args:
        max_people: Most people to follow at once.
        threads: Threads of each network; None: all cores.
    """

    name: ClassVar[str] = 'mediapipe'
    layout: str = 'mediapipe33'
    caution: str = (
        'mediapipe follows them less well than one person (better: '
        '--estimator rtmlib or mmpose)'
    )

    def __init__(
        self, max_people: int = 4, threads: int | None = None
    ) -> None:
        self.settings: Mapping[str, Any] = {
            'models': 'mediapipe 0.10.21, full',
            'version': 1,
            'max_people': max_people,
        }
        self._threads = threads or os.cpu_count() or 1
        self._networks: list[_Network] = []
        self.reset()

    def load(self) -> None:
        """Load both networks."""
        if not self._networks:
            self._networks = [
                _Network(WEIGHTS / name, self._threads)
                for name in (DETECTOR, LANDMARKS)
            ]

    def reset(self) -> None:
        """Forget the people of the frames before."""
        self._squares: list[Square] = []
        self._since = 0

    def people(self, image: np.ndarray) -> list[Instance]:
        """Everybody in an image, followed from the one before."""
        self.load()
        if not self._squares or self._since >= _EVERY:
            self._add_new(image)
        self._since += 1
        instances: list[Instance] = []
        squares: list[Square] = []
        for square in self._squares:
            landmarks, following, presence = self._landmarks(image, square)
            if presence < _LEAST_SCORE or any(
                _coincide(following, other) for other in squares
            ):
                continue
            squares.append(following)
            instances.append(_instance(landmarks, presence, image.shape))
        self._squares = squares
        return instances

    def _add_new(self, image: np.ndarray) -> None:
        """Look for people, and take those who are not followed yet."""
        self._since = 0
        for square in self._detections(image):
            room = len(self._squares) < self.settings['max_people']
            if room and not any(_coincide(square, s) for s in self._squares):
                self._squares.append(square)

    def _detections(self, image: np.ndarray) -> list[Square]:
        """Squares around the people in an image, the surest first."""
        height, width = image.shape[:2]
        side = max(height, width)
        whole = (width / 2, height / 2, side, 0.0)
        crop = cut_square(image, whole, _DETECTOR_SIDE, fill=True)
        raw, logits = self._networks[0](2 * crop - 1)
        scores = _sigmoid(logits[0, :, 0])
        kept = np.flatnonzero(scores >= _LEAST_SCORE)
        values, scores = raw[0, kept] / _DETECTOR_SIDE, scores[kept]
        centres = self._anchors[kept]
        points = values.reshape(-1, 6, 2)  # centre, size, 4 keypoints
        points[:, [0, 2, 3, 4, 5]] += centres[:, None]
        corner = np.array([width - side, height - side]) / 2
        return [
            _square(*(merged * side + corner))
            for merged in _merged(points, scores)
        ]

    @cached_property
    def _anchors(self) -> np.ndarray:
        """Centres (2254, 2) of the detector's boxes, in [0, 1]."""
        layers = []
        for stride in _STRIDES:
            at = (np.arange(_DETECTOR_SIDE // stride) + 0.5) * stride
            y, x = np.meshgrid(at, at, indexing='ij')
            layers.append(np.stack([x, y], -1).reshape(-1, 2).repeat(2, 0))
        # Layers of one stride take turns at each place.
        fine, middle, *coarse = layers
        same = np.stack([c.reshape(-1, 2, 2) for c in coarse], 1)
        rows = [fine, middle, same.reshape(-1, 2)]
        return np.concatenate(rows) / _DETECTOR_SIDE

    def _landmarks(
        self, image: np.ndarray, square: Square
    ) -> tuple[np.ndarray, Square, float]:
        """Landmarks (33, 3) as x, y, score; the next square; presence."""
        crop = cut_square(image, square, _LANDMARK_SIDE)
        values, presence, _, heat, _ = self._networks[1](crop)
        rows = values.reshape(-1, 5)
        at = _refined(rows[:, :2] / _LANDMARK_SIDE, heat[0])
        x, y, side, turn = square
        cos, sin = np.cos(turn) * side, np.sin(turn) * side
        at = (at - 0.5) @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
        seen = _sigmoid(rows[:, 3:]).min(axis=1)
        following = _square(at[_NUM], at[_NUM + 1])
        landmarks = np.column_stack([at, seen])[:_NUM]
        return landmarks, following, float(presence.item())


def whole_weights(path: Path) -> bytes:
    """Content of a network, which LiteRT does not check.

    Raises:
        ValueError: If it is not what was published.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != _SHA256[path.name]:
        raise mistake(path, 'is damaged', 'Install mobind_mm again')
    return content


class _Network:
    """A network that LiteRT runs.

    Raises:
        ImportError: If it is not installed.
    """

    def __init__(self, path: Path, threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ImportError(
                'The pose estimator mediapipe needs LiteRT '
                f"({error}): pip install 'mobind_mm[pose]'."
            ) from None
        content = whole_weights(path)
        self._net = Interpreter(model_content=content, num_threads=threads)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]['index']
        outputs = self._net.get_output_details()
        outputs.sort(key=lambda output: output['name'])
        self._outputs = [output['index'] for output in outputs]

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        """Outputs in the order of their names, for an image (H, W, 3)."""
        self._net.set_tensor(self._input, image[None])
        self._net.invoke()
        return [self._net.get_tensor(index) for index in self._outputs]


def cut_square(
    image: np.ndarray, square: Square, size: int, fill: bool = False
) -> np.ndarray:
    """Cut a turned square out of an image (H, W, 3) uint8 BGR, bilinearly.

    Returns (size, size, 3) float32 RGB in [0, 1]. What lies outside is black
    with ``fill``; else, the edge is repeated.
    """
    cv2 = require_cv2()
    x, y, side, turn = square
    cos, sin = np.cos(turn) * side / size, np.sin(turn) * side / size
    turned = np.array([[cos, -sin], [sin, cos]])
    corner = np.array([x, y]) - turned.sum(axis=1) * size / 2
    crop = cv2.warpAffine(
        image,
        np.column_stack([turned, corner]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT if fill else cv2.BORDER_REPLICATE,
    )
    return crop[..., ::-1].astype(np.float32) / 255


def _square(centre: np.ndarray, other: np.ndarray, *_: Any) -> Square:
    """Square around a hip centre, by a point straight up on a circle."""
    dx, dy = other - centre
    turn = float(np.pi / 2 - np.arctan2(-dy, dx))
    side = 2 * _WIDEN * float(np.hypot(dx, dy))
    return float(centre[0]), float(centre[1]), max(side, 1.0), turn


def _coincide(one: Square, other: Square) -> bool:
    """Whether two squares are around one person."""
    distance = np.hypot(one[0] - other[0], one[1] - other[1])
    return bool(distance < 0.12 * min(one[2], other[2]))


def _merged(points: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
    """Hip centre and second point (2, 2) of each person.

    Boxes that overlap the surest one are averaged by their scores.
    """
    low = points[:, 0] - points[:, 1] / 2
    high = points[:, 0] + points[:, 1] / 2
    order, merged = np.argsort(-scores, kind='stable'), []
    while order.size:
        best = order[0]
        shared = np.minimum(high[order], high[best]) - np.maximum(
            low[order], low[best]
        )
        common = np.clip(shared, 0, None).prod(axis=1)
        areas = np.clip(high - low, 0, None).prod(axis=1)
        union = areas[order] + areas[best] - common
        same = common > _SAME_BOX * union
        same[0] = True
        group = order[same]
        mean = np.average(points[group, 2:4], axis=0, weights=scores[group])
        merged.append(mean)
        order = order[~same]
    return merged


def _refined(at: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Move landmarks (n, 2) in [0, 1] to the middle of their heat (h, w, n).

    Only where the heat near a landmark is clear.
    """
    height, width, _ = heat.shape
    reach, result = _KERNEL // 2, at.copy()
    for i, (x, y) in enumerate(at):
        column, row = int(x * width), int(y * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        top, left = max(row - reach, 0), max(column - reach, 0)
        part = heat[top : row + reach + 1, left : column + reach + 1, i]
        part = _sigmoid(part)
        if part.max() < _LEAST_SCORE:
            continue
        rows, columns = np.indices(part.shape)
        total = part.sum()
        result[i, 0] = ((columns + left) * part).sum() / total / width
        result[i, 1] = ((rows + top) * part).sum() / total / height
    return result


def _instance(
    landmarks: np.ndarray, presence: float, shape: tuple[int, ...]
) -> Instance:
    """A person; what lies outside the image was not seen."""
    at, scores = landmarks[:, :2], landmarks[:, 2]
    inside = ((at >= 0) & (at < shape[1::-1])).all(axis=1)
    corners = [*at.min(axis=0), *at.max(axis=0)]
    return {
        'keypoints': at.round(2).tolist(),
        'keypoint_scores': np.where(inside, scores, 0).round(4).tolist(),
        'bbox': [[round(float(value), 2) for value in corners]],
        'bbox_score': round(presence, 4),
    }


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))
