"""Find the sequences of EgoHumans, and read their frames.

There is a file for each frame, with all people in it: one with keypoints
and one with SMPL bodies. All functions raise FileNotFoundError for what is
missing, and ValueError for what is damaged or ambiguous, and name the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..foreign_values import as_numbers, brief
from ..public import EGO_HUMANS
from ..unpickle import load_npy_objects

RATE = 20.0
IMG_SHAPE = (2160, 3840)
NUM_KEYPOINTS = 17  # those of COCO; the ones after them are not used

_NUMBERED = re.compile(r'(\d+)_([A-Za-z]\w*)')
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_]{0,31}')
_SPARSE = 10
"""Frame numbers may span this many times as many frames as there are."""
_BODY = {'global_orient': 3, 'body_pose': 69, 'transl': 3, 'betas': 10}
_LARGEST = 1e6  # metres, radians or pixels

People = Iterator[tuple[str, dict[str, np.ndarray]]]
"""Name and arrays of each person in one frame."""


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
        """Files with the keypoints in a camera, by frame number."""
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
        """Files with the SMPL bodies, by frame number."""
        return _frame_files(self.folder / 'smpl')


@dataclass(frozen=True)
class PersonFrames:
    """Arrays of one person, for the frames in which the person is present.

    Args:
        frames: (T,) frame numbers, from 0 as time 0.
        arrays: Name to (T, ...) float64.
    """

    frames: np.ndarray
    arrays: Mapping[str, np.ndarray]


def find_sequences(src: str | Path) -> list[EgoSequence]:
    """Sequences of a copy by activity and number.

    ``src`` is the directory ``data``, one around it, an activity or a
    sequence.
    """
    src = Path(os.path.abspath(src))
    sequences: dict[tuple[int, int], EgoSequence] = {}
    names: dict[int, str] = {}
    for depth in range(5):
        for folder in sorted(src.glob('*/' * depth + 'processed_data')):
            sequence = _name_sequence(folder)
            key = (sequence.activity, sequence.number)
            if key in sequences:
                raise ValueError(
                    f'{folder} and {sequences[key].folder} are the same '
                    f'sequence; keep one copy of the data below {src}.'
                )
            name = names.setdefault(key[0], sequence.activity_name)
            if name != sequence.activity_name:
                raise ValueError(
                    f'{folder}: activity {key[0]} is called '
                    f'{sequence.activity_name!r} here and {name!r} in '
                    'another sequence; give it one name.'
                )
            sequences[key] = sequence
    if not sequences:
        raise FileNotFoundError(
            f'{src} holds no <activity>/<sequence>/processed_data, such as '
            f'01_tagging/001_tagging/processed_data. Unpack '
            f'{EGO_HUMANS.source}.'
        )
    return [sequences[key] for key in sorted(sequences)]


def read_poses(files: Mapping[int, Path]) -> dict[str, PersonFrames]:
    """Person to ``keypoints`` (T, 17, 3): x and y in pixels, and a score.

    Files are given by frame number as in their names, from 1.
    """
    return _collect(files, _people_of_poses)


def read_bodies(files: Mapping[int, Path]) -> dict[str, PersonFrames]:
    """Person to SMPL parameters, by files as for :func:`read_poses`.

    ``pose`` (T, 24, 3) axis times angle in radians, ``transl`` (T, 3) metres
    and ``betas`` (T, B).
    """
    return _collect(files, _people_of_bodies)


def _name_sequence(folder: Path) -> EgoSequence:
    """Read the numbers of a sequence from the names of its directories."""
    sequence, activity = folder.parents[0].name, folder.parents[1].name
    outer, inner = _NUMBERED.fullmatch(activity), _NUMBERED.fullmatch(sequence)
    if not outer or not inner:
        raise ValueError(
            f'{folder} should be in <activity>/<sequence>, both with a '
            f'number, such as 01_tagging/001_tagging, but is in '
            f'{activity}/{sequence}. Restore the names of the data set.'
        )
    return EgoSequence(int(outer[1]), outer[2].lower(), int(inner[1]), folder)


def _frame_files(folder: Path) -> dict[int, Path]:
    """Files ``<number>.npy`` by number, in their order."""
    whole = 'Unpack the whole sequence, or move it away.'
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} is missing. {whole}')
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
            f'{folder} has no frames 00001.npy and so on. {whole}'
        )
    first, last = min(files), max(files)
    if first < 1 or last - first >= _SPARSE * len(files):
        raise ValueError(
            f'{folder} has {len(files)} files, numbered from {first} to '
            f'{last}; frames are numbered from 1 with few missing. Move '
            'away what is not a frame.'
        )
    return dict(sorted(files.items()))


def _collect(
    files: Mapping[int, Path], people_of: Callable[[Any, Path], People]
) -> dict[str, PersonFrames]:
    """Stack what the files have of each person."""
    seen: dict[str, dict[int, dict[str, np.ndarray]]] = {}
    for number, path in files.items():
        for person, arrays in people_of(load_npy_objects(path), path):
            rows = seen.setdefault(person, {})
            if number - 1 in rows:
                raise _damaged(f'{path} has {person} twice')
            first = next(iter(rows.values()), arrays)
            for name, array in arrays.items():
                if array.shape != first[name].shape:
                    raise _damaged(
                        f'{path}: {person}: {name} has shape {array.shape}, '
                        f'but {first[name].shape} in other frames'
                    )
            rows[number - 1] = arrays
    return {
        person: PersonFrames(
            np.array(list(rows)),
            {
                name: np.stack([arrays[name] for arrays in rows.values()])
                for name in next(iter(rows.values()))
            },
        )
        for person, rows in sorted(seen.items())
    }


def _people_of_poses(content: Any, path: Path) -> People:
    """Keypoints of the people in one frame."""
    if isinstance(content, np.ndarray) and content.ndim == 1:
        content = content.tolist()  # as NumPy saves a list
    if not isinstance(content, list) or not all(
        isinstance(entry, Mapping) for entry in content
    ):
        expected = 'a list with one dictionary per person'
        raise _damaged(f'{path} should hold {expected}')
    for entry in content:
        person = _check_name(entry.get('human_name'), path)
        array = _numbers(entry, 'keypoints', path, person)
        shape = array.shape
        if len(shape) != 2 or shape[0] < NUM_KEYPOINTS or shape[1] != 3:
            raise _damaged(
                f'{path}: {person}: keypoints have shape {shape}, expected '
                f'({NUM_KEYPOINTS} or more, 3)'
            )
        yield person, {'keypoints': array[:NUM_KEYPOINTS].copy()}


def _people_of_bodies(content: Any, path: Path) -> People:
    """SMPL parameters of the people in one frame."""
    if not isinstance(content, Mapping) or not all(
        isinstance(entry, Mapping) for entry in content.values()
    ):
        expected = 'a dictionary with a dictionary for each person'
        raise _damaged(f'{path} should hold {expected}')
    for name, entry in content.items():
        person, parts = _check_name(name, path), {}
        for key, size in _BODY.items():
            array = _numbers(entry, key, path, person).reshape(-1)
            more = ' or more' if key == 'betas' else ''
            if array.size != size and not (more and array.size > size):
                raise _damaged(
                    f'{path}: {person}: {key} has {array.size} numbers, '
                    f'expected {size}{more}'
                )
            parts[key] = array
        pose = np.append(parts['global_orient'], parts['body_pose'])
        del parts['global_orient'], parts['body_pose']
        yield person, {**parts, 'pose': pose.reshape(24, 3)}


def _numbers(entry: Mapping, key: str, path: Path, person: str) -> np.ndarray:
    """An array of finite numbers."""
    value = entry.get(key)
    array = as_numbers(value)
    if array.dtype.kind not in 'fiu':
        kind = 'missing' if value is None else 'not an array of numbers'
        raise _damaged(f'{path}: {person}: {key} is {kind}')
    array = array.astype(np.float64)
    bad = ~(np.abs(array) < _LARGEST)
    if bad.any():
        index = np.argwhere(bad)[0].tolist()
        raise _damaged(
            f'{path}: {person}: {key}{index} is {array[tuple(index)]:g}, '
            f'expected a number below {_LARGEST:g}'
        )
    return array


def _check_name(name: Any, path: Path) -> str:
    """The name of a person, which becomes part of file names."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise _damaged(
        f'{path} names a person {brief(name)}, expected a name such as '
        "'aria01'"
    )


def _damaged(problem: str) -> ValueError:
    return ValueError(f'{problem}. Download the file again.')
