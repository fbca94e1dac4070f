"""Streams and signals of every file of a study, read once and kept."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ...readers.convert import is_converted
from ...recordings import (
    PoseStream,
    SensorStream,
    notes_of,
    write_imu,
    write_pose,
)
from ...skeleton import LIMBS
from ...synchronization.coarse import LONGEST_SEC
from ...synchronization.pairing import (
    LimbSignals,
    SensorSignals,
    limb_signals,
    sensor_signals,
)
from ...utils.errors import READ_ERRORS, is_memory, mistake
from ...utils.files import replacing
from .files import Source

VERSION = 2
"""Changes with the content of the files."""
Limbs = Mapping[str, Sequence[LimbSignals]]


_DAMAGE = (AttributeError, RecursionError, BadZipFile, zlib.error)


@dataclass(frozen=True)
class Prepared:
    """What is known of a file of a study.

    Args:
        source: The file.
        side: ``imu``, ``pose``, or ``''`` if it holds neither.
        made_of: Digest of its content and options.
        members: Placements of its sensors, or names of its people.
        seconds: Length; of a video, for how long anybody is seen at most.
        problem: Why it cannot be used; ``''`` if it can.
        notes: What was repaired, left out or assumed.
    """

    source: Source
    side: str = ''
    made_of: str = ''
    members: Sequence[str] = ()
    seconds: float = 0.0
    problem: str = ''
    notes: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What it is called in results."""
        return self.source.name

    def file(self, out: Path) -> Path:
        """File of the signals."""
        return out / 'signals' / f'{self.source.slug}.npz'

    def streams(self, out: Path) -> dict[str, Path]:
        """Files of the streams as they were read, by member.

        Sensors share one; each person has one.
        """
        stem = out / 'streams' / self.source.slug
        shared = self.side == 'imu'
        return {
            member: Path(f'{stem}{"" if shared else f"-{i}"}.safetensors')
            for i, member in enumerate(self.members)
        }


def prepare(source: Source, out: Path) -> Prepared:
    """Read a file, and keep its streams and signals.

    What cannot be read is said in the result: one bad file does not end a
    study.

    Args:
        source: The file.
        out: Directory of the results.
    """
    try:
        made_of = f'{VERSION} {source.made_of()}'
        kept = _kept(source, made_of, out)
        return kept or _fresh(source, made_of, out)
    except (*READ_ERRORS, OSError, MemoryError) as error:
        problem = str(error)
        if is_memory(error):
            problem = 'it takes more memory than there is; cut it'
        return Prepared(source, source.side, problem=problem)


def _kept(source: Source, made_of: str, out: Path) -> Prepared | None:
    """What an earlier run has made of the same content, if it is whole."""
    try:
        with _open(Prepared(source).file(out)) as arrays:
            facts = json.loads(str(arrays['facts']))
            whole = arrays.zip.testzip() is None
        kept = Prepared(source, **facts)
        made = {'made_of': made_of}
        whole = whole and kept.made_of == made_of
        streams = kept.streams(out).values()
        whole = whole and all(is_converted(path, made) for path in streams)
        return kept if whole else None
    except (OSError, EOFError, ValueError, KeyError, TypeError, *_DAMAGE):
        return None


def _fresh(source: Source, made_of: str, out: Path) -> Prepared:
    content = source.read()
    arrays: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {'side': content.side, 'made_of': made_of}
    facts['notes'] = [
        *content.notes,
        *notes_of(*content.imu.values(), *content.people.values()),
    ]
    clocks = [stream.clock for stream in content.imu.values()]
    clocks += [stream.clock for stream in content.people.values()]
    if clocks:
        spans = [clock.span for clock in clocks]
        first, last = min(s[0] for s in spans), max(s[1] for s in spans)
        facts['seconds'] = last - first
        if not facts['seconds'] <= LONGEST_SEC:
            raise mistake(
                source.path,
                f'has times from {first:g} to {last:g} s, more than 30 days',
                'Correct times that are wrong, or cut it',
            )
    facts['members'] = [*content.people]
    if content.imu:
        facts['members'] = _add_sensors(content.imu, arrays)
        if not facts['members']:
            facts['problem'] = _useless(content.imu)
    seen = []  # somebody may be there for a part of a video alone
    for index, pose in enumerate(content.people.values()):
        _add_limbs(pose, f'{index}', arrays)
        seen.append(_seen_sec(pose))
    facts['seconds'] = max(seen, default=facts.get('seconds', 0.0))
    prepared = Prepared(source, **facts)
    made = {'made_of': made_of}
    for member, path in prepared.streams(out).items():
        if content.imu:
            write_imu(path, content.imu, made)
            break
        write_pose(path, content.people[member], made)
    with replacing(prepared.file(out)) as path, path.open('wb') as file:
        arrays['facts'] = np.array(json.dumps(facts))
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return prepared


