"""Find the files of TotalCapture, however a copy is laid out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..public import TOTAL_CAPTURE
from .take import Take

KINDS: dict[str, str] = {
    'sensors': r'xsens\.sensors',
    'auxfields': r'xsens_auxfields\.sensors',
    'ref': r'calib_imu_ref\.txt',
    'bone': r'calib_imu_bone\.txt',
    'positions': r'gt_skel_gbl_pos\.txt',
    'orientations': r'gt_skel_gbl_ori\.txt',
}
"""End of the name of each file of a take, in lower case."""

NUM_SUBJECTS = 5
_ACTIONS = TOTAL_CAPTURE.metainfo['classes']
_DOWNLOAD = f'Get it from {TOTAL_CAPTURE.source}.'

_CALIBRATION = 'calibration.cal'
_END = '|'.join(f'(?P<{kind}>{end})' for kind, end in KINDS.items())
_END = re.compile(f'(?:{_END})$')
_PREDICTION = re.compile(r'tc_s(\d+)_([a-z]+\d+)_cam(\d+)\.json')
_SUBJECT = re.compile(r'(?:^|[_-])s(?:ubject)?[_-]?(\d+)(?=$|[_-])')
_TAKE = re.compile(rf'(?:^|[_-])((?:{"|".join(_ACTIONS)})\d+)(?=$|[_-])')


def find_takes(src: str | Path) -> list[Take]:
    """Find the takes anywhere below a directory.

    Names count in upper or lower case. Subject and take stand before the
    end of a name (``s1_acting1_Xsens.sensors``), or in the directories
    above it (``S1/acting1/gt_skel_gbl_pos.txt``); the nearest count.

    Returns:
        Takes by subject and name.

    Raises:
        FileNotFoundError: If ``src`` is no directory or holds no take.
        ValueError: If a file is there twice, or its subject or take is
            missing or unknown.
    """
    takes: dict[tuple[int, str], Take] = {}
    for path in _files(src):
        match = _END.search(path.name.lower())
        if not match:
            continue
        key = _subject_and_take(path, Path(src), match.start())
        files = takes.setdefault(key, Take(*key)).files
        if match.lastgroup in files:
            raise ValueError(
                f'{path} and {files[match.lastgroup]} are the same file of '
                f's{key[0]}_{key[1]}; keep one of them below {src}.'
            )
        files[match.lastgroup] = path
    if not takes:
        raise FileNotFoundError(
            f'{src} holds no s<subject>_<take>_Xsens.sensors and no '
            f'gt_skel_gbl_pos.txt, nor do directories below it. {_DOWNLOAD}'
        )
    return [takes[key] for key in sorted(takes)]


def find_calibration(src: str | Path) -> Path:
    """Find ``calibration.cal`` anywhere below a directory.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are several that differ.
    """
    found = sorted(p for p in _files(src) if p.name.lower() == _CALIBRATION)
    if not found:
        raise FileNotFoundError(
            f'{src} holds no {_CALIBRATION}, which projects the Vicon '
            f'skeleton into the cameras. {_DOWNLOAD}'
        )
    for other in found[1:]:
        if other.read_bytes() != found[0].read_bytes():
            raise ValueError(
                f'{found[0]} and {other} differ; keep the one that belongs '
                f'to the takes below {src}.'
            )
    return found[0]


def find_predictions(
    src: str | Path,
) -> dict[tuple[int, str], dict[str, Path]]:
    """Find MMPose's predictions ``TC_S<n>_<take>_cam<c>.json``.

    Returns:
        By subject and take, the file of every camera, ``cam1`` and so on.

    Raises:
        FileNotFoundError: If ``src`` is no directory or holds none.
        ValueError: If a file is there twice.
    """
    found: dict[tuple[int, str], dict[str, Path]] = {}
    for path in _files(src):
        match = _PREDICTION.fullmatch(path.name.lower())
        if not match:
            continue
        cameras = found.setdefault((int(match[1]), match[2]), {})
        camera = f'cam{int(match[3])}'
        if camera in cameras:
            raise ValueError(
                f'{path} and {cameras[camera]} are the predictions of one '
                f'video; keep one of them below {src}.'
            )
        cameras[camera] = path
    if not found:
        raise FileNotFoundError(
            f'{src} holds no TC_S<subject>_<take>_cam<camera>.json. Make '
            'them of the videos with tools/extract_pose.py, and name their '
            'directory with --pose mmpose DIR.'
        )
    return found


def _files(src: str | Path) -> Iterator[Path]:
    """Files below a directory in order, through links to directories too."""
    if not Path(src).is_dir():
        raise FileNotFoundError(f'{src} is not a directory. {_DOWNLOAD}')
    seen = set()
    for root, folders, names in os.walk(src, followlinks=True):
        place = os.path.realpath(root)
        if place in seen:  # a link to a directory above it
            folders.clear()
            continue
        seen.add(place)
        folders.sort()
        yield from (Path(root, name) for name in sorted(names))


def _subject_and_take(path: Path, src: Path, start: int) -> tuple[int, str]:
    """Subject and take of a file whose kind begins at a place in its name."""
    above = (src.resolve().name, *path.relative_to(src).parts[:-1])
    places = [part.lower() for part in (path.name[:start], *above[::-1])]
    found = []
    for pattern in (_SUBJECT, _TAKE):
        matches = (pattern.findall(p.strip('_-')) for p in places)
        found.append(next((m[-1] for m in matches if m), None))
    subject, take = found
    if subject is None or take is None:
        raise ValueError(
            f'{path}: neither its name nor a directory says whose it is; '
            f'name a directory above it s1 to s{NUM_SUBJECTS} and one like '
            f'{_ACTIONS[0]}1, of {list(_ACTIONS)}.'
        )
    if not 1 <= int(subject) <= NUM_SUBJECTS:
        raise ValueError(
            f'{path}: subject {int(subject)} does not exist; TotalCapture '
            f'has 1 to {NUM_SUBJECTS}. Move the file away.'
        )
    return int(subject), take
