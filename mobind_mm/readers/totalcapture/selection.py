"""Which takes and cameras of TotalCapture are converted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Union

from mmengine.logging import print_log

from .mmpose_pose import MMPosePose
from .take import Take
from .vicon_pose import ViconPose

Poses = Union[ViconPose, MMPosePose]
_SHOWN = 5


@dataclass(frozen=True)
class Selection:
    """What the user wants converted.

    Args:
        takes: Names or patterns such as ``s5_*``; none: all takes.
        cameras: Numbers from 1; none: all cameras that there are.
        skip_incomplete: Leave out takes and cameras that lack a file,
            instead of refusing them.
    """

    takes: Sequence[str] = ()
    cameras: Sequence[int] = ()
    skip_incomplete: bool = False

    def choose_takes(self, found: Sequence[Take]) -> list[Take]:
        """Takes that match one of the patterns.

        Raises:
            ValueError: If a pattern matches nothing.
        """
        if not self.takes:
            return list(found)
        patterns = [pattern.lower() for pattern in self.takes]
        names = [take.name for take in found]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ValueError(
                    f'--takes {pattern!r} matches none of the takes {names}.'
                )
        return [
            take
            for take in found
            if any(fnmatchcase(take.name, pattern) for pattern in patterns)
        ]

    def choose_cameras(self, found: Sequence[str]) -> list[str]:
        """Names ``cam<number>`` of the cameras.

        Raises:
            ValueError: If one of the numbers does not exist.
        """
        wanted = [f'cam{number}' for number in self.cameras]
        unknown = [name for name in wanted if name not in found]
        if unknown:
            raise ValueError(
                f'--cameras: there is no {unknown[0]}, only {list(found)}.'
            )
        return [name for name in found if not wanted or name in wanted]

    def plan(
        self,
        takes: Sequence[Take],
        poses: Poses,
        cameras: Sequence[str],
        calibrate: bool,
    ) -> list[tuple[Take, list[str]]]:
        """Takes and their cameras for which every file is there.

        Raises:
            FileNotFoundError: If files are missing and may not be, or
                nothing is left.
        """
        jobs, lacking = [], []
        for take in takes:
            missing = poses.missing(take, cameras)
            for name in _missing_sensor_files(take, calibrate):
                missing[name] = list(cameras)
            without = {name for names in missing.values() for name in names}
            complete = [name for name in cameras if name not in without]
            if missing:
                lacking.append(f'{take.name} lacks {", ".join(missing)}')
            if complete:
                jobs.append((take, complete))
        if lacking and not (self.skip_incomplete and jobs):
            more = f' and {len(lacking) - _SHOWN} more'
            raise FileNotFoundError(
                f'{len(lacking)} of {len(takes)} takes are incomplete: '
                f'{"; ".join(lacking[:_SHOWN])}'
                f'{more if len(lacking) > _SHOWN else ""}. Get the files, '
                'choose among the takes with --takes, or leave out what is '
                'incomplete with --skip-incomplete.'
            )
        for line in lacking:
            print_log(f'{line}: left out.', 'current', logging.WARNING)
        return jobs


def _missing_sensor_files(take: Take, calibrate: bool) -> list[str]:
    """Files of the IMUs that a take lacks."""
    missing = [] if take.imu else [f'{take.name}_Xsens.sensors']
    if calibrate:
        missing += [
            f'{take.name}_calib_imu_{kind}.txt'
            for kind in ('ref', 'bone')
            if kind not in take.files
        ]
    return missing
