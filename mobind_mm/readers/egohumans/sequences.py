"""Read EgoHumans: skeletons and SMPL bodies of the people of a sequence.

Source: Khirodkar, Bansal, Ma, Newcombe, Vo and Kitani, "EgoHumans: An
Egocentric 3D Multi-Human Benchmark", ICCV 2023.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..public import EGO_HUMANS

RATE = 20.0
IMG_SHAPE = (2160, 3840)

_NUMBERED = re.compile(r'(\d+)_([A-Za-z]\w*)')
_SPARSE = 10
"""Frame numbers may span this many times as many frames as there are."""


@dataclass(frozen=True)
class EgoSequence:
    """One recording of several people.

    Args:
        activity: Number of its activity, from 1.
        activity_name: Name of the activity, in lower case.
        number: Number within the activity, from 1.
        folder: Its ``processed_data``.
    """

    activity: int
    activity_name: str
    number: int
    folder: Path

    @property
    def name(self) -> str:
        """What its files are called."""
        return f'{self.activity:02d}_{self.activity_name}_{self.number:03d}'

    def poses(self, camera: str) -> dict[int, Path]:
        """Files with the keypoints in a camera, by frame number.

        Raises:
            FileNotFoundError: If there are none, naming other cameras.
            ValueError: If the numbers make no sense.
        """
        folder = self.folder / 'poses2d' / camera / 'rgb'
        if not folder.is_dir():
            cameras = sorted(
                path.parent.name for path in folder.parents[1].glob('*/rgb')
            )
            raise FileNotFoundError(
                f'{folder} is missing; sequence {self.name} has keypoints '
                f'of the cameras {cameras}. Choose another --camera, or '
                'move the sequence away.'
            )
        return _frame_files(folder)

    def bodies(self) -> dict[int, Path]:
        """Files with the SMPL bodies, by frame number.

        Raises:
            FileNotFoundError: If there are none.
            ValueError: If the numbers make no sense.
        """
        return _frame_files(self.folder / 'smpl')


def find_sequences(src: str | Path) -> list[EgoSequence]:
    """Find the sequences of a copy.

    Args:
        src: The directory ``data``, one around it, an activity or a
            sequence.

    Returns:
        Sequences by activity and number.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If one is there twice, or its directories have other
            names than the data set's.
    """
    src = Path(os.path.abspath(src))
    found: dict[tuple[int, int], EgoSequence] = {}
    names: dict[int, str] = {}
    for depth in range(5):
        for folder in sorted(src.glob('*/' * depth + 'processed_data')):
            sequence = _name_sequence(folder)
            key = (sequence.activity, sequence.number)
            if key in found:
                raise ValueError(
                    f'{folder} and {found[key].folder} are the same '
                    f'sequence; keep one copy of the data below {src}.'
                )
            name = names.setdefault(key[0], sequence.activity_name)
            if name != sequence.activity_name:
                raise ValueError(
                    f'{folder}: activity {key[0]} is called '
                    f'{sequence.activity_name!r} here and {name!r} in '
                    'another sequence; give it one name.'
                )
            found[key] = sequence
    if not found:
        raise FileNotFoundError(
            f'{src} holds no <activity>/<sequence>/processed_data, such as '
            f'01_tagging/001_tagging/processed_data. Unpack '
            f'{EGO_HUMANS.source}.'
        )
    return [found[key] for key in sorted(found)]


def _name_sequence(folder: Path) -> EgoSequence:
    """Read the numbers of a sequence from the names of its directories."""
    sequence, activity = folder.parents[0].name, folder.parents[1].name
    matches = [_NUMBERED.fullmatch(name) for name in (activity, sequence)]
    if not all(matches):
        raise ValueError(
            f'{folder} should be in <activity>/<sequence>, both with a '
            f'number, such as 01_tagging/001_tagging, but is in '
            f'{activity}/{sequence}. Restore the names of the data set.'
        )
    number, name = matches[0].groups()
    return EgoSequence(int(number), name.lower(), int(matches[1][1]), folder)


def _frame_files(folder: Path) -> dict[int, Path]:
    """Files ``<number>.npy`` by number, in their order."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{folder} is missing. Unpack the whole sequence, or move it away.'
        )
    files: dict[int, Path] = {}
    for path in sorted(folder.glob('*.npy')):
        if not re.fullmatch('[0-9]{1,9}', path.stem):
            continue  # what operating systems and editors leave behind
        number = int(path.stem)
        if number in files:
            raise ValueError(
                f'{path} and {files[number]} are the same frame; keep one.'
            )
        files[number] = path
    if not files:
        raise FileNotFoundError(
            f'{folder} has no frames 00001.npy and so on. Unpack the whole '
            'sequence, or move it away.'
        )
    first, last = min(files), max(files)
    if first < 1 or last - first >= _SPARSE * len(files):
        raise ValueError(
            f'{folder} has {len(files)} files, numbered from {first} to '
            f'{last}; frames are numbered from 1 with few missing. Move '
            'away what is no frame.'
        )
    return dict(sorted(files.items()))
