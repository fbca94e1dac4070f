"""All people whom a pose estimator saw in a video, without identity."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class Detections:
    """Instances in the order of their frames.

    Args:
        num_frames: Frames of the video, with those that show nobody.
        frames: (M,) int64 frame of each instance, from 0, ascending.
        keypoints: (M, K, 2) float32 pixels.
        scores: (M, K) float32 in [0, 1], 0 where nothing was detected.
        boxes: (M, 4) float32 pixels: x0, y0, x1, y1.
        layout: Name of the skeleton layout.
    """

    num_frames: int
    frames: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    layout: str

    def select(self, rows: np.ndarray) -> Detections:
        """Keep some instances.

        Args:
            rows: Boolean mask (M,) or ascending indices.
        """
        arrays = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name not in ('num_frames', 'layout')
        }
        return replace(self, **arrays)

    def without_whole_image(self, img_shape: tuple[int, int]) -> Detections:
        """Drop what MMPose writes for a frame in which it found nobody.

        Its inferencer then takes the whole image for the box of a person.
        If all boxes are the whole image, no detector was used, and nothing
        is dropped.

        Args:
            img_shape: (height, width) in pixels.
        """
        height, width = img_shape
        whole = (self.boxes == (0, 0, width, height)).all(axis=1)
        return self if whole.all() else self.select(~whole)
