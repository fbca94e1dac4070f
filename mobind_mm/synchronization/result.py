"""What every synchroniser answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

REASONS = ('', 'still', 'periodic', 'too short', 'weak')
"""Why a synchroniser abstains; empty where it does not."""


@dataclass(frozen=True)
class SyncResult:
    """Estimated time offset between an IMU stream and a video.

    Args:
        offset: Seconds; positive if the pose window starts later in the
            recording than the IMU window, so ``t_imu = t_pose + offset``
            for clocks that start with their windows.
        confidence: Probability that the offset is less than 0.1 s wrong.
        abstained: Whether the synchroniser advises not to use the offset,
            which it states nevertheless.
        reason: Why it abstains: one of :data:`REASONS`.
        rivals: Other offsets that explain the streams too: (offset in
            seconds, probability), most probable first.
        offsets: (G,) seconds at which ``log_posterior`` is given, for
            pictures.
        log_posterior: (G,) score of each offset, the log posterior up to a
            constant where the synchroniser is probabilistic.
        drift_ppm: How much faster the IMU clock runs than the pose clock,
            in parts per million.

    Raises:
        ValueError: If ``reason`` and ``abstained`` contradict each other,
            or numbers are out of range.
    """

    offset: float
    confidence: float = 0.0
    abstained: bool = False
    reason: str = ''
    rivals: list[tuple[float, float]] = field(default_factory=list)
    offsets: np.ndarray = field(default_factory=lambda: np.empty(0))
    log_posterior: np.ndarray = field(default_factory=lambda: np.empty(0))
    drift_ppm: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.offset):
            raise ValueError(f'offset must be finite, got {self.offset}.')
        if not 0 <= self.confidence <= 1:
            raise ValueError(
                f'confidence must be in [0, 1], got {self.confidence}.'
            )
        if self.reason not in REASONS or bool(self.reason) != self.abstained:
            raise ValueError(
                f'reason must be one of {REASONS}, and given if and only if '
                f'abstained; got {self.reason!r} with abstained='
                f'{self.abstained}.'
            )
        if np.shape(self.offsets) != np.shape(self.log_posterior):
            raise ValueError(
                f'{np.shape(self.offsets)} offsets and '
                f'{np.shape(self.log_posterior)} log_posterior.'
            )
