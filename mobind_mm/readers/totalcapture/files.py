"""Find, choose and read the text files of TotalCapture, in any layout.

All functions raise FileNotFoundError for what is missing, and ValueError for
a file that is there twice or an option that matches nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from ..public import TOTAL_CAPTURE

AGAIN = 'Download the file again.'
OR_MOVE = 'Download the file again, or move the take away.'


class TextFile:
    """A file by its lines, without the blank ones at its end.

    Lines count from 0 here, and from 1 in messages.

    Args:
        path: The file.
        size: Read only this many bytes; -1 reads all.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty.
    """

    def __init__(self, path: str | Path, size: int = -1) -> None:
        self.path = path
        try:
            with open(path, 'rb') as file:
                self.lines = file.read(size).splitlines()
        except FileNotFoundError:
            raise FileNotFoundError(f'{path} does not exist.') from None
        while self.lines and not self.lines[-1].strip():
            self.lines.pop()
        if not self.lines:
            raise ValueError(f'{path} is empty. {AGAIN}')

    def __len__(self) -> int:
        return len(self.lines)

    def words(self, row: int) -> list[bytes]:
        """The words of a line."""
        return self.lines[row].split()

    def numbers(
        self, rows: range, width: int, name: bytes | None = None
    ) -> np.ndarray:
        """Numbers (len(rows), width) of lines that have the same form.

        ``name`` is the first word of every line, None if it starts with a
        number.

        Raises:
            ValueError: Naming the first line that has another name, another
                number of numbers, or something that is not a finite number.
        """
        values = np.empty((len(rows), width))
        start = 0 if name is None else 1
        for i, row in enumerate(rows):
            words = self.words(row)
            try:
                if len(words) != start + width or (start and words[0] != name):
                    raise ValueError
                values[i] = [float(word) for word in words[start:]]
            except ValueError:
                values[i:] = np.nan
                break
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            row = rows[int(np.argmin(finite))]
            expected = f'{width} finite numbers'
            if name is not None:
                expected = f'{name.decode("ascii")!r} and {expected}'
            raise self.unexpected(row, expected, self.lines[row], OR_MOVE)
        return values

    def check(
        self, rows: range, bad: np.ndarray, problem: str, fix: str = OR_MOVE
    ) -> None:
        """Refuse lines whose values cannot be right.

        Raises:
            ValueError: Naming the first bad line.
        """
        if bad.any():
            raise self.error(rows[int(np.argmax(bad))], problem, fix)

    def error(self, row: int, problem: str, fix: str = AGAIN) -> ValueError:
        """The error about a line."""
        return ValueError(f'{self.path}, line {row + 1}: {problem}. {fix}')

    def unexpected(
        self, row: int, expected: str, got: bytes, fix: str = AGAIN
    ) -> ValueError:
        """The error about something else than expected in a line."""
        shown = got[:60].decode('ascii', 'backslashreplace')
        shown = repr(shown + ('...' if len(got) > 60 else ''))
        return self.error(row, f'expected {expected}, got {shown}', fix)


def not_unit(quat: np.ndarray) -> np.ndarray:
    """Which quaternions (..., 4) do not have length 1."""
    return np.abs(np.linalg.norm(quat, axis=-1) - 1) > 0.01


RATE = 60.0
"""Hz of the IMUs, of Vicon and of the videos, which share their frames."""

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
_DOWNLOAD = f'Download it from {TOTAL_CAPTURE.source}.'

_CALIBRATION = 'calibration.cal'
_KIND = re.compile(
    f'(?:{"|".join(f"(?P<{kind}>{end})" for kind, end in KINDS.items())})$'
)
_PREDICTION = re.compile(r'tc_s(\d+)_([a-z]+\d+)_cam(\d+)\.json')
_SUBJECT = re.compile(r'(?:^|[_-])s(?:ubject)?[_-]?(\d+)(?=$|[_-])')
_TAKE = re.compile(rf'(?:^|[_-])((?:{"|".join(_ACTIONS)})\d+)(?=$|[_-])')


@dataclass(frozen=True)
class TakeFiles:
    """One take and its files.

    Args:
        subject: 1 to 5.
        take: Action and number, e.g. ``acting1``.
        files: By the names in :data:`KINDS`; any may be missing. The
            reader adds ``calibration``, that of the cameras.
        predictions: What MMPose saw, by camera.
    """

    subject: int
    take: str
    files: dict[str, Path] = field(default_factory=dict)
    predictions: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the recording."""
        return f's{self.subject}_{self.take}'

    @property
    def label(self) -> int:
        """Index of the action in the classes of the data set."""
        return _ACTIONS.index(self.take.rstrip('0123456789'))

    @property
    def split(self) -> str:
        """Subjects 1 to 3 train, 4 validates, 5 tests."""
        return {4: 'val', 5: 'test'}.get(self.subject, 'train')

    @property
    def imu(self) -> Path | None:
        """File of the IMUs: the one with gyroscopes, if it is there."""
        return self.files.get('auxfields') or self.files.get('sensors')


