"""Convert EgoHumans to the recording format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...recordings import Recording
from ...recordings.annotations import common_span
from ...recordings.reading import read_imu, read_pose, read_source
from ...recordings.writing import write_imu, write_pose
from ..convert import convert_all, fingerprint, is_converted, write_splits
from ..public import EGO_HUMANS
from .frames import read_bodies, read_poses
from .people import VERTICES, make_recordings
from .sequences import EgoSequence, find_sequences
from .smpl import SMPLBody
from .smpl_file import read_smpl
from .world import UP_RULES

IMUS = ('simulated',)
"""Where the inertial sensors come from; the data set has none on limbs."""


@dataclass(frozen=True)
class _Options:
    """What is the same for all sequences."""

    dst: Path
    body: SMPLBody
    classes: tuple[str, ...]
    camera: str
    source: Mapping[str, str]


def convert_egohumans(
    src: str | Path,
    dst: str | Path,
    smpl: str | Path,
    camera: str = 'cam03',
    imu: str = 'simulated',
    up: str = 'axis',
    workers: int = 1,
) -> tuple[dict[str, int], dict[str, str]]:
    """Convert a copy of EgoHumans.

    Sequences that are there already are kept, so an interrupted conversion
    goes on where it was. The annotations are written last.

    Args:
        src: Directory with the activities, or above.
        dst: Dataset directory to write.
        smpl: SMPL model, see :func:`read_smpl`.
        camera: Camera with the keypoints.
        imu: One of :data:`IMUS`.
        up: One of :data:`UP_RULES`, see :func:`find_up`.
        workers: Processes.

    Returns:
        Number of entries (people of a sequence) by split; and by take why
        people were left out.

    Raises:
        FileNotFoundError: If there is no data, no model, or part of a
            sequence is missing.
        ValueError: If a file is damaged, an option is unknown or nobody can
            be used.
    """
    for name, value, known in (('imu', imu, IMUS), ('up', up, UP_RULES)):
        if value not in known:
            raise ValueError(f'--{name} {value!r} must be one of {known}.')
    sequences = find_sequences(src)
    activities = {one.activity: one.activity_name for one in sequences}
    classes = tuple(activities[number] for number in sorted(activities))
    if len(set(classes)) < len(classes):
        raise ValueError(
            f'{src}: activities {activities} share a name; each needs its '
            'own, because it is a class.'
        )
    body = read_smpl(smpl, VERTICES)
    source = {
        'dataset': 'egohumans',
        'imu': imu,
        'smpl': _digest(body),
        'up_rule': up,
        'camera': camera,
    }
    options = _Options(Path(dst), body, classes, camera, source)
    results = convert_all(
        partial(_convert_sequence, options=options), sequences, workers
    )
    splits: dict[str, list[dict]] = {'train': [], 'val': [], 'test': []}
    left_out: dict[str, str] = {}
    for sequence, (entries, reasons) in zip(sequences, results):
        split = split_of(sequence.activity, sequence.number)
        splits[split].extend(entries)
        left_out.update(reasons)
    if not any(splits.values()):
        reason = next(iter(left_out.items()), ('all frames', 'nobody'))
        raise ValueError(
            f'{src} has nobody with keypoints in {camera} and a SMPL body; '
            f'{reason[0]}: {reason[1]}. Unpack more sequences or choose '
            'another --camera.'
        )
    metainfo = {
        **EGO_HUMANS.metainfo,
        'classes': list(classes),
        'skeleton': 'coco',
    }
    return write_splits(options.dst, metainfo, splits), left_out


def split_of(activity: int, sequence: int) -> str:
    """Published split: 1 to 4 test and 5 validates, but not of activity 2."""
    if activity in (1, 3, 4, 5, 6, 7) and sequence <= 5:
        return 'val' if sequence == 5 else 'test'
    return 'train'


def _convert_sequence(
    sequence: EgoSequence, options: _Options
) -> tuple[list[dict], dict[str, str]]:
    """Convert a sequence, unless it is there.

    Returns:
        Its entries, and why people were left out, by take.
    """
    poses, bodies = sequence.poses(options.camera), sequence.bodies()
    source = {
        **options.source,
        'sequence': sequence.name,
        'frames': [len(poses), len(bodies)],
        'fingerprint': fingerprint([*poses.values(), *bodies.values()]),
    }
    found = _find_converted(sequence, options, source)
    if found is None:
        recordings, left_out, up = make_recordings(
            read_poses(poses),
            read_bodies(bodies),
            options.body,
            source['up_rule'],
            sequence.name,
        )
        found = {'people': sorted(recordings), 'left_out': left_out, 'up': up}
        for person, recording in recordings.items():
            imu, pose = _paths(sequence, person, options.camera)
            write = {**source, 'found': found}
            write_imu(options.dst / imu, recording.imu, source=write)
            write_pose(options.dst / pose, recording.pose, source=write)
    entries = [
        _make_entry(sequence, person, options) for person in found['people']
    ]
    reasons = {
        f'{sequence.name}_{person}': reason
        for person, reason in found['left_out'].items()
    }
    return entries, reasons


def _find_converted(
    sequence: EgoSequence, options: _Options, source: Mapping
) -> dict | None:
    """What is known of a sequence whose files are all there, else None.

    Each file names all people of its sequence.
    """
    for path in sorted(options.dst.glob(f'imu/{sequence.name}_*.safetensors')):
        try:
            found = read_source(path).get('found')
        except ValueError:  # damaged
            continue
        if not found:
            continue
        expected = {**source, 'found': found}
        outputs = [
            options.dst / path
            for person in found['people']
            for path in _paths(sequence, person, options.camera)
        ]
        if all(is_converted(path, expected) for path in outputs):
            return found
    return None


def _make_entry(sequence: EgoSequence, person: str, options: _Options) -> dict:
    """Entry of a person, from the files."""
    imu, pose = _paths(sequence, person, options.camera)
    start, end = common_span(
        Recording(read_imu(options.dst / imu), read_pose(options.dst / pose))
    )
    label = options.classes.index(sequence.activity_name)
    return {
        'take': f'{sequence.name}_{person}',
        'imu': imu,
        'pose': pose,
        # The glasses have a name, not who wears them: another sequence may
        # have somebody else with the same ones.
        'subject': f'{sequence.name}_{person}',
        'scene': sequence.name,
        'camera': options.camera,
        'start_s': start,
        'end_s': end,
        'segments': [{'start_s': start, 'end_s': end, 'label': label}],
    }


def _paths(sequence: EgoSequence, person: str, camera: str) -> tuple[str, str]:
    """Files of the sensors and of the skeleton below the directory."""
    take = f'{sequence.name}_{person}'
    return (
        f'imu/{take}.safetensors',
        f'pose/{take}_{camera}.safetensors',
    )


def _digest(body: SMPLBody) -> str:
    """Names a model by its numbers."""
    digest = hashlib.sha256()
    for array in vars(body).values():
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
