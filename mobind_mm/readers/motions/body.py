"""The joints and segments of a captured body, and its motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

JOINTS: tuple[str, ...] = (
    'pelvis', 'l_hip', 'l_knee', 'l_ankle', 'l_toe',
    'r_hip', 'r_knee', 'r_ankle', 'r_toe', 'spine', 'neck', 'head',
    'l_shoulder', 'l_elbow', 'l_wrist', 'l_hand',
    'r_shoulder', 'r_elbow', 'r_wrist', 'r_hand',
)  # fmt: skip
SEGMENTS: tuple[str, ...] = (
    'pelvis', 'chest', 'head',
    'l_thigh', 'l_shank', 'l_foot', 'r_thigh', 'r_shank', 'r_foot',
    'l_upperarm', 'l_forearm', 'l_hand', 'r_upperarm', 'r_forearm', 'r_hand',
)  # fmt: skip
JOINT = {name: i for i, name in enumerate(JOINTS)}
SEGMENT = {name: i for i, name in enumerate(SEGMENTS)}


@dataclass(frozen=True)
class BodyMotion:
    """One person's captured motion.

    Args:
        positions: (T, 20, 3) joints of :data:`JOINTS` in metres, z up.
        orientations: (T, 15, 4) unit quaternions w x y z of
            :data:`SEGMENTS`, segment to world. The axes of a segment are
            constant within a source, nothing more.
        rate: Frames per second.
        clip: Name of the clip, unique within its source.
        subject: Who moves.
        label: What the person does, empty if unknown.
        source: Name of the collection.
        licence: Terms of the clip, empty if unknown.
        notes: What the reader derived or assumed.
    """

    positions: np.ndarray
    orientations: np.ndarray
    rate: float
    clip: str
    subject: str
    label: str = ''
    source: str = ''
    licence: str = ''
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Time from the first to the last frame."""
        return (len(self.positions) - 1) / self.rate
