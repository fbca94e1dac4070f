"""MMPose's predictions on the videos of TotalCapture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...recordings.writing import write_pose
from ..convert import fingerprint, is_converted
from ..mmpose import read_mmpose_person
from .take import RATE, Take

IMG_SHAPE = (1080, 1920)
"""Height and width of the videos in pixels."""

MAX_GAP_SEC = 30.0
"""The subject is alone, so who comes back after a while is the subject."""


@dataclass(frozen=True)
class MMPosePose:
    """Reads the predictions of every take and camera.

    Args:
        files: By subject and take, the file of each camera.
        person: Who wears the sensors, if several people were detected:
            ``longest``, ``largest`` or the number of a track.
    """

    files: Mapping[tuple[int, str], Mapping[str, Path]]
    person: str | int = 'longest'

    def candidates(self, found: Sequence[Take]) -> list[Take]:
        """Takes that could be converted; those with IMUs or predictions."""
        takes = {(t.subject, t.take): t for t in found if t.imu}
        for key in self.files:
            takes.setdefault(key, Take(*key))
        return [takes[key] for key in sorted(takes)]

    def missing(
        self, take: Take, cameras: Sequence[str]
    ) -> dict[str, list[str]]:
        """Files that a take lacks, and the cameras that need them."""
        there = self.files.get((take.subject, take.take), {})
        return {
            f'TC_S{take.subject}_{take.take}_{camera}.json': [camera]
            for camera in cameras
            if camera not in there
        }

    def convert(
        self, take: Take, outputs: Mapping[str, Path], num_imu: int
    ) -> None:
        """Write the skeletons that are not there yet.

        Args:
            take: The take.
            outputs: File to write by camera.
            num_imu: Frames of the IMUs.

        Raises:
            ValueError: If a file is damaged or lasts much longer or shorter
                than the IMUs.
        """
        for camera, path in outputs.items():
            file = self.files[take.subject, take.take][camera]
            source = {
                'dataset': 'totalcapture',
                'pose': 'mmpose',
                'files': [file.name],
                'fingerprint': fingerprint([file]),
                'person': self.person,
                'max_gap_sec': MAX_GAP_SEC,
                'camera': camera,
            }
            if is_converted(path, source):
                continue
            stream = read_mmpose_person(
                file,
                rate=RATE,
                img_shape=IMG_SHAPE,
                person=self.person,
                max_gap_sec=MAX_GAP_SEC,
            )
            take.check_length(file, stream.clock.num_samples, num_imu)
            write_pose(path, stream, source)
