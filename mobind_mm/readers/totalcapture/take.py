"""One take of TotalCapture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..public import TOTAL_CAPTURE

RATE = 60.0
"""Hz of the IMUs, of Vicon and of the videos, which share their frames."""

MAX_MISMATCH_SEC = 3.0
"""By how much the IMUs and the skeleton of one take may differ in length."""


@dataclass(frozen=True)
class Take:
    """One take and its files.

    Args:
        subject: 1 to 5.
        take: Action and number, e.g. ``acting1``.
        files: By the names in :data:`.totalcapture_files.KINDS`; any may be
            missing.
    """

    subject: int
    take: str
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the recording."""
        return f's{self.subject}_{self.take}'

    @property
    def label(self) -> int:
        """Index of the action in the classes of the data set."""
        action = self.take.rstrip('0123456789')
        return TOTAL_CAPTURE.metainfo['classes'].index(action)

    @property
    def split(self) -> str:
        """Subjects 1 to 3 train, 4 validates, 5 tests."""
        return {4: 'val', 5: 'test'}.get(self.subject, 'train')

    @property
    def imu(self) -> Path | None:
        """File of the IMUs: the one with gyroscopes, if it is there."""
        return self.files.get('auxfields') or self.files.get('sensors')

    def check_length(self, pose: Path, num_poses: int, num_imu: int) -> None:
        """Refuse a skeleton that cannot be of this take.

        Args:
            pose: File of the skeleton.
            num_poses: Its frames.
            num_imu: Frames of the IMUs.

        Raises:
            ValueError: Naming both files and their lengths.
        """
        seconds = abs(num_poses - num_imu) / RATE
        if seconds > MAX_MISMATCH_SEC:
            raise ValueError(
                f'{self.imu} has {num_imu} frames and {pose} {num_poses}: at '
                f'{RATE:g} Hz they differ by {seconds:.1f} s, more than '
                f'{MAX_MISMATCH_SEC:g} s, so they are not of one take. Get '
                'both again, or move one away.'
            )