def find_takes(src: str | Path) -> list[TakeFiles]:
    """Find the takes anywhere below a directory.

    Case does not matter. Subject and take stand before the end of a name
    (``s1_acting1_Xsens.sensors``), or in the directories above it
    (``S1/acting1/gt_skel_gbl_pos.txt``); the nearest count. Returns the takes
    by subject and name.

    Raises:
        ValueError: Also if the subject or the take of a file is missing or
            unknown.
    """
    takes: dict[tuple[int, str], TakeFiles] = {}
    for path in _files(src):
        match = _KIND.search(path.name.lower())
        if not match or match.lastgroup is None:
            continue
        key = _subject_and_take(path, Path(src), match.start())
        files = takes.setdefault(key, TakeFiles(*key)).files
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
    """Find ``calibration.cal`` below a directory; copies must be equal."""
    copies = sorted(p for p in _files(src) if p.name.lower() == _CALIBRATION)
    if not copies:
        raise FileNotFoundError(
            f'{src} holds no {_CALIBRATION}, which projects the Vicon '
            f'skeleton into the cameras. {_DOWNLOAD}'
        )
    for other in copies[1:]:
        if other.read_bytes() != copies[0].read_bytes():
            raise ValueError(
                f'{copies[0]} and {other} differ; keep the one that belongs '
                f'to the takes below {src}.'
            )
    return copies[0]


def add_predictions(
    takes: Sequence[TakeFiles], src: str | Path
) -> list[TakeFiles]:
    """Add MMPose's predictions ``TC_S<n>_<take>_cam<c>.json``.

    Returns takes that have IMUs or predictions; cameras are called ``cam1``
    and so on.
    """
    merged = {
        (take.subject, take.take): TakeFiles(
            take.subject, take.take, take.files
        )
        for take in takes
        if take.imu
    }
    for path in _files(src):
        match = _PREDICTION.fullmatch(path.name.lower())
        if not match:
            continue
        key = (int(match[1]), match[2])
        cameras = merged.setdefault(key, TakeFiles(*key)).predictions
        camera = f'cam{int(match[3])}'
        if camera in cameras:
            raise ValueError(
                f'{path} and {cameras[camera]} are the predictions of one '
                f'video; keep one of them below {src}.'
            )
        cameras[camera] = path
    if not any(take.predictions for take in merged.values()):
        raise FileNotFoundError(
            f'{src} holds no TC_S<subject>_<take>_cam<camera>.json. Make '
            'them from the videos with mobind pose, and name their '
            'directory with --pose mmpose DIR.'
        )
    return [merged[key] for key in sorted(merged)]


def choose_takes(
    takes: Sequence[TakeFiles], patterns: Sequence[str]
) -> list[TakeFiles]:
    """Takes that match a pattern, such as ``s5_*``; all without patterns."""
    patterns = [pattern.lower() for pattern in patterns] or ['*']
    names = [take.name for take in takes]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(
                f'--takes {pattern!r} matches none of the takes {names}.'
            )
    return [
        take
        for take in takes
        if any(fnmatchcase(take.name, pattern) for pattern in patterns)
    ]


def choose_cameras(
    cameras: Sequence[str], numbers: Sequence[int]
) -> list[str]:
    """Names ``cam<number>`` of the chosen cameras; all without numbers."""
    wanted = [f'cam{number}' for number in numbers]
    unknown = [name for name in wanted if name not in cameras]
    if unknown:
        raise ValueError(
            f'--cameras: there is no {unknown[0]}, only {list(cameras)}.'
        )
    return [name for name in cameras if not wanted or name in wanted]


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
    nearest = []
    for pattern in (_SUBJECT, _TAKE):
        matches = (pattern.findall(p.strip('_-')) for p in places)
        nearest.append(next((m[-1] for m in matches if m), None))
    subject, take = nearest
    if subject is None or take is None:
        raise ValueError(
            f'{path}: neither its name nor a directory gives its subject '
            f'and take; name a directory above it s1 to s{NUM_SUBJECTS} and '
            f'one like {_ACTIONS[0]}1, of {list(_ACTIONS)}.'
        )
    if not 1 <= int(subject) <= NUM_SUBJECTS:
        raise ValueError(
            f'{path}: subject {int(subject)} does not exist; TotalCapture '
            f'has 1 to {NUM_SUBJECTS}. Move the file away.'
        )
    return int(subject), take