def _seen_sec(pose: PoseStream) -> float:
    """Seconds of the frames that show somebody."""
    if pose.clock.num_samples < 2:  # which have no rate
        return 0.0
    seen = (np.asarray(pose.scores) > 0).any(axis=1)
    return float(seen.sum() / pose.clock.mean_rate)


def _add_sensors(
    imu: Mapping[str, SensorStream], arrays: dict[str, np.ndarray]
) -> list[str]:
    """Add the signals of the sensors that can be compared."""
    usable = []
    for name, stream in imu.items():
        made = sensor_signals(stream) if name in LIMBS else None
        if made is None:
            continue
        usable.append(name)
        for key in ('xs', 'groups', 'mask', 'start'):
            arrays[f'{name}/{key}'] = np.asarray(getattr(made, key))
    return usable


def _useless(imu: Mapping[str, SensorStream]) -> str:
    unknown = [name for name in imu if name not in LIMBS]
    if unknown:
        return (
            f'it is not known where {unknown[0]!r} is worn; say so with '
            '--placement'
        )
    return (
        'no sensor of it can be compared with a video: too short, or '
        'acceleration without gravity and without orientation'
    )


def _add_limbs(
    pose: PoseStream, person: str, arrays: dict[str, np.ndarray]
) -> None:
    """Add the signals of every limb that the skeleton has."""
    for limb, known in LIMBS.items():
        try:
            known.seen_by(pose.layout)
        except (KeyError, ValueError):
            continue
        for number, piece in enumerate(limb_signals(pose, limb)):
            for key in ('ys', 'mask', 'agree', 'start'):
                value = np.asarray(getattr(piece, key))
                arrays[f'{person}/{limb}/{number}/{key}'] = value


def load_sensors(recording: Prepared, out: Path) -> dict[str, SensorSignals]:
    """Signals of the sensors of a recording, by placement."""
    with _open(recording.file(out)) as arrays:
        return {
            name: SensorSignals(
                arrays[f'{name}/xs'],
                arrays[f'{name}/groups'],
                arrays[f'{name}/mask'],
                float(arrays[f'{name}/start']),
            )
            for name in recording.members
        }


def load_limbs(
    video: Prepared, out: Path, names: Sequence[str]
) -> dict[str, Limbs]:
    """Signals of some limbs of the people of a video, by person."""
    return {
        person: {
            name: _limb(video.file(out), video.made_of, index, name)
            for name in names
        }
        for index, person in enumerate(video.members)
    }


@lru_cache(4096)
def _limb(
    path: Path, made_of: str, person: int, limb: str
) -> tuple[LimbSignals, ...]:
    """Signals of a limb; read once in a process, until the file changes."""
    with _open(path) as arrays:
        start = f'{person}/{limb}/'
        count = sum(
            name.startswith(start) and name.endswith('/start')
            for name in arrays.files
        )
        return tuple(
            LimbSignals(
                arrays[f'{start}{number}/ys'],
                arrays[f'{start}{number}/mask'],
                arrays[f'{start}{number}/agree'],
                float(arrays[f'{start}{number}/start']),
            )
            for number in range(count)
        )


def _open(path: Path) -> Any:
    return np.load(path, allow_pickle=False)
