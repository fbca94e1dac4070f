"""Read the files of EgoHumans: one a frame, with all people in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..foreign_values import as_numbers, brief
from ..restricted_pickle import load_npy_objects

NUM_KEYPOINTS = 17  # those of COCO; what follows them is not used

_BODY = {'global_orient': 3, 'body_pose': 69, 'transl': 3, 'betas': 10}
_LARGEST = 1e6  # metres, radians or pixels


@dataclass(frozen=True)
class PersonFrames:
    """Arrays of one person, for the frames in which the person is.

    Args:
        frames: (T,) frame numbers, from 0 as time 0.
        arrays: Name to (T, ...) float64.
    """

    frames: np.ndarray
    arrays: Mapping[str, np.ndarray]


def read_poses(files: Mapping[int, Path]) -> dict[str, PersonFrames]:
    """Read keypoints.

    Args:
        files: By frame number as in their names, from 1.

    Returns:
        Person to ``keypoints`` (T, 17, 3): x and y in pixels, and a score.

    Raises:
        ValueError: If a file is damaged or holds something else.
    """
    return _collect(files, _people_of_poses)


def read_bodies(files: Mapping[int, Path]) -> dict[str, PersonFrames]:
    """Read SMPL parameters.

    Args:
        files: By frame number as in their names, from 1.

    Returns:
        Person to ``pose`` (T, 24, 3) axis times angle in radians, ``transl``
        (T, 3) metres and ``betas`` (T, B).

    Raises:
        ValueError: If a file is damaged or holds something else.
    """
    return _collect(files, _people_of_bodies)


def _collect(
    files: Mapping[int, Path],
    people_of: Callable[[Any, Path], dict[str, dict[str, np.ndarray]]],
) -> dict[str, PersonFrames]:
    """Stack what the files have of each person."""
    seen: dict[str, list[tuple[int, dict[str, np.ndarray]]]] = {}
    for number, path in files.items():
        people = people_of(load_npy_objects(path), path)
        for person, arrays in people.items():
            rows = seen.setdefault(person, [])
            for name, array in arrays.items():
                if rows and array.shape != rows[0][1][name].shape:
                    raise ValueError(
                        f'{path}: {person}: {name} has shape {array.shape}, '
                        f'but {rows[0][1][name].shape} in other frames. Get '
                        'this file again.'
                    )
            rows.append((number - 1, arrays))
    return {
        person: PersonFrames(
            np.array([frame for frame, _ in rows]),
            {
                name: np.stack([arrays[name] for _, arrays in rows])
                for name in rows[0][1]
            },
        )
        for person, rows in sorted(seen.items())
    }


def _people_of_poses(
    content: Any, path: Path
) -> dict[str, dict[str, np.ndarray]]:
    """Keypoints of the people in one frame."""
    if isinstance(content, np.ndarray) and content.ndim == 1:
        content = content.tolist()  # as NumPy saves a list
    if not isinstance(content, list) or not all(
        isinstance(one, Mapping) for one in content
    ):
        raise ValueError(
            f'{path} should hold a list with one dictionary a person. Get '
            'this file again.'
        )
    people = {}
    for one in content:
        person = _check_name(one.get('human_name'), path)
        if person in people:
            raise ValueError(
                f'{path} has {person} twice. Get this file again.'
            )
        array = _numbers(one, 'keypoints', path, person)
        shape = array.shape
        if len(shape) != 2 or shape[0] < NUM_KEYPOINTS or shape[1] != 3:
            raise ValueError(
                f'{path}: {person}: keypoints have shape {shape}, expected '
                f'({NUM_KEYPOINTS} or more, 3). Get this file again.'
            )
        people[person] = {'keypoints': array[:NUM_KEYPOINTS].copy()}
    return people


def _people_of_bodies(
    content: Any, path: Path
) -> dict[str, dict[str, np.ndarray]]:
    """SMPL parameters of the people in one frame."""
    if not isinstance(content, Mapping) or not all(
        isinstance(one, Mapping) for one in content.values()
    ):
        raise ValueError(
            f'{path} should hold a dictionary with a dictionary for each '
            'person. Get this file again.'
        )
    people = {}
    for name, one in content.items():
        person = _check_name(name, path)
        parts = {}
        for key, size in _BODY.items():
            array = _numbers(one, key, path, person).reshape(-1)
            more = ' or more' if key == 'betas' else ''
            if array.size != size and not (more and array.size > size):
                raise ValueError(
                    f'{path}: {person}: {key} has {array.size} numbers, '
                    f'expected {size}{more}. Get this file again.'
                )
            parts[key] = array
        pose = np.append(parts['global_orient'], parts['body_pose'])
        people[person] = {
            'pose': pose.reshape(24, 3),
            'transl': parts['transl'],
            'betas': parts['betas'],
        }
    return people


def _numbers(one: Mapping, key: str, path: Path, person: str) -> np.ndarray:
    """An array of finite numbers."""
    value = one.get(key)
    array = as_numbers(value)
    if array.dtype.kind not in 'fiu':
        kind = 'missing' if value is None else 'no array of numbers'
        raise ValueError(
            f'{path}: {person}: {key} is {kind}. Get this file again.'
        )
    array = array.astype(np.float64)
    bad = ~(np.abs(array) < _LARGEST)
    if bad.any():
        index = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f'{path}: {person}: {key}{index} is {array[tuple(index)]:g}, '
            f'expected a number below {_LARGEST:g}. Get this file again.'
        )
    return array


def _check_name(name: Any, path: Path) -> str:
    """The name of a person, which becomes part of file names."""
    if isinstance(name, str) and re.fullmatch(
        r'[A-Za-z0-9][A-Za-z0-9_]{0,31}', name
    ):
        return name
    raise ValueError(
        f'{path} names a person {brief(name)}, expected a name such as '
        "'aria01'. Get this file again."
    )
